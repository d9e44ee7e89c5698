"""One new instance as it waits for its record: plain values, and the records made of many. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from core.dicom.head import Head
from core.records.record import Draft
from core.vault.vault import StudyRef
from edge.intake.attributes import instance_of, patient_of, repairs_of, series_of, study_of
from edge.intake.net.sink import Peer

DEFLATED_SYNTAXES = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an instance's bytes lie and what they are.

    Attributes
    ----------
    blob : str
        Address of the sealed file.
    bytes : int
        Length of the plain file.
    digest : str
        Keyed digest of the data set without file meta.
    data_offset : int
        Where the data set begins in the plain file.
    """

    blob: str
    bytes: int
    digest: str
    transfer_syntax: str
    data_offset: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A new instance of a study; every field is JSON.

    Attributes
    ----------
    study, subject : str
        Opaque ids.
    common : dict
        What the record says once for all its instances: sender, route, origin, urgent.
    """

    study: str
    subject: str
    study_uid: str
    association: str
    actor: str
    common: dict[str, Any]
    patient: dict[str, Any]
    attributes: dict[str, Any]
    series: dict[str, Any]
    repairs: list[dict[str, str]]
    instance: dict[str, Any]

    @property
    def sop_instance(self) -> str:
        """The SOP Instance UID."""
        return str(self.instance["sop_instance"])

    @property
    def digest(self) -> str:
        """The keyed digest of the data set."""
        return str(self.instance["digest"])

    @property
    def blob(self) -> str:
        """The address of the sealed bytes."""
        return str(self.instance["blob"])

    @property
    def patient_id(self) -> str:
        """The patient's id as the instance says it, without padding."""
        return str(self.patient.get("PatientID", "")).strip()


def arrival_of(head: Head, ref: StudyRef, peer: Peer, route: str, kept: Kept) -> Arrival:
    """Return a finished object as it will be recorded."""
    return Arrival(
        study=ref.study,
        subject=ref.subject,
        study_uid=head.routing.study_uid,
        association=peer.association,
        actor=f"peer:{peer.name}",
        common={
            "sender": peer.calling_ae,
            "route": route,
            "urgent": peer.urgent,
            "origin": "modality" if "modality" in peer.traits else "pacs",
        },
        patient=patient_of(head),
        attributes=study_of(head),
        series=series_of(head),
        repairs=repairs_of(head),
        instance=_instance(head, kept),
    )


def _instance(head: Head, kept: Kept) -> dict[str, Any]:
    routing = head.routing
    # Offsets into a deflated stream mean nothing to a reader of the file.
    deflated = kept.transfer_syntax in DEFLATED_SYNTAXES
    offset = None if deflated else head.pixel_offset
    return {
        "sop_instance": routing.sop_instance_uid,
        "sop_class": routing.sop_class_uid,
        "series_uid": routing.series_uid,
        "modality": head.attributes.get("Modality", ""),
        "transfer_syntax": kept.transfer_syntax,
        "blob": kept.blob,
        "bytes": kept.bytes,
        "digest": kept.digest,
        "data_offset": kept.data_offset,
        "pixel_offset": None if offset is None else offset + kept.data_offset,
        "invalid": list(head.invalid),
        "attributes": instance_of(head),
    }


def received(items: Sequence[Arrival], ref: StudyRef | None = None) -> Draft:
    """Return the record of arrivals of one study from one sender, in their order.

    Parameters
    ----------
    ref : StudyRef, optional
        The study's ids now; without, those at arrival (a correction may have moved the study).
    """
    first = items[0]
    series: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    repairs: dict[tuple[str, ...], dict[str, str]] = {}
    for one in items:
        series.setdefault(one.instance["series_uid"], one.series)
        # As if each had its own record: the first that says something is believed.
        for keyword, value in one.attributes.items():
            if attributes.get(keyword) in (None, "", []):
                attributes[keyword] = value
        for repair in one.repairs:
            repairs.setdefault(tuple(sorted(repair.values())), repair)
    body = {
        "study_uid": first.study_uid,
        **first.common,
        "patient": first.patient,
        "study": attributes,
        "series": series,
        "repairs": list(repairs.values()),
        "instances": [one.instance for one in items],
    }
    now = ref or StudyRef(first.study, first.subject)
    return Draft("instances.received", body, subject=now.subject, key=now.study, actor=first.actor)


_FIELDS = tuple(Arrival.__dataclass_fields__)


def to_bytes(one: Arrival) -> bytes:
    """Return an arrival as JSON bytes, for the ledger."""
    row = [getattr(one, name) for name in _FIELDS]
    try:
        return orjson.dumps(row)
    except orjson.JSONEncodeError:  # lone surrogates, whole numbers beyond 64 bits
        return json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def from_bytes(data: bytes) -> Arrival:
    """Return the arrival of JSON bytes.

    Raises
    ------
    ValueError, TypeError
        If the bytes are none.
    """
    row = json.loads(data)
    if not isinstance(row, list):
        raise TypeError("an arrival is a list")
    return Arrival(*row)
