"""The small map for three-dimensional pictures: what is kept, what goes by majority."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.solid import LESION, solid_map


def test_small_scans_keep_their_voxels() -> None:
    lungs = np.zeros((3, 4, 5), np.uint8)
    lungs[1, 2, 3], lungs[0, 0, 0] = 1, 3
    made = solid_map(lungs, None)
    assert made.block == (1, 1, 1)
    np.testing.assert_array_equal(made.labels, lungs)


def test_blocks_go_by_majority_and_cut_ones_at_the_edge_too() -> None:
    lungs = np.zeros((5, 5, 5), np.uint8)
    lungs[:2, :2, :2] = 1
    lungs[0, 2:4, 2:4] = 2  # half of its block
    lungs[0, 0, 4] = 2  # 1 of 8 voxels of a whole block; this one is cut: 1 of 4
    made = solid_map(lungs, None, longest=3)
    assert made.block == (2, 2, 2)
    assert made.labels.shape == (3, 3, 3)
    assert (made.labels[0, 0, 0], made.labels[0, 1, 1], made.labels[0, 0, 2]) == (1, 2, 0)


def test_a_thin_bronchus_and_a_single_voxel_of_a_lesion_stay() -> None:
    lungs = np.ones((4, 4, 4), np.uint8)
    lungs[0, :, 0] = lungs[1, :, 0] = 3
    lesions = np.zeros((4, 4, 4), np.uint16)
    lesions[3, 3, 3] = 300
    made = solid_map(lungs, lesions, longest=2)
    assert set(made.labels[0, :, 0]) == {3}
    assert made.labels[1, 1, 1] == LESION
    assert made.labels[1, 0, 1] == 1


def test_nothing_and_maps_of_two_scans_are_refused() -> None:
    with pytest.raises(ValueError, match="no label map"):
        solid_map(None, None)
    with pytest.raises(ValueError, match="different shapes"):
        solid_map(np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2, 3), np.uint8))
