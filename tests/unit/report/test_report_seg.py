"""DICOM SEG: pixels, codes, references, repeatability, refusals."""

from __future__ import annotations

from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from edge.report.delivery import part10
from edge.report.errors import (
    LabelMapMismatch,
    LesionNotInLabelMap,
    MixedSources,
    NoSourceImages,
    SourceIncomplete,
    SourcesOverlap,
    UnknownLesionCode,
)
from edge.report.seg import Plane, write_seg
from tests import report_cases as cases


def written(sources: tuple[Dataset, ...]) -> Dataset:
    return write_seg(
        cases.context(sources), cases.lesions(), cases.label_map(), cases.planes(sources)
    )


def mask_of(seg: Dataset, segment: int, source: Dataset, frame: int | None = None) -> np.ndarray:
    reader = hd.seg.Segmentation.from_dataset(seg)
    if frame is None:
        pixels = reader.get_pixels_by_source_instance(
            [source.SOPInstanceUID], assert_missing_frames_are_empty=True, segment_numbers=[segment]
        )
    else:
        pixels = reader.get_pixels_by_source_frame(
            source.SOPInstanceUID,
            [frame],
            assert_missing_frames_are_empty=True,
            segment_numbers=[segment],
        )
    return pixels[0, :, :, 0]


def test_masks_come_back_slice_by_slice_from_a_series() -> None:
    sources = cases.ct_series()
    seg = written(sources)
    for index, source in enumerate(sources):
        for number, lesion in ((1, 3), (2, 7)):
            expected = cases.label_map()[index] == lesion
            assert np.array_equal(mask_of(seg, number, source), expected)


def test_masks_come_back_frame_by_frame_from_an_enhanced_ct_stored_backwards() -> None:
    source = cases.enhanced_ct()
    seg = written((source,))
    for index in range(cases.SHAPE[0]):
        expected = cases.label_map()[index] == 7
        assert np.array_equal(mask_of(seg, 2, source, cases.SHAPE[0] - index), expected)


def test_series_order_of_the_sources_does_not_matter() -> None:
    sources = cases.ct_series()
    context = cases.context(tuple(reversed(sources)))
    shuffled = write_seg(context, cases.lesions(), cases.label_map(), cases.planes(sources))
    assert np.array_equal(mask_of(shuffled, 1, sources[2]), cases.label_map()[2] == 3)


def test_segments_are_coded_tracked_and_labelled_in_both_languages() -> None:
    seg = written(cases.ct_series())
    first, second = seg.SegmentSequence
    assert first.SegmentLabel == "L3 疑似实性结节 / suspected solid nodule"
    assert first.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "27925004"
    exact = second.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0]
    assert (exact.CodeValue, exact.CodingSchemeDesignator) == ("cavity", "99XINGLIN")
    assert first.SegmentAlgorithmType == "AUTOMATIC"
    algorithm = first.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("ct-lesions", "0.1.0")
    assert (first.TrackingID, second.TrackingID) == ("L3", "L7")
    assert first.TrackingUID != second.TrackingUID
    region = first.AnatomicRegionSequence[0]
    assert region.CodeValue == "281392002"
    assert region.AnatomicRegionModifierSequence[0].CodeMeaning == "Right"


def test_identity_is_the_sources_and_text_is_utf8() -> None:
    seg = written(cases.ct_series())
    assert seg.SpecificCharacterSet == "ISO_IR 192"
    assert str(seg.PatientName) == "ZHANG^SAN=张^三"
    assert seg.StudyInstanceUID == cases.STUDY
    assert b"ISO_IR 192" in part10(seg)
    assert "张^三".encode() in part10(seg)


def test_a_rare_character_survives() -> None:
    sources = cases.ct_series()
    for source in sources:
        source.PatientName = "𠮷田"
    assert "𠮷田^".encode() in part10(written(sources))


def test_writing_twice_gives_the_same_bytes() -> None:
    assert part10(written(cases.ct_series())) == part10(written(cases.ct_series()))


@pytest.mark.parametrize("change", ["version", "edition", "map", "review"])
def test_another_result_is_another_object(change: str) -> None:
    sources = cases.ct_series()
    labels = cases.label_map()
    context = cases.context(sources)
    if change == "version":
        context = replace(context, version="0.2.0")
    elif change == "edition":
        context = replace(context, edition="override-1")
    elif change == "review":
        context = replace(context, review=cases.REVIEW)
    else:
        labels[2, 9, 12] = 3
    other = write_seg(context, cases.lesions(), labels, cases.planes(sources))
    assert other.SOPInstanceUID != written(sources).SOPInstanceUID


def test_uids_are_under_2_25_and_short_enough() -> None:
    seg = written(cases.ct_series())
    for uid in (seg.SOPInstanceUID, seg.SeriesInstanceUID, seg.SegmentSequence[0].TrackingUID):
        assert uid.startswith("2.25.")
        assert len(uid) <= 64
        assert uid.is_valid


def test_source_headers_are_not_changed() -> None:
    sources = cases.ct_series()
    before = [str(source) for source in sources]
    written(sources)
    assert [str(source) for source in sources] == before


def test_no_sources_are_refused() -> None:
    with pytest.raises(NoSourceImages):
        write_seg(
            replace(cases.context(cases.ct_series()), sources=()),
            cases.lesions(),
            cases.label_map(),
            (),
        )


def test_two_patients_in_one_series_are_refused() -> None:
    sources = cases.ct_series()
    sources[3].PatientID = "OTHER"
    with pytest.raises(MixedSources) as refusal:
        written(sources)
    assert "OTHER" not in str(refusal.value)


def test_missing_geometry_is_refused_by_keyword() -> None:
    sources = cases.ct_series()
    del sources[2].ImagePositionPatient
    with pytest.raises(SourceIncomplete, match="ImagePositionPatient"):
        written(sources)


def test_two_images_at_one_place_are_refused() -> None:
    sources = cases.ct_series()
    sources[2].ImagePositionPatient = sources[1].ImagePositionPatient
    with pytest.raises(SourcesOverlap):
        written(sources)


def test_a_label_map_of_another_shape_is_refused() -> None:
    sources = cases.ct_series()
    with pytest.raises(LabelMapMismatch):
        write_seg(
            cases.context(sources), cases.lesions(), cases.label_map()[:5], cases.planes(sources)
        )


def test_a_plane_of_another_series_is_refused() -> None:
    sources = cases.ct_series()
    planes = (*cases.planes(sources)[:5], Plane("1.2.3"))
    with pytest.raises(LabelMapMismatch):
        write_seg(cases.context(sources), cases.lesions(), cases.label_map(), planes)


@pytest.mark.parametrize("lesion_id", [0, 5, 9])
def test_a_lesion_without_voxels_is_refused(lesion_id: int) -> None:
    sources = cases.ct_series()
    lesions = (*cases.lesions(), replace(cases.lesions()[0], id=lesion_id))
    with pytest.raises(LesionNotInLabelMap):
        write_seg(cases.context(sources), lesions, cases.label_map(), cases.planes(sources))


def test_an_unknown_kind_is_refused_not_guessed() -> None:
    sources = cases.ct_series()
    lesions = (replace(cases.lesions()[0], kind="bronchiectasis"), cases.lesions()[1])
    with pytest.raises(UnknownLesionCode, match="bronchiectasis"):
        write_seg(cases.context(sources), lesions, cases.label_map(), cases.planes(sources))
