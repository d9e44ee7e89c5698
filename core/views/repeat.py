"""Requests to the modality room: ask again, who saw it, what became of it.

Pure pieces of the study view's fold. A request is ``requested``, then ``acknowledged`` by a person
of the room, then closed: ``done`` (a new picture came, or a person says so), ``refused`` (with a
coded reason) or ``withdrawn`` by a physician. What is closed stays closed.
"""

from __future__ import annotations

import json
from typing import Any

from core.views.base import Change, Row, State, Table, Upsert

OPEN = ("requested", "acknowledged")
#: States of a request; "" in the study's row: never asked.
REPEAT_STATES = (*OPEN, "done", "refused", "withdrawn")
REPEAT = Table(
    "repeat_request",
    {
        "id": str, "grp": str, "study": str, "ask": str, "origin": str, "by": str, "name": str,
        "at": str, "codes": str, "note": str, "sop_instance": str, "input": str, "state": str,
        "seen_at": str, "seen_by": str, "seen_name": str, "closed_at": str, "closed_by": str,
        "closed_name": str, "reason": str, "closing_note": str, "new_study": str,
        "new_instance": str,
    },
    ("id",),
    (("study", "at"), ("state", "at"), ("closed_at",)),
)  # fmt: skip


def fold_requested(state: State, body: dict[str, Any], at: str) -> list[Change]:
    """Fold a request; the same one again (a stage that ran twice) changes nothing."""
    if _found(state, body["id"]) is not None:
        return []
    study = state["row"]["study"]
    row: Row = dict.fromkeys(REPEAT.columns, "")
    row.update({k: body.get(k, "") for k in ("id", "ask", "origin", "by", "name", "note")})
    row.update(
        grp=study, study=study, at=at, codes=json.dumps(body.get("codes", [])), state="requested",
        sop_instance=body.get("sop_instance", ""), input=body.get("input", ""),
    )  # fmt: skip
    state.setdefault("repeats", []).append(row)
    return _changed(state, row)


def fold_acknowledged(state: State, body: dict[str, Any], at: str) -> list[Change]:
    """Fold who saw a request; the first who did stays."""
    row = _found(state, body["id"])
    if row is None or row["state"] != "requested":
        return []
    row.update(state="acknowledged", seen_at=at, seen_by=body["by"], seen_name=body["name"])
    return _changed(state, row)


def fold_closed(state: State, body: dict[str, Any], at: str) -> list[Change]:
    """Fold what became of a request."""
    row = _found(state, body["id"])
    if row is None or row["state"] not in OPEN:
        return []
    row.update(
        state=body["outcome"], closed_at=at, closed_by=body.get("by", ""),
        closed_name=body.get("name", ""), reason=body.get("reason", ""),
        closing_note=body.get("note", ""), new_study=body.get("new_study", ""),
        new_instance=body.get("new_instance", ""),
    )  # fmt: skip
    return _changed(state, row)


def codes_text(codes: list[str]) -> str:
    """Return codes as one column's text, as DICOM joins values."""
    return "\\".join(sorted(set(codes)))


def counted_codes(qc: dict[str, Any] | None) -> list[str]:
    """Return the codes of a verdict that speak against the picture: warnings and refusals."""
    reasons = qc["reasons"] if qc else []
    return [one["code"] for one in reasons if one.get("severity") in ("warn", "reject")]


def _found(state: State, identity: str) -> Row | None:
    rows: list[Row] = state.get("repeats", [])
    return next((one for one in rows if one["id"] == identity), None)


def _changed(state: State, row: Row) -> list[Change]:
    # An open request rules the list: a later one that was closed does not hide it.
    rows: list[Row] = state["repeats"]
    standing = [one for one in rows if one["state"] in OPEN] or rows
    state["row"]["repeat"] = standing[-1]["state"]
    return [Upsert("repeat_request", dict(row))]
