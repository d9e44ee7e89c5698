"""FHIR AuditEvents: what R4 and the BALP profiles demand, by structure."""

from __future__ import annotations

import pytest

from core.audit.balp import Act, audit_event
from tests.balp_cases import check_r4

NODE = "ab" * 32
KINDS = ("read", "disclosed", "query", "login", "denied", "administration")
DCM = "http://dicom.nema.org/resources/ontology/DCM"


def act(kind="read", **more):
    facts = {
        "link": "cd" * 32, "at": "2026-11-23T08:00:00.000Z", "action": "consult opened",
        "kind": kind, "actor": "p_" + "1" * 16, "node": NODE, "side": "hub",
        "subject": "c_" + "2" * 32, "why": "takes part",
    }  # fmt: skip
    return Act(**facts | more)


def of_type(items, code):
    found = [i for i in items if code in _codes(i["type"])]
    assert len(found) == 1, (code, items)
    return found[0]


def _codes(value):
    return {value.get("code")} | {c["code"] for c in value.get("coding", [])}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [{}, {"actor": ""}, {"subject": ""}, {"side": "box"},
                                  {"address": "192.0.2.1"}, {"detail": {"n": 1}},
                                  {"failed": True}])  # fmt: skip
def test_each_kind_is_sound(kind, more):
    event = audit_event(act(kind, **more))
    check_r4(event)
    assert (event["outcome"] == "0") is not more.get("failed", False)


def test_patient_read():
    event = audit_event(act())
    assert event["meta"]["profile"] == [
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
    ]
    assert (event["type"]["code"], event["action"]) == ("rest", "R")
    assert "read" in {s["code"] for s in event["subtype"]}
    for code in ("110152", "110153"):  # client is the destination, server the source
        agent = of_type(event["agent"], code)
        assert agent["network"]["address"]
    user = of_type(event["agent"], "IRCP")
    assert user["requestor"] is True
    assert "network" not in user
    patient = of_type(event["entity"], "1")
    assert patient["role"]["code"] == "1"
    assert patient["what"]["type"] == "Patient"
    data = of_type(event["entity"], "2")
    assert data["role"]["code"] in ("3", "4", "20")
    assert data["what"]["identifier"]["value"].startswith("c_")


def test_disclosure_at_the_source():
    event = audit_event(act("disclosed"))
    assert event["meta"]["profile"][0].endswith("IHE.BasicAudit.PrivacyDisclosure.Source")
    assert (event["type"]["system"], event["type"]["code"]) == (DCM, "110106")
    assert "disclose" in {s["code"] for s in event["subtype"]}
    assert event["action"] == "R"
    source = of_type(event["agent"], "110153")
    assert source["who"] == event["source"]["observer"]  # val-audit-source
    assert of_type(event["agent"], "110152")["network"]["address"]
    of_type(event["entity"], "1")
    assert len(event["entity"]) >= 2


def test_query():
    event = audit_event(act("query", action="journal read"))
    assert event["action"] == "E"
    query = of_type(event["entity"], "2")
    assert query["role"]["code"] == "24"
    assert query["query"]
    assert "what" not in query
    client = of_type(event["agent"], "110153")
    assert client["requestor"] is False


def test_what_is_refused_claims_no_profile_of_success():
    event = audit_event(act("denied", failed=True))
    assert "meta" not in event
    assert (event["outcome"], event["type"]["code"]) == ("4", "110113")


def test_hostile_text_is_data():
    name = "<script>\u202e'\"\n" * 100
    event = audit_event(act(detail={"x": name}, why=name))
    check_r4(event)
    assert len(of_type(event["entity"], "2")["detail"][0]["valueString"]) <= 500
