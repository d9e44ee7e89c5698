"""A signed report as DICOM: encapsulated PDF (PS3.3 A.45.1) and a structured report of its words.

The structured report follows TID 2000 (Basic Diagnostic Imaging Report, PS3.16): one container per
heading of CID 7001, the Chinese text first, the English version under its own language. UIDs follow
from the version's record, so that writing it twice gives the same objects. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import highdicom as hd
from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.sr.coding import Code
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from edge.report import codes as own
from edge.report.context import MANUFACTURER, ResultContext, result_uid
from edge.report.header import clean_header, person_name, pin
from edge.report.physician.classes import BASES, TIERS, Classification

PDF_SERIES: Final = 9121
SR_SERIES: Final = 9122
TITLE: Final = CodedConcept("18748-4", "LN", "Diagnostic imaging study")
SERIES_NAME: Final = "影像诊断报告 / Imaging report"
_INHERITED: Final = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
#: CID 7001 (heading) and CID 7002 (element) of each section.
_HEADINGS: Final[dict[str, tuple[Code, Code]]] = {
    "technique": (
        Code("121064", "DCM", "Current Procedure Descriptions"),
        Code("121065", "DCM", "Procedure Description"),
    ),
    "comparison": (
        Code("121066", "DCM", "Prior Procedure Descriptions"),
        Code("121065", "DCM", "Procedure Description"),
    ),
    "findings": (Code("121070", "DCM", "Findings"), own.FINDING_TEXT),
    "impression": (Code("121072", "DCM", "Impressions"), own.IMPRESSION_TEXT),
    "advice": (Code("121074", "DCM", "Recommendations"), own.ADVICE_TEXT),
    "addendum": (Code("121078", "DCM", "Addendum"), Code("121077", "DCM", "Conclusion")),
}
_ENGLISH: Final = Code("en-US", "RFC5646", "English (United States)")
_TIER: Final = own.own("ws288_tier", "Diagnostic tier, WS 288-2017")
_BASIS: Final = own.own("ws288_basis", "Basis of the diagnostic tier")


@dataclass(frozen=True, slots=True)
class Document:
    """What the objects say.

    ``zh`` and ``en`` hold (section, paragraphs) in order; ``author`` signs for ``organisation``;
    ``identity`` is the version's id and what else makes these objects other ones (a correction).
    """

    identity: str
    author: str
    organisation: str
    zh: tuple[tuple[str, tuple[str, ...]], ...]
    en: tuple[tuple[str, tuple[str, ...]], ...]
    classification: Classification
    predecessor: Mapping[str, str] | None = None


class TextReport(hd.sr.EnhancedSR):
    """The document, also for sources of a retired or private class (see edge.report.sr.Report)."""

    def copy_patient_and_study_information(self, dataset: Dataset) -> None:
        known = Dataset()
        known.update(dataset)
        known.SOPClassUID = self.SOPClassUID
        super().copy_patient_and_study_information(known)


def write_pdf(context: ResultContext, document: Document, pdf: bytes) -> Dataset:
    """Write the printed report as an Encapsulated PDF object."""
    header = clean_header(context.sources[0])
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _INHERITED:
        if keyword in header:
            setattr(ds, keyword, header[keyword].value)
    ds.SOPClassUID = EncapsulatedPDFStorage
    ds.SOPInstanceUID = result_uid(context, "report pdf", document.identity)
    ds.SeriesInstanceUID = result_uid(context, "series:report pdf", document.identity)
    ds.Modality, ds.ConversionType = "DOC", "WSD"
    ds.SeriesNumber, ds.InstanceNumber = PDF_SERIES, 1
    ds.SeriesDescription = SERIES_NAME
    ds.Manufacturer, ds.ManufacturerModelName = MANUFACTURER, context.station.name
    ds.DeviceSerialNumber = context.station.serial
    ds.SoftwareVersions = context.station.software_version
    ds.ContentDate = ds.ContentTime = ds.InstanceCreationDate = ds.InstanceCreationTime = ""
    ds.AcquisitionDateTime = ""
    ds.BurnedInAnnotation = "YES"
    ds.DocumentTitle = "影像诊断报告"
    ds.VerificationFlag = "VERIFIED"
    ds.ConceptNameCodeSequence = DicomSequence([_item(TITLE)])
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    ds.EncapsulatedDocumentLength = len(pdf)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return pin(ds, context)


def write_sr(context: ResultContext, document: Document) -> Dataset:
    """Write the words as an Enhanced SR, verified by who signed it."""
    source = clean_header(context.sources[0])
    name = person_name(document.author) or "^"
    report = TextReport(
        evidence=[source],
        content=_content(context, document, name),
        series_instance_uid=result_uid(context, "series:report sr", document.identity),
        series_number=SR_SERIES,
        sop_instance_uid=result_uid(context, "report sr", document.identity),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=True,
        is_verified=True,
        verifying_observer_name=name,
        verifying_organization=document.organisation or "-",
        institution_name=context.station.institution or None,
        previous_versions=None if document.predecessor is None else [_earlier(document)],
        manufacturer_model_name=context.station.name,
        software_versions=context.station.software_version,
        device_serial_number=context.station.serial,
        series_description=SERIES_NAME,
    )
    for item in report.VerifyingObserverSequence:
        item.VerificationDateTime = context.made_at.strftime("%Y%m%d%H%M%S")
    return pin(report, context)


def _content(context: ResultContext, document: Document, author: str) -> Dataset:
    root = hd.sr.ContainerContentItem(name=TITLE, is_content_continuous=False, template_id="2000")
    person = hd.sr.ObserverContext(
        observer_type=CodedConcept("121006", "DCM", "Person"),
        observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(
            name=author, organization_name=document.organisation or "-"
        ),
    )
    items: list[Any] = [
        *hd.sr.LanguageOfContentItemAndDescendants(CodedConcept.from_code(own.CHINESE)),
        *hd.sr.ObservationContext(observer_person_context=person),
        hd.sr.CodeContentItem(
            name=CodedConcept("121058", "DCM", "Procedure reported"),
            value=own.procedure_code(str(context.sources[0].get("Modality", ""))),
            relationship_type=hd.sr.RelationshipTypeValues.HAS_CONCEPT_MOD,
        ),
        *(_container(section, lines, None) for section, lines in document.zh),
    ]
    items += _coded(document.classification)
    items += [_container(section, lines, _ENGLISH) for section, lines in document.en]
    root.ContentSequence = hd.sr.ContentSequence(items)
    return root


def _container(section: str, lines: Sequence[str], language: Code | None) -> Dataset:
    heading, element = _HEADINGS[section]
    container = hd.sr.ContainerContentItem(
        name=heading, is_content_continuous=False,
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )  # fmt: skip
    items: list[Any] = []
    if language is not None:
        items += hd.sr.LanguageOfContentItemAndDescendants(CodedConcept.from_code(language))
    items += [
        hd.sr.TextContentItem(
            name=element, value=line, relationship_type=hd.sr.RelationshipTypeValues.CONTAINS
        )
        for line in lines
        if line
    ]
    container.ContentSequence = hd.sr.ContentSequence(items)
    return container


def _coded(found: Classification) -> list[Any]:
    if not found.tier:
        return []
    tier = hd.sr.CodeContentItem(
        name=_TIER, value=own.own(f"ws288_{found.tier}", TIERS[found.tier][1].capitalize()),
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )  # fmt: skip
    heading = hd.sr.ContainerContentItem(
        name=Code("121076", "DCM", "Conclusions"), is_content_continuous=False,
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )  # fmt: skip
    basis = [
        hd.sr.CodeContentItem(
            name=_BASIS, value=own.own(f"basis_{one.code}"[:16], BASES[one.code][1].capitalize()),
            relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
        )
        for one in found.basis
    ]  # fmt: skip
    heading.ContentSequence = hd.sr.ContentSequence([tier, *basis])
    return [heading]


def _earlier(document: Document) -> Dataset:
    assert document.predecessor is not None
    earlier = Dataset()
    earlier.SOPClassUID = document.predecessor["sop_class"]
    earlier.SOPInstanceUID = document.predecessor["sop_instance"]
    earlier.SeriesInstanceUID = document.predecessor["series"]
    earlier.StudyInstanceUID = document.predecessor["study"]
    return earlier


def _item(concept: CodedConcept) -> Dataset:
    item = Dataset()
    item.CodeValue = concept.CodeValue
    item.CodingSchemeDesignator = concept.CodingSchemeDesignator
    item.CodeMeaning = concept.CodeMeaning
    return item
