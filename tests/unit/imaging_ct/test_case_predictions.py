"""Case-level statements: what each says, how sure it is, what it rests on."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.case import LungVolumes, case_json, sum_up
from core.imaging.predictions import HIGH, MODEL, MODERATE, predictions_of
from core.imaging.result import Lesion
from core.imaging.study_result import lesion_json


def lesion(number: int, kind: str, probability: float = 0.9, **more) -> Lesion:
    location = more.pop("location", "right_upper_zone")
    return Lesion(
        number, kind, (0.0, 0.0, 0.0), 3.0, 20.0, 16.0, 20.0, location, probability, **more
    )


def answers(*lesions: Lesion) -> dict[str, dict]:
    case = case_json(sum_up(lesions, LungVolumes(4500.0, {})))
    result = {"status": "ok", "case": case, "lesions": [lesion_json(one) for one in lesions]}
    found = predictions_of(result)
    assert len({one["code"] for one in found}) == len(found)
    return {one["code"]: one for one in found}


def test_a_cavity_with_buds_is_suspected_active_and_wants_sputum():
    found = answers(lesion(1, "cavity", 0.95), lesion(2, "tree_in_bud", 0.7))
    assert found["suspected_tb"]["value"] == "suspected"
    assert found["activity"]["value"] == "signs"
    assert found["pattern"]["value"] == "post_primary"
    assert found["sputum"]["value"] == "advised"
    # As sure as the surest lesion that it rests on.
    assert found["sputum"]["confidence"] == "high"
    assert {n for one in found["sputum"]["basis"] for n in one["lesions"]} == {1, 2}


def test_a_lone_calcification_is_healed_and_asks_for_nothing():
    found = answers(lesion(1, "calcification", 0.95))
    assert found["suspected_tb"]["value"] == "not_suspected"
    assert found["activity"]["value"] == "healed_only"
    assert found["pattern"]["value"] == "nonspecific"
    assert found["sputum"]["value"] == "not_advised"


@pytest.mark.parametrize(
    ("kinds", "pattern"),
    [
        (("miliary", "cavity"), "disseminated"),
        (("pleural_effusion",), "pleural"),
        (("lymph_node",), "nodal"),
        (("lymph_node", "solid_nodule"), "nodal"),
        (("consolidation",), "post_primary"),
        (("solid_nodule",), "nonspecific"),
    ],
)
def test_the_pattern_is_named_by_its_leading_sign(kinds, pattern):
    found = answers(*(lesion(n, kind) for n, kind in enumerate(kinds, start=1)))["pattern"]
    assert found["value"] == pattern
    assert found["number"] is None


@pytest.mark.parametrize(
    ("probability", "word"),
    [(HIGH, "high"), (HIGH - 0.01, "moderate"), (MODERATE, "moderate"), (0.59, "low")],
)
def test_confidence_in_words_follows_the_strongest_lesion(probability, word):
    assert answers(lesion(1, "cavity", probability))["activity"]["confidence"] == word


def test_severity_carries_its_percentage_and_every_answer_its_method():
    found = answers(lesion(1, "cavity"))
    assert found["severity"]["value"] in {"minimal", "moderately_advanced", "far_advanced"}
    assert found["severity"]["number"] == pytest.approx(100 * 3.0 / 4500, rel=0.05)
    assert found["severity"]["method"]["model"] == MODEL
    assert all(one["method"] for one in found.values())


def test_a_lesion_that_a_physician_added_counts_though_nobody_gave_it_a_probability():
    added = lesion_json(lesion(1, "cavity", np.nan))
    assert added["probability"] is None
    case = case_json(sum_up([lesion(1, "cavity", 1.0)], LungVolumes(4500.0, {})))
    found = predictions_of({"status": "ok", "case": case, "lesions": [added]})
    assert {one["code"] for one in found} >= {"suspected_tb", "sputum"}


def test_a_radiograph_says_one_thing_and_no_more_than_suspected():
    tb = {"score": 0.9, "threshold": 0.4, "positive": True, "interval": [0.7, 0.95],
          "model": "m", "version": "1", "calibration_set": "c"}  # fmt: skip
    (one,) = predictions_of({"status": "ok", "tb": tb})
    assert (one["code"], one["value"], one["confidence"]) == ("suspected_tb", "suspected", "high")
    assert one["method"] == {"model": "m", "version": "1", "threshold": 0.4, "calibration_set": "c"}
    (near,) = predictions_of({"status": "ok", "tb": {**tb, "score": 0.41}})
    assert near["confidence"] == "low"
    (below,) = predictions_of({"status": "ok", "tb": {**tb, "score": 0.02, "positive": False}})
    assert (below["value"], below["confidence"]) == ("not_suspected", "high")


@pytest.mark.parametrize(
    "result",
    [
        {"status": "failed"},
        {"status": "refused"},
        {"status": "not_applicable"},
        {"status": "ok"},
        {"status": "ok", "case": {"counts": {}}},
    ],
)
def test_where_nothing_was_computed_nothing_is_stated(result):
    assert predictions_of(result) == []
