"""SR TID 1500: what a reader of another vendor finds in it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import highdicom as hd
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from core.imaging.result import Lesion
from edge.report import codes as own
from edge.report.case import CaseResult
from edge.report.delivery import part10
from edge.report.seg import write_seg
from edge.report.sr import write_sr
from tests import report_cases as cases


def items(dataset: Dataset) -> list[Dataset]:
    """All content items, depth first."""
    found = []
    for item in dataset.get("ContentSequence", []):
        found += [item, *items(item)]
    return found


def name(item: Dataset) -> str:
    concept = item.ConceptNameCodeSequence[0]
    return concept.get("CodeValue") or concept.LongCodeValue


def coded(dataset: Dataset, concept: str) -> list[str]:
    """Values of the CODE items of one concept."""
    return [
        item.ConceptCodeSequence[0].get("CodeValue") or item.ConceptCodeSequence[0].LongCodeValue
        for item in items(dataset)
        if item.ValueType == "CODE" and name(item) == concept
    ]


def numbers(dataset: Dataset) -> dict[str, tuple[float, str]]:
    return {
        name(item): (
            float(item.MeasuredValueSequence[0].NumericValue),
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue,
        )
        for item in items(dataset)
        if item.ValueType == "NUM"
    }


def text(dataset: Dataset) -> str:
    return "\n".join(item.TextValue for item in items(dataset) if item.ValueType == "TEXT")


def sr_of(case_name: str, case: CaseResult | None = None) -> Dataset:
    sources = cases.sources_for(case_name)
    return write_sr(cases.context(sources), case or cases.CASES[case_name])


def test_the_frame_of_the_report_is_tid_1500() -> None:
    sr = sr_of("ct_findings")
    assert sr.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.34"
    assert sr.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert name(sr) == "126000"
    assert coded(sr, "121049") == ["zh-CN"]
    assert coded(sr, "121005") == ["121007"]  # observer type: device
    assert coded(sr, "121058") == ["25045-6"]
    assert [name(item) for item in sr.ContentSequence].count("126010") == 1


def test_each_lesion_has_a_group_that_another_reader_understands() -> None:
    sources = cases.ct_series()
    context = cases.context(sources)
    seg = write_seg(context, cases.lesions(), cases.label_map(), cases.planes(sources))
    sr = hd.sr.Comprehensive3DSR.from_dataset(write_sr(context, cases.CASES["ct_findings"], seg))
    groups = sr.content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["L3", "L7"]
    first = groups[0]
    assert first.tracking_uid == seg.SegmentSequence[0].TrackingUID
    assert first.finding_type == Code("27925004", "SCT", "Nodule")
    site = first.finding_sites[0]
    assert site.value == Code("281392002", "SCT", "Upper zone of lung")
    assert site.laterality == Code("24028007", "SCT", "Right")
    assert first.referenced_segment.referenced_sop_instance_uid == seg.SOPInstanceUID
    assert [
        item.ReferencedSOPSequence[0].ReferencedSegmentNumber
        for item in items(sr)
        if name(item) == "121191"
    ] == [1, 2]
    found = {m.name.meaning: (m.value, m.unit.value) for m in first.get_measurements()}
    assert found == {
        "Long axis": (8.9, "mm"),
        "Short axis": (6.4, "mm"),
        "Volume": (0.307, "cm3"),
        "Attenuation Coefficient": (30.0, "[hnsf'U]"),
        "Certainty of Finding": (83.0, "%"),
    }


def test_the_sources_and_the_segmentation_stand_in_the_evidence() -> None:
    sources = cases.ct_series()
    context = cases.context(sources)
    seg = write_seg(context, cases.lesions(), cases.label_map(), cases.planes(sources))
    sr = hd.sr.Comprehensive3DSR.from_dataset(write_sr(context, cases.CASES["ct_findings"], seg))
    evidence = {entry[2] for entry in sr.get_evidence()}
    assert evidence == {source.SOPInstanceUID for source in sources} | {seg.SOPInstanceUID}


def test_lesions_without_a_segmentation_are_still_reported() -> None:
    sr = sr_of("ct_findings")
    assert coded(sr, "lesion_kind") == ["solid_nodule", "cavity"]
    assert "121191" not in {name(item) for item in items(sr)}


def test_the_four_outcomes_and_no_finding_are_five_different_codes() -> None:
    outcomes = {
        key: coded(sr_of(key), "analysis_outcome")
        for key in ("ct_findings", "ct_no_finding", "ct_failed", "ct_refused", "ct_not_applicable")
    }
    assert outcomes == {
        "ct_findings": ["findings"],
        "ct_no_finding": ["no_finding"],
        "ct_failed": ["failed"],
        "ct_refused": ["refused_by_qc"],
        "ct_not_applicable": ["not_applicable"],
    }
    assert coded(sr_of("ct_no_finding"), "111017") == ["111241"]
    assert coded(sr_of("ct_failed"), "111017") == ["111245"]
    assert coded(sr_of("ct_refused"), "111017") == []
    assert coded(sr_of("ct_refused"), "result_status") == ["111225"]


def test_ok_without_any_computed_finding_is_a_failure_not_a_normal() -> None:
    assert coded(sr_of("ct_no_finding", CaseResult("ok")), "analysis_outcome") == ["failed"]


def test_only_an_ok_result_is_complete() -> None:
    assert sr_of("ct_no_finding").CompletionFlag == "COMPLETE"
    for key in ("ct_failed", "ct_refused", "ct_not_applicable"):
        assert sr_of(key).CompletionFlag == "PARTIAL"


@pytest.mark.parametrize("key", list(cases.CASES))
def test_an_unreviewed_result_says_so_in_flag_code_and_text(key: str) -> None:
    sr = sr_of(key)
    assert sr.VerificationFlag == "UNVERIFIED"
    assert sr.PreliminaryFlag == "PRELIMINARY"
    assert coded(sr, "review_status") == ["unreviewed"]
    assert coded(sr, "intended_use") == ["research_only"]
    assert "AI 结果，未经医师审核。" in text(sr)
    assert "仅供研究" in text(sr)


def test_a_reviewed_result_names_who_answers_for_it_and_when() -> None:
    sources = cases.ct_series()
    sr = write_sr(cases.context(sources, cases.REVIEW), cases.CASES["ct_findings"])
    observer = sr.VerifyingObserverSequence[0]
    assert (sr.VerificationFlag, sr.PreliminaryFlag) == ("VERIFIED", "FINAL")
    assert str(observer.VerifyingObserverName) == "WANG^WU=王^五"
    assert observer.VerificationDateTime == "20260304100000"
    assert coded(sr, "review_status") == ["reviewed"]
    assert "未经医师审核" not in text(sr)


def test_a_radiograph_carries_score_threshold_calibration_and_its_image() -> None:
    sr = sr_of("dr_suspected")
    values = numbers(sr)
    assert values["tb_score"] == (0.82, "1")
    assert values["122411"] == (0.5, "1")
    assert values["deviation_index_db"] == (-2.4, "dB")
    assert coded(sr, "tb_suspicion") == ["415684004"]  # Suspected, never more
    assert coded(sr, "qc_verdict") == ["qc_warn"]
    assert coded(sr, "qc_reason") == ["DR_EXPOSURE_LOW"]
    parameters = [item.TextValue for item in items(sr) if name(item) == "111002"]
    assert "threshold=0.5" in parameters
    assert "calibration_set=DA set, 5-fold cross-validation" in parameters
    images = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in items(sr)
        if item.ValueType == "IMAGE"
    ]
    assert set(images) == {cases.radiograph().SOPInstanceUID}


def test_below_the_threshold_is_not_called_negative() -> None:
    sr = sr_of("dr_below")
    assert coded(sr, "tb_suspicion") == ["below_threshold"]
    assert coded(sr, "analysis_outcome") == ["no_finding"]
    assert "不能据此排除肺结核" in text(sr)


def test_a_superseding_result_names_its_predecessor() -> None:
    sources = cases.ct_series()
    first = write_sr(cases.context(sources), cases.CASES["ct_no_finding"])
    context = replace(cases.context(sources), predecessors=(first,))
    second = write_sr(context, cases.CASES["ct_findings"])
    reference = second.PredecessorDocumentsSequence[0]
    series = reference.ReferencedSeriesSequence[0]
    assert reference.StudyInstanceUID == first.StudyInstanceUID
    assert series.SeriesInstanceUID == first.SeriesInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.SOPInstanceUID != first.SOPInstanceUID


def test_a_number_that_is_none_is_left_out_not_written_as_zero() -> None:
    lesion: Lesion = replace(cases.lesions()[0], mean_hu=float("nan"))
    sr = sr_of("ct_findings", CaseResult("ok", None, lesions=(lesion,)))
    assert "112031" not in numbers(sr)
    assert "103339001" in numbers(sr)


def test_an_overridden_refusal_is_coded_and_told() -> None:
    case = replace(cases.CASES["ct_findings"], qc=cases.QC_REJECT, overridden=True)
    sr = sr_of("ct_findings", case)
    assert coded(sr, "qc_override") == ["analysed_anyway"]
    assert "经医师决定仍作分析" in text(sr)


@pytest.mark.parametrize("key", list(cases.CASES))
def test_writing_twice_gives_the_same_bytes(key: str) -> None:
    assert part10(sr_of(key)) == part10(sr_of(key))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientSex", "X"), ("PatientBirthDate", "1970年"), ("StudyTime", "9h")],
)
def test_a_broken_source_attribute_is_emptied_not_copied(keyword: str, value: str) -> None:
    source = cases.radiograph()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's own, about the value that is broken on purpose
        setattr(source, keyword, value)
    sr = write_sr(cases.context((source,)), cases.CASES["dr_below"])
    assert sr[keyword].value == ""


def test_missing_type_2_attributes_do_not_stop_a_result() -> None:
    source = cases.radiograph()
    for keyword in ("AccessionNumber", "StudyID", "PatientSex", "ReferringPhysicianName"):
        del source[keyword]
    sr = write_sr(cases.context((source,)), cases.CASES["dr_below"])
    assert sr.AccessionNumber == ""


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.12.3", "1.3.46.670589.11.0.0.12.1"])
def test_a_source_of_a_retired_or_private_class_still_gets_its_answer(sop_class: str) -> None:
    source = cases.radiograph()
    source.SOPClassUID = sop_class
    sr = write_sr(cases.context((source,)), cases.CASES["ct_not_applicable"])
    assert str(sr.PatientName) == "ZHANG^SAN=张^三"
    assert coded(sr, "analysis_outcome") == ["not_applicable"]


def test_all_kinds_and_sites_have_codes_within_their_vr() -> None:
    for kind in own.KINDS.values():
        assert len(kind.exact.value) <= 16
        assert len(kind.exact.meaning) <= 64
    for site in own.SITES.values():
        assert site.zh
        assert site.en
