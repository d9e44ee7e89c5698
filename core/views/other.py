"""Small views: quarantined objects, subjects, models."""

from __future__ import annotations

import json
from typing import Any

from core.records.clock import Stamp
from core.records.record import Record
from core.views.base import State, Step, Table, Upsert

QUARANTINE = Table(
    "quarantine",
    {
        "id": str, "grp": str, "at": str, "sender": str, "route": str, "code": str,
        "message_zh": str, "message_en": str, "bytes": int, "blob": str, "key": str,
        "transfer_syntax": str, "sop_class": str, "sop_instance": str, "study_uid": str,
        "state": str, "resolved_at": str, "resolved_by": str, "reason": str,
    },
    ("id",),
    (("state", "at"),),
)  # fmt: skip


class QuarantineView:
    """One row per quarantined object; resolving it is a record of its own."""

    name = "quarantine"
    version = 1
    tables = (QUARANTINE,)

    def group(self, record: Record) -> str | None:
        """Return the quarantined object's id."""
        if record.kind in ("instance.quarantined", "quarantine.resolved"):
            return record.header.subject
        return None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record."""
        at, body = Stamp.parse(record.header.clock).iso(), record.body
        row: dict[str, Any] = state or dict.fromkeys(QUARANTINE.columns, None)
        if record.kind == "instance.quarantined":
            row.update({k: v for k, v in body.items() if k in QUARANTINE.columns})
            row.update(grp=record.header.subject, at=at, state=row["state"] or "held")
        else:
            row.update(
                id=body["id"], grp=record.header.subject, state=body["state"], resolved_at=at,
                resolved_by=record.header.actor, reason=body.get("reason", ""),
            )  # fmt: skip
        return Step(row, [Upsert("quarantine", dict(row))])


SUBJECT = Table("subject", {"subject": str, "grp": str, "restricted": int, "at": str}, ("subject",))


class SubjectView:
    """Which subjects are restricted: kept, but shown to nobody."""

    name = "subject"
    version = 1
    tables = (SUBJECT,)

    def group(self, record: Record) -> str | None:
        """Return the subject's opaque id."""
        return record.header.subject if record.kind == "subject.restricted" else None

    def step(self, state: State, record: Record) -> Step:  # noqa: ARG002 newest rules
        """Fold one record."""
        row = {
            "subject": record.header.subject, "grp": record.header.subject,
            "restricted": int(bool(record.body["restricted"])),
            "at": Stamp.parse(record.header.clock).iso(),
        }  # fmt: skip
        return Step(row, [Upsert("subject", row)])


MODEL = Table(
    "model",
    {"name": str, "grp": str, "version": str, "at": str, "state": str, "detail": str},
    ("name",),
)


class ModelView:
    """Which bundle serves, by the newest activation or rollback."""

    name = "model"
    version = 1
    tables = (MODEL,)

    def group(self, record: Record) -> str | None:
        """Return the model's name."""
        if record.kind in ("model.activated", "model.rolled_back"):
            return record.header.subject
        return None

    def step(self, state: State, record: Record) -> Step:  # noqa: ARG002 newest rules
        """Fold one record."""
        body = record.body
        row = {
            "name": body["name"], "grp": record.header.subject, "version": body["version"],
            "at": Stamp.parse(record.header.clock).iso(), "state": record.kind.split(".")[1],
            "detail": json.dumps(body, ensure_ascii=False, sort_keys=True),
        }  # fmt: skip
        return Step(row, [Upsert("model", row)])
