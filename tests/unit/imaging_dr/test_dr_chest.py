"""Ranks of grey values: the table of whole numbers says what the search says."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.dr_chest import equalise
from core.imaging.dr_template import chest_template


def _searched(pixels):
    sample = np.sort(pixels.ravel()[:: max(1, pixels.size // 20000)])
    below = np.searchsorted(sample, pixels, side="left")
    upto = np.searchsorted(sample, pixels, side="right")
    return ((below + upto) / (2.0 * len(sample))).astype(np.float32)


@pytest.mark.parametrize("span", [(0, 4096), (-50, 200), (1000, 1001), (0, 200_000)])
def test_whole_grey_values_are_ranked_as_any_others(span):
    pixels = np.random.default_rng(3).integers(*span, (260, 211)).astype(np.float32)
    assert np.array_equal(equalise(pixels), _searched(pixels))
    assert np.array_equal(equalise(pixels + 0.25), _searched(pixels + 0.25))


def test_the_template_is_nobodys_to_change():
    with pytest.raises(ValueError, match="read-only"):
        chest_template()[0, 0] = 1.0
