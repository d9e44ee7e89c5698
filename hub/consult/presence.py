"""Who has a case open, and who has seen how far; in the database, for any process may be asked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from core.records.clock import iso
from hub.store.tables import EVENT, PERSON, PRESENCE, SEEN

LIFE_MS = 30_000


def here(sql: Connection, consult: str, person: str, now_ms: int) -> None:
    """Note that somebody has the case open."""
    mine = (PRESENCE.c.consult == consult) & (PRESENCE.c.person == person)
    if not sql.execute(update(PRESENCE).where(mine).values(at=now_ms)).rowcount:
        sql.execute(insert(PRESENCE).values(consult=consult, person=person, at=now_ms))
    sql.execute(delete(PRESENCE).where(PRESENCE.c.at < now_ms - LIFE_MS))


def present(sql: Connection, consult: str, now_ms: int) -> list[dict[str, Any]]:
    """Return who has the case open now."""
    query = (
        select(PRESENCE, PERSON.c.name)
        .outerjoin(PERSON, PERSON.c.id == PRESENCE.c.person)
        .where(PRESENCE.c.consult == consult, PRESENCE.c.at >= now_ms - LIFE_MS)
        .order_by(PRESENCE.c.person)
    )
    return [
        {"person": row.person, "name": row.name or "", "at": iso(row.at)}
        for row in sql.execute(query)
    ]


def saw(sql: Connection, consult: str, person: str, seq: int, now_ms: int) -> None:
    """Note how far somebody has read; never back, never beyond the end."""
    last = select(EVENT.c.seq).where(EVENT.c.consult == consult).order_by(EVENT.c.seq.desc())
    end = sql.execute(last.limit(1)).scalar() or 0
    mine = (SEEN.c.consult == consult) & (SEEN.c.person == person)
    before = sql.execute(select(SEEN.c.seq).where(mine)).scalar()
    upto = min(seq, end)
    if before is None:
        sql.execute(insert(SEEN).values(consult=consult, person=person, seq=upto, at=now_ms))
    elif upto > before:
        sql.execute(update(SEEN).where(mine).values(seq=upto, at=now_ms))
