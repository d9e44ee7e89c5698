"""What a reader sees first: a frame of its own, a large one made smaller."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from edge.consult.bundle import _middle
from edge.consult.pictures import SentFrame, grouped, reduced

_FRAMES = "00280008"


def _ordinals(groups):
    return [[group.first + n for n in range(len(group.frames))] for group in groups]


def frames(count):
    return iter([SentFrame(b"12345", "x")] * count)


def test_the_first_frame_that_is_seen_shares_no_group():
    assert _ordinals(grouped(frames(9), 10, alone=4)) == [[0, 1], [2, 3], [4], [5, 6], [7, 8]]
    assert _ordinals(grouped(frames(8), 15, alone=4)) == [[0, 1, 2], [3], [4], [5, 6, 7]]
    assert _ordinals(grouped(frames(3), 100, alone=0)) == [[0], [1, 2]]
    assert _ordinals(grouped(frames(3), 100, alone=2)) == [[0, 1], [2]]
    assert _ordinals(grouped(frames(3), 100)) == [[0, 1, 2]]
    assert _ordinals(grouped(frames(0), 100, alone=0)) == []


@pytest.mark.parametrize(
    ("stated", "middle"),
    [([], 0), ([1], 0), ([1] * 5, 2), ([1] * 6, 3), ([40], 20), ([10, 1], 5)],
    ids=["none", "one", "odd", "even", "one of forty", "mixed"],
)
def test_the_middle_is_where_the_page_opens(stated, middle):
    instances = [{_FRAMES: {"vr": "IS", "Value": [count]}} for count in stated]
    assert _middle(instances) == middle


@pytest.mark.parametrize("value", [{}, {"Value": []}, {"Value": [None]}, {"Value": ["x"]},
                                   {"Value": [-3]}, {"Value": [0]}],
                         ids=["nothing", "empty", "null", "text", "negative", "zero"])  # fmt: skip
def test_an_image_that_does_not_say_counts_as_one(value):
    assert _middle([{_FRAMES: value}] * 4) == 2


def test_a_large_frame_has_a_smaller_form_of_block_means():
    values = np.arange(30 * 41, dtype=np.uint16).reshape(30, 41)
    small = reduced(values, side=12)
    assert small.factor == 4
    seen = imagecodecs.htj2k_decode(small.data)
    assert seen.shape == (8, 11)
    assert seen[1, 1] == np.rint(values[4:8, 4:8].mean())
    assert seen[7, 10] == np.rint(np.repeat(values[28:30, 40], 4)[[0, 4, 4, 4]].mean())


def test_signed_values_stay_signed():
    small = reduced(np.full((64, 64), -1024, np.int16), side=16)
    assert np.all(imagecodecs.htj2k_decode(small.data).astype(np.int16) == -1024)


def test_a_small_frame_has_none():
    assert reduced(np.zeros((10, 12), np.uint8), side=12) is None
