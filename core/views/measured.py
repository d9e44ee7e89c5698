"""The measured view: what each person has drawn and measured on a study, and what was sent of it.

A person's list is their own and numbered with every save; a record says what a save put in and took
out (``measurements.drawn``). Nobody's list changes another's.
"""

from __future__ import annotations

import json
from typing import Any

from core.records.clock import Stamp
from core.records.record import Record
from core.views.base import Change, Remove, State, Step, Table, Upsert

MEASUREMENT = Table(
    "measurement",
    {
        "study": str, "by": str, "id": str, "grp": str, "name": str, "place": int, "version": int,
        "at": str, "frame": str, "series": str, "kind": str, "points": str, "note": str,
        "numbers": str, "refusal": str,
    },
    ("study", "by", "id"),
)  # fmt: skip
#: ``sent_version`` is the last that its author (or their signature) let go to the PACS.
MEASUREMENT_LIST = Table(
    "measurement_list",
    {
        "study": str, "by": str, "grp": str, "name": str, "version": int, "at": str,
        "sent_version": int, "sent_at": str,
    },
    ("study", "by"),
)  # fmt: skip
MEASUREMENT_OBJECT = Table(
    "measurement_object",
    {
        "blob": str, "grp": str, "study": str, "by": str, "id": str, "version": int, "label": str,
        "sop_class": str, "sop_instance": str, "bytes": int, "at": str,
    },
    ("blob",),
    (("study", "by"),),
)  # fmt: skip


class MeasuredView:
    """See the module's docstring."""

    name = "measured"
    version = 1
    tables = (MEASUREMENT, MEASUREMENT_LIST, MEASUREMENT_OBJECT)

    def group(self, record: Record) -> str | None:
        """Return the study."""
        known = record.kind.startswith("measurements.") or record.kind == "report.signed"
        return record.study if known else None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record."""
        state = state or {"lists": {}, "places": {}}
        at = Stamp.parse(record.header.clock).iso()
        if record.kind == "measurements.drawn":
            return Step(state, _drawn(state, record, at))
        if record.kind == "measurements.issued":
            return Step(state, _issued(record, at))
        body = record.body.get("report") or record.body
        kept = state["lists"].get(body.get("by", ""))
        if kept is None:
            return Step(state)
        version = body.get("version", 0) if record.kind == "measurements.sent" else kept["version"]
        kept |= {"sent_version": version, "sent_at": at}
        return Step(state, [Upsert("measurement_list", dict(kept))])


def _drawn(state: State, record: Record, at: str) -> list[Change]:
    body, study = record.body, record.study
    places: dict[str, int] = state["places"].setdefault(body["by"], {})
    owner = {"study": study, "by": body["by"]}
    changes: list[Change] = []
    for gone in body["removed"]:
        places.pop(gone, None)
        changes.append(Remove("measurement", {**owner, "id": gone}))
    for one in body["set"]:
        place = places.setdefault(one["id"], max(places.values(), default=0) + 1)
        changes.append(Upsert("measurement", _row(one, place, record, at)))
    kept = {"sent_version": 0, "sent_at": "", **state["lists"].get(body["by"], {})}
    kept |= {**owner, "grp": study, "name": body["name"], "version": body["version"], "at": at}
    state["lists"][body["by"]] = kept
    return [*changes, Upsert("measurement_list", dict(kept))]


def _row(one: dict[str, Any], place: int, record: Record, at: str) -> dict[str, Any]:
    body = record.body
    return {
        "study": record.study, "by": body["by"], "id": one["id"], "grp": record.study,
        "name": body["name"], "place": place, "version": body["version"], "at": at,
        "frame": one["frame"], "series": one["series"], "kind": one["kind"],
        "points": json.dumps(one["points"]), "note": one["note"],
        "numbers": json.dumps(one["numbers"], sort_keys=True), "refusal": one.get("refusal", ""),
    }  # fmt: skip


def _issued(record: Record, at: str) -> list[Change]:
    body = record.body
    return [
        Upsert(
            "measurement_object",
            {
                "blob": one["blob"], "grp": record.study, "study": record.study, "by": body["by"],
                "id": body["id"], "version": body["version"], "label": one["label"],
                "sop_class": one["sop_class"], "sop_instance": one["sop_instance"],
                "bytes": one["bytes"], "at": at,
            },
        )
        for one in body["objects"]
    ]  # fmt: skip
