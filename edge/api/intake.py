"""Routes: uploads, STOW-RS, the quarantine."""

from __future__ import annotations

import io
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from pydicom import Dataset
from starlette.concurrency import run_in_threadpool

from core.records.record import Draft
from core.web.errors import Conflict, InputWrong, NotFound
from core.web.people import Session
from edge.api.context import TheSite, need
from edge.api.multipart import PartReader
from edge.api.text import Text
from edge.intake.files import Tally, Upload, over, store_stream, web_peer
from edge.intake.net.sink import Peer
from edge.intake.sink import JournalSink

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
    tally = await _read_parts(request, reader, site.sink, peer)
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
    tally = await _read_parts(request, reader, site.sink, peer)
    await run_in_threadpool(over, site.sink, peer)
    failed = len(tally.quarantined) + len(tally.refused)
    answer = Dataset()
    if tally.accepted or tally.duplicates:
        answer.ReferencedSOPSequence = []
    if failed:
        answer.FailedSOPSequence = []
        for _ in range(failed):
            item = Dataset()
            item.FailureReason = 0x0110
            answer.FailedSOPSequence.append(item)
    status = 200 if not failed else (202 if tally.accepted or tally.duplicates else 409)
    return Response(json.dumps(answer.to_json_dict()), status, media_type="application/dicom+json")


async def _read_parts(request: Request, reader: PartReader, sink: JournalSink, peer: Peer) -> Tally:
    """Seal each part as it comes, then take it in; a client that leaves leaves nothing behind."""
    tally = Tally()
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
    finally:
        if current is not None:
            current.abandon()
    return tally


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
    outcome = _resolved(site.sink, peer, data)
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
