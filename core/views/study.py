"""The study view: worklist row, series, instances, results, deliveries, search tokens.

Folded from the records sealed under one study's key. Rules:

- Who the patient is comes from the first instances; only ``identity.corrected`` changes it.
- A study is ``complete`` from ``study.received``; instances after that make it ``receiving`` again
  and mark its results superseded until they are made anew.
- Results are numbered; the newest rules the row, older ones stay and say they are superseded.
"""

from __future__ import annotations

import json
from typing import Any

from core.dicom.names import matched_text
from core.records.clock import Stamp
from core.records.record import Record
from core.views.base import Change, Remove, Row, State, Step, Table, Upsert
from core.views.reading import SCREENING, finding_of, fold_screening, report_state
from core.views.repeat import (
    REPEAT,
    codes_text,
    counted_codes,
    fold_acknowledged,
    fold_closed,
    fold_requested,
)
from core.views.tokens import tokens_by_kind

_TEXT = dict.fromkeys(
    (
        "study_uid", "patient_name", "patient_id", "issuer", "sex", "birth_date", "study_date",
        "study_time", "accession", "modality", "modalities", "description", "manufacturer", "model",
        "station", "institution", "department", "source_ae", "completeness", "qc", "ai",
        "delivery", "received_at", "updated_at", "sort_name", "body_part", "report", "screening",
        "repeat", "qc_codes", "operator",
    ),
    str,
)  # fmt: skip
_NUMBERS = dict.fromkeys(
    (
        "series_count", "instance_count", "tb_positive", "lesion_count", "superseded",
        "overridden", "text_repaired", "identity_corrected", "result_version", "bytes", "urgent",
        "finding",
    ),
    int,
)  # fmt: skip

STUDY = Table(
    "study",
    {"study": str, "grp": str, "subject": str, **_TEXT, **_NUMBERS, "tb_score": float},
    ("study",),
    (
        ("study_uid",),
        ("received_at", "study"),
        ("patient_id",),
        ("accession",),
        # One narrow index that holds every column the list filters and sorts by: it is read whole
        # into memory (edge.api.listing), which then answers without touching the wide rows.
        (
            "received_at", "study", "modality", "qc", "ai", "sex", "study_date", "source_ae",
            "delivery", "completeness", "subject", "institution", "model", "modalities",
            "manufacturer", "department", "report", "finding", "screening", "sort_name",
            "patient_id", "study_time", "repeat", "qc_codes", "operator", "station",
        ),
        ("modality", "received_at"),
        ("qc", "received_at"),
        ("ai", "received_at"),
        ("study_date", "received_at"),
    ),
)  # fmt: skip
SERIES = Table(
    "series",
    {
        "study": str, "series_uid": str, "grp": str, "modality": str, "number": int,
        "description": str, "body_part": str, "instance_count": int, "attributes": str,
    },
    ("study", "series_uid"),
    (("series_uid",),),
)  # fmt: skip
INSTANCE = Table(
    "instance",
    {
        "sop_instance": str, "grp": str, "study": str, "series_uid": str, "sop_class": str,
        "transfer_syntax": str, "blob": str, "bytes": int, "digest": str, "number": int,
        "frames": int, "rows": int, "columns": int, "sender": str, "route": str, "origin": str,
        "received_at": str, "attributes": str, "data_offset": int, "pixel_offset": int,
    },
    ("sop_instance",),
    (("study", "series_uid", "number"),),
)  # fmt: skip
ALTERNATE = Table(
    "alternate",
    {
        "sop_instance": str, "blob": str, "grp": str, "transfer_syntax": str, "bytes": int,
        "digest": str, "received_at": str, "reason": str,
    },
    ("sop_instance", "blob"),
)  # fmt: skip
RESULT = Table(
    "result",
    {
        "study": str, "version": int, "grp": str, "at": str, "status": str, "superseded": int,
        "override": str, "result": str, "blobs": str, "report": str, "input": str,
    },
    ("study", "version"),
)  # fmt: skip
IMAGE_QC = Table(
    "image_qc",
    {"sop_instance": str, "grp": str, "verdict": str, "at": str, "result": str},
    ("sop_instance",),
)
DELIVERY = Table(
    "delivery",
    {
        "study": str, "destination": str, "sop_instance": str, "grp": str, "sop_class": str,
        "label": str, "state": str, "at": str, "detail": str, "version": int,
    },
    ("study", "destination", "sop_instance"),
)  # fmt: skip
#: Every object ever drafted for a study; a newer draft never makes an earlier one's bytes orphans.
OBJECT = Table(
    "result_object",
    {
        "blob": str, "grp": str, "study": str, "version": int, "label": str, "sop_class": str,
        "sop_instance": str, "bytes": int, "at": str,
    },
    ("blob",),
    (("study",),),
)  # fmt: skip
#: What a query by name is compared with; narrow, so that all of it is read in milliseconds.
NAME = Table("study_name", {"study": str, "grp": str, "text": str}, ("study",))
#: ``kind`` is what a token is of: "name", "id" or "accession".
TOKEN = Table(
    "study_token",
    {"token": str, "study": str, "kind": str, "grp": str},
    ("token", "study", "kind"),
)

