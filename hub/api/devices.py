"""Routes: boxes, invitations, late renewals. Who runs the devices sees no case."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from core.web.text import Text
from hub.api.context import Id, ThePortal, need, when
from hub.registry.authority import open_authority
from hub.registry.devices import devices, revoke
from hub.registry.invites import invitations, invite, withdraw
from hub.registry.renewals import approve, waiting
from hub.registry.sessions import Session

router = APIRouter(prefix="/api/admin")
MayManageDevices = Annotated[Session, Depends(need("devices.manage"))]
_TIMES = frozenset({"joined_at", "seen_at", "not_after", "revoked_at", "asked_at", "approved_at",
                    "created_at", "expires_at", "used_at"})  # fmt: skip


class InviteForm(BaseModel):
    """A code to make: for which hospital, and how long it is good."""

    hospital: Text
    hours: Annotated[float, Field(gt=0, le=200)] = 48.0


@router.get("/devices")
def list_devices(portal: ThePortal, _session: MayManageDevices) -> dict[str, Any]:
    """List every box with its certificate's end and when it was last heard of."""
    return {"rows": [_row(one) for one in devices(portal.site)]}


@router.post("/devices/{node}/revoke", status_code=204)
def revoke_device(portal: ThePortal, session: MayManageDevices, node: Id) -> None:
    """Revoke a box for good; its links are cut within the minute."""
    revoke(portal.site, node, session.person)


@router.get("/invites")
def list_invites(portal: ThePortal, _session: MayManageDevices) -> dict[str, Any]:
    """List the invitations without their codes."""
    return {"rows": [_row(one) for one in invitations(portal.site)]}


@router.post("/invites", status_code=201)
def make_invite(portal: ThePortal, session: MayManageDevices, body: InviteForm) -> dict[str, Any]:
    """Make a one-time code; this answer is the only place where it stands."""
    site = portal.site
    authority = open_authority(site.folder, site.identity.id, site.outside)
    made = invite(site, authority.pin, body.hospital, int(body.hours * 3_600_000), session.person)
    address = f"{site.settings.address}:{site.settings.enrol.port}"
    return {
        "id": made.code.invite, "hospital": made.hospital, "hospital_name": made.hospital_name,
        "expires_at": when(made.expires_at), "state": "open", "code": made.code.text(),
        "hub": address, "picture_text": made.code.picture_text(address),
    }  # fmt: skip


@router.post("/invites/{invite_id}/withdraw", status_code=204)
def withdraw_invite(portal: ThePortal, session: MayManageDevices, invite_id: Id) -> None:
    """Make a code worthless."""
    withdraw(portal.site, invite_id, session.person)


@router.get("/renewals")
def list_renewals(portal: ThePortal, _session: MayManageDevices) -> dict[str, Any]:
    """List the boxes whose certificate ended before they renewed it."""
    return {"rows": [_row(one) for one in waiting(portal.site)]}


@router.post("/renewals/{node}/approve", status_code=204)
def approve_renewal(portal: ThePortal, session: MayManageDevices, node: Id) -> None:
    """Agree, as a person at the hub, that a box renews late."""
    approve(portal.site, node, session.person)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: when(value) if name in _TIMES else value for name, value in row.items()}
