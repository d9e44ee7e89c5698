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


MODEL_SLOT = Table(
    "model_slot",
    {
        "slot": str, "grp": str, "name": str, "version": str, "digest": str, "engine": str,
        "at": str, "by": str, "state": str, "chosen": str, "history": str, "detail": str,
    },
    ("slot",),
)  # fmt: skip
MODEL_BUNDLE = Table(
    "model_bundle",
    {
        "slot": str, "digest": str, "grp": str, "name": str, "version": str, "at": str, "by": str,
        "detail": str,
    },
    ("slot", "digest"),
)  # fmt: skip


class ModelView:
    """What fills each slot: what a person chose, what the node says serves, what was imported.

    ``chosen`` is the pointer: the digest a person activated last, "" while nobody has and the
    bundle of the release serves. ``history`` holds the digests that a rollback goes back through.
    """

    name = "model"
    version = 2
    tables = (MODEL_SLOT, MODEL_BUNDLE)

    def group(self, record: Record) -> str | None:
        """Return the slot's subject."""
        if record.kind in ("model.activated", "model.rolled_back", "model.imported"):
            return record.header.subject
        return None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record."""
        body, subject = record.body, record.header.subject
        facts = {
            "slot": body.get("slot") or subject.removeprefix("m_"), "grp": subject,
            "digest": body.get("digest", ""), "name": body["name"], "version": body["version"],
            "at": Stamp.parse(record.header.clock).iso(), "by": body.get("by", ""),
            "detail": json.dumps(body, ensure_ascii=False, sort_keys=True),
        }  # fmt: skip
        if record.kind == "model.imported":
            return Step(state, [Upsert("model_bundle", facts)])
        history: list[str] = list(state.get("history", []))
        if record.kind == "model.rolled_back":
            history = history[:-1]
        elif facts["by"]:
            history = [*(history or [body["previous"]["digest"]]), facts["digest"]]
        row = {
            **facts, "engine": body.get("engine", ""), "state": record.kind.split(".")[1],
            "chosen": history[-1] if history else "", "history": json.dumps(history),
        }  # fmt: skip
        return Step({"history": history}, [Upsert("model_slot", row)])