_PATIENT = {
    "patient_name": "PatientName", "patient_id": "PatientID", "issuer": "IssuerOfPatientID",
    "sex": "PatientSex", "birth_date": "PatientBirthDate",
}  # fmt: skip
_STUDY = {
    "study_date": "StudyDate", "study_time": "StudyTime", "accession": "AccessionNumber",
    "description": "StudyDescription", "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName", "station": "StationName",
    "institution": "InstitutionName", "department": "InstitutionalDepartmentName",
    "body_part": "BodyPartExamined", "operator": "OperatorsName",
}  # fmt: skip
#: Which modality names a study that has several: the one that is analysed.
_MODALITY_RANK = ("CT", "DX", "CR", "DR", "PT", "MG", "MR", "US", "XA", "RF", "NM", "OT")
_DELIVERY_RANK = ("failed", "refused", "pending", "sent", "unconfirmed", "confirmed")
#: ``failed`` is an image that could not be read: no verdict, yet more urgent than a warning.
_QC_RANK = {"pass": 0, "warn": 1, "failed": 2, "reject": 3}


class StudyView:
    """See the module's docstring."""

    name = "study"
    version = 7
    tables = (
        STUDY, SERIES, INSTANCE, ALTERNATE, RESULT, IMAGE_QC, DELIVERY, OBJECT, NAME, TOKEN,
        SCREENING, REPEAT,
    )  # fmt: skip

    def group(self, record: Record) -> str | None:
        """Return the study's opaque id."""
        return record.study or None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record of the study."""
        fold = _FOLDS.get(record.kind)
        if fold is None or (not state and record.kind != "instances.received"):
            return Step(state)
        at = Stamp.parse(record.header.clock).iso()
        state = state or _fresh(record, at)
        changes: list[Change] = fold(state, record.body, at)
        state["row"]["report"] = report_state(state["row"]["report"], record.kind, record.body)
        state["row"]["updated_at"] = at
        state["row"]["subject"] = record.header.subject
        changes.append(Upsert("study", dict(state["row"])))
        return Step(state, changes)


def _fresh(record: Record, at: str) -> State:
    row: Row = dict.fromkeys(STUDY.columns)
    row.update(dict.fromkeys(_NUMBERS, 0))
    row.update(
        study=record.study, grp=record.study, subject=record.header.subject,
        study_uid=record.body["study_uid"], completeness="receiving", qc="pending", ai="waiting",
        delivery="none", received_at=at, updated_at=at, tb_positive=None, lesion_count=None,
        modality="", modalities="", report="none", screening="", repeat="", qc_codes="",
    )  # fmt: skip
    return {"row": row, "series": {}, "image_qc": {}}


def _instances(state: State, body: dict[str, Any], at: str) -> list[Change]:
    row = state["row"]
    changes: list[Change] = []
    if row["patient_id"] is None:
        changes += _identify(state, body["patient"], body["study"])
        row["source_ae"] = body.get("sender", "")
    for column, keyword in _STUDY.items():
        row[column] = row[column] or body["study"].get(keyword) or ""
    fresh = any(not one.get("alternate") for one in body["instances"])
    if fresh and row["completeness"] == "complete":
        row["completeness"] = "receiving"
        row["superseded"] = 1 if row["result_version"] else 0
    if body.get("urgent"):
        row["urgent"] = 1
    if body.get("repairs"):
        row["text_repaired"] = 1
    changes += [_alternate(row, one, at) for one in body["instances"] if one.get("alternate")]
    new = [one for one in body["instances"] if not one.get("alternate")]
    for one in new:
        _count(state, one)
    # One row per series and not one per instance: the last would overwrite the others.
    changes += [_series(state, uid, body) for uid in dict.fromkeys(o["series_uid"] for o in new)]
    changes += [_instance(row, one, body, at) for one in new]
    return changes


def _alternate(row: Row, one: dict[str, Any], at: str) -> Change:
    columns = {c: one.get(c) for c in ("sop_instance", "blob", "transfer_syntax", "bytes")}
    alternate = {
        **columns, "digest": one["digest"], "grp": row["study"], "received_at": at,
        "reason": one["alternate"],
    }  # fmt: skip
    return Upsert("alternate", alternate)


def _count(state: State, one: dict[str, Any]) -> None:
    """Note an instance in its series and in the row."""
    row = state["row"]
    series = state["series"].setdefault(
        one["series_uid"], {"count": 0, "modality": one.get("modality") or "OT"}
    )
    series["count"] += 1
    row["instance_count"] += 1
    row["bytes"] += one["bytes"]
    if series["count"] == 1:
        row["series_count"] = len(state["series"])
        modalities = {s["modality"] for s in state["series"].values()}
        row["modalities"] = "\\".join(sorted(modalities))
        row["modality"] = min(modalities, key=_rank)


def _series(state: State, uid: str, body: dict[str, Any]) -> Change:
    study, series = state["row"]["study"], state["series"][uid]
    facts = body["series"].get(uid, {})
    return Upsert(
        "series",
        {
            "study": study, "series_uid": uid, "grp": study, "modality": series["modality"],
            "number": _whole(facts.get("SeriesNumber")),
            "description": facts.get("SeriesDescription") or "",
            "body_part": facts.get("BodyPartExamined") or "",
            "instance_count": series["count"],
            "attributes": json.dumps(facts, ensure_ascii=False, sort_keys=True),
        },
    )  # fmt: skip


def _instance(row: Row, one: dict[str, Any], body: dict[str, Any], at: str) -> Change:
    study, attributes = row["study"], one.get("attributes", {})
    return Upsert(
        "instance",
        {
            "sop_instance": one["sop_instance"], "grp": study, "study": study,
            "series_uid": one["series_uid"], "sop_class": one["sop_class"],
            "transfer_syntax": one["transfer_syntax"], "blob": one["blob"],
            "bytes": one["bytes"], "digest": one["digest"],
            "number": _whole(attributes.get("InstanceNumber")),
            "frames": _whole(attributes.get("NumberOfFrames")) or 1,
            "rows": _whole(attributes.get("Rows")) or 0,
            "columns": _whole(attributes.get("Columns")) or 0,
            "sender": body.get("sender", ""), "route": body.get("route", ""),
            "origin": body.get("origin", "modality"), "received_at": at,
            "attributes": json.dumps(attributes, ensure_ascii=False, sort_keys=True),
            "data_offset": one.get("data_offset"), "pixel_offset": one.get("pixel_offset"),
        },
    )  # fmt: skip


def _identify(state: State, patient: dict[str, Any], study: dict[str, Any]) -> list[Change]:
    row = state["row"]
    for column, keyword in _PATIENT.items():
        row[column] = patient.get(keyword) or ""
    for column, keyword in _STUDY.items():
        row[column] = study.get(keyword) or row[column] or ""
    tokens, row["sort_name"] = tokens_by_kind(
        row["patient_name"], row["patient_id"], row["accession"]
    )
    name = {"study": row["study"], "grp": row["study"], "text": matched_text(row["patient_name"])}
    changes: list[Change] = [
        Remove("study_token", {"grp": row["study"]}), Upsert("study_name", name)
    ]  # fmt: skip
    changes += [
        Upsert("study_token", {"token": t, "study": row["study"], "kind": k, "grp": row["study"]})
        for k, t in tokens
    ]
    return changes


def _corrected(state: State, body: dict[str, Any], at: str) -> list[Change]:
    changes = _identify(state, body["patient"], body["study"])
    state["row"]["identity_corrected"] = 1
    if body.get("blob"):
        alternate = {
            "sop_instance": body["sop_instance"], "blob": body["blob"],
            "grp": state["row"]["study"],
            "transfer_syntax": body["transfer_syntax"], "bytes": body["bytes"],
            "digest": body["digest"], "received_at": at, "reason": "identity",
        }  # fmt: skip
        changes.append(Upsert("alternate", alternate))
    if body.get("instance"):
        changes += _switched(state["row"]["study"], body, at)
    return changes


def _switched(study: str, body: dict[str, Any], at: str) -> list[Change]:
    """From now on the corrected bytes are the instance; the first ones stay beside it."""
    kept = {"sop_instance": body["sop_instance"], "grp": study}
    columns = ("transfer_syntax", "blob", "bytes", "digest")
    changes: list[Change] = [
        Upsert(
            "instance",
            {
                **kept, **{c: body[c] for c in columns},
                "data_offset": body["instance"]["data_offset"],
                "pixel_offset": body["instance"]["pixel_offset"],
                "attributes": json.dumps(
                    body["instance"]["attributes"], ensure_ascii=False, sort_keys=True
                ),
            },
        )
    ]  # fmt: skip
    before = body["instance"].get("before")
    if before:
        first = {c: before[c] for c in columns}
        changes.append(
            Upsert("alternate", {**kept, **first, "received_at": at, "reason": "before correction"})
        )
    return changes


def _received(state: State, _body: dict[str, Any], _at: str) -> list[Change]:
    row = state["row"]
    row["completeness"] = "complete"
    row["ai"] = "waiting"
    return []


def _requested(state: State, body: dict[str, Any], _at: str) -> list[Change]:
    state["row"]["ai"] = "waiting"
    if body.get("override"):
        state["row"]["overridden"] = 1
    return []


def _qc(state: State, body: dict[str, Any], at: str) -> list[Change]:
    row, study = state["row"], state["row"]["study"]
    changes: list[Change] = []
    sop_instance = body.get("sop_instance")
    if sop_instance:
        # The first records called an unreadable image "rejected"; the error beside it tells.
        error = body.get("error")
        verdict = "failed" if error else body["qc"]["verdict"]
        state["image_qc"][sop_instance] = verdict
        result = json.dumps(error or body["qc"], ensure_ascii=False, sort_keys=True)
        image = {"sop_instance": sop_instance, "grp": study, "at": at, "result": result}
        changes.append(Upsert("image_qc", {**image, "verdict": verdict}))
        row["qc"] = max(state["image_qc"].values(), key=lambda v: _QC_RANK[v])
        codes = state.setdefault("image_codes", {})
        codes[sop_instance] = counted_codes(body["qc"])
        row["qc_codes"] = codes_text([code for some in codes.values() for code in some])
    elif body.get("qc"):
        row["qc"] = body["qc"]["verdict"]
        row["qc_codes"] = codes_text(counted_codes(body["qc"]))
    else:
        row["qc"] = _unjudged(state)
    return changes


def _unjudged(state: State) -> str:
    """Return what the list says of a study without a verdict."""
    return "failed" if "failed" in state["image_qc"].values() else "none"


def _findings(state: State, body: dict[str, Any], at: str) -> list[Change]:
    row, result = state["row"], body["result"]
    version = row["result_version"] + 1
    changes: list[Change] = []
    if version > 1:
        earlier = {**state["result"], "superseded": 1}
        changes.append(Upsert("result", earlier))
    tb, lesions = result.get("tb"), result.get("lesions")
    row.update(
        result_version=version, ai=result["status"], superseded=0,
        tb_score=tb["score"] if tb else None, tb_positive=int(tb["positive"]) if tb else None,
        lesion_count=len(lesions) if lesions is not None else None, finding=finding_of(result),
        delivery="none",  # what the PACS confirmed was the earlier version's
    )  # fmt: skip
    row["qc"] = result["qc"]["verdict"] if result.get("qc") else _unjudged(state)
    if result.get("qc"):
        row["qc_codes"] = codes_text(counted_codes(result["qc"]))
    state["result"] = {
        "study": row["study"], "version": version, "grp": row["study"], "at": at,
        "status": result["status"], "superseded": 0,
        "override": json.dumps(body.get("override"), ensure_ascii=False, sort_keys=True),
        "result": json.dumps(result, ensure_ascii=False, sort_keys=True),
        "blobs": json.dumps(body.get("blobs", {}), sort_keys=True),
        "report": "null", "input": body.get("input", ""),
    }  # fmt: skip
    changes.append(Upsert("result", dict(state["result"])))
    return changes


def _report(state: State, body: dict[str, Any], at: str) -> list[Change]:
    if "result" not in state:
        return []
    state["result"]["report"] = json.dumps(body, ensure_ascii=False, sort_keys=True)
    if body.get("destination") and body.get("objects"):
        state["row"]["delivery"] = "pending"
    row = state["row"]
    kept: list[Change] = [
        Upsert(
            "result_object",
            {
                "blob": one["blob"], "grp": row["study"], "study": row["study"],
                "version": row["result_version"], "label": one["label"],
                "sop_class": one["sop_class"], "sop_instance": one["sop_instance"],
                "bytes": one["bytes"], "at": at,
            },
        )
        for one in body.get("objects", [])
    ]  # fmt: skip
    return [Upsert("result", dict(state["result"])), *kept]


def _reported(_state: State, _body: dict[str, Any], _at: str) -> list[Change]:
    return []  # the row's report state is folded from every record alike


def _measured(state: State, body: dict[str, Any], _at: str) -> list[Change]:
    if "result" not in state or "lesions" not in body:
        return []
    result = json.loads(state["result"]["result"])
    result["lesions"] = body["lesions"]
    state["result"]["result"] = json.dumps(result, ensure_ascii=False, sort_keys=True)
    state["row"]["lesion_count"] = len(body["lesions"])
    state["row"]["finding"] = finding_of(result)
    return [Upsert("result", dict(state["result"]))]


def _delivered(state: State, body: dict[str, Any], at: str) -> list[Change]:
    row = state["row"]
    changes: list[Change] = []
    for one in body["objects"]:
        delivery = {
            "study": row["study"], "destination": body["destination"], "grp": row["study"],
            "sop_instance": one["sop_instance"], "sop_class": one["sop_class"],
            "label": one.get("label", ""), "state": one["state"], "at": at,
            "detail": one.get("detail", ""), "version": body.get("version", 0),
        }  # fmt: skip
        changes.append(Upsert("delivery", delivery))
    # An object that the peer refused and for which it took pictures instead is delivered.
    states = [o["state"] for o in body["objects"] if not o.get("replaced_by")]
    if body.get("purpose") == "result" and states:
        row["delivery"] = min(states, key=_DELIVERY_RANK.index)
    return changes


_FOLDS = {
    "instances.received": _instances,
    "identity.corrected": _corrected,
    "study.received": _received,
    "processing.requested": _requested,
    "qc.assessed": _qc,
    "findings.proposed": _findings,
    "measurement.saved": _measured,
    "processing.failed": _findings,
    "report.drafted": _report,
    "report.saved": _reported,
    "report.signed": _reported,
    "report.addended": _reported,
    "screening.read": fold_screening,
    "repeat.requested": fold_requested,
    "repeat.acknowledged": fold_acknowledged,
    "repeat.closed": fold_closed,
    "result.delivered": _delivered,
}


def _rank(modality: str) -> int:
    return _MODALITY_RANK.index(modality) if modality in _MODALITY_RANK else len(_MODALITY_RANK)


def _whole(value: object) -> int | None:
    try:
        return int(str(value)) if value not in (None, "") else None
    except ValueError:
        return None
