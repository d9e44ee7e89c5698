"""What speaks for tuberculosis outside the lungs is measured and told, and never drawn."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.dr import analyse_dr, spread_heat
from core.imaging.dr_chest import ChestBox
from core.imaging.dr_evidence import OUTSIDE_LIMIT, evidence_of, reason_of
from core.imaging.dr_origin import origin_reasons
from core.imaging.dr_regions import filled, regions_of
from core.imaging.volume import Radiograph
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from tests.dr_cases import chest, chest_pixels

BOX = ChestBox(0.0, 0.0, 320.0, 320.0)


def lungs():
    """Two upright rectangles on a 320 x 320 image."""
    mask = np.zeros((320, 320), np.uint8)
    mask[60:260, 50:130], mask[60:260, 190:270] = 1, 2
    return mask


def activation(*places, value=5.0):
    """A 32 x 32 map with single places that speak for tuberculosis."""
    odds = np.full((32, 32), -1.0, np.float32)
    for row, column in places:
        odds[row, column] = value
    return odds


@pytest.mark.parametrize(
    ("places", "share"),
    [
        pytest.param([(12, 8)], 0.0, id="in the right lung"),
        pytest.param([(1, 2)], 1.0, id="in a corner"),
        pytest.param([(12, 8), (12, 22), (30, 30)], 1 / 3, id="a third beside"),
        pytest.param([(12, 13)], 0.0, id="touches the margin"),
    ],
)
def test_the_share_beside_the_lungs(places, share):
    found = evidence_of(activation(*places), BOX, lungs())
    assert found.outside_share == pytest.approx(share)


def test_what_speaks_against_is_no_evidence():
    assert evidence_of(activation(), BOX, lungs()).outside_share is None


def test_without_lungs_nothing_is_said_of_sides():
    found = evidence_of(activation((1, 2)), BOX, np.zeros((320, 320), np.uint8))
    assert (found.near, found.outside_share) == (None, None)
    assert reason_of(found, positive=True) is None


def test_only_a_suspicion_is_doubted_and_only_above_the_limit():
    beside = evidence_of(activation((1, 2)), BOX, lungs())
    within = evidence_of(activation((12, 8)), BOX, lungs())
    assert reason_of(within, positive=True) is None
    assert reason_of(beside, positive=False) is None
    told = reason_of(beside, positive=True)
    assert (told.code, told.severity) == ("DR_TB_EVIDENCE_OUTSIDE", "warn")
    assert (told.value, told.limit) == (1.0, OUTSIDE_LIMIT)
    assert "100%" in told.message_zh
    assert "100%" in told.message_en


def test_heat_beside_the_lungs_is_not_drawn():
    odds = activation((12, 8), (1, 2), value=400.0)
    found = evidence_of(odds, BOX, lungs())
    heat = spread_heat(odds, BOX, (320, 320), found.near)
    whole = spread_heat(odds, BOX, (320, 320))
    assert heat[125, 85] > 0.5
    assert whole[15, 25] > 0.5
    assert heat[:40].max() == 0
    assert heat[:, 280:].max() == 0


def test_regions_lie_in_the_lungs():
    mask = lungs()
    heat = np.zeros((320, 320), np.float32)
    heat[40:120, 90:230] = 0.9  # from one lung over the mediastinum into the other, and above
    found = regions_of(heat, ChestBox(20, 10, 380, 310), mask)
    assert len(found) == 2
    for one in found:
        top, left, bottom, right = one.box_px
        assert (mask[top:bottom, left:right] > 0).all()
        assert mask[one.peak_px] > 0


def test_a_bite_at_the_pleura_is_filled_and_the_mediastinum_is_not():
    mask = lungs()
    mask[100:112, 50:62] = 0
    whole = filled(mask, 16.0)
    assert whole[100:112, 51:62].mean() > 0.9  # a disc leaves its corners
    assert not whole[:, 140:180].any()
    assert not whole[:50].any()


def test_an_analysis_states_the_share_and_keeps_the_map():
    bundle = load(shipped("dr_tb"))
    engine = open_onnx(bundle, threads=1)
    found = analyse_dr(chest(opacity=0.6), engine, bundle)
    engine.close()
    share = found.evidence.outside_share
    assert found.tb.extra["evidence_outside_lungs_percent"] == pytest.approx(100 * share)
    assert found.evidence.activation.shape == (32, 32)
    allowed = filled(found.lungs.mask, 0.12 * 512)
    for one in found.regions:
        assert allowed[one.peak_px]


def codes(pixels=None, **changes):
    given = {"bits_stored": 8, **changes}
    made = Radiograph(chest_pixels(64) if pixels is None else pixels, **given)
    return [(one.code, one.severity) for one in origin_reasons(made)]


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        pytest.param({"age_years": 6.0}, "DR_CHILD", id="child"),
        pytest.param(
            {"ImageType": ("DERIVED", "SECONDARY", "", "PICTURE")}, "DR_PICTURE", id="png"
        ),
        pytest.param({"ConversionType": "WSD"}, "DR_PICTURE", id="workstation"),
        pytest.param({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "DR_PICTURE", id="capture"),
        pytest.param({"PixelAspectRatio": (1.0, 2.0)}, "DR_PIXELS_NOT_SQUARE", id="aspect"),
    ],
)
def test_origins_that_lower_the_confidence(tags, code):
    assert codes(tags=tags) == [(code, "warn")]


def test_an_adults_square_detector_image_has_nothing_against_it():
    assert codes(tags={"age_years": 15.0}, spacing_mm=(0.2, 0.2)) == []
    assert codes(tags={"ConversionType": "DI"}) == []
    assert codes(tags={"PixelAspectRatio": "nonsense"}) == []


def test_unequal_spacing_is_told():
    assert codes(spacing_mm=(0.2, 0.3)) == [("DR_PIXELS_NOT_SQUARE", "warn")]
