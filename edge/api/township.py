"""Routes of a township hospital without a box: upload a study, ask about it, see what became of it.

An account with the role ``township`` belongs to one township hospital, whose name it bears. It sees
nothing but what it sent itself; the county's box sends on in its name, and the record says so.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from core.web.people import Session
from edge.api.consult import Asked, TheDesk
from edge.api.consult_rows import row_of
from edge.api.context import Site, TheSite, need, visible_study
from edge.api.intake import read_parts
from edge.api.multipart import PartReader
from edge.consult.book import kept
from edge.consult.errors import NotYourStudy
from edge.consult.people import roster
from edge.consult.requests import Asker, request
from edge.intake.files import Tally, over, web_peer

router = APIRouter(prefix="/api/township")
MaySend = Annotated[Session, Depends(need("township.send"))]
#: What a township sees of a request: how it goes, and the opinions once they are signed.
_SHOWN = (
    "id", "study", "patient_name", "kind", "urgency", "state", "business_state", "place",
    "deadline_at", "to_hospital_name", "to_department", "purpose", "requested_at", "changed_at",
    "closed_at", "opinions", "source",
)  # fmt: skip


@router.post("/upload")
async def upload(site: TheSite, session: MaySend, http: Request) -> dict[str, Any]:
    """Take files from the page, as the county's own upload does; the sender is the account."""
    reader = PartReader(http.headers.get("content-type", ""), "multipart/form-data")
    peer = replace(
        web_peer("upload", site.box.outside.randomness(8).hex(), session.user),
        calling_ae=sender_of(session),
    )
    tally = Tally()
    await read_parts(http, reader, site.sink, peer, tally)
    await run_in_threadpool(over, site.sink, peer)
    site.note(session, "township upload", {"accepted": tally.accepted})
    return {
        "accepted": tally.accepted, "duplicates": tally.duplicates,
        "quarantined": tally.quarantined, "refused": tally.refused,
    }  # fmt: skip


@router.get("/studies")
def studies(site: TheSite, session: MaySend) -> dict[str, Any]:
    """List the studies that this account sent."""
    rows = site.box.database.query(
        "SELECT study, patient_name, patient_id, study_date, modality, description,"
        " instance_count, received_at FROM study WHERE study IN"
        " (SELECT study FROM instance WHERE sender = ? AND route = 'upload')"
        " AND subject NOT IN (SELECT subject FROM subject WHERE restricted = 1)"
        " ORDER BY received_at DESC LIMIT 200",
        (sender_of(session),),
    )
    names = (
        "study", "patient_name", "patient_id", "study_date", "modality", "description",
        "instance_count", "received_at",
    )  # fmt: skip
    return {"rows": [dict(zip(names, row, strict=True)) for row in rows]}


@router.get("/roster")
def read_roster(desk: TheDesk, _session: MaySend) -> dict[str, Any]:
    """Return the departments that can be asked."""
    directory = desk.region.directory() if desk.region is not None else None
    return {
        "joined": directory is not None,
        "departments": roster(desk.box, directory) if directory else [],
    }


@router.post("/studies/{study}/consult", status_code=201)
def ask(site: TheSite, desk: TheDesk, session: MaySend, study: str, body: Asked) -> dict[str, str]:
    """Send a request in the name of the township hospital."""
    _own(site, session, study)
    asker = Asker(session.user, session.name, session.role, source=session.name)
    asked = {**body.model_dump(), "consult": "", "include": _only_own(site, session, body)}
    return {"consult": request(desk, site.queue, study, asked, asker)}


@router.get("/consults")
def consults(site: TheSite, desk: TheDesk, session: MaySend) -> dict[str, Any]:
    """Return what became of this account's requests, with their signed opinions."""
    rows = site.box.database.query(
        "SELECT consult FROM consult WHERE source = ? ORDER BY changed_at DESC LIMIT 200",
        (session.name,),
    )
    found = []
    for (consult,) in rows:
        one = kept(site.box, consult)
        if one.request["requester"]["user"] != session.user:
            continue
        visible_study(site, one.study)
        shown = row_of(desk, one)
        found.append({name: shown[name] for name in _SHOWN} | {"words": _opinions(site, consult)})
    return {"rows": found}


def sender_of(session: Session) -> str:
    """Return as whom an account's images are recorded: no AE title has a colon and 64 letters."""
    return f"TOWNSHIP:{session.user}"


def _opinions(site: Site, consult: str) -> list[dict[str, Any]]:
    rows = site.box.database.query(
        "SELECT kind, at, digest, opened FROM consult_event WHERE consult = ? AND fault = ''"
        " AND kind IN ('opinion', 'addendum', 'summary', 'offered') AND opened != '' ORDER BY n",
        (consult,),
    )
    return [
        {"kind": kind, "at": at, "digest": digest, "opened": json.loads(opened)}
        for kind, at, digest, opened in rows
    ]


def _only_own(site: Site, session: Session, body: Asked) -> dict[str, Any]:
    """Return what may go along: earlier studies that this account sent, nothing of the county's."""
    priors = body.include.get("priors") or []
    for prior in priors if isinstance(priors, list) else []:
        _own(site, session, str(prior))
    return {"priors": priors}


def _own(site: Site, session: Session, study: str) -> None:
    visible_study(site, study)
    foreign = site.box.database.query(
        "SELECT sum(NOT (sender = ? AND route = 'upload')), count(*) FROM instance WHERE study = ?",
        (sender_of(session), study),
    )[0]
    if foreign[0] or not foreign[1]:
        raise NotYourStudy
