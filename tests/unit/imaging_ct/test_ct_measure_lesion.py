"""Partial volume, walls, margins, intervals: against bodies whose size is known exactly."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from core.imaging.ct_strands import without_strands
from core.imaging.measure_distance import depth_in, distance_to
from core.imaging.measure_interval import CLASSES, COEFFICIENTS, FORMS, Frame, intervals_of
from core.imaging.measure_lesion import measure_lesion
from core.imaging.measure_occupancy import occupancy

THIN, THICK = (1.15, 0.74, 0.74), (5.0, 0.75, 0.75)
LUNG, TISSUE = -860.0, 35.0


def ball(radius_mm, spacing_mm, offset=(0.2, -0.3, 0.4), hollow_mm=0.0, noise_hu=15.0):
    """Return HU and the half-filled mask of a ball, as a scanner with a usual kernel shows it."""
    parts = (5, 3, 3)
    shape = [int(2 * (radius_mm + 14) / mm) + 1 for mm in spacing_mm]
    axes = [
        ((np.arange(n * p) + 0.5) / p - n / 2 - shift) * mm
        for n, p, mm, shift in zip(shape, parts, spacing_mm, offset, strict=True)
    ]
    distance = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)

    def share(radius):
        fine = distance <= radius
        split = fine.reshape(shape[0], 5, shape[1], 3, shape[2], 3)
        return split.mean(axis=(1, 3, 5))

    whole = share(radius_mm)
    wall = whole - (share(hollow_mm) if hollow_mm else 0)
    air = whole - wall
    hu = LUNG + (TISSUE - LUNG) * wall + (-960 - LUNG) * air
    hu = ndimage.gaussian_filter(hu, [0, 0.55 / spacing_mm[1], 0.55 / spacing_mm[2]])
    hu += np.random.default_rng(0).normal(0, noise_hu, hu.shape)
    return hu.astype(np.float32), whole >= 0.5


@pytest.mark.parametrize(
    ("radius", "spacing", "tolerance"),
    [
        (3.0, THIN, 0.03),
        (5.0, THIN, 0.02),
        (8.0, THIN, 0.02),
        (5.0, THICK, 0.15),
        (8.0, THICK, 0.05),
    ],
)
def test_volume_by_filled_shares(radius, spacing, tolerance):
    hu, mask = ball(radius, spacing)
    true = 4 / 3 * np.pi * radius**3 / 1000
    found = measure_lesion(hu, mask, None, spacing, "solid_nodule")
    assert found.volume_ml == pytest.approx(true, rel=tolerance)
    # Counting the outline's voxels is no match for it where slices are thick.
    counted = mask.sum() * np.prod(spacing) / 1000
    assert abs(found.volume_ml - true) <= abs(counted - true) + 0.01 * true


@pytest.mark.parametrize("radius", [3.0, 5.0, 8.0])
def test_diameters_within_a_voxel_and_shape(radius):
    hu, mask = ball(radius, THIN)
    found = measure_lesion(hu, mask, None, THIN, "solid_nodule")
    assert found.axes.long_mm == pytest.approx(2 * radius, abs=0.74)
    assert found.axes.short_mm == pytest.approx(2 * radius, abs=0.74)
    assert found.extra["surface_cm2"] == pytest.approx(4 * np.pi * radius**2 / 100, rel=0.08)
    assert found.extra["sphericity"] > 0.9
    assert found.codes == {"margin": "smooth", "shape": "round"}
    assert found.extra["margin_scale"] == 5


def test_a_bright_vessel_beside_it_does_not_count():
    hu, mask = ball(5.0, THIN)
    alone = measure_lesion(hu, mask, None, THIN, "solid_nodule").volume_ml
    middle = [n // 2 for n in hu.shape]
    hu[middle[0] - 1 : middle[0] + 2, middle[1] - 1 : middle[1] + 2, middle[2] + 8 :] = 40
    beside = measure_lesion(hu, mask, None, THIN, "solid_nodule").volume_ml
    assert beside == pytest.approx(alone, rel=0.04)


def test_a_strand_is_cut_off():
    hu, mask = ball(5.0, THIN, noise_hu=0.0)
    middle = [n // 2 for n in hu.shape]
    strand = mask.copy()
    strand[middle[0] - 1 : middle[0] + 2, middle[1] - 1 : middle[1] + 2, middle[2] :] = True
    with_it = np.where(strand, np.maximum(hu, 30), hu)
    cut = without_strands(strand, with_it, -400.0, THIN)
    assert (cut & ~ndimage.binary_dilation(mask, iterations=2)).sum() == 0
    assert (cut & mask).sum() > 0.9 * mask.sum()


def test_noise_has_the_last_word_nowhere():
    found = occupancy(np.full((9, 9, 9), 40.0), np.ones((9, 9, 9), bool), None, THIN)
    assert np.isnan(found.noise_hu)  # no background: the outline decides
    assert found.share.sum() == 9**3


def test_wall_of_a_cavity_within_half_a_voxel():
    hu, mask = ball(12.0, THIN, hollow_mm=8.0)
    found = measure_lesion(hu, mask, None, THIN, "cavity")
    assert found.extra["wall_mean_mm"] == pytest.approx(4.0, abs=0.37)
    assert found.extra["wall_min_mm"] == pytest.approx(4.0, abs=0.6)
    assert found.extra["wall_max_mm"] == pytest.approx(4.0, abs=0.6)
    assert found.extra["lumen_volume_ml"] == pytest.approx(4 / 3 * np.pi * 0.512, rel=0.05)
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 1.728, rel=0.03)
    assert found.codes["wall"] == "thick"
    parts = found.extra["wall_volume_ml"] + found.extra["lumen_volume_ml"]
    assert parts == pytest.approx(found.volume_ml)


def test_a_solid_lesion_called_cavity_has_no_wall():
    hu, mask = ball(6.0, THIN)
    found = measure_lesion(hu, mask, None, THIN, "cavity")
    assert "wall_mean_mm" not in found.extra
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 0.216, rel=0.03)


@pytest.mark.parametrize("seed", [1, 2])
def test_distances_up_to_a_limit_are_those_of_the_whole_transform(seed):
    where = np.random.default_rng(seed).random((14, 20, 17)) > 0.985
    whole = ndimage.distance_transform_edt(~where, sampling=THIN)
    found = distance_to(where, 3.0, THIN)
    near = whole <= 3.0
    assert near.any()
    assert (~near).any()
    assert found[near] == pytest.approx(whole[near], rel=1e-5)
    assert np.isinf(found[~near]).all()
    mask = ndimage.binary_dilation(where, iterations=2)
    depth = ndimage.distance_transform_edt(mask, sampling=THIN)
    assert np.minimum(depth_in(mask, 1.2, THIN), 1.3) == pytest.approx(
        np.where(depth <= 1.2, depth, 1.3), rel=1e-5
    )


def test_not_a_number_is_air():
    hu, mask = ball(5.0, THIN)
    hu[0, 0, 0] = np.nan
    assert np.isfinite(measure_lesion(hu, mask, None, THIN, "solid_nodule").volume_ml)


def test_every_interval_holds_its_number_and_grows_with_slices_and_noise():
    base = Frame("solid_nodule", THIN, 0.5, 900.0, 18.0)
    numbers = dict.fromkeys(FORMS, 20.0) | {"sphericity": 0.9, "mean_hu": 30.0}
    narrow = intervals_of(numbers, base)
    for name, (low, high) in narrow.items():
        assert low <= numbers[name] <= high
    for change in ({"spacing_mm": THICK}, {"noise_hu": 60.0}):
        wide = intervals_of(numbers, dataclasses.replace(base, **change))
        low, high = wide["volume_ml"]
        assert high - low > narrow["volume_ml"][1] - narrow["volume_ml"][0]


def test_no_interval_where_none_was_fitted():
    assert intervals_of({"volume_ml": 3.0}, Frame("tree_in_bud", THIN, 3.0, 300.0, 20.0)) == {}
    assert intervals_of({"margin_scale": 3.0}, Frame("mass", THIN, 30.0, 900.0, 20.0)) == {}
    unknown = Frame("mass", THIN, 30.0, float("nan"), float("nan"))
    low, high = intervals_of({"volume_ml": 30.0}, unknown)["volume_ml"]
    assert 0 < low < 30.0 < high


def test_every_class_has_coefficients_for_size():
    for chosen in set(CLASSES.values()):
        assert {"volume_ml", "long_axis_mm", "short_axis_mm", "mean_hu"} <= set(
            COEFFICIENTS[chosen]
        )
