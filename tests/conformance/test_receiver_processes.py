"""Several receiver processes share one port."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from edge.intake.net.processes import Parts, commitments_refused, more_processes, share
from edge.intake.net.receiver import Receiver
from edge.intake.net.settings import Limits, PeerRule, ReceiverSettings
from edge.intake.net.sink_files import file_sink
from tests.raw_peer import RawPeer

ROOT = Path(__file__).parents[2]


def make_parts(folder: Path) -> Parts:
    return Parts(file_sink(folder), commitments_refused())


def test_two_processes_on_one_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = ReceiverSettings(
        ae_titles=frozenset({"XINGLIN"}),
        peers=(PeerRule("any", max_associations=64),),
        host="127.0.0.1",
        port=port,
        limits=Limits(artim_s=5, idle_s=5, network_s=5, stop_grace_s=5),
        processes=2,
    )
    make = functools.partial(make_parts, tmp_path / "store")
    with more_processes(settings, make):
        parts = make()
        with Receiver(share(settings), parts.sink, parts.commitments) as own:
            for _ in range(24):
                with RawPeer(port) as peer:
                    peer.associate()
                    assert peer.store(b"data") == 0
                    assert peer.release() == 6
        here = own.health().instances
    assert len(list((tmp_path / "store").iterdir())) == 24
    # The kernel spreads connections by a hash of their ports; all 24 on one side is 1 in 10^7.
    assert 0 < here < 24


def test_the_others_end_when_the_first_is_killed(tmp_path):
    """No orphan keeps taking connections that nobody watches over."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, str(ROOT / "tests/bench/receiver_process.py"), "--processes", "2"]
    command += ["--port", str(port), "--folder", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
        # The children hold the pipe's other end: it ends when the last of them has ended.
        process.stdout.read()


def test_each_process_gets_its_share_of_the_slots():
    settings = ReceiverSettings(
        frozenset({"X"}), (), limits=Limits(associations=9, reserved=2, per_address=5), processes=2
    )
    limits = share(settings).limits
    assert (limits.associations, limits.reserved, limits.per_address) == (5, 1, 3)
