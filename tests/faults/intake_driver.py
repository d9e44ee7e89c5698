"""Runs the intake path in a process of its own that dies, or has no disk left, at its n-th write.

:func:`strike` stores ``count`` slices in a forked process and returns a line for each that was
answered. The fault is ``kill`` (SIGKILL to itself *before* the n-th operation), ``after``
(right after it), ``full`` (the n-th operation and those that follow say ENOSPC, five in all) or
``none``; then ``operations K`` says how many there were.

Counted are every write, fsync and rename of a blob, every folder fsync, and every statement that
writes to one of the two databases, COMMIT included.
"""

from __future__ import annotations

import errno
import os
import pathlib
import signal

from core.blobs import disk
from core.errors import XinglinError
from core.journal import database
from edge.intake.sink import JournalSink
from edge.store.box import open_box, real_outside
from tests.api_site import chest
from tests.sink_cases import send


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


class File:
    """A blob's file whose writes count; half of what is written at the fatal write gets there."""

    def __init__(self, real, fault):
        self._real, self._fault = real, fault

    def write(self, piece):
        fault = self._fault
        if fault.count + 1 == fault.at and fault.kind == "kill" and len(piece) > 1:
            self._real.write(bytes(piece)[: len(piece) // 2])
        return fault.around(self._real.write, piece)

    def __getattr__(self, name):
        return getattr(self._real, name)


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
    real_open, real_fsync, real_replace = open, os.fsync, pathlib.Path.replace
    disk.open = lambda *a, **k: File(real_open(*a, **k), fault)
    os.fsync = lambda handle: fault.around(real_fsync, handle)
    pathlib.Path.replace = lambda path, target: fault.around(real_replace, path, target)
    for one in (box.database, box.vault._database):
        one.connection = Connection(one.connection, fault)


def strike(folder, kind, at, count):
    """Return (exit code or minus signal, lines) of one run in a process of its own."""
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        code = 1
        try:
            with os.fdopen(telling, "w", buffering=1) as out:
                store(folder, Fault(kind, at), count, lambda *words: out.write(line_of(words)))
            code = 0
        finally:
            os._exit(code)
    os.close(telling)
    with os.fdopen(told) as lines:
        said = lines.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def line_of(words):
    return " ".join(str(word) for word in words) + "\n"


def store(folder, fault, count, say):
    """Store ``count`` slices, two of each study, and say what became of each."""
    box = open_box(folder, real_outside())
    sink = JournalSink(box, lambda: "ok")
    arm(box, fault)
    for number in range(1, count + 1):
        try:
            outcome = send(sink, chest(number, study=f"1.2.{(number + 1) // 2}"), 300)
        except XinglinError as error:
            say("refused", number, error.code, hex(getattr(error, "status", 0)))
            continue
        say("stored" if outcome.status == 0 else "held", number)
    say("operations", fault.count)
