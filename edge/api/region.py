"""Routes: the region as the box stands in it: joining, the certificate, the link, alarms."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from core.errors import XinglinError
from core.records.clock import iso
from core.seals.directory import Directory
from core.seals.directory_state import ChangedKey
from core.web.errors import InputWrong, NotFound
from core.web.people import Session
from core.web.text import Text
from edge.api.context import TheSite, need
from edge.consult.errors import NotJoined
from edge.store.box import Box
from edge.uplink.alarms import Alarms
from edge.uplink.certificates import Region
from edge.uplink.directory import BoxDirectory
from edge.uplink.join import credentials_of, join
from edge.uplink.notices import awaited
from edge.uplink.outbox import Outbox
from edge.uplink.process import outbox_of
from edge.uplink.renew import certificate_of, consent
from edge.uplink.status import alarms_of, link_status, notice_status
from edge.uplink.vouching import own_people, vouch

router = APIRouter(prefix="/api")
MaySee = Annotated[Session, Depends(need("region.read"))]
MayManage = Annotated[Session, Depends(need("region.manage"))]


class RegionParts:
    """What one web process keeps open of the region: the outbox, the verified directory."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self._outbox: Outbox | None = None
        self._directory: BoxDirectory | None = None
        self._hub = ""

    def outbox(self) -> Outbox:
        """Return the outbox; its tables are made when it is first asked for."""
        if self._outbox is None:
            self._outbox = outbox_of(self.box)
        return self._outbox

    def directory(self, told: Region) -> BoxDirectory:
        """Return the directory of the present hub: verified once, then only what is new."""
        if self._directory is None or self._hub != told.hub:
            self._directory, self._hub = BoxDirectory(self.box, told), told.hub
        return self._directory


async def parts_of(request: Request) -> RegionParts:
    """Return the application's parts."""
    parts: RegionParts = request.app.state.region
    return parts


TheParts = Annotated[RegionParts, Depends(parts_of)]


class JoinForm(BaseModel):
    """Where the hub is and its one-time code; a scanned picture's text names both."""

    address: Text = ""
    code: Text
    again: bool = False


class SeenForm(BaseModel):
    """Why an alarm is dismissed, and which of its number; None for all of them."""

    reason: Text
    about: Text | None = None


class PersonKeyForm(BaseModel):
    """A key of one of the hospital's people, as its fingerprint was compared."""

    person: Text
    key: Text


@router.get("/region")
def region(site: TheSite, parts: TheParts, _session: MaySee) -> dict[str, Any]:
    """Return how the box stands in its region; before it joined, only that it has not."""
    credentials = credentials_of(site.box)
    shown: dict[str, Any] = {
        "joined": credentials.joined, "node": site.box.identity.id, "hub": None, "hospital": None,
        "certificate": None, "directory": None, "people": [],
        "link": link_status(site.box, parts.outbox()), "alarms": alarms_of(site.box),
        "notices": notice_status(site.box) | {"awaited": awaited(site.box)},
    }  # fmt: skip
    if not credentials.joined:
        return shown
    told = credentials.region()
    return shown | {
        "hub": {
            "id": told.hub, "sync_address": told.sync_address, "enrol_address": told.enrol_address,
        },
        "hospital": {"id": told.hospital, "name": told.hospital_name},
        "joined_at": iso(told.joined_at),
        "certificate": certificate_of(site.box, credentials),
        "directory": directory_of(parts.directory(told)),
        "people": people_of(parts, told),
    }  # fmt: skip


@router.post("/region/join", status_code=201)
def join_region(site: TheSite, session: MayManage, body: JoinForm) -> dict[str, Any]:
    """Join the region that a code names; a refusal says what a person can do."""
    told = join(site.box, body.address, body.code, again=body.again, by=session.user)
    return {"hub": told.hub, "hospital": told.hospital, "hospital_name": told.hospital_name}


@router.post("/region/renew-consent", status_code=202)
def renew_consent(site: TheSite, session: MayManage) -> dict[str, str]:
    """Agree, as a person at the box, to the renewal of its ended certificate."""
    consent(site.box, session.user)
    return {"state": "waiting"}


@router.post("/region/people/vouch", status_code=202)
def vouch_for(
    site: TheSite, parts: TheParts, session: MayManage, body: PersonKeyForm
) -> dict[str, str]:
    """Confirm, for the hospital, a key of one of its people whose fingerprint was compared."""
    credentials = credentials_of(site.box)
    if not credentials.joined:
        raise NotJoined
    told = credentials.region()
    directory = parts.directory(told).current()
    vouch(site.box, parts.outbox(), directory, (told.hospital, body.person, body.key))
    site.note(session, "person's key vouched for", {"person": body.person, "key": body.key})
    return {"state": "sending"}


@router.post("/region/alarms/{code}/seen", status_code=204)
def alarm_seen(
    site: TheSite, session: MayManage, body: SeenForm,
    code: Annotated[str, Path(pattern=r"^E[0-9]{4}$")],
) -> Response:  # fmt: skip
    """Dismiss an alarm, with a reason that the access journal keeps."""
    reason = body.reason.strip()
    if not reason or len(reason) > 500:
        raise InputWrong(field="reason")
    alarms = Alarms(site.box.database, site.box.outside.now_ms)
    if not alarms.seen(int(code[1:]), session.user, body.about):
        raise NotFound
    about = {"code": code, "about": body.about or "", "reason": reason}
    site.note(session, "alarm dismissed", about)
    return Response(status_code=204)


def people_of(parts: RegionParts, told: Region) -> list[dict[str, Any]]:
    """Return this hospital's people with a key; none while the directory is not to be believed."""
    try:
        now = parts.directory(told).current()
    except XinglinError:
        return []  # directory_of says why
    return own_people(now, told.hospital, parts.outbox())


def directory_of(directory: BoxDirectory) -> dict[str, Any]:
    """Return how far the key directory is and whose keys have changed in it."""
    try:
        now = directory.current()
    except XinglinError as error:
        return {"size": 0, "witnessed_by": 0, "changed_keys": [], "error": error.as_json()}
    changes = [
        {"kind": one.kind, "id": one.id, "old": one.old, "new": one.new, "at": one.at,
         **_whose(now, one)}
        for one in now.changed_keys(0)
    ]  # fmt: skip
    return {
        "size": now.size, "witnessed_by": directory.witnessed_by(), "changed_keys": changes,
        "head": now.head.head, "at": now.head.at or None, "error": None,
    }  # fmt: skip


def _whose(directory: Directory, change: ChangedKey) -> dict[str, str]:
    """Return the names of whom a changed key is of."""
    contents = directory.contents
    person = contents.people.get(change.id) if change.kind == "person" else None
    node = contents.nodes.get(change.id) if change.kind == "node" else None
    hospital = person.hospital if person else node.hospital if node else change.id
    known = contents.hospitals.get(hospital)
    return {
        "name": person.name if person else "",
        "hospital_name": known.name if known else "",
    }
