"""The report view: versions of a physician's report, its documents, the notifiable-disease card.

Folded from the records sealed under one study's key. A version is preliminary, signed or an
addendum; the newest rules, older ones stay. Addenda of consultations are the consult view's.
"""

from __future__ import annotations

import json
from typing import Any

from core.records.clock import Stamp
from core.records.record import Record
from core.views.base import Change, State, Step, Table, Upsert

REPORT = Table(
    "report",
    {
        "study": str, "id": str, "grp": str, "version": int, "kind": str, "at": str, "by": str,
        "name": str, "digest": str, "body": str,
    },
    ("study", "id"),
    (("study", "version"),),
)  # fmt: skip
REPORT_OBJECT = Table(
    "report_object",
    {
        "blob": str, "grp": str, "study": str, "id": str, "label": str, "sop_class": str,
        "sop_instance": str, "bytes": int, "at": str, "correction": str,
    },
    ("blob",),
    (("study", "id"),),
)  # fmt: skip
NOTIFICATION = Table(
    "notification",
    {"study": str, "grp": str, "at": str, "state": str, "by": str, "name": str, "body": str},
    ("study",),
)

_KINDS = {"report.saved": "preliminary", "report.signed": "signed", "report.addended": "addendum"}


class ReportView:
    """See the module's docstring."""

    name = "report"
    version = 1
    tables = (REPORT, REPORT_OBJECT, NOTIFICATION)

    def group(self, record: Record) -> str | None:
        """Return the study."""
        known = record.kind in _KINDS or record.kind in ("report.issued", "notification.recorded")
        return record.study if known else None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record; the state counts the versions."""
        at = Stamp.parse(record.header.clock).iso()
        if record.kind == "report.issued":
            return Step(state, _documents(record, at))
        if record.kind == "notification.recorded":
            return Step(state, [Upsert("notification", _card(record, at))])
        if "report" not in record.body:
            return Step(state)  # a consultation's addendum
        version = int(state.get("version", 0)) + 1
        return Step({**state, "version": version}, [Upsert("report", _row(record, at, version))])


def _row(record: Record, at: str, version: int) -> dict[str, Any]:
    body = record.body["report"]
    return {
        "study": record.study, "grp": record.study, "id": body["id"], "version": version,
        "kind": _KINDS[record.kind], "at": at, "by": body["by"], "name": body["name"],
        "digest": body["digest"], "body": json.dumps(body, ensure_ascii=False, sort_keys=True),
    }  # fmt: skip


def _documents(record: Record, at: str) -> list[Change]:
    body = record.body
    return [
        Upsert(
            "report_object",
            {
                "blob": one["blob"], "grp": record.study, "study": record.study, "id": body["id"],
                "label": one["label"], "sop_class": one.get("sop_class", ""),
                "sop_instance": one.get("sop_instance", ""), "bytes": one["bytes"], "at": at,
                "correction": body.get("correction", ""),
            },
        )
        for one in body["objects"]
    ]  # fmt: skip


def _card(record: Record, at: str) -> dict[str, Any]:
    body = record.body
    return {
        "study": record.study, "grp": record.study, "at": at, "state": body["state"],
        "by": body["by"], "name": body["name"],
        "body": json.dumps(body, ensure_ascii=False, sort_keys=True),
    }  # fmt: skip
