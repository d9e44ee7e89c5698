"""NIfTI volumes: patient coordinates right, headers judged before they are believed."""

import gzip
import io
import struct

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own customary name

from core.dicom.input_errors import InputError
from core.dicom.parse import parse_dicom
from core.imaging.input_errors import NiftiBrokenError, NiftiKindError, VolumeSizeError
from core.imaging.reading import hounsfield
from edge.analyze.nifti import nifti_header, nifti_uid, read_nifti
from tests import input_cases as cases


def written(tmp_path, direction=(1, 0, 0, 0, 1, 0, 0, 0, 1), voxels=None, name="v.nii.gz"):
    values = np.random.default_rng(3).integers(-1000, 800, (6, 7, 8)).astype(np.int16)
    image = sitk.GetImageFromArray(values if voxels is None else voxels)
    image.SetSpacing((0.5, 0.75, 2.0))
    image.SetOrigin((-40.0, 30.0, 100.0))
    image.SetDirection(direction)
    path = tmp_path / name
    sitk.WriteImage(image, str(path))
    return path, image


@pytest.mark.parametrize(
    "direction",
    [
        (1, 0, 0, 0, 1, 0, 0, 0, 1),
        (-1, 0, 0, 0, -1, 0, 0, 0, 1),
        (0, 0, -1, 1, 0, 0, 0, -1, 0),
        (1, 0, 0, 0, 0.995037, -0.0995037, 0, 0.0995037, 0.995037),
    ],
)
def test_every_voxel_keeps_its_place_in_the_patient(tmp_path, direction):
    path, image = written(tmp_path, direction)
    volume, geometry = read_nifti(path)
    for index in ((0, 0, 0), (5, 2, 3), (7, 6, 5)):
        place = image.TransformIndexToPhysicalPoint(index)
        steps = np.asarray(place) - volume.origin_mm
        found = np.rint(steps @ volume.direction / volume.spacing_mm).astype(int)
        assert volume.voxels[tuple(found)] == image[index]
        assert volume.to_lps(tuple(found)) == pytest.approx(place, abs=1e-3)
    # axial order: slices towards the head, rows to the back, columns to the left
    assert (np.diag(volume.direction[::-1]) > 0.9).all()
    assert geometry.positions_mm[2] == pytest.approx(volume.to_lps((2, 0, 0)))


def test_uid_follows_from_the_content(tmp_path):
    path, _ = written(tmp_path)
    assert nifti_uid(path, "study").startswith("2.25.")
    assert nifti_uid(path, "study") != nifti_uid(path, "series")


def header(**changes):
    """Return a NIfTI-1 header of 6 x 7 x 8 int16 with changed fields."""
    raw = bytearray(352)
    settings = {"dim": (3, 6, 7, 8, 1, 1, 1, 1), "kind": 4, "units": 2, "magic": b"n+1\0"} | changes
    struct.pack_into("<i", raw, 0, 348)
    struct.pack_into("<8h", raw, 40, *settings["dim"])
    struct.pack_into("<hh", raw, 70, settings["kind"], 16)
    struct.pack_into("<8f", raw, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", raw, 108, 352)
    raw[123] = settings["units"]
    raw[344:348] = settings["magic"]
    return bytes(raw)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", NiftiBrokenError),
        (bytes(400), NiftiBrokenError),
        (header() + bytes(100), NiftiBrokenError),
        (header(dim=(9, 6, 7, 8, 1, 1, 1, 1)) + bytes(1000), NiftiBrokenError),
        (header(dim=(3, -6, 7, 8, 1, 1, 1, 1)) + bytes(1000), NiftiBrokenError),
        (header(dim=(2, 6, 7, 1, 1, 1, 1, 1)) + bytes(1000), NiftiKindError),
        (header(dim=(4, 6, 7, 8, 5, 1, 1, 1)) + bytes(9000), NiftiKindError),
        (header(kind=128) + bytes(2000), NiftiKindError),
        (header(units=1) + bytes(2000), NiftiKindError),
        (header() + bytes(2000), NiftiKindError),
        (header(dim=(3, 30000, 30000, 30000, 1, 1, 1, 1)), VolumeSizeError),
        (gzip.compress(header(dim=(3, 1000, 1000, 900, 1, 1, 1, 1)), mtime=0), NiftiBrokenError),
        (gzip.compress(header() + bytes(672), mtime=0)[:-30], NiftiBrokenError),
    ],
)
def test_lying_headers_are_refused_before_anything_is_allocated(tmp_path, content, refusal):
    path = tmp_path / "v.nii"
    path.write_bytes(content)
    with pytest.raises(refusal) as refused:
        read_nifti(path)
    assert isinstance(refused.value, InputError)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_values_that_are_no_numbers_are_refused_and_not_made_zeros(tmp_path, kind):
    values = np.random.default_rng(3).uniform(-1000, 800, (6, 7, 8)).astype(kind)
    read_nifti(written(tmp_path, voxels=values, name="whole.nii")[0])
    values[3, 2, 1] = np.nan
    with pytest.raises(NiftiKindError):
        read_nifti(written(tmp_path, voxels=values, name="hole.nii.gz")[0])


@pytest.mark.parametrize(("form", "placed"), [(0, False), (1, True), (2, True)])
def test_a_file_that_does_not_say_how_it_lies_is_known(form, placed):
    raw = bytearray(header())
    struct.pack_into("<2h", raw, 252, 0, form)
    assert nifti_header(io.BytesIO(bytes(raw))).placed is placed


def test_a_label_map_is_no_ct(tmp_path):
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[2:4] = 1
    path, _ = written(tmp_path, voxels=labels)
    with pytest.raises(NiftiKindError):
        read_nifti(path)


@pytest.mark.data
def test_the_real_volume_agrees_with_its_original_dicom_slice():
    volume, _ = read_nifti(cases.data_folder() / "ct/lctsc-test-s1-101_ct.nii.gz")
    slices = [
        parse_dicom(io.BytesIO(content), len(content))
        for _, content in cases.members("ct/lctsc-test-s1-101_rtstruct.zip")
    ]
    (original,) = [one for one in slices if one.Modality == "CT"]
    hu = hounsfield(original.pixel_array, original.RescaleSlope, original.RescaleIntercept, None)
    place = np.asarray(original.ImagePositionPatient, dtype=float)
    index = np.rint((place - volume.origin_mm) @ volume.direction / volume.spacing_mm).astype(int)
    assert index[1:].tolist() == [0, 0]
    assert np.array_equal(volume.voxels[index[0]], np.maximum(hu, -1000))
