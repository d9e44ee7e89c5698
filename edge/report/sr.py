"""Structured report: Comprehensive 3D SR, TID 1500 (PS3.16), content as IHE AIR asks for it.

The tree: language · device observer · procedure reported · Imaging Measurements with one group
for the case (outcome, review status, quality) and one per lesion or per radiograph · the draft's
sentences as text. Four outcomes are four codes; an unreviewed result is UNVERIFIED and says so.
"""

from __future__ import annotations

from typing import Final

import highdicom as hd
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from edge.report import codes as own
from edge.report.case import CaseResult
from edge.report.context import (
    MANUFACTURER,
    ResultContext,
    check_sources,
    result_uid,
    statement_en,
    statement_zh,
)
from edge.report.header import clean_header, person_name, pin
from edge.report.sr_groups import SegReference, case_group, lesion_group, radiograph_group
from edge.report.text import ReportDraft, Section, draft_report

SERIES_NUMBER: Final = 9102
_TEXT_NAMES: Final[dict[Section, object]] = {
    "findings": own.FINDING_TEXT,
    "impression": own.IMPRESSION_TEXT,
    "advice": own.ADVICE_TEXT,
}


class Report(hd.sr.Comprehensive3DSR):
    """The document, also for sources of a retired or private class.

    highdicom looks up the source's class to learn which attributes are the patient's and the
    study's, and knows no retired one; these modules are the same in every IOD.
    """

    def copy_patient_and_study_information(self, dataset: Dataset) -> None:
        known = Dataset()
        known.update(dataset)
        known.SOPClassUID = self.SOPClassUID
        super().copy_patient_and_study_information(known)


def write_sr(
    context: ResultContext,
    case: CaseResult,
    seg: Dataset | None = None,
    visual: Dataset | None = None,
) -> Dataset:
    """Write the structured report of one study.

    Parameters
    ----------
    context : ResultContext
    case : CaseResult
    seg : Dataset or None
        The segmentation written for the same lesions; its segments are referenced.
    visual : Dataset or None
        Radiograph: the secondary capture with the heat map (Visual Explanation, 130401).

    Returns
    -------
    Dataset
        A Comprehensive 3D SR with file meta; the same for the same input.

    Raises
    ------
    NoSourceImages, SourceIncomplete, MixedSources, UnknownLesionCode
    """
    check_sources(context.sources)
    sources = [clean_header(source) for source in context.sources]
    payload = (case.digest, *(str(x.SOPInstanceUID) for x in (seg, visual) if x is not None))
    content = _content(context, case, seg, visual)
    extra = [x for x in (seg, visual) if x is not None]
    review = context.review
    document = Report(
        evidence=[*sources, *extra],
        content=content,
        series_instance_uid=result_uid(context, "series:sr", *payload),
        series_number=SERIES_NUMBER,
        sop_instance_uid=result_uid(context, "sr", *payload),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=case.status == "ok",
        is_final=review is not None,
        is_verified=review is not None,
        verifying_observer_name=None if review is None else person_name(review.name),
        verifying_organization=None if review is None else review.organisation or "-",
        institution_name=context.station.institution or None,
        previous_versions=list(context.predecessors) or None,
        manufacturer_model_name=context.station.name,
        software_versions=context.station.software_version,
        device_serial_number=context.station.serial,
        series_description="AI 测量报告 / AI measurement report (research)",
    )
    return pin(document, context)


def _content(
    context: ResultContext, case: CaseResult, seg: Dataset | None, visual: Dataset | None
) -> Dataset:
    groups = [case_group(context, case)]
    if case.status == "ok" and case.lesions:
        reference = None if seg is None else SegReference.of(seg, context)
        groups += [lesion_group(context, lesion, reference) for lesion in case.lesions]
    if case.status == "ok" and case.tb is not None:
        groups.append(radiograph_group(context, case, case.tb, visual))
    report = hd.sr.MeasurementReport(
        observation_context=_observers(context),
        procedure_reported=own.procedure_code(str(context.sources[0].get("Modality", ""))),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=hd.sr.LanguageOfContentItemAndDescendants(
            CodedConcept.from_code(own.CHINESE)
        ),
    )
    root: Dataset = report[0]
    draft = draft_report(case, statement_zh(context), statement_en(context))
    for item in _texts(draft):
        root.ContentSequence.append(item)
    return root


def _observers(context: ResultContext) -> hd.sr.ObservationContext:
    station = context.station
    device = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=station.device_uid,
            name=station.name,
            manufacturer_name=MANUFACTURER,
            model_name=context.model,
            serial_number=station.serial,
        ),
    )
    if context.review is None:
        return hd.sr.ObservationContext(observer_device_context=device)
    person = hd.sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(
            name=person_name(context.review.name),
            organization_name=context.review.organisation or None,
        ),
    )
    return hd.sr.ObservationContext(observer_person_context=person, observer_device_context=device)


def _texts(draft: ReportDraft) -> list[hd.sr.TextContentItem]:
    """TID 1500 is extensible: the statement first, then the draft, Chinese before English."""
    items = [_text(own.COMMENT, f"{draft.statement_zh}\n{draft.statement_en}")]
    for section, name in _TEXT_NAMES.items():
        sentences = draft.section(section)
        zh = "".join(sentence.zh for sentence in sentences)
        en = " ".join(sentence.en for sentence in sentences)
        if sentences:
            items.append(_text(name, f"{zh}\n{en}"))
    return items


def _text(name: object, value: str) -> hd.sr.TextContentItem:
    return hd.sr.TextContentItem(
        name=name, value=value, relationship_type=hd.sr.RelationshipTypeValues.CONTAINS
    )
