"""A sink that keeps objects in memory, and commitments on top of it: fakes at the real ports."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from edge.intake.net.sink import (
    CommitmentReport,
    Ending,
    Failure,
    Later,
    Peer,
    Reference,
    StoreCommand,
    StoreOutcome,
    Verdict,
)

NO_SUCH_OBJECT = 0x0112


@dataclass(frozen=True, slots=True)
class Stored:
    """One committed object."""

    peer: Peer
    command: StoreCommand
    data: bytes


class MemoryReceipt:
    """Gathers the bytes of one object."""

    def __init__(self, sink: MemorySink, peer: Peer, command: StoreCommand) -> None:
        self._sink = sink
        self._peer = peer
        self._command = command
        self._data = bytearray()

    def write(self, chunk: memoryview) -> None:
        """See :class:`~edge.intake.net.sink.Receipt`."""
        self._data += chunk

    def commit(self) -> StoreOutcome:
        """See :class:`~edge.intake.net.sink.Receipt`."""
        self._sink.keep(Stored(self._peer, self._command, bytes(self._data)))
        return StoreOutcome()

    def abort(self) -> None:
        """See :class:`~edge.intake.net.sink.Receipt`."""
        self._sink.forget()


@dataclass
class MemorySink:
    """Keeps everything; counts what was aborted; remembers how associations ended."""

    objects: list[Stored] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    aborted: int = 0
    lock: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, peer: Peer, command: StoreCommand) -> MemoryReceipt:
        """See :class:`~edge.intake.net.sink.Sink`."""
        return MemoryReceipt(self, peer, command)

    def ended(self, peer: Peer, ending: Ending) -> None:
        """See :class:`~edge.intake.net.sink.Sink`."""
        del peer
        with self.lock:
            self.endings.append(ending)
            self.lock.notify_all()

    def await_endings(self, count: int, seconds: float = 10.0) -> list[Ending]:
        """Wait until so many associations have ended; return how."""
        with self.lock:
            self.lock.wait_for(lambda: len(self.endings) >= count, seconds)
            return list(self.endings)

    def keep(self, stored: Stored) -> None:
        """Take one committed object."""
        with self.lock:
            self.objects.append(stored)

    def forget(self) -> None:
        """Count one aborted object."""
        with self.lock:
            self.aborted += 1


@dataclass
class MemoryCommitments:
    """Commits what the sink holds; remembers answers. ``later`` defers every verdict."""

    sink: MemorySink
    later: bool = False
    answers: list[tuple[str, bool]] = field(default_factory=list)
    reports: list[CommitmentReport] = field(default_factory=list)

    def request(
        self, peer: Peer, transaction_uid: str, references: tuple[Reference, ...]
    ) -> Verdict | Later:
        """See :class:`~edge.intake.net.sink.Commitments`."""
        del peer, transaction_uid
        if self.later:
            return Later()
        with self.sink.lock:
            held = {o.command.sop_instance for o in self.sink.objects}
        return Verdict(
            committed=tuple(r for r in references if r.sop_instance in held),
            failed=tuple(
                Failure(r, NO_SUCH_OBJECT) for r in references if r.sop_instance not in held
            ),
        )

    def answered(self, peer: Peer, transaction_uid: str, *, delivered: bool) -> None:
        """See :class:`~edge.intake.net.sink.Commitments`."""
        del peer
        self.answers.append((transaction_uid, delivered))

    def reported(self, peer: Peer, report: CommitmentReport) -> None:
        """See :class:`~edge.intake.net.sink.Commitments`."""
        del peer
        self.reports.append(report)
