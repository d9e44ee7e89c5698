"""The consultation view: list, case and thread, folded from a study's records.

``consult.requested`` is what this hospital asked; ``consult.event``, ``consult.opined`` and
``consult.closed`` are the authority's events as they were verified, in its order. An event whose
check failed is shown and changes nothing. Where a consultation stands is the fold of
:mod:`core.consult.machine`, never a field that somebody sent.
"""

from __future__ import annotations

import json
from typing import Any

from core.consult.errors import ConsultRefusal
from core.consult.events import Event, Standing, parse_event
from core.consult.machine import Consult, apply, begin
from core.records.record import Record
from core.views.base import Change, State, Step, Table, Upsert

CONSULT = Table(
    "consult",
    {
        "consult": str, "grp": str, "study": str, "kind": str, "authority": str, "state": str,
        "business_state": str, "urgency": str, "deadline_at": str, "to_hospital": str,
        "to_department": str, "to_level": str, "direction": str, "owner": str, "epoch": int,
        "requested_at": str, "changed_at": str, "closed_at": str, "requester": str,
        "source": str, "request": str, "folded": str, "events": int, "last_seq": int,
        "last_link": str,
        "opinions": int, "event": str,
    },
    ("consult",),
    (("study",), ("changed_at",)),
)  # fmt: skip
EVENT = Table(
    "consult_event",
    {
        "consult": str, "n": int, "grp": str, "seq": int, "event": str, "kind": str, "actor": str,
        "standing": str, "at": str, "said_at": str, "statement": str, "digest": str, "link": str,
        "opened": str, "fault": str,
    },
    ("consult", "n"),
    (("event",), ("consult", "seq")),
)  # fmt: skip
#: Objects written from an opinion: their bytes are never orphans.
OBJECT = Table(
    "consult_object",
    {
        "blob": str, "grp": str, "study": str, "consult": str, "event": str, "label": str,
        "sop_class": str, "sop_instance": str, "bytes": int,
    },
    ("blob",),
    (("study",), ("consult",)),
)  # fmt: skip

EVENT_RECORDS = frozenset({"consult.event", "consult.opined", "consult.closed"})
_KINDS = EVENT_RECORDS | {"consult.requested", "report.addended"}


class ConsultView:
    """See the module's docstring."""

    name = "consult"
    version = 1
    tables = (CONSULT, EVENT, OBJECT)

    def group(self, record: Record) -> str | None:
        """Return the study, whose key seals the records."""
        return record.study if record.kind in _KINDS else None

    def step(self, state: State, record: Record) -> Step:
        """Fold one record; the state is one entry per consultation of the study."""
        if record.kind == "report.addended":
            # An addendum to a signed report names no consultation.
            return Step(state, _objects(record) if record.body.get("consult") else [])
        consult = record.body["consult"]
        known: dict[str, Any] = dict(state.get(consult) or {"folded": None, "events": 0})
        changes: list[Change] = []
        if record.kind == "consult.requested":
            known["request"] = record.body
        else:
            known = _folded(known, record)
            changes.append(Upsert("consult_event", _event_row(record, known["events"])))
        changes.append(Upsert("consult", _row(record, consult, known)))
        return Step({**state, consult: known}, changes)


def event_of(body: dict[str, Any]) -> Event:
    """Return the event of a kept record's body; its signature was checked when it was kept.

    Raises
    ------
    ConsultRefusal
        If the statement holds none.
    """
    inner = json.loads(body["statement"])["statement"]["body"]
    standing: Standing = body["standing"]
    return parse_event(inner, body["actor"], standing, body["digest"])


def _folded(known: dict[str, Any], record: Record) -> dict[str, Any]:
    body = record.body
    known["events"] += 1
    if body["seq"] > known.get("last_seq", 0):  # an old one sent again does not turn it back
        known |= {"last_seq": body["seq"], "last_link": body["link"], "at": body["at"]}
    if body.get("fault"):
        return known
    try:
        event = event_of(body)
        before = Consult.from_json(known["folded"]) if known["folded"] else begin(event)
        known["folded"] = apply(before, event).as_json()
    except ConsultRefusal:
        pass  # whoever kept it said so in ``fault``; a view never stops at one record
    return known


def _event_row(record: Record, number: int) -> dict[str, Any]:
    body = record.body
    return {
        "consult": body["consult"], "n": number, "grp": record.study, "seq": body["seq"],
        "event": body["event"], "kind": body["kind"], "actor": body["actor"],
        "standing": body["standing"], "at": body["at"], "said_at": body["said_at"],
        "statement": body["statement"], "digest": body["digest"], "link": body["link"],
        "opened": _json(body.get("opened")),
        "fault": _json(body.get("fault") or body.get("unread")),
    }  # fmt: skip


def _row(record: Record, consult: str, known: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = known.get("request") or {}
    folded = known["folded"] or Consult(consult).as_json()
    asked = known["folded"] or request
    routing = ("kind", "urgency", "deadline_at", "to_hospital", "to_department", "to_level",
               "direction")  # fmt: skip
    return {
        **{name: str(asked.get(name, "")) for name in routing},
        "consult": consult,
        "grp": record.study,
        "study": record.study,
        "authority": request.get("authority", "hub"),
        "state": folded["state"],
        "business_state": folded["business_state"],
        "owner": folded["owner"],
        "epoch": folded["epoch"],
        "requested_at": folded["requested_at"] or request.get("at", ""),
        "changed_at": max(known.get("at", ""), request.get("at", "")),
        "closed_at": folded["closed_at"],
        "requester": _json(request.get("requester")),
        "source": str(request.get("source", "")),
        "request": _json(request),
        "folded": _json(folded),
        "events": known["events"],
        "last_seq": known.get("last_seq", 0),
        "last_link": known.get("last_link", ""),
        "opinions": sum(one["kind"] == "opinion" for one in folded["signed"]),
        "event": str(request.get("event", "")),
    }


def _objects(record: Record) -> list[Change]:
    body = record.body
    return [
        Upsert(
            "consult_object",
            {
                "blob": one["blob"], "grp": record.study, "study": record.study,
                "consult": body["consult"], "event": body["event"], "label": one["label"],
                "sop_class": one["sop_class"], "sop_instance": one["sop_instance"],
                "bytes": one["bytes"],
            },
        )
        for one in body["objects"]
    ]  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
