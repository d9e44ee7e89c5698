"""Slices to a volume, images to radiographs: order, scale, padding, polarity, refusals."""

import warnings

import numpy as np
import pytest

from core.dicom.facts import image_facts
from core.dicom.input_errors import ColourError, DicomIdentityError, PixelDescriptionError
from core.imaging.input_errors import (
    FramesError,
    GeometryMissingError,
    MatrixMixedError,
    ScaleMissingError,
    VolumeSizeError,
)
from core.imaging.reading import read_radiograph, read_volume
from tests import input_cases as cases


def volume_of(datasets, **settings):
    facts = [image_facts(one) for one in datasets]
    return read_volume(facts, lambda index: datasets[index], **settings)


def test_slices_come_in_order_of_space_with_their_identity():
    order = [4, 0, 2, 3, 1]
    volume, geometry = volume_of([cases.ct_slice(n, InstanceNumber=9 - n) for n in order])
    assert volume.voxels.dtype == np.int16
    assert [int(plane[0, 0]) for plane in volume.voxels] == [0, 1, 2, 3, 4]
    assert volume.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert volume.origin_mm == pytest.approx((-10, -20, -100))
    assert volume.uids == tuple(f"1.2.3.1.{n + 1}" for n in range(5))
    assert volume.frames == (1,) * 5
    assert volume.to_lps((2, 1, 1)) == pytest.approx([-9.2, -19.3, -95])
    assert (geometry.body_part, geometry.slice_thickness_mm) == ("CHEST", 2.5)


def test_duplicates_and_unplaced_slices_stay_out_but_in_the_geometry():
    slices = [cases.ct_slice(n) for n in range(4)]
    slices.append(cases.ct_slice(2, SOPInstanceUID="1.2.3.1.99", InstanceNumber=50))
    slices.append(cases.ct_slice(9, ImagePositionPatient=None))
    volume, geometry = volume_of(slices)
    assert len(volume.voxels) == 4
    assert len(geometry.positions_mm) == 6


def test_enhanced_multi_frame_ct():
    volume, geometry = volume_of([cases.enhanced_ct(14)])
    assert [int(plane[0, 0]) for plane in volume.voxels] == list(range(13, -1, -1))
    assert volume.frames == tuple(range(14, 0, -1))
    assert volume.spacing_mm == pytest.approx((3.0, 0.5, 0.6))
    assert len(geometry.positions_mm) == 14


def test_rescale_padding_and_range():
    stored = np.array([[0, 500, 1000, 63536]], dtype=np.uint16).repeat(16, 0).repeat(5, 1)
    settings = {"RescaleSlope": 2, "RescaleIntercept": -1000, "PixelPaddingValue": 63536}
    data = [cases.ct_slice(n, PixelData=stored.tobytes(), **settings) for n in range(3)]
    volume, _ = volume_of(data)
    assert volume.voxels[1, 0, ::5].tolist() == [-1000, 0, 1000, -1024]


def test_negative_padding_written_unsigned():
    stored = np.array([[-2000, 40]], dtype=np.int16).repeat(16, 0).repeat(10, 1)
    common = {"RescaleIntercept": 0, "PixelRepresentation": 1, "PixelPaddingValue": 63536}
    data = [cases.ct_slice(n, PixelData=stored.tobytes(), **common) for n in range(3)]
    volume, _ = volume_of(data)
    assert volume.voxels[0, 0, ::10].tolist() == [-1024, 40]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"ImagePositionPatient": None}, GeometryMissingError),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, GeometryMissingError),
        ({"PixelSpacing": None}, GeometryMissingError),
        ({"PixelSpacing": [-0.7, 0.7]}, GeometryMissingError),
        ({"RescaleSlope": None}, ScaleMissingError),
        ({"RescaleSlope": 0}, ScaleMissingError),
    ],
)
def test_series_without_geometry_or_scale_are_refused(changes, refusal):
    with pytest.raises(refusal):
        volume_of([cases.ct_slice(n, **changes) for n in range(3)])


def test_mixed_matrices_and_absurd_volumes_are_refused():
    other = cases.ct_slice(2, Rows=10, Columns=32)
    with pytest.raises(MatrixMixedError):
        volume_of([cases.ct_slice(0), cases.ct_slice(1), other])
    with pytest.raises(MatrixMixedError):
        volume_of([cases.ct_slice(0), cases.ct_slice(1), cases.ct_slice(2, PixelSpacing=[2, 2])])
    with pytest.raises(VolumeSizeError):
        volume_of([cases.ct_slice(n) for n in range(4)], limit_bytes=1000)


