"""The views as the query service sees them: find, locate, open; MPPS and commitment answers in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from core.blobs.stream import sealed_stream
from core.records.record import Draft
from edge.intake.dimse.match import Matcher, needle_of
from edge.intake.dimse.ports import (
    CommitmentAnswer,
    InstanceRef,
    Level,
    ProcedureStep,
    Record,
    ServiceEvent,
)
from edge.report.commitment import CommitmentResult
from edge.stages.queue import URGENT, JobSpec, Queue
from edge.store.answers import keep_answer
from edge.store.box import Box

_STUDY = {
    "StudyInstanceUID": "study_uid", "PatientName": "patient_name", "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer", "PatientBirthDate": "birth_date", "PatientSex": "sex",
    "StudyDate": "study_date", "StudyTime": "study_time", "AccessionNumber": "accession",
    "StudyDescription": "description", "InstitutionName": "institution",
    "Manufacturer": "manufacturer", "StationName": "station",
}  # fmt: skip
_INDEXED = {
    "StudyInstanceUID": "study.study_uid", "PatientID": "study.patient_id",
    "AccessionNumber": "study.accession", "SeriesInstanceUID": "series.series_uid",
    "SOPInstanceUID": "instance.sop_instance",
}  # fmt: skip
_DATE = {"StudyDate": "study.study_date"}
_BY_NAME = "SELECT study FROM study_name WHERE instr(text, ?) > 0"
_BY_NUMBER = "SELECT study FROM study_token WHERE token"
_VISIBLE = "study.subject NOT IN (SELECT subject FROM subject WHERE restricted = 1)"


class BoxArchive:
    """The appliance's :class:`edge.intake.dimse.ports.Archive`; restricted subjects are unseen."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def find(self, level: Level, matchers: Sequence[Matcher], limit: int) -> Iterator[Record]:
        """See the port. UIDs and dates are answered by index, names and numbers are narrowed down
        by their search tables; the service judges what is left.
        """
        del limit
        conditions, values = _where(matchers)
        tables = "study"
        if level in ("SERIES", "IMAGE"):
            tables += " JOIN series ON series.study = study.study"
        if level == "IMAGE":
            tables += (
                " JOIN instance ON instance.study = study.study"
                " AND instance.series_uid = series.series_uid"
            )
        columns = ["study." + column for column in (*_STUDY.values(), "modalities")]
        columns += ["study.series_count", "study.instance_count"]
        columns += ["series.series_uid", "series.attributes", "series.instance_count"] * (
            level in ("SERIES", "IMAGE")
        )
        columns += ["instance.sop_instance", "instance.sop_class", "instance.attributes"] * (
            level == "IMAGE"
        )
        where = " AND ".join([_VISIBLE, *conditions])
        rows = self._box.database.stream(
            f"SELECT {', '.join(columns)} FROM {tables} WHERE {where}"
            " ORDER BY study.received_at DESC",
            tuple(values),
            200,
        )
        seen: set[str] = set()
        for row in rows:
            record = _record(row, level)
            if level == "PATIENT":
                if record["PatientID"] in seen:
                    continue
                seen.add(str(record["PatientID"]))
            yield record

    def locate(self, level: Level, keys: Mapping[str, tuple[str, ...]]) -> list[InstanceRef]:
        """See the port."""
        del level
        conditions: list[str] = [_VISIBLE]
        values: list[str] = []
        for keyword, alternatives in keys.items():
            column = {**_INDEXED, "SeriesInstanceUID": "instance.series_uid"}[keyword]
            conditions.append(f"{column} IN ({', '.join('?' * len(alternatives))})")
            values += alternatives
        rows = self._box.database.query(
            "SELECT sop_class, sop_instance, transfer_syntax, instance.study || ':' || blob"
            " FROM instance JOIN study ON study.study = instance.study"
            f" WHERE {' AND '.join(conditions)} ORDER BY instance.series_uid, number",
            tuple(values),
        )
        return [InstanceRef(*row) for row in rows]

    def open(self, ref: InstanceRef) -> BinaryIO:
        """See the port."""
        study, _, address = ref.key.partition(":")
        return sealed_stream(self._box.blobs.open(address, self._box.vault.key(study)))


def _where(matchers: Sequence[Matcher]) -> tuple[list[str], list[Any]]:
    """Return SQL conditions for what an index answers exactly; fewer is safe, more is not."""
    conditions: list[str] = []
    values: list[Any] = []
    for matcher in matchers:
        narrowed = _narrowed(matcher)
        if narrowed is not None:
            condition, some = narrowed
            conditions.append(f"study.study IN ({condition})")
            values += some
        elif matcher.kind == "equal" and matcher.keyword in _DATE:
            conditions.append(f"{_DATE[matcher.keyword]} = ?")
            values += matcher.values
        elif matcher.kind in ("equal", "list") and matcher.keyword.endswith("InstanceUID"):
            marks = ", ".join("?" * len(matcher.values))
            conditions.append(f"{_INDEXED[matcher.keyword]} IN ({marks})")
            values += matcher.values
        elif matcher.kind == "range" and matcher.keyword in _DATE:
            for end, sign in zip(matcher.values, (">=", "<="), strict=True):
                if end:
                    conditions.append(f"{_DATE[matcher.keyword]} {sign} ?")
                    values.append(end)
    return conditions, values


