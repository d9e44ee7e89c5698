"""A reader: a cursor on the journal and a pure rule that says which jobs a record causes.

Jobs and cursor move in one transaction, so that after a crash no record is planned twice with
effect and none is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.journal.seal import open_record
from core.records.record import Record
from core.vault.errors import KeyDestroyed
from edge.stages.queue import JobSpec, Queue
from edge.store.box import Box

#: Pure: the jobs that a record causes; the number is the time in ms.
Plan = Callable[[Record, int], Sequence[JobSpec]]


@dataclass(frozen=True, slots=True)
class Reader:
    """A named cursor with its rule; ``kinds`` limits what is opened."""

    name: str
    kinds: frozenset[str]
    plan: Plan


def step(box: Box, queue: Queue, reader: Reader, batch: int = 200) -> int:
    """Plan the next records of one reader; return how many it moved past."""
    behind = _behind(box, reader)
    if not behind:
        return 0
    with box.database.transaction() as sql:
        row = sql.execute("SELECT position FROM cursor WHERE reader = ?", (reader.name,)).fetchone()
        position = row[0] if row else 0
        page = box.journal.read(position, batch)
        now = box.outside.now_ms()
        for sealed in page:
            position = sealed.position
            if sealed.header.kind not in reader.kinds:
                continue
            try:
                record = open_record(sealed, box.vault)
            except KeyDestroyed:
                continue
            queue.put(reader.plan(record, now))
        sql.execute(
            "INSERT INTO cursor VALUES (?, ?) ON CONFLICT (reader)"
            " DO UPDATE SET position = excluded.position",
            (reader.name, position),
        )
    return len(page)


def step_all(box: Box, queue: Queue, readers: Sequence[Reader], batch: int = 200) -> int:
    """Plan for every reader that is behind, in one transaction; return how many positions moved.

    One commit for all of them: nine would each wait for the disk, between the receiver's own.
    """
    last = box.journal.last_position()
    cursors = dict(box.database.query("SELECT reader, position FROM cursor"))
    late = [reader for reader in readers if cursors.get(reader.name, 0) < last]
    if not late:
        return 0
    with box.database.transaction():
        return sum(step(box, queue, reader, batch) for reader in late)


def lag(box: Box, readers: Sequence[Reader]) -> dict[str, int]:
    """Return how many positions each reader is behind."""
    return {reader.name: _behind(box, reader) for reader in readers}


def _behind(box: Box, reader: Reader) -> int:
    rows = box.database.query("SELECT position FROM cursor WHERE reader = ?", (reader.name,))
    return box.journal.last_position() - (rows[0][0] if rows else 0)
