"""Access records as FHIR R4 ``AuditEvent``, after IHE Basic Audit Log Patterns (BALP 1.1), pure.

Reads of a case or study become ``PatientRead``, what a hospital sends out
``PrivacyDisclosure.Source``, what the hub gives to an expert likewise, a look at a list ``Query``;
what was refused, log-ins and administration are plain AuditEvents. Patients, studies, people and
consultations are the opaque ids of the journal: who holds its keys can tell who they are.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

_BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_EVENT = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_REST = "http://hl7.org/fhir/restful-interaction"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_PART = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_SOURCE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_OURS = "urn:xinglin:"

ActKind = Literal["read", "disclosed", "query", "login", "denied", "administration"]


@dataclass(frozen=True, slots=True)
class Act:
    """One access record, opened.

    Attributes
    ----------
    link : str
        The record's link, hex: the AuditEvent's id follows from it.
    at : str
        ISO 8601 with a zone.
    action : str
        What the journal calls it.
    actor : str
        Opaque id of who did it; "" for the side itself.
    node : str
        Whose journal it is.
    patient, subject : str
        Opaque ids of the patient, and of the study or consultation.
    address : str
        Where the person's computer is, as far as the journal says.
    failed : bool
        It was refused.
    """

    link: str
    at: str
    action: str
    kind: ActKind
    actor: str
    node: str
    side: Literal["box", "hub"]
    subject: str = ""
    patient: str = ""
    why: str = ""
    address: str = ""
    failed: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


def audit_event(act: Act) -> dict[str, Any]:
    """Return the AuditEvent of an act; one that names nobody and nothing is no patient's."""
    if act.kind in ("read", "disclosed") and not (act.patient or act.subject):
        act = replace(act, kind="administration")
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": _id(act.link)}
    profile = _profile(act)
    if profile:
        event["meta"] = {"profile": [_BALP + profile]}
    event |= _what(act)
    event |= {
        "recorded": act.at,
        "outcome": "4" if act.failed else "0",
        "agent": _agents(act),
        "source": {
            "site": act.side, "observer": _device(act.node),
            "type": [_coding(_SOURCE, "4", "Application Server")],
        },
        "entity": _entities(act),
    }  # fmt: skip
    if act.why:
        event["outcomeDesc"] = act.why
    if act.kind in ("read", "disclosed"):
        event["purposeOfEvent"] = [{"coding": [_coding(_REASON, "TREAT", "treatment")]}]
    return event


def _profile(act: Act) -> str:
    names: dict[ActKind, str] = {
        "read": "PatientRead", "disclosed": "PrivacyDisclosure.Source", "query": "Query",
    }  # fmt: skip
    return names.get(act.kind, "")


def _what(act: Act) -> dict[str, Any]:
    rest = _coding(_EVENT, "rest", "Restful Operation")
    ours = _coding(_OURS + "action", act.action.replace(" ", "-"), act.action)
    table: dict[ActKind, tuple[dict[str, str], list[dict[str, str]], str]] = {
        "read": (rest, [_coding(_REST, "read", "read"), ours], "R"),
        "query": (rest, [_coding(_REST, "search", "search"), ours], "E"),
        "disclosed": (
            _coding(_DCM, "110106", "Export"),
            [_coding(_LIFECYCLE, "disclose", "Disclose Record Lifecycle Event"), ours], "R",
        ),
        "login": (_coding(_DCM, "110114", "User Authentication"), [ours], "E"),
        "denied": (_coding(_DCM, "110113", "Security Alert"), [ours], "E"),
        "administration": (_coding(_DCM, "110100", "Application Activity"), [ours], "E"),
    }  # fmt: skip
    kind, subtypes, action = table[act.kind]
    return {"type": kind, "subtype": subtypes, "action": action}


def _agents(act: Act) -> list[dict[str, Any]]:
    # A query's parameters flow from the client, what is read or disclosed to it.
    client, server = ("110153", "110152") if act.kind == "query" else ("110152", "110153")
    names = {"110152": "Destination Role ID", "110153": "Source Role ID"}
    agents = [
        {
            "type": {"coding": [_coding(_DCM, client, names[client])]},
            "who": {"display": "browser" if act.actor else act.node},
            "requestor": not act.actor,
            "network": {"address": act.address or "unknown", "type": "2" if act.address else "1"},
        },
        {
            "type": {"coding": [_coding(_DCM, server, names[server])]},
            "who": _device(act.node),
            "requestor": False,
            "network": {"address": f"{_OURS}{act.side}:{act.node}", "type": "5"},
        },
    ]  # fmt: skip
    if act.actor:
        agents.append(
            {
                "type": {"coding": [_coding(_PART, "IRCP", "information recipient")]},
                "who": {"identifier": {"system": _OURS + "person", "value": act.actor}},
                "requestor": True,
            }
        )
    return agents


def _entities(act: Act) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = []
    if act.kind in ("read", "disclosed"):
        # The hub does not know the patient: the case's own id stands for them.
        patient = act.patient or act.subject
        entities.append(
            {
                "what": {
                    "type": "Patient",
                    "identifier": {"system": _OURS + "patient", "value": patient},
                },
                "type": _coding(_ENTITY, "1", "Person"),
                "role": _coding(_ROLE, "1", "Patient"),
            }
        )
    data: dict[str, Any] = {"type": _coding(_ENTITY, "2", "System Object")}
    if act.kind == "query":
        data |= {"role": _coding(_ROLE, "24", "Query"), "query": _query(act)}
    else:
        value = act.subject or act.node
        data |= {
            "role": _coding(_ROLE, "4", "Domain Resource"),
            "what": {"identifier": {"system": _OURS + _system(value), "value": value}},
        }
        if act.detail:
            data["detail"] = [
                {"type": name, "valueString": str(value)[:500]}
                for name, value in sorted(act.detail.items())
            ]
    return [*entities, data]


def _system(value: str) -> str:
    return {"c_": "consult", "st": "study"}.get(value[:2], "node")


def _query(act: Act) -> str:
    return base64.b64encode(act.action.encode()).decode()


def _device(node: str) -> dict[str, Any]:
    return {"type": "Device", "identifier": {"system": _OURS + "node", "value": node}}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}


def _id(link: str) -> str:
    """Return an id that FHIR allows (64 characters of A-Z a-z 0-9 - .)."""
    return link if len(link) == 64 else hashlib.sha256(link.encode()).hexdigest()