def _narrowed(matcher: Matcher) -> tuple[str, tuple[str, ...]] | None:
    """Return a query for the studies that may match by name, patient ID or accession number.

    None where the pattern has no letter to go by.
    """
    wanted = matcher.values[0]
    if matcher.kind == "name" and matcher.keyword == "PatientName":
        needle = needle_of(wanted)
        return (
            ("SELECT study FROM study_name WHERE instr(text, ?) > 0", (needle,)) if needle else None
        )
    if matcher.keyword not in ("PatientID", "AccessionNumber"):
        return None
    if matcher.kind == "equal":
        return f"{_BY_NUMBER} = ?", (wanted.casefold(),)
    first = re.split(r"[*?]", wanted.casefold())[0].rstrip()
    if matcher.kind != "wildcard" or not first:
        return None
    end = first + "\U0010ffff"
    return f"{_BY_NUMBER} >= ? AND token < ?", (first, end)


def _record(row: Sequence[Any], level: Level) -> dict[str, Any]:
    count = len(_STUDY)
    record: dict[str, Any] = {
        keyword: value or "" for keyword, value in zip(_STUDY, row[:count], strict=True)
    }
    record["ModalitiesInStudy"] = (row[count] or "").split("\\")
    record["NumberOfStudyRelatedSeries"] = row[count + 1]
    record["NumberOfStudyRelatedInstances"] = row[count + 2]
    if level in ("SERIES", "IMAGE"):
        uid, attributes, instances = row[count + 3 : count + 6]
        record |= json.loads(attributes)
        record |= {"SeriesInstanceUID": uid, "NumberOfSeriesRelatedInstances": instances}
    if level == "IMAGE":
        sop, sop_class, attributes = row[count + 6 : count + 9]
        record |= json.loads(attributes)
        record |= {"SOPInstanceUID": sop, "SOPClassUID": sop_class}
    return record


class BoxSteps:
    """Performed procedure steps: they say how many images to expect."""

    def __init__(self, box: Box, queue: Queue) -> None:
        self._box = box
        self._queue = queue

    def status_of(self, uid: str) -> str | None:
        """See :class:`edge.intake.dimse.ports.MppsSink`."""
        rows = self._box.database.query("SELECT status FROM mpps WHERE uid = ?", (uid,))
        return rows[0][0] if rows else None

    def save(self, step: ProcedureStep) -> None:
        """See :class:`edge.intake.dimse.ports.MppsSink`; a completed step sets what to expect."""
        expected = sum(len(series.instance_uids) for series in step.series)
        with self._box.database.transaction() as sql:
            sql.execute(
                "INSERT INTO mpps VALUES (?, ?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET"
                " status = excluded.status,"
                " studies = CASE excluded.studies WHEN '[]' THEN mpps.studies"
                " ELSE excluded.studies END,"
                " expected = max(mpps.expected, excluded.expected), at = excluded.at",
                (
                    step.uid, step.status, json.dumps(list(step.study_uids)), expected,
                    self._box.outside.now_ms(),
                ),
            )  # fmt: skip
            row = sql.execute("SELECT studies FROM mpps WHERE uid = ?", (step.uid,)).fetchone()
            for study_uid in json.loads(row[0]):
                ref = self._box.vault.study(study_uid)
                if ref is not None:
                    # Look again at once; images that come later find the step in the table.
                    self._queue.put([JobSpec("complete", ref.study, ref.study, URGENT, renew=True)])


class BoxAnswers:
    """Commitment answers of the PACS to requests of ours."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def answered(self, sender: str, answer: CommitmentAnswer) -> bool:
        """See :class:`edge.intake.dimse.ports.CommitmentSink`."""
        del sender
        keep_answer(
            self._box,
            CommitmentResult(
                answer.transaction_uid,
                frozenset(r.sop_instance_uid for r in answer.committed),
                dict(answer.failed),
            ),
        )
        return True


class BoxObserver:
    """Puts queries and retrieves of peers into the access journal: who looked, at which studies."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def __call__(self, event: ServiceEvent) -> None:
        """See :class:`edge.intake.dimse.ports.Observer`."""
        refs = (self._box.vault.study(uid) for uid in event.study_uids)
        body = {
            "action": f"dimse {event.kind}", "peer": event.peer, "level": event.level,
            "status": event.status, "count": event.count,
            "studies": sorted({ref.study for ref in refs if ref is not None}),
        }  # fmt: skip
        self._box.access.append([Draft("audit.logged", body, actor=f"peer:{event.peer}")])
