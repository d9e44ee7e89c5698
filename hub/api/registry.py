"""Routes: the key directory, the duty roster, people and hospitals."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from core.seals.keybook import raw_public
from core.web.errors import Conflict
from core.web.text import Text
from hub.api.context import Id, ThePortal, need, when
from hub.datacentre.statistics import check_policy
from hub.registry.duty import roster, set_duty
from hub.registry.hospitals import add_hospital, hospitals, set_policy, set_recovery
from hub.registry.people import NewPerson
from hub.registry.sessions import Session

router = APIRouter(prefix="/api")
MayReadDirectory = Annotated[Session, Depends(need("directory.read"))]
MayReadRoster = Annotated[Session, Depends(need("roster.read"))]
MaySetDuty = Annotated[Session, Depends(need("duty.manage"))]
MayManagePeople = Annotated[Session, Depends(need("people.manage"))]
MayManageHospitals = Annotated[Session, Depends(need("hospitals.manage"))]


class Duty(BaseModel):
    """Who is on duty in a department."""

    hospital: Text
    department: Text
    people: Annotated[list[Text], Field(max_length=50)]


class PersonForm(BaseModel):
    """An account to add."""

    user: Text
    name: Text
    role: Text
    password: Text = ""
    hospital: Text = ""
    department: Text = ""
    title: Text = ""
    oidc_subject: Text = ""


class PersonChange(BaseModel):
    """What changes on an account; ``otp`` = "" takes a lost second factor away."""

    name: Text | None = None
    role: Text | None = None
    active: bool | None = None
    password: Text | None = None
    hospital: Text | None = None
    department: Text | None = None
    title: Text | None = None
    oidc_subject: Text | None = None
    otp: Text | None = None


Hex32 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class HospitalForm(BaseModel):
    """A hospital to add; with its recovery key where it has experts and no box."""

    name: Text
    recovery_public: Hex32 = ""


class Recovery(BaseModel):
    """The recovery key of a hospital that has none."""

    recovery_public: Hex32


class Policy(BaseModel):
    """What a hospital lets out for the region's statistics."""

    fields: Annotated[list[Text], Field(max_length=100)]


@router.get("/directory")
def directory(
    portal: ThePortal, _session: MayReadDirectory, after: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> dict[str, Any]:
    """Return the directory's entries after a point, as the text that was chained and signed."""
    shown = portal.site.directory.show(after)
    identity = portal.site.identity
    return {
        "hub": identity.id,
        "hub_public": raw_public(identity.key.public_key()).hex(),
        "entries": [entry.decode() for entry in shown.entries],
        "head": shown.head.decode(),
        "witnesses": [one.decode() for one in shown.witnesses],
    }


@router.get("/duty")
def duty(portal: ThePortal, _session: MayReadRoster) -> dict[str, Any]:
    """Return who is on duty, by department."""
    return {"rows": roster(portal.site)}


@router.put("/duty", status_code=204)
def change_duty(portal: ThePortal, session: MaySetDuty, body: Duty) -> None:
    """Say who is on duty in a department; every box is told."""
    set_duty(portal.site, body.hospital, body.department, body.people)
    portal.note(session, "duty changed", body.model_dump())


@router.get("/admin/people")
def people(portal: ThePortal, _session: MayManagePeople) -> dict[str, Any]:
    """List the accounts."""
    rows = portal.people.list()
    known = portal.site.directory.current().contents
    for row in rows:
        key = known.people.get(row["id"])
        row["attested"] = row["key"] is not None and key is not None and known.vouched(key)
        row["has_box"] = known.has_box(row["hospital"] or "")
        for name in ("last_seen_at", "locked_until"):
            row[name] = when(row[name])
    return {"rows": rows}


@router.post("/admin/people", status_code=201)
def add_person(portal: ThePortal, session: MayManagePeople, body: PersonForm) -> dict[str, str]:
    """Add an account; its password must be changed at the first log-in."""
    identity = portal.people.add(NewPerson(**body.model_dump()))
    portal.note(session, "person added", {"person": identity, "role": body.role})
    return {"id": identity}


@router.put("/admin/people/{person}", status_code=204)
def change_person(
    portal: ThePortal, session: MayManagePeople, person: Id, body: PersonChange
) -> None:
    """Change an account."""
    fields = {k: v for k, v in body.model_dump().items() if v is not None}
    if person == session.person and set(fields) & {"role", "active"}:
        raise Conflict(state="own account")  # else a region could lose its last administrator
    portal.people.change(person, fields)
    portal.note(session, "person changed", {"person": person, "fields": sorted(fields)})


@router.get("/admin/hospitals")
def list_hospitals(portal: ThePortal, _session: MayManageHospitals) -> dict[str, Any]:
    """List the hospitals."""
    rows = hospitals(portal.site)
    return {"rows": [row | {"created_at": when(row["created_at"])} for row in rows]}


@router.post("/admin/hospitals", status_code=201)
def new_hospital(
    portal: ThePortal, session: MayManageHospitals, body: HospitalForm
) -> dict[str, str]:
    """Add a hospital."""
    identity = add_hospital(portal.site, body.name, bytes.fromhex(body.recovery_public))
    portal.note(session, "hospital added", {"hospital": identity})
    return {"id": identity}


@router.put("/admin/hospitals/{hospital}/recovery", status_code=204)
def change_recovery(
    portal: ThePortal, session: MayManageHospitals, hospital: Id, body: Recovery
) -> None:
    """Keep the recovery key of a hospital that has none yet."""
    set_recovery(portal.site, hospital, bytes.fromhex(body.recovery_public))
    portal.note(session, "recovery key set", {"hospital": hospital})


@router.put("/admin/hospitals/{hospital}/policy", status_code=204)
def change_policy(
    portal: ThePortal, session: MayManageHospitals, hospital: Id, body: Policy
) -> None:
    """Keep which fields a hospital lets out."""
    check_policy(body.fields)
    set_policy(portal.site, hospital, body.model_dump())
    portal.note(session, "policy changed", {"hospital": hospital, "fields": body.fields})
