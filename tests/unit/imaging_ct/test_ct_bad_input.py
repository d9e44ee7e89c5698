"""Bad input to the CT chain: an answer with a warning, or a coded refusal, never silence."""

import dataclasses

import numpy as np
import pytest

from core.imaging.ct import analyse_ct
from core.imaging.geometry import geometry_of_grid
from core.imaging.volume import Volume

SIZE_MM = (300.0, 240.0, 320.0)  # up, back, left
UPRIGHT = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def chest(spacing=(4.0, 4.0, 4.0), scale=1.0, left=True):
    """A chest of ellipsoids with a nodule in the right lung, int16 HU, slice 0 lowest."""
    half = [scale * mm / 2 for mm in SIZE_MM]
    axes = [np.arange(-h, h, mm) + mm / 2 for h, mm in zip(half, spacing, strict=True)]
    z, y, x = np.meshgrid(*(a / scale for a in axes), indexing="ij", sparse=True)

    def inside(centre, radii):
        parts = [(a - c) / r for a, c, r in zip((z, y, x), centre, radii, strict=True)]
        return sum(np.square(part) for part in parts) < 1

    values = np.full([len(a) for a in axes], -1000.0)
    values[inside((0, 0, 0), (1e6, 100, 140))] = -100  # fat under the skin
    values[inside((0, 0, 0), (1e6, 88, 128))] = 45
    values[inside((0, 68, 0), (1e6, 16, 16))] = 300
    for side in (-1, 1) if left else (-1,):
        values[inside((0, 0, side * 62), (110, 70, 42))] = -850
    values[inside((90, 5, 0), (90, 9, 9))] = -1000
    values[inside((10, 10, -62), (9, 9, 9))] = 40
    noise = np.random.default_rng(3).normal(0, 8, values.shape)
    voxels = np.rint(values + noise).clip(-1024, 3071).astype(np.int16)
    return Volume(voxels, tuple(map(float, spacing)), (-150.0, -120.0, -160.0), UPRIGHT)


def analyse(volume, **told):
    geometry = geometry_of_grid(
        volume.voxels.shape, volume.spacing_mm, volume.origin_mm, volume.direction
    )
    return analyse_ct(volume, dataclasses.replace(geometry, **told))


def codes(found):
    return {reason.code for reason in found.qc.reasons if reason.severity != "info"}


SMALL = 0.55  # a small child: cheap, and every answer carries the warning that it is small
SPOKEN = {"CT_COVERAGE_SHORT", "CT_SMALL_LUNGS"}


@pytest.fixture(scope="module")
def child():
    return analyse(chest(scale=SMALL), age_years=6.0)


def test_a_child_is_analysed_with_a_warning(child):
    """By the age in the header, and by the size of the lungs where there is none (below)."""
    assert child.status == "ok"
    assert codes(child) == SPOKEN | {"CT_CHILD"}
    assert child.qc.verdict == "warn"


def test_one_lung_is_analysed_with_a_warning():
    found = analyse(chest(scale=SMALL, left=False))
    assert found.status == "ok"
    assert codes(found) == SPOKEN | {"CT_ONE_LUNG"}
    assert not (found.lungs == 2).any()


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param((1, -1, -1), id="prone"),
        pytest.param((-1, 1, -1), id="feet first"),
    ],
)
def test_however_the_patient_lay_the_sides_are_right(child, turn):
    """The array is turned and the direction says so; each turn is a rotation, no mirror."""
    volume = chest(scale=SMALL)
    flips = tuple(slice(None, None, sign) for sign in turn)
    turned = Volume(
        volume.voxels[flips].copy(), volume.spacing_mm, (0.0, 0.0, 0.0), UPRIGHT * np.array(turn)
    )
    geometry = geometry_of_grid(turned.voxels.shape, turned.spacing_mm, turned.origin_mm)
    found = analyse_ct(turned, geometry)
    assert found.status == "ok"
    assert np.array_equal(found.lungs[flips], child.lungs)


def test_metal_is_named():
    volume = chest(scale=SMALL)
    volume.voxels[20:24, 17:20, 21:24] = 3071
    found = analyse(volume)
    assert found.status == "ok"
    told = {reason.code: reason.severity for reason in found.qc.reasons}
    assert told["CT_METAL"] == "info"
    assert found.qc.metrics["metal_ml"] == pytest.approx(36 * 0.064)


def test_non_square_pixels_change_no_volume(child):
    found = analyse(chest((4.0, 2.5, 5.0), SMALL))
    assert found.status == "ok"
    for side in ("right_lung_ml", "left_lung_ml"):
        assert found.qc.metrics[side] == pytest.approx(child.qc.metrics[side], rel=0.04)


def test_two_thousand_slices_are_a_series_like_any_other():
    volume = chest((0.075, 4.0, 4.0), SMALL)
    assert volume.voxels.shape[0] >= 2000
    found = analyse(volume)
    assert found.status == "ok"


def test_some_values_that_are_not_numbers_are_told():
    volume = chest(scale=SMALL)
    voxels = volume.voxels.astype(np.float32)
    voxels[10, 10:14, 10:14] = np.nan
    voxels[11, 3, 3] = np.inf
    found = analyse(dataclasses.replace(volume, voxels=voxels))
    assert found.status == "ok"
    assert codes(found) == SPOKEN | {"CT_VALUES_INVALID"}
    assert np.isfinite(list(found.qc.metrics.values())).all()


def test_many_values_that_are_not_numbers_are_refused():
    volume = chest(scale=SMALL)
    voxels = volume.voxels.astype(np.float32)
    voxels[:, :10] = np.nan
    found = analyse(dataclasses.replace(volume, voxels=voxels))
    assert found.status == "refused"
    assert found.reason.code == "CT_VALUES_INVALID"
    assert found.lesions is None


@pytest.mark.parametrize(
    ("slope", "offset", "code"),
    [
        pytest.param(1.0, 1024, "CT_HU_AIR_OFF", id="intercept missing"),
        pytest.param(1.0, -1024, "CT_HU_TISSUE_OFF", id="intercept twice"),
        pytest.param(0.0, 0, "CT_HU_TISSUE_OFF", id="all air"),
        pytest.param(1.0, 200, "CT_HU_AIR_OFF", id="offset"),
        pytest.param(1.25, 0, "CT_HU_TISSUE_OFF", id="slope"),
        pytest.param(-1.0, 0, "CT_HU_TISSUE_OFF", id="negated"),
    ],
)
def test_a_wrong_rescale_is_refused(slope, offset, code):
    volume = chest(scale=SMALL)
    wrong = (volume.voxels + 1000.0) * slope - 1000.0 + offset
    found = analyse(dataclasses.replace(volume, voxels=wrong.clip(-32768, 32767).astype(np.int16)))
    assert found.status == "refused"
    assert code in codes(found)
    assert found.lesions is None


def test_lungs_cut_at_the_side_are_refused_not_called_missing():
    volume = chest(scale=SMALL)
    rows = volume.voxels.shape[2]
    narrow = np.ascontiguousarray(volume.voxels[:, :, rows // 4 : rows - rows // 4])
    found = analyse(dataclasses.replace(volume, voxels=narrow))
    assert found.status == "refused"
    assert found.reason.code == "CT_LUNG_CUT"


def test_every_refusal_says_what_to_do_in_both_languages():
    found = analyse(dataclasses.replace(chest(scale=SMALL), voxels=chest().voxels[:5]))
    assert found.status == "refused"
    assert found.reason.code == "CT_FEW_SLICES"
    assert found.reason.message_zh
    assert found.reason.message_en
