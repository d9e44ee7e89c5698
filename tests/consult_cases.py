"""Events and states of consultations for tests of hub and appliance."""

from __future__ import annotations

import hashlib
from typing import Any

from core.consult.events import Event, Standing, parse_event
from core.consult.machine import Consult, apply, begin, fold
from core.consult.tables import ConsultKind, Place
from core.consult.timers import iso_of
from core.records.canonical import to_bytes

HOSPITAL, REGION = "h_" + "1" * 16, "h_" + "2" * 16
EXPERT, SECOND, CHAIR, MEMBER, NEWCOMER, OUTSIDER = (f"p_{n:016x}" for n in range(1, 7))
CONSULT = "c_" + "a" * 32
START = 1_790_000_000_000
ADDRESS = "ab" * 32


def event_id(n: int) -> str:
    return f"e_{n:032x}"


def seat(person: str, part: str, discipline: str = "respiratory") -> dict[str, str]:
    return {"person": person, "part": part, "discipline": discipline}


SEATS: dict[str, list[dict[str, str]]] = {
    "consultation": [seat(EXPERT, "expert"), seat(SECOND, "expert"), seat(MEMBER, "member")],
    "referral": [seat(EXPERT, "expert"), seat(SECOND, "expert"), seat(MEMBER, "member")],
    "mdt": [seat(CHAIR, "chair"), seat(MEMBER, "member", "imaging"), seat(EXPERT, "member")],
}


def request_facts(kind: ConsultKind = "consultation") -> dict[str, Any]:
    return {
        "consult_kind": kind, "hospital": HOSPITAL, "to_hospital": REGION,
        "to_department": "respiratory", "to_level": "chief",
        "direction": "up" if kind == "referral" else "", "urgency": "urgent", "deadline_at": "",
        "case": ADDRESS, "bytes": 1000, "parties": SEATS[kind],
    }  # fmt: skip


SEALED = {"sealed": "QUJD", "object": "o_" + "9" * 32, "epoch": 1}
SPOKEN = {"information.asked", "information.given", "message", "opinion", "addendum", "summary",
          "offered"}  # fmt: skip


def body_of(kind: str, n: int, **facts: Any) -> dict[str, Any]:
    frame = {
        "after": "", "at": iso_of(START + n * 60_000), "consult": CONSULT, "event": event_id(n),
        "kind": kind,
    }  # fmt: skip
    return {**frame, **(SEALED if kind in SPOKEN else {}), **facts}


def made(kind: str, n: int, actor: str = "", standing: Standing = "person", **facts: Any) -> Event:
    body = body_of(kind, n, **facts)
    digest = hashlib.sha256(to_bytes({"body": body, "by": actor})).hexdigest()
    return parse_event(body, actor, standing, digest)


def requested(kind: ConsultKind = "consultation", n: int = 1) -> Event:
    return made("requested", n, "node", "requester", **request_facts(kind))


def at_place(kind: ConsultKind, place: Place) -> Consult:
    """Return a consultation that has come to a place by its shortest way."""
    first = requested(kind)
    if place == "draft":
        return begin(first)
    lead = CHAIR if kind == "mdt" else EXPERT
    state = apply(begin(first), first)
    early = {
        "cancelled": [made("cancelled", 2, "node", "requester", reason="other")],
        "rejected": [made("rejected", 2, "pc", "coordinator", reason="capacity")],
        "requested": [],
    }
    if place in early:
        return fold([first, *early[place]])
    state = apply(state, made("accepted", 3, lead))
    if place == "accepted":
        return state
    if place == "failed":
        return apply(state, made("failed", 4, lead, reason="other"))
    state = apply(state, made("started", 5, lead))
    if place == "awaiting-information":
        return apply(state, made("information.asked", 6, lead))
    if place == "completed":
        state = apply(state, made(*_ending(kind, lead, 7)[0], **_ending(kind, lead, 7)[1]))
        if kind == "mdt":
            state = apply(state, made("summary", 8, lead, opinions=[event_id(7)]))
        return apply(state, made("completed", 9, lead))
    return state


def _ending(kind: ConsultKind, lead: str, n: int) -> tuple[tuple[str, int, str], dict[str, Any]]:
    if kind == "referral":
        return ("offered", n, lead), {}
    return ("opinion", n, lead), {"discipline": "respiratory"}
