"""What follows from a corrected identity: later headers, and results that are made anew.

The images are the same, so nothing is analysed again. Reports and objects are: they carry the
patient and the order, and what lies in the PACS under the old ones is superseded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pydicom import Dataset

from core.records.record import Record
from edge.stages.queue import Job, JobSpec
from edge.stages.work import Done, Later, Outcome, Work
from edge.store.box import Box

_AGAIN_MS = 2000
_PATIENT = {
    "PatientName": "patient_name", "PatientID": "patient_id", "IssuerOfPatientID": "issuer",
    "PatientBirthDate": "birth_date", "PatientSex": "sex",
}  # fmt: skip
#: Of the order only what is the study's own: a series may rightly differ in the rest.
_ORDER = {
    "AccessionNumber": "accession", "StudyDate": "study_date", "StudyTime": "study_time",
    "StudyDescription": "description",
}  # fmt: skip
#: What a report waits for: these write a draft themselves, with the identity of their time.
_BEFORE = frozenset({"quality", "inference", "measuring", "report"})


def correction_of(records: Sequence[Record]) -> str:
    """Return the id of a study's identity; "" where it was never corrected. Pure.

    Slices that say the same after each other are one correction. A name that comes back after
    another one is a new correction: its results have UIDs of their own.
    """
    last, count = "", 0
    for record in records:
        if record.kind != "identity.corrected":
            continue
        found = _digest(record.body)
        if found != last:
            last, count = found, count + 1
    return f"{last}-{count}" if last else ""


def correction_id(body: dict[str, Any]) -> str:
    """Return the correction that a record or a job names; "" for none. Pure."""
    correction = body.get("correction")
    return str(correction["id"]) if correction else ""


def identity_of(box: Box, study: str) -> dict[str, str]:
    """Return the corrected attributes by keyword; {} where nothing was corrected."""
    columns = {**_PATIENT, **_ORDER}
    rows = box.database.query(
        f"SELECT {', '.join(columns.values())} FROM study"
        " WHERE study = ? AND identity_corrected = 1",
        (study,),
    )
    return {k: v or "" for k, v in zip(columns, rows[0], strict=True)} if rows else {}


def with_identity(dataset: Dataset, identity: dict[str, str]) -> Dataset:
    """Return the data set under the corrected identity (changed in place). Pure.

    Images that the corrector did not send again follow too; text is UTF-8 afterwards.
    """
    if not identity:
        return dataset
    for keyword, value in identity.items():
        # The list keeps an order's attribute where a correction says nothing of it.
        if value or (keyword in _PATIENT and keyword in dataset):
            setattr(dataset, keyword, value)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    return dataset


def renewal(work: Work, job: Job) -> Outcome:
    """Order the newest report anew under the corrected identity, once no stage is at work."""
    box = work.box
    now = box.outside.now_ms()
    # One that failed for good, or waits for a person, is not waited for.
    if any(
        stage in _BEFORE and state in ("waiting", "running")
        for stage, state in work.queue.open_for(job.study)
    ):
        return Later(now + _AGAIN_MS)
    records = box.records_of(job.study)
    correction = correction_of(records)
    drafted = next((r.body for r in reversed(records) if r.kind == "report.drafted"), None)
    if drafted is None or correction_id(drafted) == correction:
        return Done()
    edition = ":".join(str((drafted.get(k) or {}).get("id", 0)) for k in ("override", "review"))
    payload = {
        "input": drafted["input"], "override": drafted.get("override"),
        "review": drafted.get("review"), "correction": {"id": correction},
    }  # fmt: skip
    key = f"{job.study}:{drafted['input']}:{edition}:{correction}"
    work.queue.put(
        [JobSpec("report", key, job.study, int(drafted.get("priority") or 0), payload=payload)]
    )
    return Done()


def _digest(body: dict[str, Any]) -> str:
    known = {**body["study"], **body["patient"]}
    text = json.dumps([known.get(k) or "" for k in (*_PATIENT, *_ORDER)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
