"""Stages of a consultation: build and send a case, take what the hub's chain brings, file opinions.

Each is a job of the worker lanes: it may be killed anywhere and runs again with the same effect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydicom import Dataset

from core.blobs.disk import put
from core.consult.case import CaseObject
from core.errors import XinglinError
from core.records.record import Draft
from core.seals.statements import sign_node
from edge.consult.book import Kept, grants_of, kept, subject_of
from edge.consult.bundle import build, document_piece, documents_of, put_case
from edge.consult.document import write_pdf, write_words
from edge.consult.errors import ConsultUnknown
from edge.consult.inbox import take
from edge.consult.opinions import text_of
from edge.consult.people import name_of
from edge.consult.post import Saying, send
from edge.consult.region import PRIORITY, Desk
from edge.consult.requests import kept_words, request_facts
from edge.consult.seal import Packer, reference
from edge.consult.statistics import DOMAIN, Source, body_of, statistic
from edge.report.context import ResultContext, Station
from edge.report.delivery import part10
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Later, Outcome, Work
from edge.uplink.link_errors import OutboxFull

_FULL_MS = 60_000
_SOON_MS = 1000


def send_case(work: Work, desk: Desk, job: Job) -> Outcome:
    """Seal a requested case into the outbox, then the request itself."""
    try:
        found = kept(work.box, job.payload["consult"])
    except ConsultUnknown:
        return Done()  # erased meanwhile
    if found.state.requested_at or _was_sent(desk, found.request["event"]):
        return Done()
    if _withdrawn(desk, found.consult):
        return Done()
    packer = _packer(desk, found)

    def progress(text: str) -> None:
        work.progress(found.study, "consult", text)

    try:
        built = build(work.box, found, packer, progress)
        facts = {
            **request_facts(desk.joined.hospital, found.request, found.request["seats"]),
            "case": built.case.address,
            "bytes": sum(packer.sizes.values()),
        }
        send(
            desk,
            found,
            Saying(
                "requested",
                found.request["requester"]["user"],
                found.request["by"],
                facts=facts,
                objects=[reference(one, packer.sizes[one.address]) for one in packer.objects],
                needs=built.needs,
                event=found.request["event"],
                at=found.request["at"],
                case=_case(built.case.address, built.objects, built.studies),
            ),
        )
    except OutboxFull as full:
        progress(full.sentence("zh"))
        return Later(work.box.outside.now_ms() + _FULL_MS)
    progress("")
    return Done()


def send_answer(work: Work, desk: Desk, job: Job) -> Outcome:
    """Seal documents that were asked for, with a new case index, then the answer itself."""
    payload = job.payload
    found = kept(work.box, payload["consult"])
    words = kept_words(desk, payload["event"])
    if _was_sent(desk, payload["event"]) or words is None:
        return Done()
    packer, (objects, studies) = _packer(desk, found), _case_before(desk, found)
    urgent = PRIORITY[found.request["urgency"]]
    try:
        for row in documents_of(work.box, found.consult, payload["documents"]):
            packer.put(document_piece(work.box, found.study, row), urgent)
        fresh = tuple(packer.objects)
        case = put_case(work.box, found, packer, (*objects, *fresh), studies)
        saying = Saying(
            "information.given",
            payload["user"],
            payload["by"],
            {"text": words, "objects": [one.object for one in fresh]},
            facts={"case": case.address, "bytes": sum(packer.sizes.values())},
            objects=[reference(one, packer.sizes[one.address]) for one in packer.objects],
            needs=[one.address for one in packer.objects],
            event=payload["event"],
            case=_case(case.address, (*objects, *fresh), studies),
        )
        with work.box.database.transaction() as sql:
            send(desk, found, saying)
            sql.execute("DELETE FROM consult_draft WHERE consult = ?", (payload["event"],))
    except OutboxFull:
        return Later(work.box.outside.now_ms() + _FULL_MS)
    return Done()


def take_chain(work: Work, desk: Desk) -> Outcome:
    """Take what the hub's chain has brought."""
    taken = take(desk)
    if taken is None or taken >= 200:
        return Later(work.box.outside.now_ms() + (_SOON_MS if taken is None else 0))
    return Done()


def file_opinion(work: Work, desk: Desk, job: Job) -> Outcome:
    """Write a signed opinion as objects for the PACS and append it to the report."""
    box, body = work.box, job.payload
    if box.database.query(
        "SELECT 1 FROM consult_object WHERE consult = ? AND event = ?",
        (body["consult"], body["event"]),
    ):
        return Done()
    found = kept(box, body["consult"])
    row = box.database.query(
        "SELECT kind, actor, at, digest, opened FROM consult_event WHERE consult = ? AND event = ?",
        (found.consult, body["event"]),
    )
    if not row or not row[0][4]:
        return Done()  # nothing could be opened: the alarm says so
    kind, actor, at, digest, opened = row[0]
    text = text_of(
        kind, json.loads(opened), _author(desk, found, actor), at=at, digest=digest,
        house=found.house,
    )  # fmt: skip
    context = _context(box, found, body["event"], at)
    if not context.sources:
        return Done()  # no image says under which identity it belongs
    objects = [
        _object(box, found.study, "opinion_pdf", write_pdf(context, text)),
        _object(box, found.study, "opinion_sr", write_words(context, text)),
    ]
    addended = {
        "consult": found.consult, "event": body["event"], "digest": digest, "title": text.title,
        "sections": [list(one) for one in text.sections], "objects": objects,
        "destination": box.settings.delivery.destination, "input": body["event"],
    }  # fmt: skip
    subject = subject_of(box, found.study)
    if subject:
        box.append([Draft("report.addended", addended, subject, found.study)])
    return Done()


