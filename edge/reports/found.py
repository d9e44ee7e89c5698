"""What a report is written from: the result, its corrections, comparisons, records of the case."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.imaging.case import LungVolumes, sum_up
from core.imaging.result import Lesion
from edge.joining.draft_sentences import sentences_of
from edge.joining.rows import comparisons_of
from edge.report.case import CaseResult
from edge.report.physician.bound import Exam, offered, offered_severity
from edge.report.physician.content import Statement
from edge.report.physician.exhibits import FollowUpTable, follow_up_of
from edge.report.physician.prompts import Known
from edge.reports.phrases import phrasebook
from edge.review.base import base_of, head_of
from edge.stages.results import case_of, lesion_of
from edge.store.box import Box

_CHEST = ("CT", "DX", "CR", "DR")


@dataclass(frozen=True, slots=True)
class Found:
    """What the box knows of a study at this moment.

    Attributes
    ----------
    case : CaseResult or None
        None while no result exists. With a physician's correction the lesions are the corrected
        ones.
    basis : dict
        What the statements come from: result version, input, model, threshold, correction.
    """

    case: CaseResult | None
    exam: Exam
    basis: dict[str, Any]
    facts: tuple[dict[str, Any], ...]
    follow_up: FollowUpTable | None = None

    @property
    def offered(self) -> tuple[Statement, ...]:
        """Return the statements that are offered now."""
        return offered(self.case, self.exam)


def found_of(box: Box, row: dict[str, Any]) -> Found:
    """Return what the box knows of a study, given its row."""
    case, basis = _case(box, row["study"])
    table = follow_up_of(comparisons_of(box, row["study"]))
    return Found(case, _exam(box, row), basis, _facts(box, row["subject"]), table)


def known_of(box: Box, found: Found) -> Known:
    """Return what a draft is held against."""
    lesions = None if found.case is None else found.case.lesions
    prior = found.exam.prior
    named = f"{prior['date']} {prior['modality']}" if prior else ""
    return Known(
        found.offered, lesions, named, phrasebook(box), found.follow_up,
        offered_severity(found.case),
    )  # fmt: skip


def _case(box: Box, study: str) -> tuple[CaseResult | None, dict[str, Any]]:
    rows = box.database.query(
        "SELECT version, result, input FROM result WHERE study = ? ORDER BY version DESC LIMIT 1",
        (study,),
    )
    if not rows:
        return None, {"result": 0}
    version, text, input_ = rows[0]
    result = json.loads(text)
    case = case_of(result, None)
    method, tb = result.get("method") or {}, result.get("tb") or {}
    basis = {
        "result": version, "input": input_, "model": method.get("model") or tb.get("model") or "",
        "version": method.get("version") or tb.get("version") or "",
        "threshold": tb.get("threshold", method.get("threshold")),
        "calibration_set": tb.get("calibration_set") or method.get("calibration_set") or "",
        "review": "",
    }  # fmt: skip
    head, number, _name = head_of(box, study)
    if head and case.status == "ok" and case.lesions is not None:
        lesions = tuple(lesion_of(one) for one in base_of(box, study, head).lesions)
        return _corrected(case, lesions), basis | {"review": head, "review_version": number}
    return case, basis


def _corrected(case: CaseResult, lesions: tuple[Lesion, ...]) -> CaseResult:
    """Return the case with a physician's lesions; the AI's own summary does not hold then."""
    from dataclasses import replace

    if case.lesions == lesions:
        return case
    # Volumes of lungs and lobes are not part of a correction: burdens are not told then.
    again = sum_up(lesions, LungVolumes(0.0, {})) if lesions else None
    return replace(case, lesions=lesions, ct=again)


def _exam(box: Box, row: dict[str, Any]) -> Exam:
    series = _series(box, row)
    prior = box.database.query(
        "SELECT study, modality, study_date FROM study WHERE subject = ? AND study != ?"
        f" AND study_date != '' AND study_date < ? AND modality IN ({','.join('?' * len(_CHEST))})"
        " ORDER BY study_date DESC, study LIMIT 1",
        (row["subject"], row["study"], row["study_date"] or "", *_CHEST),
    )
    return Exam(
        modality=row["modality"] or "", date=row["study_date"] or "",
        series=series[0], images=series[1], thickness_mm=series[2],
        prior=dict(zip(("study", "modality", "date"), prior[0], strict=True)) if prior else None,
        changes=_changes(box, row["study"]),
    )  # fmt: skip


def _series(box: Box, row: dict[str, Any]) -> tuple[str, int, float]:
    rows = box.database.query(
        "SELECT series_uid, description, instance_count, attributes FROM series WHERE study = ?"
        " ORDER BY instance_count DESC, series_uid LIMIT 1",
        (row["study"],),
    )
    if not rows:
        return "", 0, 0.0
    uid, description, count, _attributes = rows[0]
    thickness = 0.0
    one = box.database.query(
        "SELECT attributes FROM instance WHERE study = ? AND series_uid = ? LIMIT 1",
        (row["study"], uid),
    )
    if one:
        try:
            thickness = float(json.loads(one[0][0]).get("SliceThickness") or 0.0)
        except (TypeError, ValueError):
            thickness = 0.0
    return description or "", int(count), thickness


def _changes(box: Box, study: str) -> tuple[dict[str, Any], ...]:
    told = sentences_of(comparisons_of(box, study))
    return tuple(
        {"key": f"{one.sources[0]}:{n}", "zh": one.zh, "en": one.en, "sources": one.sources}
        for n, one in enumerate(told)
    )


def _facts(box: Box, subject: str) -> tuple[dict[str, Any], ...]:
    """Return what records and people say of the case, each with its source."""
    names = ("code", "value", "on_date", "note", "source", "by", "name", "at")
    rows = box.database.query(
        f"SELECT {', '.join(f'{chr(34)}{n}{chr(34)}' for n in names)} FROM case_fact"
        " WHERE subject = ? ORDER BY code",
        (subject,),
    )
    return tuple(dict(zip(names, row, strict=True)) for row in rows)
