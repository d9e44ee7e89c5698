"""The draft's sentences on a radiograph's interval, extent and Timika score."""

from __future__ import annotations

from dataclasses import replace

from core.imaging.result import QcResult, TbScore
from edge.report.case import CaseResult
from edge.report.text import draft_report
from edge.report.text_film import film_notes

TB = TbScore(
    score=0.81, threshold=0.35, positive=True, model="dr_tb", version="0.2.0",
    calibration_set="somewhere", interval=(0.62, 0.92),
    extra={
        "affected_percent": 12.4, "timika": 52.4, "cavity_suspected": 1.0,
        "affected_right_upper_zone_percent": 61.0, "affected_left_lower_zone_percent": 2.0,
    },
)  # fmt: skip


def test_interval_extent_and_timika_are_told_with_their_sources():
    interval, extent = film_notes(TB)
    assert "0.62～0.92" in interval.zh
    assert interval.sources == ("tb.interval",)
    assert "12%" in extent.zh
    assert "61%" in extent.zh
    assert "疑似空洞" in extent.zh
    assert "52" in extent.en
    assert "2 %" not in extent.en.replace("12 %", "")
    assert "tb.affected_right_upper_zone_percent" in extent.sources


def test_without_a_cavity_none_is_mentioned():
    quiet = replace(TB, extra={**TB.extra, "cavity_suspected": 0.0, "timika": 12.4})
    assert "空洞" not in film_notes(quiet)[1].zh
    assert "cavity" not in film_notes(quiet)[1].en


def test_below_the_threshold_there_is_no_extent():
    below = replace(TB, score=0.1, positive=False)
    assert len(film_notes(below)) == 1


def test_a_model_that_tells_neither_adds_nothing():
    assert film_notes(replace(TB, interval=None, extra={})) == []


def test_the_draft_holds_them_among_its_findings():
    draft = draft_report(CaseResult("ok", QcResult("pass"), tb=TB), "草稿", "Draft")
    found = draft.section("findings")
    assert any("Timika" in sentence.en for sentence in found)
    assert any("tb.interval" in sentence.sources for sentence in found)
