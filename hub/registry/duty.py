"""The duty roster: who gets what a hospital sends to a department.

A change goes to every hospital's box as a notice in its chain, for the boxes seal to the people on
duty; they look the keys up in the directory, so that the hub cannot put a key of its own there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from core.web.errors import InputWrong
from hub.downlink.chain import append_notice
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import DUTY, HOSPITAL, PERSON, PERSON_KEY

_MOST = 50


def roster(site: HubSite) -> list[dict[str, Any]]:
    """Return every department that has somebody on duty, with the people and their keys."""
    with site.database.read() as sql:
        return roster_in(sql)


def roster_in(sql: Connection) -> list[dict[str, Any]]:
    """Return the roster as the caller's transaction sees it."""
    query = (
        select(DUTY.c.hospital, DUTY.c.department, PERSON.c.id, PERSON.c.name, PERSON.c.title,
               HOSPITAL.c.name.label("hospital_name"), PERSON_KEY.c.id.label("key"))
        .join(PERSON, PERSON.c.id == DUTY.c.person)
        .join(HOSPITAL, HOSPITAL.c.id == DUTY.c.hospital)
        .outerjoin(
            PERSON_KEY, (PERSON_KEY.c.person == PERSON.c.id) & PERSON_KEY.c.retired_at.is_(None)
        )
        .where(PERSON.c.active.is_(True))
        .order_by(HOSPITAL.c.name, DUTY.c.department, PERSON.c.id)
    )  # fmt: skip
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sql.execute(query):
        place = found.setdefault(
            (row.hospital, row.department),
            {"hospital": row.hospital, "hospital_name": row.hospital_name,
             "department": row.department, "people": []},
        )  # fmt: skip
        place["people"].append({"id": row.id, "name": row.name, "title": row.title, "key": row.key})
    return list(found.values())


def set_duty(site: HubSite, hospital: str, department: str, people: Sequence[str]) -> None:
    """Say who is on duty in a department, and tell every box.

    Raises
    ------
    InputWrong
        If somebody is no active expert of that hospital and department.
    """
    wanted = sorted(set(people))
    if len(wanted) > _MOST:
        raise InputWrong(field="people")
    with site.database.write() as sql:
        fit = select(PERSON.c.id).where(
            PERSON.c.id.in_(wanted), PERSON.c.active.is_(True), PERSON.c.role == "expert",
            PERSON.c.hospital == hospital, PERSON.c.department == department,
        )  # fmt: skip
        if not department or set(sql.execute(fit).scalars()) != set(wanted):
            raise InputWrong(field="people")
        here = (DUTY.c.hospital == hospital) & (DUTY.c.department == department)
        sql.execute(delete(DUTY).where(here))
        for person in wanted:
            sql.execute(
                insert(DUTY).values(hospital=hospital, department=department, person=person)
            )
        _tell(site, sql, hospital, department, wanted)


def leave_in(site: HubSite, sql: Connection, person: str) -> None:
    """Take somebody off every roster: they left, moved or do other work."""
    mine = select(DUTY.c.hospital, DUTY.c.department).where(DUTY.c.person == person)
    for hospital, department in sql.execute(mine).all():
        sql.execute(delete(DUTY).where(DUTY.c.person == person, DUTY.c.department == department))
        here = (DUTY.c.hospital == hospital) & (DUTY.c.department == department)
        left = sql.execute(select(DUTY.c.person).where(here)).scalars()
        _tell(site, sql, hospital, department, sorted(left))


def _tell(
    site: HubSite, sql: Connection, hospital: str, department: str, people: Sequence[str]
) -> None:
    body = {"kind": "duty", "hospital": hospital, "department": department, "people": list(people)}
    lock_hospitals(sql)  # and then look anew: one may have been added while we waited
    for told in sql.execute(select(HOSPITAL.c.id).order_by(HOSPITAL.c.id)).scalars().all():
        append_notice(site, sql, told, body)


def lock_hospitals(sql: Connection) -> None:
    """Hold every hospital's row until the transaction ends."""
    sql.execute(locked(select(HOSPITAL.c.id).order_by(HOSPITAL.c.id)))


def tell_all_in(site: HubSite, sql: Connection, hospital: str) -> None:
    """Append the whole roster to one hospital's chain: for a hospital that is new."""
    for place in roster_in(sql):
        body = {"kind": "duty", "hospital": place["hospital"], "department": place["department"],
                "people": [one["id"] for one in place["people"]]}  # fmt: skip
        append_notice(site, sql, hospital, body)
