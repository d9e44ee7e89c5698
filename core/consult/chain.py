"""The chain of one consultation's events, as its authority (the hub, or a box) numbers them.

link = SHA-256(link before ‖ canonical JSON {"actor", "at", "seq", "statement"}), where
``statement`` is the SHA-256 of the signed statement's bytes in hex and the link before the first is
empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from core.consult.errors import StatementUnlinked
from core.records.canonical import to_bytes


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as its authority keeps it; ``at`` is the authority's clock, ISO 8601."""

    seq: int
    statement: bytes
    at: str
    actor: str
    link: str


def digest_of(statement: bytes) -> str:
    """Return the hash under which both sides show a signed statement."""
    return hashlib.sha256(statement).hexdigest()


def next_link(before: str, seq: int, statement: bytes, at: str, actor: str) -> str:
    """Return the link of an event, hex; ``before`` is "" for the first."""
    row = {"actor": actor, "at": at, "seq": seq, "statement": digest_of(statement)}
    return hashlib.sha256(bytes.fromhex(before) + to_bytes(row)).hexdigest()


def check_links(rows: Iterable[EventRow], before: str = "", first: int = 1) -> str:
    """Return the last link of rows in order.

    Raises
    ------
    StatementUnlinked
        Naming the row where one is missing, changed or in another place.
    """
    for expected, row in enumerate(rows, first):
        if row.seq != expected:
            raise StatementUnlinked(seq=expected)
        if next_link(before, row.seq, row.statement, row.at, row.actor) != row.link:
            raise StatementUnlinked(seq=row.seq)
        before = row.link
    return before
