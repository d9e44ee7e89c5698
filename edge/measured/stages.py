"""Stage ``measurements``: a person's measurements as a structured report for the PACS.

Sent are the versions that their author let go, and, with the signature of a report, the signer's
own newest one; only the latter is verified. Written once per author, version, report and identity;
an object supersedes its author's last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.blobs.disk import put
from core.records.clock import Stamp
from core.records.record import Record
from edge.report.context import ResultContext, Station
from edge.report.delivery import part10
from edge.report.measured_sr import MeasuredList, write_measured_sr
from edge.stages.corrections import correction_of
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work, append
from edge.store.box import Box

LABEL = "measurements_sr"
_OF_AN_OBJECT = (
    ("sop_class", "SOPClassUID"), ("sop_instance", "SOPInstanceUID"),
    ("series", "SeriesInstanceUID"), ("study", "StudyInstanceUID"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Released:
    """What of a person's measurements may leave; ``report`` took it along, "" for none."""

    by: str
    name: str
    version: int
    at: datetime
    report: str


def measurements(work: Work, job: Job) -> Outcome:
    """Write what was let go and is not written yet; append ``measurements.issued``."""
    box, study = work.box, job.study
    records = box.records_of(study)
    correction = correction_of(records)
    issued = [r.body for r in records if r.kind == "measurements.issued"]
    for one in released_of(records):
        wanted = (one.by, one.version, one.report, correction)
        done = [(x["by"], x["version"], x["report"], x["correction"]) for x in issued]
        before = [x for x in issued if x["by"] == one.by]
        measures = list_at(records, one.by, one.version)
        if wanted in done or not (measures or before):
            continue
        found = _written(box, study, one, measures, (correction, before))
        if found is None:
            return Done()  # no image says under which identity the object belongs
        body = {
            "id": f"mi_{box.outside.randomness(8).hex()}", "by": one.by, "name": one.name,
            "version": one.version, "report": one.report, "correction": correction,
            "destination": box.settings.delivery.destination, "objects": [found],
        }  # fmt: skip
        append(work, study, "measurements.issued", body)
    return Done()


def released_of(records: Sequence[Record]) -> list[Released]:
    """Return each author's last version that may leave, oldest release first. Pure."""
    newest: dict[str, int] = {}
    found: dict[str, Released] = {}
    for record in records:
        if record.kind == "measurements.drawn":
            newest[record.body["by"]] = record.body["version"]
            continue
        if record.kind not in ("measurements.sent", "report.signed"):
            continue
        signed = record.body.get("report") if record.kind == "report.signed" else None
        said = record.body if signed is None else signed
        if signed is not None and said["by"] not in newest:
            continue
        version = said["version"] if signed is None else newest[said["by"]]
        at = datetime.fromisoformat(Stamp.parse(record.header.clock).iso()).astimezone()
        found.pop(said["by"], None)
        found[said["by"]] = Released(
            said["by"], said["name"], version, at, "" if signed is None else signed["id"]
        )
    return list(found.values())


def list_at(records: Sequence[Record], by: str, version: int) -> list[dict[str, Any]]:
    """Return a person's measurements as they were at a version, in order of drawing. Pure."""
    kept: dict[str, dict[str, Any]] = {}
    for record in records:
        body = record.body
        if record.kind != "measurements.drawn" or body["by"] != by or body["version"] > version:
            continue
        for gone in body["removed"]:
            kept.pop(gone, None)
        kept |= {one["id"]: one for one in body["set"]}
    return list(kept.values())


def _written(
    box: Box, study: str, one: Released, measures: list[dict[str, Any]],
    earlier: tuple[str, list[dict[str, Any]]],
) -> dict[str, Any] | None:  # fmt: skip
    correction, before = earlier
    data = StudyData(box, study)
    drawn_on = [str(m["frame"]).partition("/")[0] for m in measures] or list(data.instances)[:1]
    sources = tuple(data.header(sop) for sop in sorted(set(drawn_on) & set(data.instances)))
    if not sources:
        return None
    context = ResultContext(
        sources=sources, model="measurements", version="1", made_at=one.at,
        station=Station(
            device_uid=f"2.25.{int(box.identity.id[:30], 16)}", serial=box.identity.id[:16],
            institution=box.settings.hospital,
        ),
    )  # fmt: skip
    last = before[-1]["objects"][0] if before else None
    said = MeasuredList(
        author=one.name, by=one.by, organisation=box.settings.hospital,
        measures=[m for m in measures if str(m["frame"]).partition("/")[0] in data.instances],
        identity=f"{one.version}:{one.report}:{correction}",
        signed_at=one.at if one.report else None,
        predecessor=None if last is None else {name: last[name] for name, _ in _OF_AN_OBJECT},
    )  # fmt: skip
    dataset = write_measured_sr(context, said)
    file = part10(dataset)
    blob = put(box.blobs, file, box.vault.key(study), box.outside.randomness(32))
    named = {name: str(getattr(dataset, keyword)) for name, keyword in _OF_AN_OBJECT}
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    return {"label": LABEL, "bytes": len(file), "blob": blob, "transfer_syntax": syntax} | named
