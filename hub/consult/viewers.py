"""Who sees a consultation: one place for the question, asked by every route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, false, or_, select, true

from hub.consult.errors import NoSuchConsult
from hub.registry.roles import Role
from hub.store.tables import CONSULT, DUTY, PARTY

#: ``party`` takes part; ``duty``: it was sent to the department that they stand in for and nobody
#: has accepted yet; ``routing``: who assigns sees how it goes, never what is in it.
Way = Literal["party", "duty", "routing"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks."""

    person: str
    role: Role


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition on CONSULT under which somebody sees a row at all."""
    if viewer.role == "coordinator":
        return true()
    if viewer.role == "expert":
        return or_(_seated(viewer), _on_duty(viewer))
    return false()


def way_of(sql: Connection, viewer: Viewer, consult: str) -> tuple[Way, Row[Any]]:
    """Return in which way somebody sees a consultation, and its row.

    Raises
    ------
    NoSuchConsult
        If it does not exist for them.
    """
    row = sql.execute(select(CONSULT).where(CONSULT.c.id == consult, visible(viewer))).first()
    if row is None:
        raise NoSuchConsult
    seated = select(CONSULT.c.id).where(CONSULT.c.id == consult, _seated(viewer))
    if sql.execute(seated).first() is not None:
        return "party", row
    return ("routing" if viewer.role == "coordinator" else "duty"), row


def _seated(viewer: Viewer) -> ColumnElement[bool]:
    return exists(
        select(PARTY.c.person).where(
            PARTY.c.consult == CONSULT.c.id,
            PARTY.c.person == viewer.person,
            PARTY.c.removed_at.is_(None),
        )
    )


def _on_duty(viewer: Viewer) -> ColumnElement[bool]:
    here = select(DUTY.c.person).where(
        DUTY.c.person == viewer.person,
        DUTY.c.department == CONSULT.c.to_department,
        or_(CONSULT.c.to_hospital.is_(None), DUTY.c.hospital == CONSULT.c.to_hospital),
    )
    return and_(CONSULT.c.state == "requested", exists(here))
