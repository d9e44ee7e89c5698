"""Runs the intake path in a process of its own that dies, or has no disk left, at its n-th write.

:func:`strike` stores ``count`` slices in a forked process and returns a line for each that was
answered. The fault is ``kill`` (SIGKILL to itself *before* the n-th operation), ``after``
(right after it), ``full`` (the n-th operation and those that follow say ENOSPC, five in all) or
``none``; then ``operations K`` says how many there were.

Counted are every write, cut, fsync and rename of a blob, every folder fsync, every write and sync
of the arrival ledger, and every statement that writes to one of the two databases, COMMIT included.
With a ledger the records are made where an association ends: the count is the same each time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.errors import XinglinError
from core.journal import database
from edge.intake.net.sink import Ending
from edge.intake.replay import open_settler
from edge.intake.settler import FAULTS, Pace
from edge.intake.sink import JournalSink
from edge.store.box import open_box, real_outside
from tests.api_site import chest
from tests.sink_cases import PEER, send

#: The thread never settles of itself.
BY_HAND = Pace(batch=10_000, window_s=10_000.0)


class Fault:
    """Counts operations and strikes at the chosen one."""

    def __init__(self, kind, at):
        self.kind, self.at, self.count = kind, at, 0

    def around(self, operation, *arguments, **keywords):
        self.count += 1
        if self.kind == "kill" and self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "full" and self.at <= self.count < self.at + 5:
            raise self.full(operation)
        done = operation(*arguments, **keywords)
        if self.kind == "after" and self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    @staticmethod
    def full(operation):
        if getattr(operation, "__self__", None).__class__.__name__ == "Connection":
            return database.sqlcipher.OperationalError("database or disk is full")
        return OSError(errno.ENOSPC, "No space left on device")


class Connection:
    """A database connection whose writing statements count."""

    def __init__(self, real, fault):
        self._real, self._fault = real, fault

    def execute(self, sql, *parameters):
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "COMMIT", "BEGIN")):
            return self._fault.around(self._real.execute, sql, *parameters)
        return self._real.execute(sql, *parameters)

    def executemany(self, sql, *parameters):
        return self._fault.around(self._real.executemany, sql, *parameters)

    def __getattr__(self, name):
        return getattr(self._real, name)


def arm(box, fault):
    """Put the counting between the intake path and the operating system."""
    for name in ("fsync", "fdatasync", "replace", "ftruncate"):
        setattr(os, name, partial(fault.around, getattr(os, name)))
    for name in ("write", "pwrite"):
        setattr(os, name, partial(written, getattr(os, name), fault))
    for one in (box.database, box.vault._database):
        one.connection = Connection(one.connection, fault)


def written(real, fault, handle, piece, *place):
    """Write; at the fatal write half of it gets there."""
    if fault.count + 1 == fault.at and fault.kind == "kill" and len(piece) > 1:
        real(handle, piece[: len(piece) // 2 // 4096 * 4096], *place)
    return fault.around(real, handle, piece, *place)


def strike(folder, kind, at, count, *, ledger):
    """Return (exit code or minus signal, lines) of one run in a process of its own."""
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        code = 1
        try:
            with os.fdopen(telling, "w", buffering=1) as out:
                run = Run(folder, count, ledger, lambda *words: out.write(line_of(words)))
                store(run, Fault(kind, at))
            code = 0
        finally:
            os._exit(code)
    os.close(telling)
    with os.fdopen(told) as lines:
        said = lines.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def end(sink):
    """End the association: what it brought is recorded, or stays for later."""
    with contextlib.suppress(*FAULTS):
        sink.ended(PEER, Ending.RELEASED)


def line_of(words):
    return " ".join(str(word) for word in words) + "\n"


@dataclass
class Run:
    """What to store where, with or without a ledger, and how to tell of it."""

    folder: Path
    count: int
    ledger: bool
    say: Callable[..., object]


def store(run, fault):
    """Store ``count`` slices, two of each study, and say what became of each."""
    say = run.say
    box = open_box(run.folder, real_outside())
    settler = open_settler(box, time.monotonic, BY_HAND) if run.ledger else None
    sink = JournalSink(box, lambda: "ok", settler)
    arm(box, fault)
    for number in range(1, run.count + 1):
        try:
            outcome = send(sink, chest(number, study=f"1.2.{(number + 1) // 2}"), 300)
        except XinglinError as error:
            say("refused", number, error.code, hex(getattr(error, "status", 0)))
            continue
        say("stored" if outcome.status == 0 else "held", number)
        if number % 2 == 0:
            end(sink)
    end(sink)
    sink.close()
    say("operations", fault.count)
