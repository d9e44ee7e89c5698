"""The chain of one consultation's events, as its authority (the hub, or a box) numbers them.

link = SHA-256(link before ‖ canonical JSON {"actor", "at", "seq", "statement"}), where
``statement`` is the statement's name (:attr:`core.seals.statements.Statement.sha256`: the hash of
what was signed, hex, under which both sides show it) and the link before the first is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from core.consult.errors import StatementUnlinked
from core.records.canonical import to_bytes


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as its authority keeps it.

    Attributes
    ----------
    digest : str
        The statement's name.
    at : str
        The authority's clock, ISO 8601 with milliseconds.
    actor : str
        Person id or node id of the signer; "" for the hub's own timers.
    """

    seq: int
    digest: str
    at: str
    actor: str
    link: str


def next_link(before: str, seq: int, digest: str, at: str, actor: str) -> str:
    """Return the link of an event, hex; ``before`` is "" for the first."""
    row = {"actor": actor, "at": at, "seq": seq, "statement": digest}
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
        if next_link(before, row.seq, row.digest, row.at, row.actor) != row.link:
            raise StatementUnlinked(seq=row.seq)
        before = row.link
    return before
