"""Real chest CT: lungs against experts' masks, and the masses that are known to be there."""

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its documentation uses

from core.imaging.ct import analyse_ct
from core.imaging.geometry import geometry_of_grid
from core.imaging.volume import Volume

DATA = os.environ.get("XINGLIN_DATA", "")
pytestmark = [
    pytest.mark.slow,  # two whole scans, minutes of them: `make soak` proves on real studies
    pytest.mark.data,
    pytest.mark.skipif(not DATA, reason="XINGLIN_DATA is unset: no real studies here"),
]


def read(case):
    """Return (volume, mask); S1-103's in-plane spacing is a placeholder in its header."""
    folder = Path(DATA) / "ct"
    image = sitk.ReadImage(str(folder / f"lctsc-test-{case}_ct.nii.gz"))
    mask = sitk.ReadImage(str(folder / f"lctsc-test-{case}_lungmask.nii.gz"))
    spacing = (3.0, 0.977, 0.977)
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1]
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    return Volume(voxels, spacing, image.GetOrigin(), direction), sitk.GetArrayFromImage(mask) > 0


@pytest.fixture(scope="module", params=["s1-101", "s1-103"])
def case(request):
    volume, mask = read(request.param)
    geometry = geometry_of_grid(
        volume.voxels.shape, volume.spacing_mm, volume.origin_mm, volume.direction
    )
    return request.param, volume, mask, analyse_ct(volume, geometry)


def test_lungs_match_the_experts(case):
    _, _, mask, found = case
    lungs = (found.lungs == 1) | (found.lungs == 2)
    # What the experts left out as disease is given back to the lung here.
    lungs &= ~((found.label_map > 0) & ~mask)
    assert 2 * (lungs & mask).sum() / (lungs.sum() + mask.sum()) >= 0.97


def test_known_lesions_are_found_and_the_rest_is_little(case):
    name, volume, _, found = case
    known = {"s1-101": (49, 352, 163), "s1-103": (51, 292, 391)}[name]
    assert found.status == "ok"
    place = volume.to_lps(known)
    distances = [np.linalg.norm(place - np.array(f.centroid_mm)) for f in found.lesions]
    assert min(distances) < 15
    assert len(found.lesions) <= 8
