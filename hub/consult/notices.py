"""Notices to people's pages: who must hear of an event."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from core.consult.events import Event
from core.consult.machine import Consult
from hub.store.tables import DUTY, NOTICE, PERSON

#: Where an expert is looked for, or nobody is left, whoever assigns must know.
_ROUTING = frozenset({"requested", "rejected", "failed", "escalated", "cancelled"})
_SHOWN = 100


def tell(
    sql: Connection, event: Event, before: Consult | None, after: Consult, now_ms: int
) -> None:
    """Add a notice for everybody concerned but who did it."""
    people = {party.person for party in after.present()}
    people |= {party.person for party in before.present()} if before else set()
    looks_for_expert = event.kind in ("requested", "escalated") and not after.owner
    if looks_for_expert and after.to_department:
        people |= set(sql.execute(_on_duty(after)).scalars())
    fit: ColumnElement[bool] = PERSON.c.id.in_(people)
    if event.kind in _ROUTING:
        fit = or_(fit, PERSON.c.role == "coordinator")
    query = select(PERSON.c.id).where(fit, PERSON.c.active.is_(True), PERSON.c.id != event.actor)
    told = sorted(sql.execute(query).scalars())
    if told:
        notice = {"consult": after.id, "kind": event.kind, "at": now_ms}
        sql.execute(insert(NOTICE), [{"person": one, **notice} for one in told])


def unread(sql: Connection, person: str) -> list[Row[Any]]:
    """Return a person's newest unread notices, oldest first."""
    query = (
        select(NOTICE)
        .where(NOTICE.c.person == person, NOTICE.c.read_at.is_(None))
        .order_by(NOTICE.c.id.desc())
        .limit(_SHOWN)
    )
    return list(reversed(sql.execute(query).all()))


def read(sql: Connection, person: str, consult: str, now_ms: int) -> None:
    """Mark what was said of a consultation as read."""
    mine = (
        (NOTICE.c.person == person) & (NOTICE.c.consult == consult) & (NOTICE.c.read_at.is_(None))
    )
    sql.execute(update(NOTICE).where(mine).values(read_at=now_ms))


def _on_duty(consult: Consult) -> Any:
    query = select(DUTY.c.person).where(DUTY.c.department == consult.to_department)
    return query.where(DUTY.c.hospital == consult.to_hospital) if consult.to_hospital else query