def test_polarity_is_normalised():
    stored = np.arange(80, dtype=np.uint16).reshape(8, 10)
    plain = read_radiograph(cases.radiograph(stored, BitsStored=12, HighBit=11))
    assert (plain.was_inverted, plain.bits_stored) == (False, 12)
    assert np.array_equal(plain.pixels, stored)
    turned = read_radiograph(
        cases.radiograph(stored, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    )
    assert turned.was_inverted
    assert np.array_equal(turned.pixels, 4095 - stored.astype(np.float32))


def test_polarity_with_rescale_keeps_the_range():
    stored = np.arange(80, dtype=np.uint16).reshape(8, 10)
    settings = {"BitsStored": 10, "HighBit": 9, "PhotometricInterpretation": "MONOCHROME1"}
    found = read_radiograph(
        cases.radiograph(stored, RescaleSlope=2, RescaleIntercept=100, **settings)
    )
    assert np.array_equal(found.pixels, 2246 - (2 * stored.astype(np.float32) + 100))


def test_padding_becomes_the_darkest_value_and_tags_are_plain():
    stored = np.full((8, 10), 700, dtype=np.uint16)
    stored[:, :2] = 4095
    stored[0, 5] = 300
    found = read_radiograph(
        cases.radiograph(stored, PixelPaddingValue=4095, ImagerPixelSpacing=[0.143, 0.143],
                         ExposureIndex=400, DeviationIndex="-1.5", KVP="120")
    )  # fmt: skip
    assert found.pixels.max() == 700
    assert found.pixels[0, 0] == 300
    assert found.spacing_mm == (0.143, 0.143)
    assert found.tags["padding_fraction"] == pytest.approx(0.2)
    assert (found.tags["ExposureIndex"], found.tags["DeviationIndex"]) == (400.0, -1.5)
    assert found.tags["ImageType"][:2] == ("ORIGINAL", "PRIMARY")
    assert not {"PatientName", "PatientID", "StudyInstanceUID"} & set(found.tags)


def test_what_is_no_single_greyscale_image_is_refused():
    stored = np.zeros((8, 10), dtype=np.uint16)
    with pytest.raises(ColourError):
        read_radiograph(cases.radiograph(stored, PhotometricInterpretation="PALETTE COLOR"))
    with pytest.raises(FramesError):
        read_radiograph(cases.radiograph(np.zeros((3, 8, 10), dtype=np.uint16)))
    with pytest.raises(PixelDescriptionError):
        read_radiograph(cases.radiograph(stored + 1, RescaleSlope=1e39, RescaleIntercept=0))


@pytest.mark.parametrize("uid", ["", "1..2", "a.b", "1." * 40 + "1", "<script>"])
def test_identifiers_that_are_none(uid):
    data = cases.ct_slice(0)
    data["StudyInstanceUID"]._value = uid
    with pytest.raises(DicomIdentityError) as refused:
        image_facts(data)
    assert uid not in str(refused.value) or not uid


def test_strange_numbers_do_not_hide_the_rest_of_a_header():
    data = cases.ct_slice(0)
    for keyword in ("PixelSpacing", "SliceThickness", "InstanceNumber"):
        data[keyword]._value = "not a number"
    facts = image_facts(data)
    assert (facts.spacing_mm, facts.thickness_mm, facts.instance_number) == (None, None, 0)
    assert facts.position_mm == (-10.0, -20.0, -100.0)


@pytest.mark.data
@pytest.mark.parametrize(
    ("elements", "years"),
    [
        ({"PatientAge": "006Y"}, 6.0),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientBirthDate": "20200304", "StudyDate": "20260304"}, 6.0),
        ({"PatientAge": "040Y", "PatientBirthDate": "20200304", "StudyDate": "20260304"}, 40.0),
        ({"PatientBirthDate": "20270304", "StudyDate": "20260304"}, None),
        ({"PatientBirthDate": "20200304"}, None),
        ({"PatientBirthDate": "2020", "StudyDate": "20260304"}, None),
        ({}, None),
    ],
)
def test_the_age_at_the_study(elements, years):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's own about a date that is none
        data = cases.radiograph(np.eye(70, dtype=np.uint16), **elements)
    found = image_facts(data).age_years
    assert found == (None if years is None else pytest.approx(years, abs=0.01))
    tag = read_radiograph(data).tags.get("age_years")
    assert tag == found


def test_chest_crs_of_the_real_set_come_as_radiographs():
    import io

    from core.dicom.parse import parse_dicom

    found = {}
    for name, content in cases.members("dicom/objects.zip"):
        if "RG1_J2KI" in name or "CR-MONO1" in name:
            found[name] = read_radiograph(parse_dicom(io.BytesIO(content), len(content)))
    assert len(found) == 2
    for radiograph in found.values():
        assert radiograph.was_inverted
        rows, columns = radiograph.pixels.shape
        middle = radiograph.pixels[rows // 3 : rows // 2]
        spine = np.median(middle[:, columns // 2 - columns // 30 : columns // 2 + columns // 30])
        lungs = np.percentile(middle[:, columns // 6 : columns * 5 // 6], 10)
        assert spine > lungs  # dense anatomy is high
