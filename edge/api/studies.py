"""Routes: the list, live changes, one study with its results, the physician's override."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from core.dicom.person import display_text
from core.records.clock import Stamp
from core.records.record import Draft
from core.views.reading import FINDINGS
from core.web.errors import InputWrong, NotAllowed, NotFound
from core.web.people import Session
from core.web.text import Text
from edge.api.context import COOKIE, Site, TheSite, need, visible_study, whole
from edge.api.filters import Facet, facets, masks_of
from edge.api.history import history_of
from edge.api.pictures import heat_map_png
from edge.api.quality import quality_of
from edge.api.rows import row_of, worklist
from edge.api.seat import opened_study
from edge.stages.study_data import StudyData

router = APIRouter(prefix="/api")
MayList = Annotated[Session, Depends(need("worklist.read"))]
MayOpen = Annotated[Session, Depends(need("study.open"))]
MayOverride = Annotated[Session, Depends(need("study.override"))]
_POLL_S = 0.3
_BEAT_S = 15.0


class Assessment(BaseModel):
    """A physician's word on the AI's findings as a whole (IHE AIRAI: accepted or rejected)."""

    decision: Literal["accepted", "rejected"]
    reason: str = ""


class Override(BaseModel):
    """Why a physician wants a refused study analysed all the same (仍然分析)."""

    reason: Text


@router.get("/worklist")
def read_worklist(
    site: TheSite,
    session: MayList,
    request: Request,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Return a page of studies, newest first."""
    filters = _allowed(session, request)
    page = worklist(site.box, filters, after, limit, site.listing)
    return {"rows": page.rows, "next": page.next, "total": page.total}


@router.get("/worklist/facets")
def read_facets(site: TheSite, session: MayList, request: Request) -> dict[str, Any]:
    """Return what each filter could be set to under the others, with counts."""
    found = facets(site.listing, masks_of(site.box, _allowed(session, request)))
    return {"facets": {name: [_facet(name, one) for one in some] for name, some in found.items()}}


def _allowed(session: Session, request: Request) -> dict[str, str]:
    """Return the filters asked for.

    Raises
    ------
    NotAllowed
        Whose pictures a list holds is counted by those who may see staff.
    """
    filters = dict(request.query_params)
    if filters.get("operator") and not session.may("quality.staff"):
        raise NotAllowed(permission="quality.staff")
    return filters


def _facet(name: str, one: Facet) -> dict[str, Any]:
    value = FINDINGS[int(one.value)] if name == "finding" else display_text(one.value)
    return {"value": value, "count": one.count}


