"""DICOMweb (PS3.18): WADO-RS, QIDO-RS and STOW-RS on the box's own store."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydicom.uid import UID, ExplicitVRBigEndian
from starlette.concurrency import run_in_threadpool

from core.blobs.disk import BlobReader
from core.dicom.parse import parse_dicom
from core.web.errors import InputWrong, NotAcceptable, NotFound
from core.web.people import Session
from edge.api.context import VISIBLE, Site, TheSite, need, whole
from edge.api.frames import Frames, Instance, fragmented
from edge.api.multipart import multipart_related, streamed_related
from edge.api.pictures import rendered_png
from edge.api.qido import qido_level
from edge.api.seat import note_opened
from edge.stages.manifest import instance_document, manifest_of
from edge.stages.study_data import StudyData

router = APIRouter(prefix="/dicomweb")
MayRead = Annotated[Session, Depends(need("study.read"))]
MayOpen = Annotated[Session, Depends(need("study.open"))]
_BYTES: Final = "application/octet-stream"
_MOST_FRAMES = 256
_STEP = 1 << 20
_LITTLE = "1.2.840.10008.1.2.1"
_INSTANCE = (
    "SELECT instance.study, blob, transfer_syntax, frames, rows, columns,"
    " json_extract(instance.attributes, '$.BitsAllocated'),"
    " json_extract(instance.attributes, '$.SamplesPerPixel'), pixel_offset"
    " FROM instance JOIN study ON study.study = instance.study WHERE sop_instance = ?"
    f" AND study.study_uid = ? AND instance.series_uid = ? AND {VISIBLE}"
)
_PATH = "/studies/{study_uid}/series/{series_uid}/instances/{sop_instance}"


@dataclass(frozen=True, slots=True)
class Located:
    """One stored instance and where its bytes are."""

    study: str
    blob: str
    transfer_syntax: str
    sop_instance: str


def pieces_of(blob: BlobReader) -> Iterator[bytes]:
    """Yield a blob's plaintext in steps, so that a large object is never whole in memory."""
    for at in range(0, blob.length, _STEP):
        yield blob.read(at, min(_STEP, blob.length - at))


def instance_of(site: Site, study_uid: str, series_uid: str, sop_instance: str) -> Instance:
    """Return what the view knows of an instance.

    Raises
    ------
    NotFound
    """
    rows = site.box.database.query(_INSTANCE, (sop_instance, study_uid, series_uid))
    if not rows:
        raise NotFound
    study, blob, syntax, frames, height, width, bits, samples, offset = rows[0]
    return Instance(
        study, blob, syntax, frames or 1, height or 0, width or 0, int(bits or 16),
        int(samples or 1), offset,
    )  # fmt: skip


def wanted_syntaxes(accept: str) -> frozenset[str]:
    """Return the transfer syntaxes that an Accept header takes: UIDs, or "*".

    PS3.18 8.7.3.5.2: a media range without one takes Explicit VR Little Endian.
    """
    found = set()
    for part in accept.split(","):
        given = [
            value.strip().strip('"')
            for name, _, value in (one.strip().partition("=") for one in part.split(";")[1:])
            if name == "transfer-syntax"
        ]
        found.add(given[0] if given else _LITTLE)
    return frozenset(found)


def wants_bare(accept: str) -> bool:
    """Tell whether an Accept header asks first for bytes that are no multipart."""
    return accept.partition(",")[0].partition(";")[0].strip().lower() == _BYTES


@router.get(_PATH + "/frames/{numbers}")
async def frames(site: TheSite, session: MayOpen, request: Request) -> Response:
    """Return frames, as stored where the client takes that, else little endian.

    One frame comes as a single part where the client asks for no multipart.
    """
    names = ("study_uid", "series_uid", "sop_instance", "numbers")
    study_uid, series_uid, sop_instance, numbers = (request.path_params[n] for n in names)
    instance = instance_of(site, study_uid, series_uid, sop_instance)
    note_opened(site, session, instance.study)
    accept = request.headers.get("accept", "")
    wanted = wanted_syntaxes(accept)
    reader: Frames = request.app.state.frames
    parts = []
    listed = [whole(text) for text in numbers.split(",", _MOST_FRAMES)]
    if len(listed) > _MOST_FRAMES:
        raise InputWrong(field="frames")
    for number in listed:
        parts.append(await _frame(site, reader, instance, number or 0, wanted))
    if len(parts) == 1 and wants_bare(accept):
        return Response(parts[0][1], headers={"Content-Type": parts[0][0]})
    return multipart_related(parts)


