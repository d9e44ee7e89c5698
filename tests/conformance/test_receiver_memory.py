"""A huge multi-frame object passes in bounded memory.

The receiver runs in a process of its own, so that its peak resident set is its own.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.raw_peer import Hello, RawPeer, p_data, pdv, store_request

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
PIECE = bytes(128 * 1024 - 6)


def peak_mib(process: int) -> float:
    """Return the peak resident set of a process (VmHWM)."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def send_object(peer: RawPeer, size: int) -> int:
    peer.send(p_data(pdv(3, 3, store_request())))
    pieces = -(-size // len(PIECE))
    middle, last = p_data(pdv(3, 0, PIECE)), p_data(pdv(3, 2, PIECE))
    for number in range(pieces):
        peer.send(last if number == pieces - 1 else middle)
    assert peer.response()["status"] == 0
    return pieces * len(PIECE)


def extra_mib(size: int, folder: Path) -> float:
    """Receive one object of ``size`` bytes; return how much the peak grew."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, str(ROOT / "tests/bench/receiver_process.py")]
    command += ["--port", str(port), "--folder", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            with RawPeer(port, timeout_s=120) as peer:
                peer.associate(Hello())
                send_object(peer, MIB)
                before = peak_mib(process.pid)
                sent = send_object(peer, size)
                after = peak_mib(process.pid)
                assert peer.release() == 6
        finally:
            process.send_signal(signal.SIGTERM)
    kept = sorted(p.stat().st_size for p in folder.iterdir())
    for path in folder.iterdir():
        path.unlink()  # two gigabytes are not worth keeping
    assert kept[-1] == sent
    return after - before


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_200_mb_in_a_tenth_of_the_allowance(tmp_path):
    assert extra_mib(200 * MIB, tmp_path) < 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_2_gb_in_less_than_300_mb(tmp_path):
    assert extra_mib(2 * 1024 * MIB, tmp_path) < 300
