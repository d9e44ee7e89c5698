"""Which rows of which hospital's chain a box should hear of by the broker.

Every hub process looks at the chains and tells what it has not told; two processes tell the same
row twice, and the box takes it once, by its place in the chain. No row is claimed and nothing is
written: a process that is killed leaves nothing undone, for the link brings every row anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from core.journal.chain import Kept
from core.journal.seal import open_clear
from core.records.clock import Stamp, iso
from core.records.record import Header, Sealed
from core.seals.notice import Notice
from hub.downlink.chain import chain_ends, rows_after
from hub.site import HubSite
from hub.store.tables import CONSULT, EVENT, NODE

#: After the broker was down for long, what is older is left to the link.
_NEWEST = 50
_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Due:
    """What one hospital's boxes should hear.

    Attributes
    ----------
    upto : int
        The chain was looked at up to here.
    """

    hospital: str
    upto: int
    nodes: tuple[str, ...]
    notices: tuple[Notice, ...]


def due(site: HubSite, told: Mapping[str, int]) -> list[Due]:
    """Return what has not been told; ``told`` says how far each hospital's chain was.

    Rows that the box has acknowledged meanwhile are left out, and boxes that were revoked.
    """
    found: list[Due] = []
    said = 0
    for hospital, end in chain_ends(site).items():
        after = told.get(hospital, 0)
        if end > after and said < _MOST_AT_ONCE:
            one = due_after(site, hospital, max(after, end - _NEWEST))
            said += len(one.nodes) * len(one.notices)
            found.append(one)
    return found


def due_after(site: HubSite, hospital: str, after: int, most: int = _NEWEST) -> Due:
    """Return what has not been acknowledged of the rows that follow ``after``."""
    rows = rows_after(site, hospital, after, most)
    standing = select(NODE.c.id).where(NODE.c.hospital == hospital, NODE.c.revoked_at.is_(None))
    with site.database.read() as sql:
        nodes = tuple(sorted(sql.execute(standing).scalars()))
        notices = [_notice(sql, row) for row in rows]
    upto = rows[-1].seq if rows else after
    return Due(hospital, upto, nodes, tuple(one for one in notices if one is not None))


def _notice(sql: Connection, row: Kept) -> Notice | None:
    """Return what is said of a row; None where the box has it."""
    header = Header.from_bytes(row.header)
    body = open_clear(Sealed(0, header, row.header, row.sealed, row.link.hex())).body
    if header.kind != "hub.event":
        at = iso(Stamp.parse(header.clock).ms)
        return Notice(str(body.get("kind", "")), "", "", row.seq, at)
    query = (
        select(EVENT.c.kind, EVENT.c.at, EVENT.c.delivered_at, CONSULT.c.urgency)
        .join(CONSULT, CONSULT.c.id == EVENT.c.consult)
        .where(EVENT.c.consult == body["consult"], EVENT.c.seq == body["seq"])
    )
    event = sql.execute(query).first()
    if event is None or event.delivered_at is not None:
        return None
    return Notice(event.kind, str(body["consult"]), event.urgency, row.seq, iso(event.at))
