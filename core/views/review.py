"""Physicians' reviews of the AI's findings: one row per submission, and what is known of the case.

A submission is numbered within its study, names what it was made on (``parent``: a submission, ""
for the AI's own result) and what its author saw and replaces (``supersedes``). Nothing is merged:
of two made on the same both stay, and the newest one that the others did not replace rules.
"""

from __future__ import annotations

import json
from typing import Any

from core.records.clock import Stamp
from core.records.record import Record
from core.views.base import Change, State, Step, Table, Upsert

REVIEW = Table(
    "review",
    {
        "id": str, "grp": str, "study": str, "version": int, "at": str, "by": str, "name": str,
        "decision": str, "reason": str, "parent": str, "supersedes": str, "result_version": int,
        "current": int, "replaced_by": str, "counts": str, "lesions": str, "predictions": str,
        "blobs": str,
    },
    ("id",),
    (("study", "version"),),
)  # fmt: skip
COUNTED = ("accepted", "changed", "rejected", "added")


class ReviewView:
    """See the module's docstring."""

    name = "review"
    version = 1
    tables = (REVIEW,)

    def group(self, record: Record) -> str | None:
        """Return the study's opaque id."""
        kinds = ("findings.assessed", "findings.proposed", "processing.failed")
        return record.study if record.study and record.kind in kinds else None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record of the study."""
        state = state or {"result": 0, "rows": []}
        if record.kind != "findings.assessed":
            # A new result of the AI: earlier reviews stay and speak of the earlier one.
            state["result"] += 1
            return Step(state, _reruled(state["rows"], state["result"]))
        state["rows"].append(_row(record, state))
        return Step(state, _reruled(state["rows"], state["result"]))


def _row(record: Record, state: State) -> dict[str, Any]:
    body, review = record.body, record.body["review"]
    lesions, made = body.get("lesions", []), review.get("result") or state["result"]
    return {
        "id": review["id"], "grp": record.study, "study": record.study,
        "version": len(state["rows"]) + 1, "at": Stamp.parse(record.header.clock).iso(),
        "by": review.get("by", ""), "name": review.get("name", ""),
        "decision": review["decision"], "reason": review.get("reason", ""),
        "parent": review.get("parent", ""), "supersedes": json.dumps(review.get("supersedes", [])),
        "result_version": made, "current": 0, "replaced_by": "",
        "counts": json.dumps(counts_of(lesions), sort_keys=True),
        "lesions": json.dumps(lesions, ensure_ascii=False, sort_keys=True),
        "predictions": json.dumps(body.get("predictions", []), ensure_ascii=False, sort_keys=True),
        "blobs": json.dumps(body.get("blobs", {}), sort_keys=True),
    }  # fmt: skip


def counts_of(lesions: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many lesions got each decision. Pure."""
    return {name: sum(x["decision"] == name for x in lesions) for name in COUNTED}


def _reruled(rows: list[dict[str, Any]], result: int) -> list[Change]:
    """Say anew of every row what replaced it and whether it rules. Pure but for ``rows``."""
    for row in rows:
        later = [
            other["id"]
            for other in rows
            if other["version"] > row["version"]
            and row["id"] in (other["parent"], *json.loads(other["supersedes"]))
        ]
        row["replaced_by"] = later[0] if later else ""
        row["current"] = 0
    ruling = [r for r in rows if r["result_version"] == result and not r["replaced_by"]]
    if ruling:
        ruling[-1]["current"] = 1
    return [Upsert("review", dict(row)) for row in rows]


FACT = Table(
    "case_fact",
    {
        "subject": str, "code": str, "grp": str, "value": str, "on_date": str, "note": str,
        "source": str, "by": str, "name": str, "at": str,
    },
    ("subject", "code"),
)  # fmt: skip


class CaseFactView:
    """What records or people say of a patient's case; the newest statement of each fact rules.

    Never inferred: a row exists because a record of that content does, and names its source.
    """

    name = "case_fact"
    version = 1
    tables = (FACT,)

    def group(self, record: Record) -> str | None:
        """Return the subject's opaque id."""
        return record.header.subject if record.kind == "clinical.imported" else None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record."""
        body, at = record.body, Stamp.parse(record.header.clock).iso()
        source = body.get("source", {})
        rows = [
            {
                "subject": record.header.subject, "grp": record.header.subject, "code": one["code"],
                "value": one["value"], "on_date": one.get("date", ""), "note": one.get("note", ""),
                "source": source.get("type", ""), "by": source.get("by", ""),
                "name": source.get("name", ""), "at": at,
            }
            for one in body.get("facts", [])
        ]  # fmt: skip
        return Step(state or {"any": True}, [Upsert("case_fact", row) for row in rows])
