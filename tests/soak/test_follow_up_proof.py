"""Follow-up registration on real lungs: a known deformation is undone, two people are refused."""

import os

import numpy as np
import pytest

from core.imaging.followup import FollowUpLimits
from core.imaging.register import register_lungs
from core.imaging.register_quality import assess_registration
from tests.bench.ct_followup import lung_image, real_registration, real_volume

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.skipif(
        not os.environ.get("XINGLIN_DATA"), reason="XINGLIN_DATA is unset: no real studies here"
    ),
]


@pytest.mark.parametrize("name", ["s1-101", "s1-103"])
def test_a_known_deformation_of_a_real_scan_is_undone(name):
    found = real_registration(name, 41)
    assert np.percentile(found.before, 50) > 5.0
    assert np.percentile(found.after, 50) < 1.5
    assert np.percentile(found.after, 95) < 3.0
    assert found.quality.block_correlation > FollowUpLimits().block_correlation


def test_two_people_are_not_comparable():
    first, second = (lung_image(real_volume(name)) for name in ("s1-101", "s1-103"))
    quality = assess_registration(second, first, register_lungs(second, first))
    assert quality.block_correlation < FollowUpLimits().block_correlation
