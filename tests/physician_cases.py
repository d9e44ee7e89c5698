"""Findings, examinations and drafts for the tests of the physician's report. No IO."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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


def comparison(prior: str = "20260801", id: str = "c1") -> dict[str, Any]:  # noqa: A002 as the view names it
    """Return a finished comparison with an earlier CT as the view holds it."""
    changes = [
        {
            "verdict": "regression", "verdict_zh": "缩小", "verdict_en": "smaller",
            "prior_ids": [2], "current_ids": [3], "kind_prior": "cavity",
            "kind_current": "cavity", "volume_prior_ml": 6.2, "volume_current_ml": 4.6,
            "volume_change": -0.258,
        },
        {
            "verdict": "resolved", "verdict_zh": "本次未见", "verdict_en": "not seen now",
            "prior_ids": [4], "current_ids": [], "kind_prior": "solid_nodule",
            "kind_current": None, "volume_prior_ml": 0.8, "volume_current_ml": None,
            "volume_change": None,
        },
    ]  # fmt: skip
    found = {
        "conclusion_zh": "较前缩小", "conclusion_en": "smaller than before",
        "note_zh": "自动对比，须医师确认", "note_en": "automatic; a physician confirms",
        "reasons": [], "changes": changes, "prior": {"study_date": prior},
        "current": {"study_date": "20261120"},
    }  # fmt: skip
    return {
        "id": id, "task": "follow_up", "other": "s0", "at": "2026-11-23T00:00:00Z",
        "status": "ok", "days": 111, "result": found, "reason": None, "notes": [],
    }  # fmt: skip
