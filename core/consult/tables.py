"""Who may do what at which place: one table per kind of consultation.

A *place* is the FHIR Task state, with "in progress, awaiting information" as one of its own (FHIR
says it by ``businessStatus``). A cell that is not in the table is refused. Sources: HL7 FHIR R4
Task; Clinical Order Workflows ("more images, please" is exactly awaiting-information); the
telemedicine rules of 2018 (the decision stays with the hospital that treats, so that the requester
may take a request back at any time before it is completed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

ConsultKind = Literal["consultation", "mdt", "referral"]
Place = Literal[
    "draft",
    "requested",
    "accepted",
    "in-progress",
    "awaiting-information",
    "completed",
    "rejected",
    "failed",
    "cancelled",
]
EventKind = Literal[
    "requested",
    "accepted",
    "assigned",
    "rejected",
    "started",
    "information.asked",
    "information.given",
    "message",
    "invited",
    "removed",
    "opinion",
    "addendum",
    "summary",
    "offered",
    "completed",
    "failed",
    "cancelled",
    "escalated",
]
#: ``owner`` is the expert who accepted; ``expert`` one who could; ``hub`` the hub's own timers;
#: ``stranger`` anybody else.
Part = Literal["requester", "owner", "expert", "chair", "member", "coordinator", "hub", "stranger"]

KINDS: tuple[ConsultKind, ...] = get_args(ConsultKind)
PLACES: tuple[Place, ...] = get_args(Place)
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
PARTS: tuple[Part, ...] = get_args(Part)

Places = frozenset[Place]
_ASKED: Places = frozenset({"requested"})
_TAKEN: Places = frozenset({"accepted", "in-progress", "awaiting-information"})
_WORK: Places = frozenset({"in-progress", "awaiting-information"})
_LIVE: Places = _ASKED | _TAKEN
_TALK: Places = _LIVE | {"completed"}
_WRITTEN: Places = _WORK | {"completed"}
_OFFER: Places = _ASKED | {"accepted"}
_UNMADE: Places = _LIVE | {"draft"}
OPEN: Places = _LIVE
CLOSED: Places = frozenset({"completed", "rejected", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of event.

    Attributes
    ----------
    may : mapping of part to places
        Who may do it where.
    to : Place or None
        Where it leads; None where it leads nowhere, or :mod:`core.consult.machine` decides.
    """

    may: Mapping[Part, Places]
    to: Place | None = None


_COMMON: dict[EventKind, Rule] = {
    "requested": Rule({"requester": frozenset({"draft"})}, "requested"),
    "assigned": Rule({"coordinator": _LIVE}),
    "information.given": Rule({"requester": _LIVE}),
    "cancelled": Rule({"requester": _UNMADE}, "cancelled"),
    "escalated": Rule({"hub": _LIVE, "coordinator": _LIVE}),
}

_ONE_EXPERT: dict[EventKind, Rule] = {
    **_COMMON,
    "accepted": Rule({"expert": _ASKED}, "accepted"),
    "rejected": Rule(
        {"expert": _ASKED, "owner": frozenset({"accepted"}), "coordinator": _ASKED}
    ),  # where to: the machine; others may still accept
    "message": Rule(
        {"requester": _TALK, "owner": _TALK, "expert": _ASKED, "member": _TALK},
    ),
    "removed": Rule({"requester": _TALK, "owner": _TAKEN, "coordinator": _LIVE}),
    "started": Rule({"owner": frozenset({"accepted"})}, "in-progress"),
    "invited": Rule({"requester": _LIVE, "owner": _TAKEN, "coordinator": _LIVE}),
    "information.asked": Rule({"owner": _TAKEN, "member": _TAKEN}, "awaiting-information"),
    "failed": Rule({"owner": _TAKEN, "coordinator": _TAKEN, "hub": _TAKEN}, "failed"),
    "completed": Rule({"owner": _WORK}, "completed"),
    "addendum": Rule({"owner": _WRITTEN, "member": _WRITTEN}),
    "opinion": Rule({"owner": _TAKEN, "member": _TAKEN}),
    "summary": Rule({"owner": _WORK}),  # an owner who invited others sums up as their chair
}

_TABLES: dict[ConsultKind, dict[EventKind, Rule]] = {
    "consultation": _ONE_EXPERT,
    "referral": {
        **_ONE_EXPERT,
        "offered": Rule({"owner": _TAKEN}),  # acceptance, bed and date; anew where they change
        # The patient has arrived: whoever sees it says so.
        "completed": Rule({"owner": _WORK, "requester": _WORK}, "completed"),
    },
    "mdt": {
        **_COMMON,
        "accepted": Rule({"chair": _ASKED}, "accepted"),
        "rejected": Rule({"chair": _OFFER, "coordinator": _ASKED}, "rejected"),
        "started": Rule({"chair": frozenset({"accepted"})}, "in-progress"),
        "message": Rule({"requester": _TALK, "chair": _TALK, "member": _TALK}),
        "removed": Rule({"requester": _TALK, "chair": _TAKEN, "coordinator": _LIVE}),
        "invited": Rule({"requester": _LIVE, "chair": _LIVE, "coordinator": _LIVE}),
        "information.asked": Rule({"chair": _TAKEN, "member": _TAKEN}, "awaiting-information"),
        "opinion": Rule({"chair": _TAKEN, "member": _TAKEN}),
        "addendum": Rule({"chair": _WRITTEN, "member": _WRITTEN}),
        "summary": Rule({"chair": _WORK}),
        "completed": Rule({"chair": _WORK}, "completed"),
        "failed": Rule({"chair": _TAKEN, "coordinator": _TAKEN, "hub": _TAKEN}, "failed"),
    },
}


def rule_of(consult: ConsultKind, kind: EventKind) -> Rule | None:
    """Return the rule of an event in a kind of consultation; None where there is no such event."""
    return _TABLES[consult].get(kind)


def may(consult: ConsultKind, part: Part, kind: EventKind, place: Place) -> bool:
    """Return whether a part may do this there; what a page offers and the machine enforces."""
    rule = rule_of(consult, kind)
    return rule is not None and place in rule.may.get(part, frozenset())