async def _frame(
    site: Site, reader: Frames, instance: Instance, number: int, wanted: frozenset[str]
) -> tuple[str, bytes]:
    syntax = instance.transfer_syntax
    compressed = UID(syntax).is_encapsulated
    if not wanted & {"*", _LITTLE, syntax}:
        raise NotAcceptable
    if wanted & {"*", syntax} or not compressed:
        # A stored frame is a few chunks: opening it here is quicker than a thread's round trip.
        stored = reader.stored(instance, number)
        if stored is None and compressed:
            stored = await run_in_threadpool(fragmented, site.box, instance, number)
        if stored is not None:
            return (f"application/octet-stream; transfer-syntax={_shown(syntax)}", stored)
    decoded = await run_in_threadpool(reader.decoded, instance, number)
    return (f"application/octet-stream; transfer-syntax={_LITTLE}", decoded)


def _shown(syntax: str) -> str:
    """Uncompressed frames are the same bytes in every little endian syntax."""
    if UID(syntax).is_encapsulated or syntax == ExplicitVRBigEndian:
        return syntax
    return _LITTLE


@router.get(_PATH + "/rendered")
@router.get(_PATH + "/frames/{number}/rendered")
def rendered(
    site: TheSite, session: MayOpen, study_uid: str, series_uid: str, sop_instance: str,
    number: int = 1,
) -> Response:  # fmt: skip
    """Return one frame as PNG."""
    instance = instance_of(site, study_uid, series_uid, sop_instance)
    note_opened(site, session, instance.study)
    with site.box.blobs.open(instance.blob, site.box.vault.key(instance.study)) as blob:
        data = blob.read()
    picture = rendered_png(parse_dicom(io.BytesIO(data), len(data)), number)
    return Response(picture, media_type="image/png")


@router.get("/studies/{study_uid}")
@router.get("/studies/{study_uid}/series/{series_uid}")
@router.get(_PATH)
def retrieve(
    site: TheSite, session: MayRead, study_uid: str, series_uid: str = "", sop_instance: str = ""
) -> Response:
    """Return whole instances as stored, one part each."""
    refs = _located(site, study_uid, series_uid, sop_instance)
    site.note_view(session, refs[0].study)
    key = site.box.vault.key(refs[0].study)
    blobs = [site.box.blobs.open(ref.blob, key) for ref in refs[:1]]  # a missing one is an error

    def parts() -> Iterator[tuple[str, int, Iterator[bytes]]]:
        for ref in refs:
            with blobs.pop() if blobs else site.box.blobs.open(ref.blob, key) as blob:
                media = f"application/dicom; transfer-syntax={ref.transfer_syntax}"
                yield media, blob.length, pieces_of(blob)

    if len(refs) == 1:  # whole, so that damage shows before the answer begins
        return multipart_related([(m, b"".join(p)) for m, _, p in parts()], "application/dicom")
    return streamed_related(parts(), site.box.outside.randomness(12).hex(), "application/dicom")


@router.get("/studies/{study_uid}/metadata")
@router.get("/studies/{study_uid}/series/{series_uid}/metadata")
@router.get(_PATH + "/metadata")
def metadata(
    site: TheSite, session: MayOpen, study_uid: str, series_uid: str = "", sop_instance: str = ""
) -> Response:
    """Return attributes in the DICOM JSON model, bulk data left out."""
    refs = _located(site, study_uid, series_uid, sop_instance)
    note_opened(site, session, refs[0].study)
    document = json.loads(manifest_of(site.box, refs[0].study))
    images = {
        instance["00080018"]["Value"][0]: instance
        for series in document["series"]
        for instance in series["instances"]
    }
    data = StudyData(site.box, refs[0].study)
    found = [
        one
        for ref in refs
        if (one := images.get(ref.sop_instance) or instance_document(data, ref.sop_instance))
    ]
    if not found:
        raise NotFound
    return Response(json.dumps(found, ensure_ascii=False), media_type="application/dicom+json")


@router.get("/studies")
@router.get("/series")
@router.get("/instances")
@router.get("/studies/{study_uid}/series")
@router.get("/studies/{study_uid}/instances")
@router.get("/studies/{study_uid}/series/{series_uid}/instances")
def qido(site: TheSite, _session: MayRead, request: Request) -> Response:
    """Search (QIDO-RS): matching as C-FIND, answers in the DICOM JSON model."""
    level = request.url.path.rstrip("/").rsplit("/", 1)[-1]
    found = qido_level(site.box, level, dict(request.path_params), request.query_params)
    if not found:
        return Response(status_code=204)
    return Response(json.dumps(found, ensure_ascii=False), media_type="application/dicom+json")


def _located(site: Site, study_uid: str, series_uid: str, sop_instance: str) -> list[Located]:
    conditions, values = ["study.study_uid = ?", VISIBLE], [study_uid]
    if series_uid:
        conditions.append("instance.series_uid = ?")
        values.append(series_uid)
    if sop_instance:
        conditions.append("sop_instance = ?")
        values.append(sop_instance)
    rows: list[Any] = site.box.database.query(
        "SELECT instance.study, blob, transfer_syntax, sop_instance FROM instance JOIN study"
        f" ON study.study = instance.study WHERE {' AND '.join(conditions)}"
        " ORDER BY instance.series_uid, number",
        tuple(values),
    )
    if not rows:
        raise NotFound
    return [Located(*row) for row in rows]
