"""The one real PET-CT: the corrected series is chosen, its SUV and its known tumour are found."""

import io
import json
import zipfile

import numpy as np
import pydicom
import pytest

from core.dicom.facts import image_facts
from core.imaging.pet import choose_pet, read_pet
from core.imaging.pet_foci import SuvImage, find_foci
from core.imaging.pet_sites import MEDIASTINUM
from tests.input_cases import data_folder

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def held():
    """Return the PET slices (corrected and not) by SOP Instance UID."""
    out = {}
    with zipfile.ZipFile(data_folder() / "ct" / "petct_acrin_nsclc_042.zip") as archive:
        for name in archive.namelist():
            if name.startswith("PT_") and name.endswith(".dcm"):
                one = pydicom.dcmread(io.BytesIO(archive.read(name)))
                out[str(one.SOPInstanceUID)] = one
    return out


@pytest.fixture(scope="module")
def series(held):
    facts = [image_facts(one) for one in held.values()]
    chosen = choose_pet(facts, held.__getitem__)
    return read_pet([one for one in facts if one.series_uid == chosen], held.__getitem__)


def test_the_corrected_series_and_its_suv(series):
    # The uncorrected one claims ATTN, too: its units and its missing method give it away.
    assert series.header.described == "pet ac"
    assert series.refusal is None
    assert (series.scale.basis, series.scale.uptake_s) == ("series_time", 9527.0)
    expected = 91e3 / (588802304.0 * 2 ** (-9527.0 / 6588.0))
    assert series.scale.per_unit == pytest.approx(expected, rel=1e-9)


def test_the_known_tumour_has_its_known_box(series):
    with (data_folder() / "ct" / "petct_acrin_nsclc_042_uptake_box.json").open() as file:
        box = json.load(file)
    volume = series.volume
    suv = volume.voxels * np.float32(series.scale.per_unit)
    image = SuvImage(suv, volume.spacing_mm, np.full(suv.shape, MEDIASTINUM, np.uint8))
    known = np.array(box["centroid_LPS_mm"])
    (focus,) = [
        one for one in find_foci(image, 4.0)
        if np.linalg.norm(volume.to_lps(one.contour.mean(axis=0)) - known) < 1.0
    ]  # fmt: skip
    assert focus.uptake.suv_max == pytest.approx(box["peak_suvbw_approx"], rel=1e-4)
    assert focus.uptake.volume_41_ml == pytest.approx(box["volume_ml"], abs=0.05)
    assert len(focus.contour) == box["voxels"]
