"""A signed opinion as DICOM: encapsulated PDF (PS3.3 A.45.1) and a structured report of its words.

Pure but for the context, which carries the times: the same opinion gives the same objects.
"""

from __future__ import annotations

from typing import Final

import highdicom as hd
from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from edge.consult.paper import OpinionText, lines_of, pages, pdf_of
from edge.report import codes as own
from edge.report.context import MANUFACTURER, ResultContext, result_uid
from edge.report.header import clean_header, person_name, pin
from edge.report.page import FontFiles
from edge.report.sr import Report

PDF_SERIES: Final = 9111
SR_SERIES: Final = 9112
_INHERITED: Final = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
#: LOINC: consultation note.
_TITLE: Final = CodedConcept("11488-4", "LN", "Consult note")


def write_pdf(context: ResultContext, text: OpinionText, fonts: FontFiles | None = None) -> Dataset:
    """Write an opinion as an Encapsulated PDF object. Raises FontMissing."""
    header = clean_header(context.sources[0])
    moment = context.made_at.timetuple()
    document = pdf_of(pages(lines_of(text), fonts), moment, text.title)
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _INHERITED:
        if keyword in header:
            setattr(ds, keyword, header[keyword].value)
    ds.SOPClassUID = EncapsulatedPDFStorage
    ds.SOPInstanceUID = result_uid(context, "opinion pdf", text.digest)
    ds.SeriesInstanceUID = result_uid(context, "series:opinion pdf", text.digest)
    ds.Modality, ds.ConversionType = "DOC", "WSD"
    ds.SeriesNumber, ds.InstanceNumber = PDF_SERIES, 1
    ds.SeriesDescription = "会诊意见 / Consultation opinion"
    ds.Manufacturer, ds.ManufacturerModelName = MANUFACTURER, context.station.name
    ds.DeviceSerialNumber = context.station.serial
    ds.SoftwareVersions = context.station.software_version
    ds.ContentDate = ds.ContentTime = ds.InstanceCreationDate = ds.InstanceCreationTime = ""
    ds.AcquisitionDateTime = ""
    ds.BurnedInAnnotation = "NO"
    ds.DocumentTitle = text.title
    ds.VerificationFlag = "VERIFIED"
    ds.ConceptNameCodeSequence = DicomSequence([_coded(_TITLE)])
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    ds.EncapsulatedDocumentLength = len(document)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return pin(ds, context)


def write_words(context: ResultContext, text: OpinionText) -> Dataset:
    """Write an opinion's words as a structured report, verified by who signed it."""
    source = clean_header(context.sources[0])
    root = hd.sr.ContainerContentItem(name=_TITLE, is_content_continuous=False)
    items: list[hd.sr.ContentItem] = [
        hd.sr.TextContentItem(
            name=own.COMMENT,
            value=f"{text.title}\n{text.signature}\nSHA-256 {text.digest}",
            relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
        )
    ]
    items += [
        hd.sr.TextContentItem(
            name=own.COMMENT if not name.startswith("印象") else own.IMPRESSION_TEXT,
            value=f"{name}\n{words}",
            relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
        )
        for name, words in text.sections
        if words
    ]
    root.ContentSequence = hd.sr.ContentSequence(items)
    document = Report(
        evidence=[source],
        content=root,
        series_instance_uid=result_uid(context, "series:opinion sr", text.digest),
        series_number=SR_SERIES,
        sop_instance_uid=result_uid(context, "opinion sr", text.digest),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=True,
        is_verified=True,
        verifying_observer_name=person_name(text.author) or "^",
        verifying_organization=text.organisation or "-",
        institution_name=context.station.institution or None,
        manufacturer_model_name=context.station.name,
        software_versions=context.station.software_version,
        device_serial_number=context.station.serial,
        series_description="会诊意见 / Consultation opinion",
    )
    for item in document.VerifyingObserverSequence:
        item.VerificationDateTime = context.made_at.strftime("%Y%m%d%H%M%S")
    return pin(document, context)


def _coded(concept: CodedConcept) -> Dataset:
    item = Dataset()
    item.CodeValue = concept.CodeValue
    item.CodingSchemeDesignator = concept.CodingSchemeDesignator
    item.CodeMeaning = concept.CodeMeaning
    return item
