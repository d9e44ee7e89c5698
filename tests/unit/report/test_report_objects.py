"""From a study's result to its objects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from core.imaging.ct import CtFindings
from core.imaging.dr import DrFindings
from core.imaging.dr_regions import Region
from core.imaging.result import Sentence
from core.imaging.series import Choice
from core.imaging.study_result import Explanation, StudyResult
from core.imaging.volume import Radiograph, Volume
from edge.report.errors import NoSourceImages
from edge.report.objects import case_of, result_objects, sources_of
from edge.report.page import FontFiles
from tests import report_cases as cases

pytestmark = pytest.mark.skipif(
    not FontFiles().regular.exists(),
    reason="needs the Debian package fonts-noto-cjk (fonts with Han characters)",
)
WHY = Sentence("测试", "test")


def ct_result(sources: tuple[Dataset, ...]) -> StudyResult:
    found = CtFindings(
        qc=cases.QC_PASS,
        status="ok",
        lesions=cases.lesions(),
        label_map=cases.label_map(),
        lungs=None,
    )
    volume = Volume(
        voxels=cases.ct_voxels(),
        spacing_mm=(2.5, 0.8, 0.8),
        origin_mm=(-25.6, -19.2, -100.0),
        direction=np.eye(3)[:, ::-1].copy(),
        uids=tuple(str(source.SOPInstanceUID) for source in sources),
    )
    return StudyResult(
        study=cases.STUDY,
        modality="CT",
        status="ok",
        qc=found.qc,
        lesions=found.lesions,
        choice=Choice(str(sources[0].SeriesInstanceUID), "CT", "SERIES_ONLY_AXIAL_CT", WHY),
        ct=found,
        volume=volume,
    )


def dr_result() -> StudyResult:
    heat = np.zeros(cases.SHAPE[1:], dtype=np.float32)
    heat[10:20, 10:20] = 0.9
    region = Region((10, 10, 20, 20), (15, 15), 0.9, 0.1, "right_upper_zone")
    found = DrFindings(
        qc=cases.QC_WARN, status="ok", tb=cases.TB, heat_map=heat, regions=(region, region)
    )
    return StudyResult(study="1.2", modality="DX", status="ok", qc=found.qc, tb=found.tb, dr=found)


def test_a_ct_gives_seg_then_sr_and_pictures_for_a_peer_without_them() -> None:
    sources = cases.ct_series()
    result = ct_result(sources)
    objects = result_objects(cases.context(sources_of(result, sources)), result)
    assert [item.kind for item in objects.primary] == ["seg", "sr"]
    assert {item.kind for item in objects.fallback} == {"sc"}
    assert {item.study_uid for item in objects.primary + objects.fallback} == {cases.STUDY}


def test_the_slices_of_an_enhanced_ct_are_found_by_their_frames() -> None:
    source = cases.enhanced_ct()
    result = ct_result(cases.ct_series())
    volume = replace(
        result.volume,  # type: ignore[type-var]  # set in ct_result
        uids=(str(source.SOPInstanceUID),) * 6,
        frames=(6, 5, 4, 3, 2, 1),
    )
    objects = result_objects(cases.context((source,)), replace(result, volume=volume))
    assert objects.seg is not None
    frames = [
        item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        for item in objects.seg.PerFrameFunctionalGroupsSequence
    ]
    assert set(frames) == {5, 4, 3, 2}  # slices 1…4, stored from the last to the first


def test_a_radiograph_points_from_sr_to_the_picture_with_its_heat_map() -> None:
    source = cases.radiograph()
    radiograph = Radiograph(source.pixel_array.astype(np.float32))
    objects = result_objects(cases.context((source,)), dr_result(), radiograph)
    assert objects.seg is None
    assert str(objects.pictures[0].SOPInstanceUID) in str(objects.sr)
    assert "右上肺野".encode() in objects.primary[0].read()


def test_regions_are_named_once() -> None:
    assert case_of(dr_result()).regions == ("right_upper_zone",)


@pytest.mark.parametrize("status", ["failed", "refused", "not_applicable"])
def test_without_findings_there_is_no_segmentation_but_a_report_and_a_page(status: str) -> None:
    sources = cases.ct_series()
    result = StudyResult(
        study=cases.STUDY,
        modality="CT",
        status=status,  # type: ignore[arg-type]  # parametrised
        reason=Explanation("E3101", "肺分割失败。", "Lung segmentation failed."),
    )
    objects = result_objects(cases.context(sources_of(result, sources)), result)
    assert objects.seg is None
    assert len(objects.pictures) == 1


def test_the_chosen_series_is_the_source() -> None:
    sources = cases.ct_series()
    other = cases.radiograph()
    assert sources_of(ct_result(sources), (other, *sources)) == sources
    film = Choice(
        str(other.SeriesInstanceUID), "DX", "SERIES_ONLY_RADIOGRAPH", WHY,
        sop_uid=str(other.SOPInstanceUID),
    )  # fmt: skip
    assert sources_of(replace(dr_result(), choice=film), (*sources, other)) == (other,)


def test_without_a_choice_the_largest_series_stands_for_the_study() -> None:
    sources = cases.ct_series()
    nothing = StudyResult(study="1", modality="CT", status="not_applicable")
    assert sources_of(nothing, (cases.radiograph(), *sources)) == sources
    with pytest.raises(NoSourceImages):
        sources_of(nothing, ())
