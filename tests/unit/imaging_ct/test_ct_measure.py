"""Measures against bodies whose size is known exactly."""

import numpy as np
import pytest

from core.imaging.ct_grid import patient_view
from core.imaging.location import KINDS, LOCATIONS, location_of, side_of
from core.imaging.lungs import LEFT, RIGHT
from core.imaging.measure import density_shares, recist_axes, shape_ratios
from core.imaging.measure_surface import mesh_of, wall_of
from core.imaging.volume import Volume


def ellipsoid(radii_mm, spacing_mm, centre=(0.2, -0.3, 0.1)):
    shape = [int(2 * max(radii_mm) / mm) + 9 for mm in spacing_mm]
    axes = [
        ((np.arange(n) - n // 2) * mm - c * mm) / r
        for n, mm, c, r in zip(shape, spacing_mm, centre, radii_mm, strict=True)
    ]
    return axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 <= 1


@pytest.mark.parametrize("spacing", [(1.0, 0.7, 0.7), (1.0, 0.5, 1.0), (3.0, 0.9, 0.9)])
def test_sphere_of_10_mm(spacing):
    mask = ellipsoid((5, 5, 5), spacing)
    volume = mask.sum() * np.prod(spacing) / 1000
    assert volume == pytest.approx(0.5236, rel=0.10)
    axes = recist_axes(mask, spacing)
    assert axes.long_mm == pytest.approx(10, abs=max(spacing[1:]))
    assert axes.short_mm == pytest.approx(10, abs=max(spacing[1:]))


def test_ellipse_gives_both_axes_in_its_largest_slice():
    mask = ellipsoid((6, 9, 17), (1.0, 0.8, 0.8))
    axes = recist_axes(mask, (1.0, 0.8, 0.8))
    assert axes.long_mm == pytest.approx(34, abs=0.8)
    assert axes.short_mm == pytest.approx(18, abs=0.8)


def test_one_pixel_has_its_own_size():
    mask = np.zeros((3, 5, 5), bool)
    mask[1, 2, 2] = True
    axes = recist_axes(mask, (1.0, 0.6, 0.6))
    assert 0.6 <= axes.long_mm <= 0.6 * 2**0.5 + 1e-6


def test_wall_of_a_hollow_ball():
    spacing = (1.0, 0.8, 0.8)
    whole = ellipsoid((14, 14, 14), spacing)
    axes = [np.arange(n) - n // 2 for n in whole.shape]
    radius = np.sqrt(
        (axes[0][:, None, None] * 1.0) ** 2 + (axes[1][:, None] * 0.8) ** 2 + (axes[2] * 0.8) ** 2
    )
    lumen = radius <= 9
    wall = wall_of(mesh_of(lumen, spacing), mesh_of(whole, spacing))
    assert wall.mean_mm == pytest.approx(5, abs=0.4)
    assert 4.2 < wall.least_mm <= wall.mean_mm <= wall.most_mm < 5.8


def test_shape_ratios_tell_a_ball_from_a_tube():
    ball = shape_ratios(ellipsoid((5, 5, 5), (1.0, 1.0, 1.0)), (1.0, 1.0, 1.0))
    tube = shape_ratios(ellipsoid((3, 3, 15), (1.0, 1.0, 1.0)), (1.0, 1.0, 1.0))
    assert min(ball) > 0.9
    assert tube[0] < 0.3


def test_density_shares_by_their_limits():
    values = np.array([-700, -650, 20, 400], np.float32)
    assert density_shares(values) == {
        "air_share": 0.0,
        "ground_glass_share": 0.5,
        "solid_share": 0.5,
        "calcified_share": 0.25,
    }
    assert set(density_shares(values[:0]).values()) == {0.0}


def lungs_for_location():
    labels = np.zeros((90, 20, 60), np.uint8)
    labels[:, 5:15, 5:25] = RIGHT
    labels[30:, 5:15, 35:55] = LEFT
    return labels


@pytest.mark.parametrize(
    ("level", "side", "code"),
    [
        (10, RIGHT, "right_lower_zone"),
        (45, RIGHT, "right_middle_zone"),
        (80, RIGHT, "right_upper_zone"),
        (45, LEFT, "left_lower_zone"),
        (60, LEFT, "left_middle_zone"),
    ],
)
def test_zones_are_thirds_of_the_sides_own_height(level, side, code):
    assert location_of(level, side, lungs_for_location()) == code


def test_pleural_location_and_side_of_a_mask_outside_the_lung():
    labels = lungs_for_location()
    mask = np.zeros(labels.shape, bool)
    mask[40, 16:19, 50:58] = True
    assert side_of(mask, labels) == LEFT
    assert location_of(40, LEFT, labels, pleural=True) == "pleural_left"


def test_every_code_has_both_languages():
    for sentence in [*LOCATIONS.values(), *KINDS.values()]:
        assert sentence.zh
        assert sentence.en


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, 1, -1)])
def test_patient_view_undoes_any_way_of_lying(flips):
    straight = np.random.default_rng(0).integers(0, 99, (5, 6, 7))
    stored = straight[:: flips[0], :: flips[1], :: flips[2]]
    direction = np.eye(3)[:, ::-1] * np.array(flips)
    view = patient_view(Volume(stored, (3.0, 2.0, 1.0), (0, 0, 0), direction))
    assert (view.voxels == straight).all()
    assert (view.restore(view.voxels) == stored).all()
    index = np.array([1.0, 2.0, 3.0])
    source = tuple(view.source_index(index).astype(int))
    assert stored[source] == straight[1, 2, 3]


def test_patient_view_of_a_coronal_stack():
    straight = np.random.default_rng(0).integers(0, 99, (5, 6, 7))
    stored = straight.transpose(1, 0, 2)[:, ::-1]  # slices run back, rows run down
    direction = np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]])
    view = patient_view(Volume(stored, (2.0, 3.0, 1.0), (0, 0, 0), direction))
    assert (view.voxels == straight).all()
    assert view.spacing_mm == (3.0, 2.0, 1.0)
    assert (view.restore(view.voxels) == stored).all()
