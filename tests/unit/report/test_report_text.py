"""The drafted report: what it says, what it must never say, where each sentence comes from."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from core.imaging.result import Lesion
from edge.report import codes as own
from edge.report.case import CaseResult
from edge.report.text import ReportDraft, draft_report
from tests import report_cases as cases

STATEMENT = ("AI 结果，未经医师审核。", "AI result, not reviewed by a physician.")


def draft(case: CaseResult) -> ReportDraft:
    return draft_report(case, *STATEMENT)


def lesion(**changes: object) -> Lesion:
    return replace(cases.lesions()[0], **changes)


def test_a_ct_with_findings_reads_like_a_report() -> None:
    assert draft(cases.CASES["ct_findings"]).as_text("zh") == (
        "【影像所见】\n"
        "左上肺野见空洞性病灶，大小约 22 mm × 18 mm，平均壁厚约 4.2 mm。"
        "右上肺野见实性结节，大小约 8.9 mm × 6.4 mm，平均 CT 值约 30 HU。"
        "AI 未检出其他病灶；纵隔、骨骼及其余结构未由 AI 评估，请医师阅片。\n\n"
        "【影像诊断】\n"
        "1. 左上肺野空洞，疑似肺结核，请结合临床及病原学检查。\n"
        "2. 右上肺野实性结节，性质待定。\n\n"
        "【建议】\n"
        "1. 建议结合症状及接触史，行痰涂片、分枝杆菌培养及核酸检测，必要时转结核病定点医疗机构。\n"
        "2. 结节建议与既往影像对照，并由医师决定随访间隔。\n\n"
        "AI 结果，未经医师审核。"
    )


def test_lesions_of_one_kind_and_place_are_told_together_with_the_largest() -> None:
    case = CaseResult(
        "ok",
        lesions=(
            lesion(id=1, long_axis_mm=5.0, short_axis_mm=4.0),
            lesion(id=2, long_axis_mm=12.4, short_axis_mm=9.6),
            lesion(id=3, location="left_lower_zone"),
        ),
    )
    findings = draft(case).section("findings")
    assert findings[0].zh.startswith("右上肺野见 2 处实性结节，较大者大小约 12 mm × 9.6 mm")
    assert "L2.long_axis_mm" in findings[0].sources
    assert findings[1].zh.startswith("左下肺野见实性结节")
    assert (
        draft(case).section("impression")[0].zh.startswith("右上肺野多发实性结节、左下肺野实性结节")
    )


def test_nodules_in_many_places_are_one_impression() -> None:
    sites = ("right_upper_zone", "right_lower_zone", "left_upper_zone", "left_lower_zone")
    case = CaseResult(
        "ok",
        lesions=tuple(
            lesion(id=n, location=site, long_axis_mm=5.0 + n) for n, site in enumerate(sites, 1)
        ),
    )
    (impression,) = draft(case).section("impression")
    assert impression.zh == "双肺多发结节（4 处，较大者位于左下肺野），性质待定。"
    assert impression.en == (
        "Multiple nodules in both lungs (4, the largest in the left lower zone), of undetermined "
        "nature."
    )
    assert impression.sources == ("L1.kind", "L2.kind", "L3.kind", "L4.kind")


def test_effusion_is_a_volume_not_a_diameter() -> None:
    case = CaseResult(
        "ok", lesions=(lesion(kind="pleural_effusion", location="pleural_right", volume_ml=123.4),)
    )
    sentence = draft(case).section("findings")[0]
    assert sentence.zh == "右侧胸腔见积液影，量约 123 ml。"
    assert draft(case).section("impression")[0].zh == "右侧胸腔积液，原因待查。"


@pytest.mark.parametrize("kind", list(own.KINDS))
@pytest.mark.parametrize("site", list(own.SITES))
def test_never_more_than_suspected(kind: str, site: str) -> None:
    text = draft(CaseResult("ok", lesions=(lesion(kind=kind, location=site),)))
    zh, en = text.as_text("zh"), text.as_text("en")
    assert not re.search(r"确诊|诊断为|证实|明确为|符合肺结核|活动性", zh)
    assert not re.search(r"confirmed|diagnos(ed|tic of)|consistent with", en, re.IGNORECASE)
    for found in re.finditer("肺结核", zh):
        before, after = zh[: found.start()], zh[found.end() :]
        assert before.endswith(("疑似", "排除")) or after.startswith(("待排除", "，"))


@pytest.mark.parametrize("key", list(cases.CASES))
def test_every_sentence_names_its_measurements_and_has_both_languages(key: str) -> None:
    for sentence in draft(cases.CASES[key]).sentences:
        assert sentence.sources
        assert sentence.zh.endswith("。")
        assert sentence.en.endswith(".")
        assert not re.search("[一-鿿]", sentence.en)


def test_sources_point_at_measurements_that_exist() -> None:
    case = cases.CASES["ct_findings"]
    known = {f"L{item.id}" for item in case.lesions or ()} | {"case", "tb", "qc"}
    for sentence in draft(case).sentences:
        assert {source.split(".")[0] for source in sentence.sources} <= known


@pytest.mark.parametrize("key", ["ct_failed", "ct_refused", "ct_not_applicable"])
def test_without_a_result_nothing_reads_like_a_normal_study(key: str) -> None:
    zh = draft(cases.CASES[key]).as_text("zh")
    assert "未见" not in zh.replace("不等于未见异常", "")
    assert "AI 未给出意见" in zh


def test_the_three_results_without_findings_are_told_apart() -> None:
    first = {
        key: draft(cases.CASES[key]).section("findings")[0].zh
        for key in ("ct_no_finding", "ct_failed", "ct_refused", "ct_not_applicable")
    }
    assert len(set(first.values())) == 4


def test_a_suspected_radiograph() -> None:
    text = draft(replace(cases.CASES["dr_suspected"], regions=("right_upper_zone",)))
    zh = text.as_text("zh")
    assert "AI 结核筛查评分 0.82，达到或高于阈值 0.50。" in zh
    assert "AI 关注区位于右上肺野（热图仅供定位参考）。" in zh
    assert "1. 疑似肺结核，请医师复核。" in zh
    assert "图像质量提示：曝光偏低，请核对条件。" in zh


def test_numbers_are_written_as_radiologists_write_them() -> None:
    case = CaseResult("ok", lesions=(lesion(long_axis_mm=9.96, short_axis_mm=3.0, mean_hu=-612.4),))
    zh = draft(case).section("findings")[0].zh
    assert "平均 CT 值约 -612 HU" in zh
    assert "大小约 10 mm × 3.0 mm" in zh
