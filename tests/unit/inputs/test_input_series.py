"""The stated rules of choosing what is analysed."""

import dataclasses
import io

import pytest

from core.dicom.facts import image_facts
from core.dicom.parse import parse_dicom
from core.imaging.reading import read_volume
from core.imaging.series import NOT_CHOSEN, SeriesSummary, choose_series
from core.imaging.summary import summarise
from tests import input_cases as cases

CT = SeriesSummary(
    "ct", "CT", cases.CT, number=3, slices=300, extent_mm=320, thickness_mm=1.25, normal_z=1.0,
    kernel="STANDARD", image_type=("ORIGINAL", "PRIMARY", "AXIAL"), body_part="CHEST",
    described="chest ct", series_described="thin",
)  # fmt: skip
DX = SeriesSummary(
    "dx", "DX", cases.DX, number=1, sop_uid="dx.1", image_type=("ORIGINAL", "PRIMARY"),
    body_part="CHEST", view="PA",
)  # fmt: skip


def ct(uid="ct", **changes):
    return dataclasses.replace(CT, series_uid=uid, **changes)


def dx(uid="dx.1", **changes):
    return dataclasses.replace(DX, sop_uid=uid, **changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "LOCALIZER"),
        ({"series_described": "scout 定位像"}, "LOCALIZER"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7"}, "NO_PIXELS"),
        ({"has_pixels": False}, "NO_PIXELS"),
        ({"series_described": "dose report", "slices": 1}, "DOSE_PAGE"),
        ({"image_type": ("DERIVED", "SECONDARY", "MIP")}, "PROJECTION"),
        ({"image_type": ("DERIVED", "PRIMARY", "PERFUSION", "RCBF")}, "PROJECTION"),
        ({"series_described": "冠状位重建"}, "PROJECTION"),
        ({"normal_z": 0.02}, "NOT_AXIAL"),
        ({"normal_z": None}, "NOT_AXIAL"),
        ({"slices": 5}, "FEW_SLICES"),
        ({"body_part": "HEAD", "described": "routine", "series_described": ""}, "BODY_PART"),
        ({"body_part": "", "described": "颅脑平扫"}, "BODY_PART"),
    ],
)
def test_what_is_left_out_and_why(changes, code):
    choice = choose_series([ct("good"), ct("bad", **changes)])
    assert choice.series_uid == "good"
    assert choice.excluded == (("bad", code),)
    assert choice.reason_code == "SERIES_ONLY_AXIAL_CT"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"body_part": "", "described": "routine"}),
        ({}, {"image_type": ("DERIVED", "SECONDARY", "AXIAL")}),
        ({"thickness_mm": 5.0}, {"thickness_mm": 1.0, "extent_mm": 90.0}),
        ({"thickness_mm": 1.0}, {"thickness_mm": 5.0}),
        ({"thickness_mm": 5.0}, {"thickness_mm": None}),
        ({"kernel": "STANDARD"}, {"kernel": "LUNG"}),
        ({"kernel": "B30f"}, {"kernel": "B70f"}),
        ({"kernel": "Br40d\\3"}, {"kernel": "Bl57d"}),
        ({"kernel": "FC08"}, {"kernel": "FC51"}),
        ({}, {"contrast": True}),
        ({"slices": 320}, {}),
        ({"number": 2}, {"number": 9}),
    ],
)
def test_which_of_two_is_better_in_either_order(better, worse):
    pair = [ct("better", **better), ct("worse", **worse)]
    for series in (pair, pair[::-1]):
        choice = choose_series(series)
        assert (choice.series_uid, choice.reason_code) == ("better", "SERIES_BEST_AXIAL_CT")
        assert "mm" in choice.reason.zh
        assert "mm" in choice.reason.en


@pytest.mark.parametrize(
    ("series", "code"),
    [
        ([], "NOT_APPLICABLE_EMPTY"),
        ([ct(modality="MR")], "NOT_APPLICABLE_MODALITY"),
        ([ct(modality="SR"), ct(modality="SEG")], "NOT_APPLICABLE_MODALITY"),
        ([ct(body_part="HEAD", described="")], "NOT_APPLICABLE_BODY_PART"),
        ([ct(slices=2)], "NOT_APPLICABLE_SERIES"),
        ([dx(view="LL")], "NOT_APPLICABLE_LATERAL"),
        ([dx(body_part="HAND")], "NOT_APPLICABLE_BODY_PART"),
        ([dx(sop_class="1.2.840.10008.5.1.4.1.1.7")], "NOT_APPLICABLE_DERIVED"),
        ([dx(has_pixels=False)], "NOT_APPLICABLE_EMPTY"),
    ],
)
def test_a_study_without_anything_to_analyse(series, code):
    choice = choose_series(series)
    assert (choice.series_uid, choice.sop_uid, choice.reason_code) == (None, None, code)
    assert choice.reason == NOT_CHOSEN[code]


