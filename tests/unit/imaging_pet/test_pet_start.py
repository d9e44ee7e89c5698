"""PET and CT of two examinations: the images alone place one on the other, or it is refused."""

from dataclasses import replace

import numpy as np
import pytest

from core.imaging.pet_errors import PetNoOverlapError, PetPlaceUnsureError
from core.imaging.pet_start import align_freely
from core.imaging.petct import _anatomy_of as anatomy_of
from core.imaging.petct import fuse
from core.imaging.petct_lesions import CtSide
from core.imaging.petct_space import affine_of, rigid_of, still
from tests import pet_cases
from tests.bench.petct_cases import moved, series_of

CENTRE = np.array([0.0, 10.0, 60.0])
ELSEWHERE = rigid_of((2.0, -1.0, 3.0), (45.0, -60.0, 310.0), CENTRE)


@pytest.fixture(scope="module")
def phantom():
    return pet_cases.phantom()


def test_another_frame_of_reference_is_found_from_the_images(phantom):
    series = moved(series_of(phantom, phantom.pet), ELSEWHERE)
    found = fuse(CtSide(phantom.ct.volume), series, pet_cases.QUICK, shared_frame=False)
    left = still(CENTRE).after(ELSEWHERE.inverse().after(found.motion))
    assert left.length_mm < 2.0
    assert left.angle_deg < 1.0
    codes = {reason.code for reason in found.qc.reasons}
    assert not codes & {"PT_SHIFT", "PT_ROTATION"}, "two tables are no displacement"
    told = found.as_json()
    assert told["alignment"]["shared_frame"] is False
    assert told["alignment"]["used"] is True
    assert "坐标系不同" in told["sentences"][0]["zh"]


def test_a_search_that_depends_on_its_start_is_refused(phantom):
    anatomy, _ = anatomy_of(phantom.ct.volume)
    place = affine_of(moved(series_of(phantom, phantom.pet), ELSEWHERE).volume)
    with pytest.raises(PetPlaceUnsureError):
        align_freely(anatomy, phantom.pet.voxels, place, pet_cases.INSTANT.search)


def test_what_cannot_overlap_is_refused(phantom):
    anatomy, _ = anatomy_of(phantom.ct.volume)
    few = replace(phantom.pet, voxels=phantom.pet.voxels[:6])
    with pytest.raises(PetNoOverlapError):
        align_freely(anatomy, few.voxels, affine_of(few), pet_cases.QUICK.search)
