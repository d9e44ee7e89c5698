"""Who takes part: the machine's seats as rows, and who may be seated."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from core.consult.events import Event
from core.consult.machine import Consult, Party
from hub.consult.errors import SeatUnknown
from hub.store.tables import PARTY, PERSON, WRAP


def check_seats(sql: Connection, event: Event) -> None:
    """Let through seats of people whom this hub knows.

    A request may name somebody who has left since the box wrote it (others can still answer);
    whoever is brought in later must be an active expert.

    Raises
    ------
    SeatUnknown
    """
    if event.kind == "requested":
        wanted = {seat["person"] for seat in event.facts["parties"]}
        fit = PERSON.c.role == "expert"
    elif event.kind in ("invited", "assigned"):
        wanted = {event.facts["person"]}
        fit = (PERSON.c.role == "expert") & PERSON.c.active.is_(True)
    else:
        return
    found = set(sql.execute(select(PERSON.c.id).where(PERSON.c.id.in_(wanted), fit)).scalars())
    missing = sorted(wanted - found)
    if missing:
        raise SeatUnknown(person=missing[0])


def keep_parties(sql: Connection, consult: Consult, now_ms: int) -> None:
    """Bring the rows in line with the seats; whoever was removed reads nothing from now on.

    Who is seated again reads what was wrapped for them before: the hospital's box keeps those
    wraps as given and does not send them anew.
    """
    newest: dict[str, Party] = {p.person: p for p in consult.parties}
    rows = sql.execute(select(PARTY).where(PARTY.c.consult == consult.id)).all()
    known = {row.person: row for row in rows}
    for person, party in newest.items():
        row = known.get(person)
        removed = now_ms if party.removed_at else None
        if row is None:
            sql.execute(
                insert(PARTY).values(
                    consult=consult.id, person=person, part=party.part,
                    discipline=party.discipline, invited_at=now_ms, removed_at=removed,
                )
            )  # fmt: skip
            continue
        same = (row.part, row.discipline, row.removed_at is None) == (
            party.part, party.discipline, removed is None,
        )  # fmt: skip
        if same:
            continue
        mine = (PARTY.c.consult == consult.id) & (PARTY.c.person == person)
        values = {"part": party.part, "discipline": party.discipline, "removed_at": removed}
        sql.execute(update(PARTY).where(mine).values(values))
        wraps = (WRAP.c.consult == consult.id) & (WRAP.c.recipient == person)
        sql.execute(update(WRAP).where(wraps).values(revoked_at=removed))
