"""The comparison view: what the studies of one patient say together, one row per pair and task.

A withdrawn comparison's row goes, and with it the names of its pictures: what was said of another
person's study is shown to nobody, while the journal keeps that it was said.
"""

from __future__ import annotations

import json

from core.records.clock import Stamp
from core.records.record import Record
from core.views.base import Remove, State, Step, Table, Upsert

COMPARISON = Table(
    "comparison",
    {
        "study": str, "task": str, "other": str, "grp": str, "id": str, "at": str, "status": str,
        "days": int, "result": str, "notes": str, "blobs": str, "reason": str,
    },
    ("study", "task", "other"),
    (("other",), ("id",)),
)  # fmt: skip


class ComparisonView:
    """One row per study that carries a comparison, task and other study; the newest rules."""

    name = "comparison"
    version = 1
    tables = (COMPARISON,)

    def group(self, record: Record) -> str | None:
        """Return the study that carries it."""
        return record.study or None if record.kind.startswith("comparison.") else None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record."""
        body = record.body
        key = {"study": record.study, "task": body["task"], "other": body["other"]}
        if record.kind == "comparison.withdrawn":
            return Step(state, [Remove("comparison", key)])
        row = {
            **key, "grp": record.study, "id": body["id"],
            "at": Stamp.parse(record.header.clock).iso(), "status": body["status"],
            "days": body["days"],
            "result": json.dumps(body["result"], ensure_ascii=False, sort_keys=True),
            "notes": json.dumps(body["notes"], ensure_ascii=False, sort_keys=True),
            "blobs": json.dumps(body["blobs"], sort_keys=True),
            "reason": json.dumps(body["reason"], ensure_ascii=False, sort_keys=True),
        }  # fmt: skip
        return Step(state, [Upsert("comparison", row)])
