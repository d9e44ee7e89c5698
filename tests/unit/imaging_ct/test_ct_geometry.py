"""Slice order, duplicates, gaps, tilt: rules on positions and cosines only."""

import dataclasses

import numpy as np
import pytest

from core.imaging.geometry import SeriesGeometry, geometry_of_grid, order_slices
from core.imaging.volume import Volume


def axial(count=20, step=2.5):
    return geometry_of_grid((count, 64, 64), (step, 0.7, 0.8), (-100.0, -90.0, -300.0))


def shuffled(geometry, order):
    return dataclasses.replace(
        geometry,
        positions_mm=geometry.positions_mm[order],
        orientations=geometry.orientations[order],
    )


def test_sorts_along_the_normal_whatever_the_file_order():
    mixed = np.random.default_rng(1).permutation(20)
    order = order_slices(shuffled(axial(), mixed))
    assert [int(mixed[i]) for i in order.kept] == list(range(20))
    assert order.spacing_mm == pytest.approx(2.5)
    assert order.spacing_mm3 == pytest.approx((2.5, 0.7, 0.8))
    assert not order.gaps
    assert not order.duplicates


def test_volume_of_the_order_maps_back_to_the_positions():
    geometry = axial()
    order = order_slices(geometry)
    volume = Volume(np.zeros((20, 4, 4)), order.spacing_mm3, order.origin_mm, order.direction)
    assert volume.to_lps((7, 0, 0)) == pytest.approx(geometry.positions_mm[7])
    # rows run to the patient's back, columns to the patient's left
    assert volume.to_lps((0, 1, 2)) - volume.to_lps((0, 0, 0)) == pytest.approx([1.6, 0.7, 0])


def test_gap_says_where_and_how_many():
    keep = [i for i in range(20) if i not in (8, 9)]
    order = order_slices(shuffled(axial(), keep))
    assert order.gaps == ((7, 2),)
    assert order.missing == 2


def test_duplicates_keep_the_lower_instance_number():
    geometry = shuffled(axial(5), [0, 1, 2, 2, 3, 4])
    numbered = dataclasses.replace(geometry, instance_numbers=(1, 2, 9, 3, 4, 5))
    order = order_slices(numbered)
    assert order.duplicates == (2,)
    assert order.kept == (0, 1, 3, 4, 5)


def test_mixed_orientation_leaves_the_minority_out():
    geometry = axial(6)
    planes = geometry.orientations.copy()
    planes[3] = [1, 0, 0, 0, 0, -1]
    order = order_slices(dataclasses.replace(geometry, orientations=planes))
    assert order.other_orientation == (3,)
    assert len(order.kept) == 5


def test_gantry_tilt_is_a_shear_and_still_maps():
    geometry = axial(10)
    angle = np.radians(12)
    planes = np.tile([1, 0, 0, 0, np.cos(angle), np.sin(angle)], (10, 1))
    tilted = dataclasses.replace(geometry, orientations=planes)
    order = order_slices(tilted)
    assert order.shear_deg == pytest.approx(12, abs=0.01)
    assert order.tilt_deg == pytest.approx(12, abs=0.01)
    volume = Volume(np.zeros((10, 4, 4)), order.spacing_mm3, order.origin_mm, order.direction)
    assert volume.to_lps((9, 0, 0)) == pytest.approx(tilted.positions_mm[9])


def test_uneven_spacing_is_told():
    geometry = axial(10)
    moved = geometry.positions_mm.copy()
    moved[4, 2] += 0.8
    order = order_slices(dataclasses.replace(geometry, positions_mm=moved))
    assert order.spacing_spread_mm == pytest.approx(0.8)
    assert not order.gaps


def test_feet_first_and_prone_axes_come_from_the_cosines():
    prone = dataclasses.replace(axial(8), orientations=np.tile([-1.0, 0, 0, 0, -1, 0], (8, 1)))
    order = order_slices(prone)
    assert order.direction[:, 2] == pytest.approx([-1, 0, 0])
    assert order.direction[:, 0] == pytest.approx([0, 0, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_hostile_positions_are_unplaced_not_a_crash(bad):
    geometry = axial(6)
    moved = geometry.positions_mm.copy()
    moved[2] = bad
    order = order_slices(dataclasses.replace(geometry, positions_mm=moved))
    assert order.unplaced == (2,)
    assert order.gaps == ((1, 1),)


def test_nothing_placed_is_an_empty_order():
    empty = SeriesGeometry(np.zeros((3, 3)), np.zeros((3, 6)), (1.0, 1.0))
    order = order_slices(empty)
    assert order.kept == ()
    assert order.unplaced == (0, 1, 2)
    assert order_slices(SeriesGeometry(np.zeros((0, 3)), np.zeros((0, 6)), (1, 1))).kept == ()
