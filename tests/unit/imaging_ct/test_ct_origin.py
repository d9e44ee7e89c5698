"""A child's CT, a file that does not say how it lies, lungs that no one has: never silent."""

from dataclasses import replace

import numpy as np
import pytest

from core.imaging.ct_grid import Grid
from core.imaging.ct_origin import with_empty_slices, with_origin
from core.imaging.geometry import geometry_of_grid
from core.imaging.lungs import LungMap
from core.imaging.result import QcResult

ADULT = geometry_of_grid((100, 50, 50), (3.0, 1.0, 1.0))
FINE = QcResult("pass", (), {"right_lung_ml": 2500.0, "left_lung_ml": 2300.0})


def told(geometry=ADULT, **metrics):
    qc = with_origin(QcResult("pass", (), FINE.metrics | metrics), geometry)
    return [(one.code, one.severity) for one in qc.reasons], qc.verdict


def test_an_adult_whose_place_is_known_has_nothing_against_it():
    assert with_origin(FINE, replace(ADULT, age_years=15.0)) is FINE


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"age_years": 6.0}, "CT_CHILD"), ({"placed": False}, "CT_PLACE_NOT_TOLD")],
)
def test_what_lowers_the_confidence(changes, code):
    assert told(replace(ADULT, **changes)) == ([(code, "warn")], "warn")


@pytest.mark.parametrize(
    ("pixels", "codes"),
    [
        ((0.7, 0.7), []),
        ((1.0, 2.0), ["CT_PIXELS_NOT_SQUARE"]),
        ((6.0, 6.0), ["CT_PIXELS_COARSE"]),
        ((3.2, 6.4), ["CT_PIXELS_NOT_SQUARE", "CT_PIXELS_COARSE"]),
    ],
)
def test_pixels_that_are_oblong_or_coarser_than_a_nodule(pixels, codes):
    assert [code for code, _ in told(replace(ADULT, pixel_spacing_mm=pixels))[0]] == codes


def test_air_at_the_floor_of_the_values_means_a_wrong_slope():
    assert told(air_hu=-1024.0, noise_hu=12.0)[0] == [("CT_HU_AIR_FLOOR", "warn")]
    assert told(air_hu=-1010.0, noise_hu=12.0)[0] == []
    assert told(air_hu=-1024.0)[0] == []  # padding: no trachea was measured


@pytest.mark.parametrize(("ml", "severity"), [(6000.0, "warn"), (40_000.0, "reject")])
def test_lungs_too_large_for_any_body_mean_a_wrong_scale(ml, severity):
    assert told(right_lung_ml=ml, left_lung_ml=ml)[0] == [("CT_LARGE_LUNGS", severity)]


def test_every_sentence_is_whole_in_both_languages():
    child = replace(ADULT, age_years=6.0, placed=False)
    for one in with_origin(QcResult("pass", (), {"right_lung_ml": 2e4}), child).reasons:
        assert one.message_zh.endswith("。")
        assert one.message_en.endswith(".")
        assert "{" not in one.message_zh + one.message_en


def blank(above, lung_top):
    """A chest of 40 slices of 3 mm; from `above` on there is nothing; lungs end at `lung_top`."""
    voxels = np.random.default_rng(1).normal(0, 10, (40, 12, 12)).astype(np.float32)
    voxels[above:] = -1024
    labels = np.zeros(voxels.shape, np.uint8)
    labels[5:lung_top, 3:9, 3:9] = 1
    box = tuple(slice(0, n) for n in voxels.shape)
    grid = Grid(voxels, (3.0, 3.0, 3.0), box)
    qc = with_empty_slices(FINE, grid, LungMap(labels, labels > 0))
    return [(one.code, one.severity, one.value) for one in qc.reasons]


def test_lung_that_ends_at_blank_slices_was_lost():
    assert blank(above=40, lung_top=30) == []
    assert blank(above=30, lung_top=30) == [("CT_SLICES_EMPTY", "reject", 30.0)]


def test_blank_slices_far_from_the_lungs_are_padding():
    assert blank(above=36, lung_top=30) == [("CT_SLICES_EMPTY", "info", 12.0)]
