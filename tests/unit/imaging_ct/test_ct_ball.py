"""Balls on voxel grids: laid row by row, the same as by a distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.imaging.ct_grid import dilate, erode


@pytest.mark.parametrize("seed", range(40))
def test_balls_are_those_of_the_distance_transform(seed):
    chance = np.random.default_rng(seed)
    shape = tuple(chance.integers(1, 22, 3))
    spacing_mm = tuple(chance.choice([0.7, 1.0, 1.5, 2.0, 5.0], 3))
    radius_mm = float(chance.choice([0.0, 0.5, 1.0, 2.0, 2.4, 4.5, 7.0, 10.0, 25.0]))
    mask = chance.random(shape) < chance.choice([0.01, 0.1, 0.5, 0.97])
    mask.flat[0], mask.flat[-1] = True, mask.size == 1
    near = ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= radius_mm
    assert np.array_equal(dilate(mask, radius_mm, spacing_mm), near)
    if not mask.all():
        deep = ndimage.distance_transform_edt(mask, sampling=spacing_mm) > radius_mm
        assert np.array_equal(erode(mask, radius_mm, spacing_mm), deep)


def test_the_arrays_edge_counts_as_inside_and_nothing_stays_nothing():
    whole, none = np.ones((4, 5, 6), bool), np.zeros((4, 5, 6), bool)
    for size in (0.5, 3.0, 50.0):
        assert erode(whole, size, (1.0, 1.0, 1.0)).all()
        assert not dilate(none, size, (1.0, 1.0, 1.0)).any()
        assert not erode(none, size, (1.0, 1.0, 1.0)).any()
