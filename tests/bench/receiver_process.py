"""Runs one receiver (or several sharing its port) over a sink named by import path.

    python -m tests.bench.receiver_process --port 11112 --folder DIR --sink module:factory

The factory is called with the folder (:class:`pathlib.Path`) and returns a Sink. Prints ``ready``.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import logging
import sys
from pathlib import Path

import structlog

from edge.intake.net.processes import Parts, commitments_refused, more_processes, share, stop_event
from edge.intake.net.receiver import Receiver
from edge.intake.net.settings import Limits, PeerRule, ReceiverSettings


def make_parts(sink: str, folder: Path) -> Parts:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    module, _, name = sink.partition(":")
    return Parts(getattr(importlib.import_module(module), name)(folder), commitments_refused())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sink", default="edge.intake.net.sink_files:file_sink")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    settings = ReceiverSettings(
        ae_titles=frozenset({"XINGLIN"}),
        peers=(PeerRule("bench", max_associations=60),),
        host="127.0.0.1",
        port=options.port,
        processes=options.processes,
        limits=Limits(per_address=100),  # all clients of a benchmark share one address
    )
    make = functools.partial(make_parts, options.sink, options.folder)
    stop = stop_event()
    with more_processes(settings, make):
        parts = make()
        with Receiver(share(settings), parts.sink, parts.commitments) as receiver:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            stop.wait()
    sys.stderr.write(f"{receiver.health()}\n")


if __name__ == "__main__":
    main()
