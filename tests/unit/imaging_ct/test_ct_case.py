"""The patient as a whole: never more than suspected, and nothing from nothing."""

import dataclasses
import json

import pytest

from core.imaging.case import LungVolumes, case_from_json, case_json, sum_up
from core.imaging.case_texts import MARGINS, SEVERITIES, SHAPES, SIGNS, WALLS
from core.imaging.measure_place import LobeShare
from core.imaging.result import Lesion
from edge.report import ct_case

LUNGS = LungVolumes(4000.0, {"right_upper_lobe": 800.0, "left_upper_lobe": 900.0})


def lesion(number, kind, location="right_upper_zone", **changes):
    one = Lesion(number, kind, (0, 0, 0), 5.0, 20.0, 15.0, 30.0, location, 0.9)
    return dataclasses.replace(one, **changes)


CAVITY = lesion(1, "cavity", extra={"wall_mean_mm": 5.0})
BUDS = lesion(2, "tree_in_bud", "left_upper_zone")
TB = (CAVITY, BUDS)


def test_nothing_found_is_no_suspicion_and_says_so():
    case = sum_up((), LUNGS)
    assert not case.suspected
    assert (case.severity, case.counts, case.basis, case.burden_percent) == ("none", {}, (), 0)
    assert ct_case.sentences(case) == []


def test_cavity_and_tree_in_bud_are_suspected_and_the_grounds_are_named():
    case = sum_up(TB, LUNGS)
    assert case.suspected
    assert case.interval[0] < case.suspicion < case.interval[1]
    assert {sign.code: sign.lesions for sign in case.basis}["tree_in_bud"] == (2,)
    assert case.bilateral
    assert case.cavitary
    assert case.burden_percent == pytest.approx(100 * 10 / 4000)
    assert case.severity == "moderately_advanced"


def test_a_lone_nodule_is_not_suspected():
    assert not sum_up((lesion(1, "solid_nodule"),), LUNGS).suspected


def test_unsure_findings_weigh_less_and_widen_the_interval():
    sure = sum_up([dataclasses.replace(x, probability=1.0) for x in TB], LUNGS)
    unsure = sum_up([dataclasses.replace(x, probability=0.55) for x in TB], LUNGS)
    assert unsure.suspicion < sure.suspicion
    assert unsure.interval[0] < sure.interval[0]


def test_extent_by_lobe_and_far_advanced_disease():
    shares = (LobeShare(1, {"right_upper_lobe": 0.8}),)
    large = dataclasses.replace(CAVITY, volume_ml=600.0, long_axis_mm=60.0)
    case = sum_up((large,), LUNGS, shares)
    assert case.burden_by_lobe == {"right_upper_lobe": 60.0, "left_upper_lobe": 0.0}
    assert case.severity == "far_advanced"
    assert {s.code for s in case.resistance} == {"thick_walled_cavity", "destroyed_lobe"}


def test_more_than_three_lobes_and_several_cavities():
    lobes = {f"lobe_{n}": 700.0 for n in range(5)}
    lesions = [dataclasses.replace(CAVITY, id=n) for n in range(1, 5)]
    shares = [LobeShare(n, {f"lobe_{n}": 1.0}) for n in range(1, 5)]
    codes = {s.code for s in sum_up(lesions, LungVolumes(3500.0, lobes), shares).resistance}
    assert {"multiple_cavities", "more_than_three_lobes"} <= codes


def test_only_calcified_lesions_are_no_active_signs():
    case = sum_up((lesion(1, "calcification"),), LUNGS)
    assert [sign.code for sign in case.activity] == ["healed_only"]
    assert not case.suspected


def test_lungs_of_unknown_volume_give_no_burden():
    assert sum_up(TB, LungVolumes(0.0, {})).burden_percent is None


def test_effusion_is_no_burden_of_the_lung():
    case = sum_up((lesion(1, "pleural_effusion", "pleural_right"),), LUNGS)
    assert case.burden_percent == 0
    assert not case.bilateral


def test_public_form_and_back():
    case = sum_up(TB, LUNGS, (LobeShare(1, {"right_upper_lobe": 1.0}),))
    body = json.loads(json.dumps(case_json(case)))
    assert body["method"]["validated"] is False
    again = case_from_json(body)
    assert case_json(again) == case_json(case)
    assert case_from_json(None) is None
    assert case_json(None) is None


def test_sentences_suspect_and_never_diagnose():
    told = ct_case.sentences(sum_up(TB, LUNGS))
    text = " ".join(zh + en for _, zh, en, _ in told)
    assert "疑似" in text
    assert "suspected" in text
    assert "未经患者数据验证" in text
    assert "仅供研究" in text
    assert "耐药与否以实验室结果为准" in text
    for word in ("确诊", "诊断为", "diagnosed"):
        assert word not in text
    assert all(sources for *_, sources in told)


def test_every_code_has_both_languages():
    for table in (SEVERITIES, SIGNS, MARGINS, SHAPES, WALLS):
        for sentence in table.values():
            assert sentence.zh
            assert sentence.en
