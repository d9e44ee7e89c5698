"""Who could be asked: the hub's experts with duty, key and load; an MDT's seats filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from core.consult.events import DISCIPLINES
from core.consult.roster import Candidate, suggest
from hub.consult.viewers import Viewer, way_of
from hub.consult.worklist import OPEN
from hub.store.tables import CONSULT, DUTY, HOSPITAL, PERSON, PERSON_KEY


@dataclass(frozen=True, slots=True)
class Expert:
    """An expert with what the choice depends on, and their row for the page."""

    candidate: Candidate
    row: dict[str, Any]


def experts(sql: Connection, discipline: str = "") -> list[Expert]:
    """Return the active experts of a discipline, or all: on duty first, then by level and name."""
    load = (
        select(CONSULT.c.owner, func.count().label("n"))
        .where(CONSULT.c.state.in_(OPEN))
        .group_by(CONSULT.c.owner)
        .subquery()
    )
    duty = select(DUTY.c.person).distinct().subquery()
    query = (
        select(PERSON, HOSPITAL.c.name.label("hospital_name"), PERSON_KEY.c.id.label("key"),
               duty.c.person.label("duty"), func.coalesce(load.c.n, 0).label("load"))
        .outerjoin(HOSPITAL, HOSPITAL.c.id == PERSON.c.hospital)
        .outerjoin(
            PERSON_KEY, (PERSON_KEY.c.person == PERSON.c.id) & PERSON_KEY.c.retired_at.is_(None)
        )
        .outerjoin(duty, duty.c.person == PERSON.c.id)
        .outerjoin(load, load.c.owner == PERSON.c.id)
        .where(PERSON.c.role == "expert", PERSON.c.active.is_(True))
        .order_by(duty.c.person.is_(None), PERSON.c.title, PERSON.c.name)
    )  # fmt: skip
    found = [_expert(row) for row in sql.execute(query)]
    return [
        one for one in found if discipline in ("", one.candidate.discipline, one.row["department"])
    ]


def mdt_draft(sql: Connection, viewer: Viewer, consult: str) -> dict[str, Any]:
    """Return an invitation filled in: a seat for each discipline, with who else could take it.

    Raises
    ------
    NoSuchConsult
    """
    _, row = way_of(sql, viewer, consult)
    able = [one for one in experts(sql) if one.candidate.person != row.owner]
    seats = suggest((one.candidate for one in able), hospital=row.to_hospital or "")
    return {
        "consult": consult,
        "seats": [
            {
                "discipline": seat.discipline, "part": seat.part, "person": seat.person,
                "reason_zh": seat.reason_zh, "reason_en": seat.reason_en,
                "people": [o.row for o in able if o.candidate.discipline == seat.discipline],
            }
            for seat in seats
        ],
    }  # fmt: skip


def _expert(row: Row[Any]) -> Expert:
    department = row.department or ""
    discipline = department if department in DISCIPLINES else "other"
    candidate = Candidate(
        row.id, discipline, row.hospital or "", row.title, row.duty is not None,
        row.key is not None, row.load,
    )  # fmt: skip
    shown = {
        "person": row.id, "name": row.name, "title": row.title, "hospital": row.hospital,
        "hospital_name": row.hospital_name or "", "department": department,
        "discipline": discipline, "key": row.key is not None, "on_duty": row.duty is not None,
        "load": row.load,
    }  # fmt: skip
    return Expert(candidate, shown)
