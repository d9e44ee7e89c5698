"""Which sealed objects belong to a consultation, and who may fetch them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from core.consult.events import Event
from hub.consult.errors import ObjectArriving, ObjectNotYours
from hub.downlink.errors import NeedsMissing
from hub.store.tables import ATTACHED, CONSULT, OBJECT, PARTY, WRAP

_BATCH = 500


def attach(sql: Connection, event: Event, hospital: str) -> None:
    """Attach what an event names; frames may still be on their way.

    Raises
    ------
    ObjectNotYours
        If an object is another hospital's, or a person names one that the case does not have.
    NeedsMissing
        If something other than frames has not arrived.
    """
    wanted = {one.address: one.kind for one in event.objects}
    if event.facts.get("case"):
        wanted[event.facts["case"]] = "case"
    if not wanted:
        return
    known = _attached(sql, event.consult)
    fresh = [address for address in wanted if address not in known]
    if fresh and event.standing != "requester":
        raise ObjectNotYours
    there: dict[str, Row[Any]] = {}
    for first in range(0, len(fresh), _BATCH):
        query = select(OBJECT).where(OBJECT.c.address.in_(fresh[first : first + _BATCH]))
        there |= {row.address: row for row in sql.execute(query)}
    if any(row.hospital not in (None, hospital) for row in there.values()):
        raise ObjectNotYours
    missing = [
        address for address in fresh
        if wanted[address] != "frames"
        and (address not in there or there[address].committed_at is None)
    ]  # fmt: skip
    if missing:
        raise NeedsMissing(missing=len(missing))
    if fresh:
        rows = [{"consult": event.consult, "address": one, "event": event.id} for one in fresh]
        sql.execute(insert(ATTACHED), rows)


def fetchable(sql: Connection, consult: str, address: str, person: str) -> int | None:
    """Return an object's size for somebody who takes part and holds a key; None for others.

    Raises
    ------
    ObjectArriving
        If it is theirs and its upload has not ended.
    """
    theirs = (
        select(ATTACHED.c.address)
        .join(CONSULT, CONSULT.c.id == ATTACHED.c.consult)
        .join(PARTY, PARTY.c.consult == CONSULT.c.id)
        .join(WRAP, (WRAP.c.consult == CONSULT.c.id) & (WRAP.c.recipient == PARTY.c.person))
        .where(
            CONSULT.c.id == consult, ATTACHED.c.address == address, PARTY.c.person == person,
            PARTY.c.removed_at.is_(None), WRAP.c.revoked_at.is_(None),
        )
    )  # fmt: skip
    if sql.execute(theirs).first() is None:
        return None
    # Whose object it is was checked when it was named, if it was here then; now for certain.
    query = (
        select(OBJECT.c.size, OBJECT.c.committed_at, OBJECT.c.hospital, CONSULT.c.hospital)
        .join(CONSULT, CONSULT.c.id == consult)
        .where(OBJECT.c.address == address)
    )
    row = sql.execute(query).first()
    if row is None or row[1] is None:
        raise ObjectArriving
    size, _, sent_by, owned_by = row
    return int(size) if sent_by in (None, owned_by) else None


def objects_of(sql: Connection, consult: str) -> list[dict[str, object]]:
    """Return the objects of a case that have arrived."""
    query = (
        select(OBJECT.c.address, OBJECT.c.size)
        .join(ATTACHED, ATTACHED.c.address == OBJECT.c.address)
        .where(ATTACHED.c.consult == consult, OBJECT.c.committed_at.is_not(None))
        .order_by(OBJECT.c.address)
    )
    return [{"address": row.address, "size": row.size} for row in sql.execute(query)]


def _attached(sql: Connection, consult: str) -> set[str]:
    query = select(ATTACHED.c.address).where(ATTACHED.c.consult == consult)
    return set(sql.execute(query).scalars())
