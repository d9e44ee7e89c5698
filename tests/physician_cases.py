"""Findings, examinations and drafts for the tests of the physician's report. No IO."""

from __future__ import annotations

from dataclasses import replace

from core.imaging.case import LungVolumes, sum_up
from core.imaging.result import Lesion
from edge.report.case import CaseResult
from edge.report.physician.bound import Exam, offered
from edge.report.physician.content import Content, Section, Statement
from edge.report.physician.phrases import FIRST

CAVITY = Lesion(
    3, "cavity", (-60.0, 10.0, 120.0), 4.6, 23.0, 18.0, -120.0, "right_upper_zone", 0.93,
    {"wall_mean_mm": 4.2}, codes={"lobe": "right_upper_lobe", "wall": "thick"},
)  # fmt: skip
TREE = Lesion(
    5, "tree_in_bud", (70.0, 0.0, -20.0), 3.1, 31.0, 20.0, -600.0, "left_lower_zone", 0.81
)  # fmt: skip
EXAM = Exam("CT", "20261120", "肺窗 1.25", 280, 1.25)
BOOK = {one.name: one for one in FIRST}


def ct_case(lesions: tuple[Lesion, ...] = (CAVITY, TREE)) -> CaseResult:
    """Return an analysed CT."""
    found = sum_up(lesions, LungVolumes(4500.0, {})) if lesions else None
    return CaseResult("ok", lesions=lesions, ct=found)


def free(key: str, text: str, section: Section = "findings") -> Statement:
    """Return words that a person typed."""
    return Statement(key, section, "free", text=text, confirmed=True)


def written(case: CaseResult, exam: Exam) -> Content:
    """Return a draft whose every statement was confirmed."""
    return Content(tuple(replace(one, confirmed=True) for one in offered(case, exam)))