def test_ct_goes_before_pet_and_before_radiographs():
    choice = choose_series([dx(), ct("pet", modality="PT"), ct("ct")])
    assert (choice.series_uid, choice.modality) == ("ct", "CT")
    assert ("pet", "MODALITY") in choice.excluded


def test_a_localiser_alone_does_not_hide_the_radiograph():
    choice = choose_series([ct(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")), dx()])
    assert choice.sop_uid == "dx.1"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"intent": "FOR PRESENTATION"}, {"intent": "FOR PROCESSING"}),
        ({"view": "PA"}, {"view": ""}),
        ({"view": "PA"}, {"view": "AP"}),
        ({"acquisition": 2}, {"acquisition": 1}),
        ({}, {"sop_class": "1.2.840.10008.5.1.4.1.1.7", "conversion": "DF"}),
    ],
)
def test_which_of_two_radiographs(better, worse):
    pair = [dx("better", **better), dx("worse", **worse)]
    for images in (pair, pair[::-1]):
        assert choose_series(images).sop_uid == "better"


def test_study_descriptions_that_name_both_views_exclude_none():
    both = dx(view="", described="胸部正侧位 chest pa and lateral", series_described="")
    assert choose_series([both]).sop_uid == "dx.1"
    lateral = dataclasses.replace(both, sop_uid="lat", series_described="胸部侧位")
    assert choose_series([both, lateral]).sop_uid == "dx.1"
    assert choose_series([lateral]).reason_code == "NOT_APPLICABLE_LATERAL"


def test_wrapped_pictures_and_digitised_films_are_radiographs():
    capture = "1.2.840.10008.5.1.4.1.1.7"
    assert choose_series([dx(sop_class=capture, conversion="DF")]).sop_uid == "dx.1"
    wrapped = dx(sop_class=capture, image_type=("DERIVED", "SECONDARY", "", "PICTURE"))
    assert choose_series([wrapped]).sop_uid == "dx.1"


def test_summaries_of_slices_frames_and_films():
    slices = [image_facts(cases.ct_slice(n)) for n in (3, 1, 0, 2, 2)]
    (summary,) = summarise(slices)
    assert (summary.slices, summary.extent_mm, summary.normal_z) == (4, 7.5, 1.0)
    (frames,) = summarise([image_facts(cases.enhanced_ct(14))])
    assert (frames.slices, frames.extent_mm, frames.normal_z) == (14, 39.0, 1.0)
    (unplaced,) = summarise([image_facts(cases.ct_slice(0, ImageOrientationPatient=[0] * 6))])
    assert unplaced.normal_z is None


def test_a_localiser_that_comes_first_does_not_stand_for_its_series():
    scout = cases.ct_slice(50, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SliceThickness=600,
                           ImageOrientationPatient=[0, 1, 0, 0, 0, -1])  # fmt: skip
    datasets = [scout, *(cases.ct_slice(n) for n in range(14))]
    facts = [image_facts(one) for one in datasets]
    (summary,) = summarise(facts)
    assert summary.image_type[-1] == "AXIAL"
    assert choose_series([summary]).series_uid == "1.2.3.1"
    volume, geometry = read_volume(facts, datasets.__getitem__)
    assert len(volume.voxels) == 14
    assert geometry.slice_thickness_mm == 2.5


def test_mislabelled_chinese_descriptions_are_understood():
    data = cases.ct_slice(0, BodyPartExamined="", SeriesDescription="x")
    data.SpecificCharacterSet = "ISO_IR 100"
    data["SeriesDescription"]._value = "胸部CT平扫".encode("gbk")
    content = cases.encoded(data)
    facts = image_facts(parse_dicom(io.BytesIO(content), len(content)))
    assert facts.series_description == "胸部CT平扫"
    choice = choose_series([*summarise([facts])])
    assert choice.excluded == (("1.2.3.1", "FEW_SLICES"),)