@router.get("/worklist/events")
async def events(site: TheSite, _session: MayList, request: Request) -> StreamingResponse:
    """Stream changed rows; the event id is the journal position, so that a reader can go on."""
    last = request.headers.get("last-event-id", "")
    told = whole(last)
    start = site.box.journal.last_position() if told is None else told
    return StreamingResponse(
        _changes(site, request, start),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _changes(site: Site, request: Request, position: int) -> AsyncIterator[str]:
    silent = 0.0
    yield ": hello\n\n"
    while _goes_on(site, request) and not await request.is_disconnected():
        page = site.box.journal.read(position, 500)
        studies = {s.header.key for s in page if s.header.key.startswith("st_")}
        position = page[-1].position if page else position
        for study in sorted(studies):
            event = {"study": study, "row": row_of(site.box, study)}
            yield f"id: {position}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        silent = 0.0 if studies else silent + _POLL_S
        if silent >= _BEAT_S:
            silent = 0.0
            yield ": beat\n\n"
        await asyncio.sleep(_POLL_S)


def _goes_on(site: Site, request: Request) -> bool:
    """Say whether the stream may: an ended session or a changed role ends it too."""
    token = request.cookies.get(COOKIE, "")
    return not request.app.state.stopping.is_set() and site.people.holds(token, "worklist.read")


@router.get("/studies/{study}")
def read_study(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return a study: its row, series, newest result, versions, deliveries, history."""
    opened_study(site, session, study)
    row = row_of(site.box, study)
    if row is None:
        raise NotFound
    results = _results(site, study)
    analysis = json.loads(results[-1]["result"]) if results else None
    chosen = ((analysis or {}).get("series") or {}).get("series_uid")
    return {
        "row": row,
        "series": _series(site, study, chosen),
        "analysis": analysis,
        "report": json.loads(results[-1]["report"]) if results else None,
        "results": [_version(one) for one in reversed(results)],
        "deliveries": _deliveries(site, study),
        "image_qc": _image_qc(site, study),
        "quality": quality_of(site.box, study),
        "history": history_of(site.box, study),
        "text_repairs": _repairs(site, study),
    }


@router.get("/studies/{study}/manifest")
def manifest(site: TheSite, session: MayOpen, request: Request, study: str) -> Response:
    """Return the display manifest: every image's attributes in the DICOM JSON model."""
    from edge.stages.manifest import packed_manifest_of

    opened_study(site, session, study)
    packed = packed_manifest_of(site.box, study)
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        packed = gzip.decompress(packed)
    return Response(packed, media_type="application/json", headers=headers)


@router.get("/studies/{study}/outlines")
def outlines(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return the lesions' outlines of the newest result, per image, in pixel coordinates."""
    opened_study(site, session, study)
    results = _results(site, study)
    if not results:
        raise NotFound
    newest = results[-1]
    address = json.loads(newest["blobs"]).get("outlines")
    result = json.loads(newest["result"])
    if not address:
        raise NotFound
    with site.box.blobs.open(address, site.box.vault.key(study)) as blob:
        lines = json.loads(blob.read())
    kinds = {one["id"]: one["kind"] for one in result.get("lesions") or []}
    for drawn in lines.values():
        for line in drawn:
            line["kind"] = kinds.get(line["lesion"], "")
    return {
        "series_uid": (result.get("series") or {}).get("series_uid") or "",
        "version": newest["version"],
        "lines": lines,
    }


@router.get("/studies/{study}/heatmap")
def heat_map(site: TheSite, session: MayOpen, study: str) -> Response:
    """Return the heat map of the newest result as PNG, alpha = strength."""
    opened_study(site, session, study)
    results = _results(site, study)
    address = json.loads(results[-1]["blobs"]).get("heat_map") if results else None
    if not address:
        raise NotFound
    return Response(heat_map_png(site.box, study, address), media_type="image/png")


@router.post("/studies/{study}/override", status_code=202)
def override(site: TheSite, session: MayOverride, study: str, body: Override) -> dict[str, str]:
    """Have a refused study analysed all the same; who and why is recorded."""
    row = visible_study(site, study)
    if not body.reason.strip() or len(body.reason) > 500:
        raise InputWrong(field="reason")
    identity = site.box.outside.randomness(8).hex()
    wish = {
        "id": identity,
        "by": session.user,
        "name": session.name,
        "at": Stamp(site.box.outside.now_ms()).iso(),
        "reason": body.reason.strip(),
    }
    record = {"input": StudyData(site.box, study).input, "override": wish, "priority": 0}
    site.box.append(
        [
            Draft(
                "processing.requested", record, subject=row["subject"], key=study,
                actor=f"person:{session.user}",
            )
        ]
    )  # fmt: skip
    return {"id": identity}


@router.post("/studies/{study}/assessment", status_code=202)
def assess(site: TheSite, session: MayOverride, study: str, body: Assessment) -> dict[str, str]:
    """Record a physician's review of the newest result; reviewed objects then go to the PACS.

    The AI's own statement stays as it was: the assessment is a record of its own.
    """
    row = visible_study(site, study)
    if body.decision == "rejected" and not body.reason.strip():
        raise InputWrong(field="reason")
    newest = next(
        (
            record
            for record in reversed(site.box.records_of(study))
            if record.kind in ("findings.proposed", "processing.failed")
        ),
        None,
    )
    if newest is None:
        raise NotFound
    review = {
        "id": site.box.outside.randomness(8).hex(),
        "by": session.user,
        "name": session.name,
        "at": Stamp(site.box.outside.now_ms()).iso(),
        "decision": body.decision,
        "reason": body.reason.strip()[:500],
    }
    record = {
        "input": newest.body["input"], "override": newest.body.get("override"), "review": review,
        "priority": 0,
    }  # fmt: skip
    site.box.append(
        [
            Draft(
                "findings.assessed", record, subject=row["subject"], key=study,
                actor=f"person:{session.user}",
            )
        ]
    )  # fmt: skip
    return {"id": review["id"]}


def _results(site: Site, study: str) -> list[dict[str, Any]]:
    rows = site.box.database.query(
        "SELECT version, at, status, superseded, override, result, blobs, report FROM result"
        " WHERE study = ? ORDER BY version",
        (study,),
    )
    names = ("version", "at", "status", "superseded", "override", "result", "blobs", "report")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _version(one: dict[str, Any]) -> dict[str, Any]:
    wish = json.loads(one["override"])
    return {
        "version": one["version"], "at": one["at"], "status": one["status"],
        "superseded": bool(one["superseded"]),
        "override": {k: wish.get(k, "") for k in ("by", "at", "reason")} if wish else None,
    }  # fmt: skip


def _series(site: Site, study: str, chosen: str | None) -> list[dict[str, Any]]:
    rows = site.box.database.query(
        "SELECT series_uid, modality, number, description, instance_count FROM series"
        " WHERE study = ? ORDER BY number, series_uid",
        (study,),
    )
    names = ("series_uid", "modality", "number", "description", "instances")
    return [dict(zip(names, r, strict=True)) | {"chosen": r[0] == chosen} for r in rows]


def _deliveries(site: Site, study: str) -> list[dict[str, Any]]:
    rows = site.box.database.query(
        "SELECT destination, sop_class, sop_instance, label, state, at, detail, version"
        " FROM delivery WHERE study = ? ORDER BY label = 'image', at DESC LIMIT 5000",
        (study,),
    )
    names = (
        "destination",
        "sop_class",
        "sop_instance",
        "label",
        "state",
        "at",
        "detail",
        "version",
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _image_qc(site: Site, study: str) -> list[dict[str, Any]]:
    rows = site.box.database.query(
        "SELECT sop_instance, verdict, at, result FROM image_qc WHERE grp = ?", (study,)
    )
    return [_one_image_qc(*row) for row in rows]


def _one_image_qc(sop_instance: str, verdict: str, at: str, result: str) -> dict[str, Any]:
    """Return one image's verdict with its reasons, or, of an unreadable one, its error."""
    failed = verdict == "failed"
    said = json.loads(result)
    judged = {"qc": None if failed else said, "error": said if failed else None}
    return {"sop_instance": sop_instance, "verdict": verdict, "at": at, **judged}


def _repairs(site: Site, study: str) -> list[dict[str, Any]]:
    """Return distinct text repairs, without the original bytes."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for record in site.box.records_of(study):
        for one in record.body.get("repairs", []) if record.kind == "instances.received" else []:
            found[(one["tag"], one["kind"])] = {
                "tag": one["tag"],
                "rule": one["kind"],
                "message_zh": f"字符集由 {one['declared'] or '未声明'} 更正为 {one['used']}",
                "message_en": f"Read as {one['used']}, declared {one['declared'] or 'nothing'}",
            }
    return list(found.values())
