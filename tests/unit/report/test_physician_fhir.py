"""The FHIR resource of a report, judged by the R4B models of fhir.resources."""

from __future__ import annotations

import base64

import pytest
from fhir.resources.R4B.diagnosticreport import DiagnosticReport

from edge.report.physician.classes import Basis, Classification
from edge.report.physician.fhir import Subject, diagnostic_report

BODY = {
    "id": "rp_0123456789abcdef", "at": "2026-11-23T02:00:00.123Z", "by": "chen", "name": "陈放",
    "text_zh": "右肺上叶病变，疑似肺结核。", "text_en": "Tuberculosis is suspected.",
}  # fmt: skip
WHOLE = Subject("P1", "张三", "M", "19700102", "1.2.3", "20261120", "CT", "A1", "县医院")
SPARSE = Subject("", "", "", "", "1.2.3", "", "PT", "", "")
TIER = Classification(tier="suspected", basis=(Basis("imaging", "measurement"),))


def made(kind="signed", subject=WHOLE, classification=TIER, **more):
    return diagnostic_report(kind, 3, {**BODY, **more}, subject, classification, b"%PDF-1.4")


@pytest.mark.parametrize(
    ("kind", "status"), [("preliminary", "preliminary"), ("signed", "final"),
                         ("addendum", "amended")],
)  # fmt: skip
@pytest.mark.parametrize("subject", [WHOLE, SPARSE])
@pytest.mark.parametrize("classification", [TIER, Classification()])
def test_every_form_of_the_resource_is_a_diagnostic_report(kind, status, subject, classification):
    resource = made(kind, subject, classification, to="rp_0")
    read = DiagnosticReport.model_validate(resource)
    assert read.status == status
    named = {type(one).__name__: one.id for one in read.contained}
    assert named == {
        "Patient": "patient", "Organization": "organisation", "Practitioner": "author",
        "ImagingStudy": "study",
    }  # fmt: skip
    # What is referred to is contained.
    refers = [read.subject, *read.performer, *read.resultsInterpreter, *read.imagingStudy]
    assert {one.reference for one in refers} <= {f"#{one}" for one in named.values()}
    assert base64.b64decode(resource["presentedForm"][0]["data"]) == b"%PDF-1.4"
    assert bool(read.conclusionCode) == bool(classification.tier)


@pytest.mark.parametrize(
    "wrong",
    [{"status": None}, {"code": None}, {"issued": "yesterday"}, {"nonsense": 1},
     {"subject": {"reference": 5}}],
)  # fmt: skip
def test_the_judge_refuses_what_is_no_diagnostic_report(wrong):
    resource = {k: v for k, v in {**made(), **wrong}.items() if v is not None}
    with pytest.raises(ValueError, match="DiagnosticReport"):
        DiagnosticReport.model_validate(resource)
