"""The hub's chain for each hospital: what boxes must learn, appended, streamed, acknowledged.

One chain per hospital (writer ``<hub>/<hospital>``), kinds ``hub.event`` and ``hub.notice``. Every
append takes the hospital's row lock first and moves ``hospital.chain_seq`` in the same
transaction as whatever it tells of; workers of any process see it move and send the rows on.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select, update

from core.journal.chain import Kept
from core.journal.checkpoint import Checkpoint, is_signed_by
from core.journal.seal import CLEAR_KEY, open_clear
from core.records.canonical import to_bytes
from core.records.record import Draft, Header, Sealed
from core.seals.keybook import ed25519_public
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import CHECKPOINT, EVENT, HOSPITAL, NODE

#: An acknowledgement that a cut swallowed is made good at the next hello, this far back.
_LOOK_BACK = 1000


def append_event(
    site: HubSite, sql: Connection, hospital: str, body: dict[str, Any], actor: str = ""
) -> int:
    """Append ``hub.event`` {"consult", "seq", "statement", "link"} to a hospital's chain.

    The caller holds the transaction that also writes the event's own row.
    """
    return _append(site, sql, hospital, Draft("hub.event", body, key=CLEAR_KEY, actor=actor))


def append_notice(site: HubSite, sql: Connection, hospital: str, body: dict[str, Any]) -> int:
    """Append ``hub.notice`` {"kind": …} to a hospital's chain."""
    return _append(site, sql, hospital, Draft("hub.notice", body, key=CLEAR_KEY))


def lock_hospital(sql: Connection, hospital: str) -> None:
    """Hold a hospital's row until the transaction ends: nobody else appends meanwhile."""
    sql.execute(locked(select(HOSPITAL.c.id).where(HOSPITAL.c.id == hospital)))


def _append(site: HubSite, sql: Connection, hospital: str, draft: Draft) -> int:
    lock_hospital(sql, hospital)
    record = site.journal(hospital).append_in(sql, [draft])[0]
    sql.execute(
        update(HOSPITAL).where(HOSPITAL.c.id == hospital).values(chain_seq=record.header.seq)
    )
    return record.header.seq


def chain_ends(site: HubSite) -> dict[str, int]:
    """Return how far every hospital's chain goes."""
    with site.database.read() as sql:
        rows = sql.execute(select(HOSPITAL.c.id, HOSPITAL.c.chain_seq)).all()
    return {row.id: row.chain_seq for row in rows}


def rows_after(site: HubSite, hospital: str, seq: int, limit: int) -> list[Kept]:
    """Return rows of a hospital's chain that follow ``seq``."""
    journal = site.journal(hospital)
    return journal.kept_after(journal.writer, seq, limit)


def mark_delivered(site: HubSite, sql: Connection, hospital: str, after: int, upto: int) -> None:
    """Note when the box had the events of these rows."""
    now = site.outside.now_ms()
    for row in rows_after(site, hospital, max(after, upto - _LOOK_BACK, 0), _LOOK_BACK):
        if row.seq > upto:
            break
        header = Header.from_bytes(row.header)
        if header.kind != "hub.event":
            continue
        body = open_clear(Sealed(0, header, row.header, row.sealed, row.link.hex())).body
        sql.execute(
            update(EVENT)
            .where(
                EVENT.c.consult == str(body.get("consult", "")),
                EVENT.c.seq == int(body.get("seq", 0)),
                EVENT.c.delivered_at.is_(None),
            )
            .values(delivered_at=now)
        )


def keep_box_head(
    site: HubSite, sql: Connection, node: str, hospital: str, head: Checkpoint
) -> str:
    """Witness the signed head of a box's chain; return "" or what is wrong with it.

    ``unsigned``: not this box's signature; the head is not kept. ``rewound``: shorter than what
    the hub has seen; ``forked``: the same place with another link. An alarm is written into the
    hospital's chain and the access journal, once for each such head; the longest head stays.
    """
    public = sql.execute(select(NODE.c.sign_public).where(NODE.c.id == node)).scalar()
    wellformed = head.writer == node and head.journal in ("clinical", "access") and head.seq > 0
    if not wellformed or not public or not is_signed_by(head, ed25519_public(bytes(public))):
        return "unsigned"
    mine = (CHECKPOINT.c.journal == head.journal, CHECKPOINT.c.writer == head.writer)
    known = sql.execute(locked(select(CHECKPOINT).where(*mine))).first()
    if known is None:
        sql.execute(CHECKPOINT.insert().values(_columns(head)))
        return ""
    if head.seq > known.seq:
        sql.execute(update(CHECKPOINT).where(*mine).values(_columns(head)))
        return ""
    if head.seq == known.seq and head.link == known.link:
        return ""
    fault = "rewound" if head.seq < known.seq else "forked"
    body = {
        "kind": f"journal_{fault}", "node": node, "journal": head.journal, "seq": head.seq,
        "witnessed": known.seq,
    }  # fmt: skip
    if not _told(site, sql, hospital, body):
        append_notice(site, sql, hospital, body)
        site.access.append_in(sql, [Draft("audit.logged", {"action": "box journal lost", **body})])
    return fault


def witnessed_heads(sql: Connection, node: str) -> list[Checkpoint]:
    """Return the longest signed heads of a box's chains that the hub has seen."""
    rows = sql.execute(select(CHECKPOINT).where(CHECKPOINT.c.writer == node)).all()
    return [Checkpoint(r.journal, r.writer, r.seq, r.link, r.at, r.signature) for r in rows]


def seen(site: HubSite, sql: Connection, node: str, values: dict[str, Any]) -> None:
    """Write what a heartbeat said into the box's row."""
    sql.execute(
        update(NODE).where(NODE.c.id == node).values(seen_at=site.outside.now_ms(), **values)
    )


def backlog_text(items: int, size: int, oldest_ms: int) -> str:
    """Return a heartbeat's backlog as the box's row keeps it."""
    return json.dumps({"items": items, "bytes": size, "oldest_ms": oldest_ms})


def _told(site: HubSite, sql: Connection, hospital: str, body: dict[str, Any]) -> bool:
    """Say whether the chain's last rows have this notice already (a box connects many times)."""
    journal = site.journal(hospital)
    head = journal.head_in(sql, journal.writer)
    plain = to_bytes(body)
    return any(row.sealed[1:] == plain for row in rows_after(site, hospital, head.seq - 200, 200))


def _columns(head: Checkpoint) -> dict[str, Any]:
    return {
        "journal": head.journal, "writer": head.writer, "seq": head.seq, "link": head.link,
        "at": head.at[:40], "signature": head.signature,
    }  # fmt: skip
