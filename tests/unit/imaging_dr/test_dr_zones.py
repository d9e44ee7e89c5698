"""Shares of the lung zones, the Timika score, and what is said outside of training."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.imaging.dr import DrOptions, analyse_dr
from core.imaging.dr_chest import ChestBox
from core.imaging.dr_lungs import LungFields
from core.imaging.dr_novelty import NOT_TOLD, OUTSIDE, Familiarity, reason_of
from core.imaging.dr_regions import regions_of
from core.imaging.dr_zones import ZONES, MarkLevels, involvement_of, zones_of
from core.imaging.study_result import StudyResult
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from tests.dr_cases import chest
from tests.tiny_bundle import write_tiny

LEVELS = MarkLevels(affected=0.5, cavity=0.6)
BOX = ChestBox(0, 0, 96, 96)


def _lungs() -> np.ndarray:
    lungs = np.zeros((96, 96), np.uint8)
    lungs[12:84, 9:42] = 1
    lungs[12:84, 54:87] = 2
    return lungs


def _marks() -> np.ndarray:
    return np.zeros((3, 32, 32), np.float32)


def test_zones_are_thirds_of_each_lung():
    lungs = _lungs()
    lungs[12:36, 54:87] = 0  # the left lung begins lower: its thirds do too
    zones = zones_of(lungs)
    assert zones[12, 20] == 1
    assert zones[83, 20] == 3
    assert zones[36, 60] == 4
    assert zones[51, 60] == 4
    assert zones[52, 60] == 5
    assert set(np.unique(zones)) == {0, 1, 2, 3, 4, 5, 6}
    assert zones[lungs == 0].max() == 0


def test_one_zone_affected_is_a_sixth_of_the_lungs():
    marks = _marks()
    marks[0, 4:12, :16] = 1.0  # rows 12...36, the right lung's upper third
    found = involvement_of(marks, BOX, _lungs(), LEVELS)
    assert found.zone_percent["right_upper_zone"] == pytest.approx(100, abs=6)
    assert found.zone_percent["left_upper_zone"] == 0
    assert found.affected_percent == pytest.approx(100 / 6, abs=2)
    assert found.cavity == "not_suspected"
    assert found.timika == found.affected_percent


def test_an_effusion_covers_lung_and_a_cavity_adds_forty():
    marks = _marks()
    marks[2, 20:28, 16:] = 1.0
    marks[1, 5:9, 6:10] = 0.9
    found = involvement_of(marks, BOX, _lungs(), LEVELS)
    assert found.zone_percent["left_lower_zone"] > 80
    assert found.cavity == "suspected"
    assert found.cavity_zone == "right_upper_zone"
    assert found.timika == pytest.approx(found.affected_percent + 40)


def test_marks_outside_the_lungs_count_for_nothing():
    marks = np.ones((3, 32, 32), np.float32)
    nothing = involvement_of(marks, BOX, np.zeros((96, 96), np.uint8), LEVELS)
    assert nothing.zone_percent == {}
    assert nothing.affected_percent == 0
    assert nothing.cavity == "not_suspected"
    beyond = involvement_of(marks, ChestBox(-96, -96, 0, 0), _lungs(), LEVELS)
    assert beyond.affected_percent == 0
    one_lung = np.where(_lungs() == 1, _lungs(), 0)
    assert set(involvement_of(marks, BOX, one_lung, LEVELS).zone_percent) == set(ZONES[:3])


def test_every_pixel_affected_is_a_hundred_percent():
    marks = np.ones((3, 32, 32), np.float32)
    found = involvement_of(marks, BOX, _lungs(), LEVELS)
    assert found.affected_percent == 100
    assert found.timika == 140


def test_regions_lie_in_the_lungs_or_close_by():
    heat = np.zeros((96, 96), np.float32)
    heat[20:40, 15:35] = 0.9
    heat[86:96, 20:40] = 0.8  # under the diaphragm
    chest_box = ChestBox(0, 0, 96, 96)
    assert len(regions_of(heat, chest_box)) == 2
    (one,) = regions_of(heat, chest_box, _lungs())
    assert one.box_px == (20, 15, 40, 35)
    assert len(regions_of(heat, chest_box, np.zeros((96, 96), np.uint8))) == 2


def test_outside_of_training_is_said():
    assert reason_of(Familiarity(1.0, 1.2)) is None
    told = reason_of(Familiarity(1.5, 1.2))
    assert (told.code, told.severity, told.value, told.limit) == (OUTSIDE, "warn", 1.5, 1.2)
    assert Familiarity(math.nan, 1.2).outside
    assert reason_of(None).code == NOT_TOLD


@pytest.fixture(scope="module")
def shipped_bundle():
    bundle = load(shipped("dr_tb"))
    engine = open_onnx(bundle, threads=1)
    yield bundle, engine
    engine.close()


def test_a_result_carries_interval_zones_and_distance(shipped_bundle):
    bundle, engine = shipped_bundle
    found = analyse_dr(chest(opacity=0.6), engine, bundle)
    low, high = found.tb.interval
    assert 0 <= low <= found.tb.score <= high <= 1
    assert found.lungs.mask.shape == (512, 512)
    assert set(found.involvement.zone_percent) <= set(ZONES)
    extra = found.tb.extra
    assert extra["affected_percent"] == found.involvement.affected_percent
    assert extra["timika"] >= extra["affected_percent"]
    assert extra["training_distance_sd"] == found.familiarity.distance
    result = StudyResult("1.2", "DX", "ok", qc=found.qc, tb=found.tb, dr=found)
    written = result.as_json()["tb"]
    assert written["interval"] == [pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4)]
    assert written["extra"]["affected_right_upper_zone_percent"] is not None


def test_noise_for_a_radiograph_is_never_silent(shipped_bundle):
    bundle, engine = shipped_bundle
    strange = chest(opacity=0.6)
    draw = np.random.default_rng(1)
    strange.pixels[:] = draw.integers(0, 255, strange.pixels.shape)
    found = analyse_dr(strange, engine, bundle, DrOptions(override=True))
    assert found.familiarity.outside
    assert OUTSIDE in {reason.code for reason in found.qc.reasons}
    assert found.qc.verdict == "reject"
    assert found.tb.extra["outside_training"] == 1.0


def test_a_model_that_does_not_tell_is_said_to_not_tell(tmp_path):
    bundle = load(write_tiny(tmp_path))
    found = analyse_dr(chest(), open_onnx(bundle, 1), bundle)
    assert found.tb.interval is None
    assert found.involvement is None
    assert NOT_TOLD in {reason.code for reason in found.qc.reasons}


def test_the_lung_fields_may_come_from_elsewhere(shipped_bundle):
    bundle, engine = shipped_bundle
    nothing = LungFields(np.zeros((512, 512), np.uint8), 0.0)
    found = analyse_dr(chest(), engine, bundle, DrOptions(lungs=lambda _pixels, _chest: nothing))
    assert found.lungs is nothing
    assert found.involvement.affected_percent == 0
