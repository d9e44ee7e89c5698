"""A report as a FHIR R4 DiagnosticReport with what it refers to contained. Pure.

The same codes as in the structured report. Status: ``preliminary``, ``final``, after an addendum
``amended`` (R4, DiagnosticReport.status). The English version is the standard's ``translation``
extension of the conclusion.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge.report.codes import SCHEME
from edge.report.physician.classes import TIERS, Classification

_LOINC: Final = "http://loinc.org"
_TRANSLATION: Final = "http://hl7.org/fhir/StructureDefinition/translation"
_OWN: Final = f"urn:xinglin:{SCHEME}"
_STATUS: Final = {"preliminary": "preliminary", "signed": "final", "addendum": "amended"}
_CODES: Final = {
    "CT": ("24627-2", "CT Chest"), "DX": ("30745-4", "XR Chest Views"),
    "CR": ("30745-4", "XR Chest Views"), "DR": ("30745-4", "XR Chest Views"),
}  # fmt: skip
_SEX: Final = {"M": "male", "F": "female", "O": "other"}


@dataclass(frozen=True, slots=True)
class Subject:
    """Patient and examination as the resource names them; "" is left out."""

    patient_id: str
    name: str
    sex: str
    birth_date: str
    study_uid: str
    study_date: str
    modality: str
    accession: str
    organisation: str


def diagnostic_report(
    kind: str,
    version: int,
    body: Mapping[str, Any],
    subject: Subject,
    classification: Classification,
    pdf: bytes,
) -> dict[str, Any]:
    """Return the resource of one version.

    Parameters
    ----------
    kind : {"preliminary", "signed", "addendum"}
    version : int
    body : mapping
        The version's record: ``id``, ``to``, ``at``, ``by``, ``name``, ``text_zh``, ``text_en``.
    pdf : bytes
        The printed report.
    """
    code, display = _CODES.get(subject.modality, ("18748-4", "Diagnostic imaging study"))
    resource: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "id": str(body["id"]).replace("_", "-"),
        "meta": {"versionId": str(version)},
        "language": "zh-CN",
        "contained": _contained(body, subject),
        "identifier": [{"system": "urn:xinglin:report", "value": body.get("to") or body["id"]}],
        "status": _STATUS[kind],
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
                        "code": "RAD",
                        "display": "Radiology",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": display}]},
        "subject": {"reference": "#patient"},
        "issued": _instant(str(body["at"])),
        "performer": [{"reference": "#organisation"}],
        "resultsInterpreter": [{"reference": "#author"}],
        "imagingStudy": [{"reference": "#study"}],
        "conclusion": body["text_zh"],
        "_conclusion": {"extension": [_translated(str(body["text_en"]))]},
        "presentedForm": [
            {
                "contentType": "application/pdf",
                "language": "zh-CN",
                "data": base64.b64encode(pdf).decode(),
                "title": "影像诊断报告 / Imaging report",
            }
        ],
    }
    if subject.study_date:
        resource["effectiveDateTime"] = _day(subject.study_date)
    if classification.tier:
        zh, en = TIERS[classification.tier]
        coding = {"system": _OWN, "code": f"ws288_{classification.tier}", "display": en}
        resource["conclusionCode"] = [{"coding": [coding], "text": zh}]
    return resource


def _contained(body: Mapping[str, Any], subject: Subject) -> list[dict[str, Any]]:
    patient: dict[str, Any] = {"resourceType": "Patient", "id": "patient"}
    if subject.patient_id:
        patient["identifier"] = [{"value": subject.patient_id}]
    if subject.name:
        patient["name"] = [{"text": subject.name}]
    if subject.sex in _SEX:
        patient["gender"] = _SEX[subject.sex]
    if len(subject.birth_date) == 8:
        patient["birthDate"] = _day(subject.birth_date)
    study: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "id": "study",
        "identifier": [
            {"system": "urn:dicom:uid", "value": f"urn:oid:{subject.study_uid}"},
        ],
        "status": "available",
        "subject": {"reference": "#patient"},
    }
    if subject.accession:
        study["identifier"].append({"type": {"coding": [_ACCESSION]}, "value": subject.accession})
    return [
        patient,
        {"resourceType": "Organization", "id": "organisation", "name": subject.organisation or "-"},
        {
            "resourceType": "Practitioner", "id": "author",
            "identifier": [{"value": body["by"]}], "name": [{"text": body["name"]}],
        },
        study,
    ]  # fmt: skip


_ACCESSION: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
    "code": "ACSN",
    "display": "Accession ID",
}


def _translated(text: str) -> dict[str, Any]:
    return {
        "url": _TRANSLATION,
        "extension": [
            {"url": "lang", "valueCode": "en"},
            {"url": "content", "valueString": text},
        ],
    }


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"


def _instant(text: str) -> str:
    """Return an instant with seconds and zone; records write theirs in UTC."""
    return text if text.endswith("Z") or "+" in text else f"{text}Z"
