"""Outlines to voxels and back, and outlines between two slices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.imaging.outlines import outlines_of
from core.imaging.redraw import drawn_map, inside, interpolated


def disc(x, y, r, n=90):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([x + r * np.cos(angle), y + r * np.sin(angle)], axis=1)


@pytest.mark.parametrize("seed", range(6))
def test_a_label_map_drawn_and_redrawn_is_the_same_map(seed):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(6, 60, 70)), 1.2)
    labels = ndimage.label(noise > 0.25)[0].astype(np.uint16)
    drawn: dict[int, dict[int, list[np.ndarray]]] = {}
    for index, outlines in outlines_of(labels).items():
        for outline in outlines:
            points = np.round(outline.points, 1).astype(np.float64)
            drawn.setdefault(outline.lesion_id, {}).setdefault(index, []).append(points)
    assert np.array_equal(drawn_map(drawn, labels.shape), labels)


def test_a_ring_takes_the_pixels_whose_centre_it_holds_and_a_hole_gives_them_back():
    mask = inside([disc(20, 15, 9), disc(20, 15, 4)], (40, 50))
    rows, columns = np.mgrid[:40, :50]
    away = np.hypot(columns - 20, rows - 15)
    sure = (np.abs(away - 9) > 0.05) & (np.abs(away - 4) > 0.05)
    assert np.array_equal(mask[sure], ((away < 9) & (away > 4))[sure])


def test_what_lies_beyond_the_image_is_cut_off():
    assert (
        inside([disc(0, 0, 5.2)], (10, 10)).sum() == inside([disc(9, 9, 5.2)], (10, 10)).sum() > 15
    )
    assert not inside([disc(-50, 5, 5)], (10, 10)).any()
    assert not inside([disc(5, 80, 5)], (10, 10)).any()


def test_of_two_overlapping_outlines_the_later_has_the_voxels():
    labels = drawn_map({1: {0: [disc(10, 10, 5)]}, 2: {0: [disc(14, 10, 5)]}}, (1, 30, 30))
    assert labels[0, 10, 12] == 2
    assert labels[0, 10, 7] == 1


def test_between_two_discs_lies_a_disc_of_the_radius_and_place_between():
    (half,) = interpolated([disc(40, 40, 6)], [disc(60, 50, 14)], [0.5])
    mask = inside(half, (100, 100))
    row, column = ndimage.center_of_mass(mask)
    assert (column, row) == pytest.approx((50, 45), abs=0.3)
    assert np.sqrt(mask.sum() / np.pi) == pytest.approx(10, abs=0.3)


def test_a_hole_is_carried_from_slice_to_slice_and_the_ends_are_the_ends():
    below, above = [disc(40, 40, 16), disc(40, 40, 8)], [disc(42, 40, 12), disc(42, 40, 4)]
    at_end, middle = interpolated(below, above, [0.0, 0.5])
    ends = inside(at_end, (80, 80)), inside(below, (80, 80))
    assert (ends[0] != ends[1]).sum() < 0.03 * ends[1].sum()
    mask = inside(middle, (80, 80))
    assert not mask[40, 41]
    assert mask.sum() == pytest.approx(np.pi * (14**2 - 6**2), rel=0.05)
