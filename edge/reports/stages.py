"""Stage ``issuing``: the documents of a signed report, written once per version and identity.

Printed report (PDF), Encapsulated PDF and structured report for the PACS, FHIR DiagnosticReport.
UIDs follow from the version's record, so that a job that runs twice writes the same; after a
corrected identity they are other objects, and the structured report names the one before.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.blobs.disk import put
from core.errors import XinglinError
from core.records.record import Record
from edge.report.context import ResultContext, Station
from edge.report.delivery import part10
from edge.report.physician.classes import classification_of
from edge.report.physician.fhir import diagnostic_report
from edge.report.physician.objects import write_pdf, write_sr
from edge.reports.desk import versions_of
from edge.reports.papers import document_of, letter_of, printed, subject_of
from edge.reports.phrases import phrasebook
from edge.stages.corrections import correction_of
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work, append
from edge.store.box import Box

_OF_AN_OBJECT = (
    ("sop_class", "SOPClassUID"), ("sop_instance", "SOPInstanceUID"),
    ("series", "SeriesInstanceUID"), ("study", "StudyInstanceUID"),
)  # fmt: skip


def issuing(work: Work, job: Job) -> Outcome:
    """Write the documents of the newest signed version; append ``report.issued``."""
    box, study = work.box, job.study
    versions = versions_of(box, study)
    chain = [one for one in versions if one["kind"] != "preliminary"]
    rows = _row(box, study)
    if not chain or rows is None:
        return Done()
    records = box.records_of(study)
    correction = correction_of(records)
    newest = chain[-1]
    issued = [r.body for r in records if r.kind == "report.issued"]
    if any((one["id"], one["correction"]) == (newest["id"], correction) for one in issued):
        return Done()
    objects = _documents(box, rows, chain, correction, records)
    body = {
        "id": newest["id"], "version": newest["version"], "correction": correction,
        "destination": box.settings.delivery.destination, "objects": objects,
    }  # fmt: skip
    append(work, study, "report.issued", body)
    return Done()


def _documents(
    box: Box, row: dict[str, Any], chain: list[dict[str, Any]], correction: str,
    records: list[Record],
) -> list[dict[str, Any]]:  # fmt: skip
    book, newest = phrasebook(box), chain[-1]
    at = datetime.fromisoformat(newest["body"]["at"]).astimezone()
    pdf = printed(letter_of(box, row, chain, book), at)
    found = classification_of(chain[0]["body"]["content"]["classification"])
    body = {**chain[0]["body"], **{k: newest["body"][k] for k in ("id", "at", "by", "name")}}
    if len(chain) > 1:
        body |= {"to": chain[0]["id"]} | {
            name: "\n\n".join(one["body"][name] for one in reversed(chain))
            for name in ("text_zh", "text_en")
        }
    fhir = diagnostic_report(
        newest["kind"], newest["version"], body, subject_of(box, row), found, pdf
    )
    objects = [
        _kept(box, row["study"], "pdf", pdf),
        _kept(box, row["study"], "fhir", json.dumps(fhir, ensure_ascii=False).encode()),
    ]
    context = _context(box, row["study"], f"{newest['id']}:{correction}", at)
    if not context.sources:
        return objects  # no image says under which identity DICOM objects belong
    document = document_of(box, chain, book, correction)
    document = replace(document, predecessor=_before(records))
    for label, dataset in (
        ("report_pdf", write_pdf(context, document, pdf)),
        ("report_sr", write_sr(context, document)),
    ):
        named = {name: str(getattr(dataset, keyword)) for name, keyword in _OF_AN_OBJECT}
        syntax = {"transfer_syntax": str(dataset.file_meta.TransferSyntaxUID)}
        objects.append(_kept(box, row["study"], label, part10(dataset)) | named | syntax)
    return objects


def _before(records: list[Record]) -> dict[str, str] | None:
    """Return the structured report that this one supersedes."""
    for record in reversed(records):
        for one in record.body["objects"] if record.kind == "report.issued" else ():
            if one["label"] == "report_sr":
                return {name: one[name] for name, _ in _OF_AN_OBJECT}
    return None


def _kept(box: Box, study: str, label: str, data: bytes) -> dict[str, Any]:
    blob = put(box.blobs, data, box.vault.key(study), box.outside.randomness(32))
    return {"label": label, "bytes": len(data), "blob": blob}


def _row(box: Box, study: str) -> dict[str, Any] | None:
    rows = box.database.named("SELECT * FROM study WHERE study = ?", (study,))
    return rows[0] if rows else None


def _context(box: Box, study: str, edition: str, at: datetime) -> ResultContext:
    data = StudyData(box, study)
    sources = []
    for uid in data.instances:
        try:
            sources.append(data.header(uid))
        except XinglinError:
            continue
        break
    return ResultContext(
        sources=tuple(sources),
        model="report",
        version="1",
        made_at=at,
        station=Station(
            device_uid=f"2.25.{int(box.identity.id[:30], 16)}",
            serial=box.identity.id[:16],
            institution=box.settings.hospital,
        ),
        edition=edition,
    )
