"""Routes: uploads, STOW-RS, the quarantine."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from pydicom import Dataset
from starlette.concurrency import run_in_threadpool

from core.records.record import Draft
from core.web.errors import Conflict, InputWrong, NotFound
from core.web.people import Session
from core.web.text import Text
from edge.api.context import TheSite, need
from edge.api.multipart import PartReader
from edge.intake.files import Tally, Upload, over, store_stream, web_peer
from edge.intake.net.sink import SUCCESS, Peer, StoreOutcome
from edge.intake.sink import JournalSink, as_refusal

router = APIRouter()
MayUpload = Annotated[Session, Depends(need("upload"))]
MaySee = Annotated[Session, Depends(need("quarantine.read"))]
MayRelease = Annotated[Session, Depends(need("quarantine.release"))]


class Reason(BaseModel):
    """Why a person decides on a quarantined object."""

    reason: Text


@router.post("/api/upload")
async def upload(site: TheSite, session: MayUpload, request: Request) -> dict[str, Any]:
    """Take files, folders and zips from the page; each is sealed while it arrives."""
    reader = PartReader(request.headers.get("content-type", ""), "multipart/form-data")
    peer = web_peer("upload", site.box.outside.randomness(8).hex(), session.user)
    tally = Tally()
    await read_parts(request, reader, site.sink, peer, tally)
    await run_in_threadpool(over, site.sink, peer)
    site.note(session, "upload", {"accepted": tally.accepted})
    return {
        "accepted": tally.accepted, "duplicates": tally.duplicates,
        "quarantined": tally.quarantined, "refused": tally.refused,
    }  # fmt: skip


@router.post("/dicomweb/studies")
@router.post("/dicomweb/studies/{study_uid}")
async def stow(site: TheSite, session: MayUpload, request: Request) -> Response:
    """Store instances (STOW-RS, PS3.18 10.5)."""
    reader = PartReader(request.headers.get("content-type", ""), "multipart/related")
    peer = web_peer("stow", site.box.outside.randomness(8).hex(), session.user)
    tally = Tally(study_uid=request.path_params.get("study_uid", ""))
    await read_parts(request, reader, site.sink, peer, tally)
    await run_in_threadpool(over, site.sink, peer)
    answer, status = stow_answer(tally)
    return Response(json.dumps(answer.to_json_dict()), status, media_type="application/dicom+json")


def stow_answer(tally: Tally) -> tuple[Dataset, int]:
    """Return the Store Instances Response (PS3.18 I.2) and its HTTP status. Pure."""
    stored = [one for one in tally.outcomes if one.status == SUCCESS]
    failed = [one for one in tally.outcomes if one.status != SUCCESS]
    # What was refused before it was an object has no outcome of its own: out of resources.
    unread = len(tally.refused) + len(tally.quarantined) - len(failed)
    failed += [StoreOutcome(0xA700)] * max(0, unread)
    answer = Dataset()
    if stored:
        answer.ReferencedSOPSequence = [_referenced(one) for one in stored]
    if failed:
        answer.FailedSOPSequence = [_referenced(one) for one in failed]
        for item, one in zip(answer.FailedSOPSequence, failed, strict=True):
            item.FailureReason = one.status
    return answer, 200 if not failed else (202 if stored else 409)


def _referenced(one: StoreOutcome) -> Dataset:
    item = Dataset()
    if one.sop_instance:
        item.ReferencedSOPClassUID = one.sop_class
        item.ReferencedSOPInstanceUID = one.sop_instance
    return item


async def read_parts(
    request: Request, reader: PartReader, sink: JournalSink, peer: Peer, tally: Tally
) -> None:
    """Seal each part as it comes, then take it in; a client that leaves leaves nothing behind.

    Raises
    ------
    InputWrong
        If the body breaks off: what was whole before is kept and may be sent again.
    """
    current: Upload | None = None
    try:
        async for chunk in request.stream():
            for part in reader.feed(chunk):
                if part.begins:
                    current = Upload(sink)
                    # Shown to the sender only; nothing is stored or logged under it.
                    tally.name_hint = part.filename[-200:]
                elif part.ends and current is not None:
                    whole, current = current, None
                    await run_in_threadpool(whole.settle, peer, tally)
                elif current is not None:
                    for data in part.data:
                        current.write(data)
    except OSError as error:
        as_refusal(error)
        raise
    finally:
        if current is not None:
            current.abandon()
    if not reader.whole:
        raise InputWrong(field="multipart")


@router.get("/api/quarantine")
def quarantine(site: TheSite, _session: MaySee, state: str = "") -> dict[str, Any]:
    """List quarantined objects, newest first."""
    rows = site.box.database.query(
        "SELECT id, at, sender, code, message_zh, message_en, bytes, state, route, reason"
        " FROM quarantine WHERE state = ? OR ? = '' ORDER BY at DESC LIMIT 500",
        (state, state),
    )
    names = (
        "id", "at", "sender", "code", "message_zh", "message_en", "bytes", "state", "route",
        "reason",
    )  # fmt: skip
    return {"rows": [dict(zip(names, row, strict=True)) for row in rows]}


@router.post("/api/quarantine/{identity}/release")
def release(site: TheSite, session: MayRelease, identity: str, body: Reason) -> dict[str, Any]:
    """Take a quarantined object in after all, as a person decided.

    A conflict stays a conflict: the object must then be sent under its own UID.
    """
    row = _held(site, identity, body)
    with site.box.blobs.open(row["blob"], site.box.vault.key(row["key"])) as blob:
        data = blob.read()
    peer = web_peer("upload", identity, session.user)
    outcome = _resolved(site.sink, replace(peer, traits=peer.traits | {"release"}), data)
    if outcome.status != 0:
        raise Conflict(state=outcome.comment or "held")
    over(site.sink, peer)
    _resolve(site, session, identity, "released", body.reason)
    return {"state": "released"}


@router.post("/api/quarantine/{identity}/dismiss")
def dismiss(site: TheSite, session: MayRelease, identity: str, body: Reason) -> dict[str, Any]:
    """Mark a quarantined object as dealt with; its bytes stay."""
    _held(site, identity, body)
    _resolve(site, session, identity, "dismissed", body.reason)
    return {"state": "dismissed"}


def _resolved(sink: JournalSink, peer: Peer, data: bytes) -> Any:
    return store_stream(sink, peer, io.BufferedReader(io.BytesIO(data)))


def _held(site: TheSite, identity: str, body: Reason) -> dict[str, str]:
    if not body.reason.strip() or len(body.reason) > 500:
        raise InputWrong(field="reason")
    rows = site.box.database.query(
        "SELECT blob, key, state FROM quarantine WHERE id = ?", (identity,)
    )
    if not rows:
        raise NotFound
    if rows[0][2] != "held":
        raise Conflict(state=rows[0][2])
    return {"blob": rows[0][0], "key": rows[0][1]}


def _resolve(site: TheSite, session: Session, identity: str, state: str, reason: str) -> None:
    body = {"id": identity, "state": state, "reason": reason.strip()}
    site.box.append(
        [
            Draft(
                "quarantine.resolved", body, subject=f"q_{identity}",
                actor=f"person:{session.user}",
            )
        ]
    )  # fmt: skip
