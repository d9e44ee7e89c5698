"""The worklist: what somebody sees, in the order in which it presses, with the reason shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from core.consult.events import URGENCIES, Urgency
from core.consult.ranking import Waiting, rank
from core.records.clock import iso
from hub.consult.viewers import Viewer, visible
from hub.store.tables import CONSULT, EVENT, HOSPITAL, PARTY, PERSON, SEEN

OPEN = ("requested", "accepted", "in-progress")
_MOST = 500


def worklist(
    sql: Connection, viewer: Viewer, now_ms: int, *, state: str = "", q: str = ""
) -> list[dict[str, Any]]:
    """Return rows, the most pressing first; closed ones last, the newest of them first.

    Parameters
    ----------
    state : str
        "" for all, ``open``, ``closed``, a state, or a business state.
    q : str
        Part of a hospital's, person's or department's name, or of an id.
    """
    query = select(CONSULT).where(visible(viewer), *_of_state(state))
    found = sql.execute(query.order_by(CONSULT.c.changed_at.desc()).limit(_MOST)).all()
    rows = rows_of(sql, viewer, found, now_ms)
    wanted = q.strip().casefold()
    return [row for row in rows if not wanted or wanted in _text(row)]


def rows_of(
    sql: Connection, viewer: Viewer, found: Sequence[Row[Any]], now_ms: int
) -> list[dict[str, Any]]:
    """Return consultations as the page shows them, ranked among each other."""
    ids = [row.id for row in found]
    parties, unseen, hospitals = _parties(sql, ids), _unseen(sql, viewer, ids), _hospitals(sql)
    names = names_of(sql, {row.owner for row in found if row.owner})
    order = rank((_waiting(row) for row in found), now_ms)
    by_id = {row.id: row for row in found}
    return [
        _shown(by_id[one.id], now_ms)
        | {
            "rank": one.rank, "reason_zh": one.reason_zh, "reason_en": one.reason_en,
            "unseen": unseen.get(one.id, 0), "parties": parties[one.id],
            "hospital_name": hospitals.get(by_id[one.id].hospital, ""),
            "to_hospital_name": hospitals.get(by_id[one.id].to_hospital or "", ""),
            "owner_name": names.get(by_id[one.id].owner or ""),
        }
        for one in order
    ]  # fmt: skip


def names_of(sql: Connection, people: Iterable[str]) -> dict[str, str]:
    """Return the names of people of this hub."""
    query = select(PERSON.c.id, PERSON.c.name).where(PERSON.c.id.in_(list(people)))
    return {row.id: row.name for row in sql.execute(query)}


def hospital_of_node(sql: Connection, node: str) -> str:
    """Return the name of the hospital that a box belongs to; "" where there is none."""
    from hub.store.tables import NODE

    query = (
        select(HOSPITAL.c.name)
        .join(NODE, NODE.c.hospital == HOSPITAL.c.id)
        .where(NODE.c.id == node)
    )
    return str(sql.execute(query).scalar() or "")


def _of_state(state: str) -> list[Any]:
    if state == "open":
        return [CONSULT.c.state.in_(OPEN)]
    if state == "closed":
        return [CONSULT.c.state.not_in(OPEN)]
    if state == "awaiting-information":
        return [CONSULT.c.business_state == state]
    return [CONSULT.c.state == state] if state else []


def _waiting(row: Row[Any]) -> Waiting:
    urgency: Urgency = next((one for one in URGENCIES if one == row.urgency), "routine")
    return Waiting(
        row.id, urgency, row.requested_at, row.deadline_at,
        awaiting_information=bool(row.business_state), closed=row.state not in OPEN,
    )  # fmt: skip


def _shown(row: Row[Any], now_ms: int) -> dict[str, Any]:
    return {
        "id": row.id, "kind": row.kind, "hospital": row.hospital, "to_hospital": row.to_hospital,
        "to_department": row.to_department or "", "to_level": row.to_level or "",
        "urgency": row.urgency, "state": row.state, "business_state": row.business_state,
        "deadline_at": iso(row.deadline_at) if row.deadline_at else None,
        "requested_at": iso(row.requested_at),
        "waiting_s": max(0, now_ms - row.requested_at) // 1000,
        "owner": row.owner, "escalated": row.escalated, "bytes": row.bytes, "events": row.events,
    }  # fmt: skip


def _parties(sql: Connection, ids: list[str]) -> dict[str, list[dict[str, str]]]:
    query = (
        select(PARTY, PERSON.c.name)
        .outerjoin(PERSON, PERSON.c.id == PARTY.c.person)
        .where(PARTY.c.consult.in_(ids), PARTY.c.removed_at.is_(None))
        .order_by(PARTY.c.invited_at, PARTY.c.person)
    )
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in sql.execute(query):
        found[row.consult].append(
            {"person": row.person, "name": row.name or "", "part": row.part,
             "discipline": row.discipline}
        )  # fmt: skip
    return found


def _unseen(sql: Connection, viewer: Viewer, ids: list[str]) -> dict[str, int]:
    query = (
        select(EVENT.c.consult, func.count().label("n"))
        .outerjoin(SEEN, (SEEN.c.consult == EVENT.c.consult) & (SEEN.c.person == viewer.person))
        .where(
            EVENT.c.consult.in_(ids), EVENT.c.actor != viewer.person,
            EVENT.c.seq > func.coalesce(SEEN.c.seq, 0),
        )
        .group_by(EVENT.c.consult)
    )  # fmt: skip
    return {row.consult: row.n for row in sql.execute(query)}


def _hospitals(sql: Connection) -> dict[str, str]:
    return {row.id: row.name for row in sql.execute(select(HOSPITAL.c.id, HOSPITAL.c.name))}


def _text(row: dict[str, Any]) -> str:
    people = " ".join(one["name"] for one in row["parties"])
    names = (row["hospital_name"], row["to_hospital_name"], row["owner_name"] or "")
    return " ".join((row["id"], row["to_department"], people, *names)).casefold()
