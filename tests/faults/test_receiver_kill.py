"""kill -9 while objects come in: what was acknowledged is there and whole, nothing else counts."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.raw_peer import Hello, RawPeer, p_data, pdv, store_request

ROOT = Path(__file__).parents[2]
SIZE = 300_000


def content(number: int) -> bytes:
    return number.to_bytes(4, "big") * (SIZE // 4)


def send_until_dead(
    port: int, numbers: range, acknowledged: set[int], begun: threading.Event
) -> None:
    with contextlib.suppress(OSError, EOFError), RawPeer(port) as peer:
        peer.associate(Hello(calling=f"CT{numbers[0]}".encode()))
        for number in numbers:
            data = content(number)
            peer.send(p_data(pdv(3, 3, store_request(f"2.25.{number}"))))
            peer.send(p_data(pdv(3, 0, data[:100_000])) + p_data(pdv(3, 0, data[100_000:200_000])))
            begun.set()
            peer.send(p_data(pdv(3, 2, data[200_000:])))
            if peer.response()["status"] == 0:
                acknowledged.add(number)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(seed, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, str(ROOT / "tests/bench/receiver_process.py")]
    command += ["--port", str(port), "--folder", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    acknowledged: set[int] = set()
    begun = threading.Event()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        senders = [
            threading.Thread(
                target=send_until_dead,
                args=(port, range(1000 * n, 1000 * n + 1000), acknowledged, begun),
            )
            for n in range(1, 4)
        ]
        for sender in senders:
            sender.start()
        assert begun.wait(30)
        # The moment of death is the test's input, not a wait for something to happen.
        threading.Event().wait(random.Random(seed).uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        for sender in senders:
            sender.join(30)
            assert not sender.is_alive()
    kept = [p.read_bytes() for p in tmp_path.iterdir() if p.suffix != ".part"]
    numbers = {int.from_bytes(data[:4], "big") for data in kept}
    assert all(data == content(int.from_bytes(data[:4], "big")) for data in kept)
    assert acknowledged <= numbers
    # At most one object per association was durable and not yet acknowledged.
    assert len(numbers - acknowledged) <= 3
