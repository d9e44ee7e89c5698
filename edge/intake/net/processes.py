"""Several receiver processes on one port (SO_REUSEPORT), so that one GIL is not the limit.

The kernel spreads new connections over the processes; quotas then hold per process, so each gets
its share of the slots.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Event

from edge.intake.net.errors import ClassNotSupported, ProcessNotStarted
from edge.intake.net.receiver import Receiver
from edge.intake.net.settings import Limits, ReceiverSettings
from edge.intake.net.sink import (
    CommitmentReport,
    Commitments,
    Later,
    Peer,
    Reference,
    Sink,
    Verdict,
)

# Importing the libraries takes a second, on a busy box many.
_START_S = 60.0


class _Refused:
    """Commitments of a node that offers none."""

    def request(
        self, peer: Peer, transaction_uid: str, references: tuple[Reference, ...]
    ) -> Verdict | Later:
        del peer, transaction_uid, references
        raise ClassNotSupported

    def answered(self, peer: Peer, transaction_uid: str, *, delivered: bool) -> None:
        del peer, transaction_uid, delivered

    def reported(self, peer: Peer, report: CommitmentReport) -> None:
        del peer, report
        raise ClassNotSupported


def commitments_refused() -> Commitments:
    """Return a port that refuses every storage commitment request."""
    return _Refused()


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process needs besides the settings; made inside that process.

    ``close`` is called when the process has stopped listening and all associations are over.
    """

    sink: Sink
    commitments: Commitments
    close: Callable[[], None] = lambda: None


def share(settings: ReceiverSettings) -> ReceiverSettings:
    """Return the settings of one of ``settings.processes`` processes: slots divided, rounded up."""
    count = settings.processes
    if count <= 1:
        return settings
    limits = settings.limits
    divided: Limits = replace(
        limits,
        associations=-(-limits.associations // count),
        reserved=-(-limits.reserved // count),
        per_address=-(-limits.per_address // count),
    )
    return replace(settings, limits=divided)


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set. Call in the main thread.

    Handlers, not blocked signals: :mod:`multiprocessing` unblocks both when it starts a process.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_process(settings: ReceiverSettings, make: Callable[[], Parts], ready: Event) -> None:
    """Serve until SIGTERM or the parent's death, in the calling process (its main thread)."""
    stop = stop_event()
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            stop.set()

    threading.Thread(target=follow, name="follow-parent", daemon=True).start()
    parts = make()
    with Receiver(share(settings), parts.sink, parts.commitments):
        ready.set()
        stop.wait()
    parts.close()


@contextlib.contextmanager
def more_processes(settings: ReceiverSettings, make: Callable[[], Parts]) -> Iterator[None]:
    """Run all processes but the caller's own, listening on entry; they end with the block.

    ``make`` is called in each of them and must be importable (module level), for they are spawned.

    Raises
    ------
    ProcessNotStarted
        One of them does not listen after a minute.
    """
    context = multiprocessing.get_context("spawn")
    signs = [context.Event() for _ in range(settings.processes - 1)]
    children = [
        context.Process(target=run_process, args=(settings, make, sign), daemon=True)
        for sign in signs
    ]
    for child in children:
        child.start()
    try:
        for sign in signs:
            if not sign.wait(_START_S):
                raise ProcessNotStarted(seconds=_START_S)
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join(settings.limits.stop_grace_s + settings.limits.network_s)
