"""Every coded reason of the CT quality rules, provoked by a damaged series."""

import dataclasses

import numpy as np
import pytest

from core.imaging.ct_grid import Grid
from core.imaging.ct_qc import TEXTS, CtLimits, assess_ct, assess_geometry, noise_of
from core.imaging.geometry import geometry_of_grid
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, LungMap

CHEST = (120, 512, 512)


def series(slices=120, step=2.5, thickness=None):
    geometry = geometry_of_grid((slices, 512, 512), (step, 0.7, 0.7), (-180.0, -180.0, -300.0))
    return dataclasses.replace(geometry, slice_thickness_mm=thickness or step)


def codes(result):
    return {reason.code: reason.severity for reason in result.reasons}


def pick(geometry, indices):
    return dataclasses.replace(
        geometry,
        positions_mm=geometry.positions_mm[indices],
        orientations=geometry.orientations[indices],
    )


def test_a_good_series_passes_and_still_tells_its_numbers():
    result = assess_geometry(series())
    assert result.verdict == "pass"
    assert not result.reasons
    assert result.metrics["length_mm"] == pytest.approx(297.5)


@pytest.mark.parametrize(("lost", "severity"), [([50], "warn"), ([50, 51, 52], "reject")])
def test_missing_slices(lost, severity):
    keep = [i for i in range(120) if i not in lost]
    result = assess_geometry(pick(series(), keep))
    assert codes(result) == {"CT_SLICE_GAP": severity}
    assert result.reasons[0].value == len(lost)


@pytest.mark.parametrize(("twice", "severity"), [(1, "warn"), (120, "reject")])
def test_duplicate_slices(twice, severity):
    result = assess_geometry(pick(series(), [*range(120), *range(twice)]))
    assert codes(result) == {"CT_SLICE_DUPLICATE": severity}


@pytest.mark.parametrize(("shift", "severity"), [(0.5, "warn"), (1.2, "reject")])
def test_uneven_spacing(shift, severity):
    geometry = series()
    geometry.positions_mm[60:, 2] += shift * 1.0
    assert codes(assess_geometry(geometry)) == {"CT_SPACING_UNEVEN": severity}


def test_mixed_orientation():
    geometry = series()
    geometry.orientations[:3] = [1, 0, 0, 0, 0, -1]
    assert codes(assess_geometry(geometry)) == {"CT_ORIENTATION_MIXED": "warn"}


@pytest.mark.parametrize(("angle", "severity"), [(5, "warn"), (35, "reject")])
def test_gantry_tilt(angle, severity):
    tilt = np.radians(angle)
    geometry = series()
    geometry.orientations[:] = [1, 0, 0, 0, np.cos(tilt), np.sin(tilt)]
    assert codes(assess_geometry(geometry)) == {"CT_GANTRY_TILT": severity}


def test_oblique_reformat_is_not_axial():
    tilt = np.radians(40)
    geometry = series()
    geometry.orientations[:] = [1, 0, 0, 0, np.cos(tilt), np.sin(tilt)]
    normal = np.array([0, -np.sin(tilt), np.cos(tilt)])
    geometry.positions_mm[:] = np.arange(120)[:, None] * 2.5 * normal
    assert codes(assess_geometry(geometry)) == {"CT_NOT_AXIAL": "reject"}


def test_few_slices_short_scan_and_missing_geometry():
    assert codes(assess_geometry(series(5))) == {"CT_FEW_SLICES": "reject"}
    assert codes(assess_geometry(series(40))) == {"CT_COVERAGE_SHORT": "warn"}
    geometry = series()
    geometry.positions_mm[:100] = np.nan
    assert codes(assess_geometry(geometry))["CT_GEOMETRY_MISSING"] == "reject"


@pytest.mark.parametrize(
    ("thickness", "severity"), [(2.5, None), (5.0, "info"), (8.0, "warn"), (12.0, "reject")]
)
def test_thickness(thickness, severity):
    found = codes(assess_geometry(series(60, 5.0 if thickness >= 5 else 2.5, thickness)))
    found.pop("CT_COVERAGE_SHORT", None)
    assert found == ({"CT_THICKNESS_UNFIT": severity} if severity else {})


def chest(air=-1000.0, tissue=40.0, apex=20, base=20):
    """A box of tissue with two lungs and a trachea, on a 2 mm grid of 160 levels."""
    voxels = np.full((160, 120, 160), air, np.float32)
    voxels[:, 10:110, 10:150] = tissue
    labels = np.zeros(voxels.shape, np.uint8)
    levels = slice(base, 160 - apex)
    labels[levels, 20:100, 20:70] = RIGHT
    labels[levels, 20:100, 90:140] = LEFT
    labels[80:, 55:65, 75:85] = AIRWAYS
    voxels[labels > 0] = -850.0
    voxels[labels == AIRWAYS] = air
    grid = Grid(voxels, (2.0, 2.0, 2.0), (slice(0, 160), slice(0, 120), slice(0, 160)))
    body = np.zeros(voxels.shape, bool)
    body[:, 10:110, 10:150] = True
    return grid, LungMap(labels, body)


def test_a_good_chest_passes():
    result = assess_ct(series(), *chest(), measured={"noise_hu": 15.0})
    assert result.verdict == "pass"
    assert result.metrics["air_hu"] == -1000


@pytest.mark.parametrize(
    ("where", "code", "severity"),
    [
        ({"apex": 0}, "CT_APEX_CUT", "reject"),
        ({"base": 0}, "CT_BASE_CUT", "reject"),
        ({"air": -920.0}, "CT_HU_AIR_OFF", "warn"),
        ({"air": -700.0}, "CT_HU_AIR_OFF", "reject"),
        ({"tissue": 200.0}, "CT_HU_TISSUE_OFF", "warn"),
        ({"tissue": 1064.0}, "CT_HU_TISSUE_OFF", "reject"),
    ],
)
def test_values_and_coverage(where, code, severity):
    assert codes(assess_ct(series(), *chest(**where))) == {code: severity}


@pytest.mark.parametrize(("noise", "severity"), [(80.0, "warn"), (200.0, "reject")])
def test_noise(noise, severity):
    found = assess_ct(series(), *chest(), measured={"noise_hu": noise})
    assert codes(found) == {"CT_NOISE_HIGH": severity}


def test_noise_is_measured_as_it_was_made():
    rng = np.random.default_rng(5)
    voxels = (rng.normal(-1000, 35, (20, 30, 30))).astype(np.int16)
    inside = np.zeros(voxels.shape, bool)
    inside[:, 5:25, 5:25] = True
    assert noise_of(voxels, inside) == pytest.approx(35, rel=0.05)
    assert np.isnan(noise_of(voxels, np.zeros_like(inside)))


def test_one_lung_and_no_lung():
    grid, lungs = chest()
    lungs.labels[lungs.labels == LEFT] = 0
    assert codes(assess_ct(series(), grid, lungs)) == {"CT_ONE_LUNG": "warn"}
    lungs.labels[:] = 0
    assert codes(assess_ct(series(), grid, lungs)) == {"CT_NO_LUNG": "reject"}


def test_limits_are_the_hospitals():
    strict = CtLimits(thickness_warn_mm=2.0)
    assert codes(assess_geometry(series(), strict)) == {"CT_THICKNESS_UNFIT": "info"}


def test_sentences_say_what_is_wrong_in_both_languages_with_the_same_facts():
    for text in TEXTS.values():
        for fact in ("{value", "{limit"):
            assert (fact in text.zh) == (fact in text.en)
    result = assess_geometry(series(5))
    assert "5" in result.reasons[0].message_zh
    assert "20" in result.reasons[0].message_en
