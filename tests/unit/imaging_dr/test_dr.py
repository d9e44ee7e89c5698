"""Analysis of a radiograph: four outcomes, the score's company, the heat map's place."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.dr import DrOptions, analyse_dr, spread_heat
from core.imaging.dr_chest import ChestBox, fit_chest, warp
from core.imaging.dr_errors import BundleNotForRadiographs, RadiographUnusable
from core.imaging.dr_input import input_spec, network_input
from core.imaging.dr_regions import regions_of, zone_of
from core.imaging.volume import Radiograph
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from tests.dr_cases import chest, chest_pixels
from tests.tiny_bundle import write_tiny


@pytest.fixture(scope="module")
def bundle():
    return load(shipped("dr_tb"))


@pytest.fixture(scope="module")
def engine(bundle):
    opened = open_onnx(bundle, threads=1)
    yield opened
    opened.close()


def test_ok_has_score_map_and_company(bundle, engine):
    found = analyse_dr(chest(opacity=0.6), engine, bundle)
    assert found.status == "ok"
    assert found.reason is None
    assert 0 <= found.tb.score <= 1
    assert found.tb.positive == (found.tb.score >= bundle.metadata.threshold)
    assert (found.tb.model, found.tb.version) == ("dr_tb", bundle.metadata.version)
    assert found.tb.calibration_set == bundle.metadata.calibration_set
    assert found.heat_map.shape == (512, 512)
    assert found.heat_map.dtype == np.float32
    assert found.heat_map.min() >= 0
    assert found.heat_map.max() <= 1
    assert set(found.seconds) == {"chest", "qc", "inference", "marks"}


def test_an_opacity_raises_the_score_and_is_where_the_heat_is(bundle, engine):
    clear = analyse_dr(chest(), engine, bundle)
    veiled = analyse_dr(chest(opacity=0.6), engine, bundle)
    assert veiled.tb.score > clear.tb.score
    assert veiled.tb.positive
    assert veiled.regions[0].zone == "right_upper_zone"
    row, column = veiled.regions[0].peak_px
    assert abs(row - 0.30 * 512) < 60
    assert abs(column - 0.34 * 512) < 60


def test_the_mirror_image_scores_the_same_on_the_other_side(bundle, engine):
    plain = chest(opacity=0.6)
    mirrored = Radiograph(np.ascontiguousarray(plain.pixels[:, ::-1]), 8)
    a, b = (analyse_dr(r, engine, bundle) for r in (plain, mirrored))
    assert b.tb.score == pytest.approx(a.tb.score, abs=0.05)
    assert b.regions[0].zone == "left_upper_zone"


def test_gain_and_offset_do_not_change_the_score(bundle, engine):
    a = analyse_dr(chest(opacity=0.6), engine, bundle)
    pixels = chest_pixels(opacity=0.6) * 14.0 + 500
    b = analyse_dr(Radiograph(pixels, bits_stored=12), engine, bundle)
    assert b.tb.score == pytest.approx(a.tb.score, abs=0.01)


def test_refused_then_overridden(bundle, engine):
    inverted = Radiograph(255 - chest_pixels(), 8)
    refused = analyse_dr(inverted, engine, bundle)
    assert refused.status == "refused"
    assert refused.reason.code == "DR_POLARITY"
    assert refused.tb is None
    assert refused.heat_map is None
    assert refused.regions is None
    assert not refused.overridden
    forced = analyse_dr(inverted, engine, bundle, DrOptions(override=True))
    assert forced.status == "ok"
    assert forced.tb is not None
    assert forced.overridden
    assert forced.qc.verdict == "reject"


def test_not_a_chest_is_not_applicable(bundle, engine):
    found = analyse_dr(chest(BodyPartExamined="KNEE"), engine, bundle)
    assert found.status == "not_applicable"
    assert found.reason.code == "DR_BODY_PART"
    assert found.tb is None


def test_override_of_a_clean_image_is_no_override(bundle, engine):
    found = analyse_dr(chest(), engine, bundle, DrOptions(override=True))
    assert found.status == "ok"
    assert not found.overridden


def test_below_the_threshold_no_place_is_pointed_at(tmp_path):
    bundle = load(write_tiny(tmp_path, threshold=0.99))
    found = analyse_dr(chest(), open_onnx(bundle, 1), bundle)
    assert found.status == "ok"
    assert not found.tb.positive
    assert found.regions == ()


def test_a_bundle_for_something_else_is_refused(tmp_path):
    other = load(write_tiny(tmp_path / "a", preprocessing={"op": "ct/1"}))
    with pytest.raises(BundleNotForRadiographs):
        analyse_dr(chest(), open_onnx(other, 1), other)
    other = load(write_tiny(tmp_path / "b", postprocessing={"op": "boxes/1"}))
    with pytest.raises(BundleNotForRadiographs):
        analyse_dr(chest(), open_onnx(other, 1), other)


def test_no_picture_is_a_typed_error(bundle, engine):
    with pytest.raises(RadiographUnusable):
        analyse_dr(Radiograph(np.zeros((512, 512), np.float32)), engine, bundle)


def test_same_image_same_numbers(bundle, engine):
    a, b = (analyse_dr(chest(seed=3), engine, bundle) for _ in range(2))
    assert a.tb == b.tb
    assert np.array_equal(a.heat_map, b.heat_map)


def test_heat_is_laid_where_the_crop_is():
    activation = np.zeros((32, 32), np.float32)
    activation[8, 24] = 800.0
    heat = spread_heat(activation, ChestBox(100, 50, 420, 370), (512, 400))
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    assert row == pytest.approx(100 + 8.5 * 10, abs=6)
    assert column == pytest.approx(50 + 24.5 * 10, abs=6)
    assert heat[:99].max() == 0
    assert heat[:, 371:].max() == 0


def test_heat_of_a_crop_that_reaches_beyond_the_image():
    heat = spread_heat(np.full((32, 32), 50, np.float32), ChestBox(-50, -60, 300, 290), (256, 256))
    assert heat.shape == (256, 256)
    assert heat.min() > 0.9
    outside = spread_heat(np.ones((32, 32), np.float32), ChestBox(900, 900, 950, 950), (256, 256))
    assert outside.max() == 0


def test_zones_are_the_patients():
    box = ChestBox(0, 0, 480, 480)
    assert zone_of((60, 100), box) == "right_upper_zone"
    assert zone_of((200, 400), box) == "left_middle_zone"
    assert zone_of((340, 100), box) == "right_lower_zone"


def test_regions_are_sorted_and_specks_left_out():
    heat = np.zeros((480, 480), np.float32)
    heat[40:120, 60:140] = 0.7
    heat[200:280, 330:420] = 0.9
    heat[300:303, 100:103] = 1.0
    found = regions_of(heat, ChestBox(0, 0, 480, 480))
    assert [r.zone for r in found] == ["left_middle_zone", "right_upper_zone"]
    assert found[1].box_px == (40, 60, 120, 140)


def test_chest_is_found_where_it_is():
    small = chest_pixels(side=300)
    field = np.full((512, 512), 25, np.float32)
    field[100:400, 150:450] = small
    alone, placed = fit_chest(small), fit_chest(field)
    assert placed.box.top - 100 == pytest.approx(alone.box.top, abs=25)
    assert placed.box.left - 150 == pytest.approx(alone.box.left, abs=25)


def test_warp_of_the_whole_image_is_the_image():
    pixels = chest_pixels(side=128)
    assert np.allclose(warp(pixels, ChestBox(0, 0, 128, 128), (128, 128)), pixels, atol=1e-3)


def test_network_input_is_finite_even_where_flat(bundle):
    spec = input_spec("dr_tb", bundle.metadata.preprocessing)
    pixels = np.zeros((512, 512), np.float32)
    pixels[0, 0] = 1
    made = network_input(pixels, ChestBox(100, 100, 400, 400), spec)
    assert made.shape == (1, 1, spec.size, spec.size)
    assert np.isfinite(made).all()
