"""The whole fusion on the real PET-CT: motion recovered, tumour in place, uncorrected PET refused.

``python -m tests.bench.petct`` prints the tables of docs/imaging/pet-ct.md.
"""

import numpy as np
import pytest

from core.imaging.petct import fuse
from tests.bench.petct_cases import acrin, moved, pose
from tests.input_cases import data_folder

pytestmark = [pytest.mark.slow, pytest.mark.data]


@pytest.fixture(scope="module")
def real():
    data_folder()
    return acrin()


def test_added_motion_is_recovered(real):
    rng = np.random.default_rng(31)
    for _ in range(3):
        motion = pose(rng, real.centre_mm)
        found = fuse(real.side, moved(real.series, motion))
        left = motion.inverse().after(found.alignment.motion)
        assert found.refined
        assert left.length_mm < 2.0
        assert left.angle_deg < 1.0


def test_the_tumour_is_assessed_and_the_heart_is_not(real):
    found = fuse(real.side, real.series)
    assert found.status == "ok"
    assert not found.refined
    assert found.alignment.motion.length_mm < 2.0
    tumour = max((one for one in found.foci if one.assessed), key=lambda one: one.uptake.suv_max)
    assert np.allclose(tumour.centroid_mm, (-37.4, -21.1, -96.8), atol=1.0)
    assert tumour.uptake.suv_max == pytest.approx(42.2, abs=0.1)
    assert any(one.site == "heart" and not one.assessed for one in found.foci)
    assert [reason.code for reason in found.qc.reasons] == ["PT_UPTAKE_TIME"]


def test_the_uncorrected_series_is_refused_by_header_and_by_pixels():
    data_folder()
    raw = acrin("PT_NAC")
    found = fuse(raw.side, raw.series)
    assert (found.status, found.reason.code) == ("refused", "E3760")
    assert found.qc.verdict == "reject"
    assert "PT_LOOKS_UNCORRECTED" in [reason.code for reason in found.qc.reasons]