def send_statistic(work: Work, desk: Desk, job: Job) -> Outcome:
    """Put a de-identified result into the outbox; nothing leaves where no field is listed."""
    box = work.box
    fields = frozenset(box.settings.statistics.fields)
    rows = box.database.query(
        "SELECT s.subject, s.modality, s.sex, s.birth_date, s.study_date, r.result FROM study s"
        " JOIN result r ON r.study = s.study WHERE s.study = ? AND r.input = ?"
        " ORDER BY r.version DESC LIMIT 1",
        (job.study, job.payload["input"]),
    )
    if desk.region is None or not fields or not rows:
        return Done()
    subject, modality, sex, birth_date, study_date, result = rows[0]
    review = (job.payload.get("review") or {}).get("decision", "")
    source = Source(modality, sex, birth_date, study_date, json.loads(result), review)
    pseudonyms = (
        box.vault.lookup("statistics study", job.study)[:16].hex(),
        box.vault.lookup("statistics patient", subject)[:16].hex(),
    )
    body = body_of(desk.region.hospital, pseudonyms, statistic(source, fields))
    wire = sign_node(body, DOMAIN, box.identity)
    id_ = "s_" + box.vault.lookup("statistics id", job.key)[:16].hex()
    desk.outgoing.put_statistics(id_, wire)
    return Done()


def _packer(desk: Desk, found: Kept) -> Packer:
    grants = grants_of(desk.box, found.study, found.consult)
    epoch = min(grants.newest, found.state.epoch)
    return Packer(desk.outgoing, found.consult, epoch, grants.keys[epoch])


def _was_sent(desk: Desk, event: str) -> bool:
    rows = desk.box.database.query("SELECT 1 FROM consult_sent WHERE event = ?", (event,))
    return bool(rows)


def _withdrawn(desk: Desk, consult: str) -> bool:
    rows = desk.box.database.query(
        "SELECT 1 FROM consult_sent WHERE consult = ? AND kind = 'cancelled'", (consult,)
    )
    return bool(rows)


def _case_before(desk: Desk, found: Kept) -> tuple[tuple[CaseObject, ...], list[dict[str, Any]]]:
    """Return the objects and studies that the case names so far, as this box put them."""
    rows = desk.box.database.query(
        "SELECT opened FROM consult_sent WHERE consult = ? ORDER BY rowid DESC", (found.consult,)
    )
    for (own,) in rows:
        case = json.loads(own)["case"]
        if case:
            return tuple(CaseObject(**one) for one in case["objects"]), case["studies"]
    return (), []


def _case(
    address: str, objects: tuple[CaseObject, ...], studies: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "address": address, "objects": [one.as_json() for one in objects], "studies": studies,
    }  # fmt: skip


def _author(desk: Desk, found: Kept, actor: str) -> tuple[str, str]:
    """Return who signed and of which hospital, as the directory (or this box) names them."""
    if found.house:
        names = {one["person"]: one["name"] for one in found.request.get("people", [])}
        return names.get(actor, actor), desk.box.settings.hospital
    directory = desk.region.directory() if desk.region else None
    person = directory.contents.people.get(actor) if directory else None
    hospitals: Mapping[str, Any] = directory.contents.hospitals if directory else {}
    place = hospitals[person.hospital].name if person and person.hospital in hospitals else ""
    return name_of(directory, actor) or actor, place


def _context(box: Any, found: Kept, event: str, at: str) -> ResultContext:
    data = StudyData(box, found.study)
    sources = []
    for uid in data.instances:
        try:
            sources.append(data.header(uid))
        except XinglinError:
            continue
        break
    return ResultContext(
        sources=tuple(sources),
        model="consultation",
        version="1",
        made_at=datetime.fromisoformat(at).astimezone(),
        station=Station(
            device_uid=f"2.25.{int(box.identity.id[:30], 16)}",
            serial=box.identity.id[:16],
            institution=box.settings.hospital,
        ),
        edition=event,
    )


def _object(box: Any, study: str, label: str, dataset: Dataset) -> dict[str, Any]:
    data = part10(dataset)
    return {
        "label": label,
        "sop_class": str(dataset.SOPClassUID),
        "sop_instance": str(dataset.SOPInstanceUID),
        "series": str(dataset.SeriesInstanceUID),
        "study": str(dataset.StudyInstanceUID),
        "transfer_syntax": str(dataset.file_meta.TransferSyntaxUID),
        "bytes": len(data),
        "blob": put(box.blobs, data, box.vault.key(study), box.outside.randomness(32)),
    }
