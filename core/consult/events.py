"""An event of a consultation: what its signed statement says in clear, checked field by field.

Only routing facts may stand in clear; a field that is not listed here is refused, so that nothing
clinical can slip past the seal. Sealed parts travel beside them (``sealed``, ``object``,
``epoch``) and are opaque here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.consult.errors import EventMalformed
from core.consult.tables import EVENT_KINDS, KINDS, EventKind

DOMAIN = "xinglin consult event v1"
#: base64url of at most 192 KiB; what is larger is an object.
LONGEST_SEALED = 262_144
_MOST_PARTIES = 64
_MOST_OBJECTS = 20_000

#: Who stands behind a statement, as the shell has proved it: the requesting hospital's box, a
#: person by signature (or, in-house, by session), a coordinator of the hub, the hub's own timers.
Standing = Literal["requester", "person", "coordinator", "hub"]

SealedKind = Literal["message", "opinion", "answer"]
Urgency = Literal["emergency", "urgent", "routine"]
URGENCIES: tuple[Urgency, ...] = ("emergency", "urgent", "routine")
LEVELS = ("", "attending", "associate_chief", "chief")
DISCIPLINES = ("respiratory", "imaging", "pathology", "thoracic_surgery", "infectious", "other")
#: Why something was refused, failed or withdrawn; the words beside it are sealed.
REASONS = ("", "specialty", "capacity", "quality", "consent", "duplicate", "patient", "other")

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")
_CONSULT = re.compile(r"c_[0-9a-f]{32}\Z")
_EVENT = re.compile(r"e_[0-9a-f]{32}\Z")
_OBJECT = re.compile(r"o_[0-9a-f]{32}\Z")
_PERSON = re.compile(r"[pu]_[0-9a-f]{16}\Z")
_LOCAL = re.compile(r"u_[0-9a-f]{16}\Z")
_HOSPITAL = re.compile(r"h_[0-9a-f]{16}\Z")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_BASE64 = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, slots=True)
class Seat:
    """One place at the table, as a request or an invitation gives it."""

    person: str
    part: Literal["expert", "chair", "member"]
    discipline: str = ""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A sealed object that everybody may know of."""

    object: str
    address: str
    kind: str
    length: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event, parsed.

    Attributes
    ----------
    actor : str
        Person id or node id of the signer; "" for the hub's own.
    digest : str
        The statement's name (``Statement.sha256``), hex: tells a replay from another body.
    after : str
        Link of the last event the actor had seen, "" for none.
    by : str
        Account of the signing box in whose session it was said; "" where a person signed.
    facts : mapping
        The kind's routing fields, checked.
    """

    id: str
    consult: str
    kind: EventKind
    actor: str
    standing: Standing
    at: str
    digest: str
    after: str = ""
    epoch: int = 0
    sealed: str = ""
    object: str = ""
    objects: tuple[ObjectRef, ...] = ()
    by: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[Any], bool]


def _matches(pattern: re.Pattern[str], *, empty: bool = False) -> Check:
    return lambda v: isinstance(v, str) and (bool(pattern.match(v)) or (empty and v == ""))


def _one_of(values: tuple[str, ...]) -> Check:
    return lambda v: isinstance(v, str) and v in values


def _count(most: int) -> Check:
    return lambda v: type(v) is int and 0 <= v <= most


def _seats(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MOST_PARTIES
        and all(_is_seat(one) for one in value)
        and len({one["person"] for one in value}) == len(value)
        and sum(one["part"] == "chair" for one in value) <= 1
    )


def _is_seat(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"person", "part", "discipline"}
        and _person(value["person"])
        and value["part"] in ("expert", "chair", "member")
        and _discipline(value["discipline"])
    )


def _event_ids(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= 256
        and all(isinstance(v, str) and _EVENT.match(v) for v in value)
        and len(set(value)) == len(value)
    )


_person = _matches(_PERSON)
_discipline = _one_of(("", *DISCIPLINES))
_reason = _one_of(REASONS)
_address = _matches(_HEX64)

#: kind → (field, check, required).
_FIELDS: dict[EventKind, tuple[tuple[str, Check, bool], ...]] = {
    "requested": (
        ("consult_kind", _one_of(KINDS), True),
        ("hospital", _matches(_HOSPITAL), True),
        ("to_hospital", _matches(_HOSPITAL, empty=True), True),
        ("to_department", _matches(_WORD, empty=True), True),
        ("to_level", _one_of(LEVELS), True),
        ("direction", _one_of(("", "up", "down")), True),
        ("urgency", _one_of(URGENCIES), True),
        ("deadline_at", _matches(_ISO, empty=True), True),
        ("case", _address, True),
        ("bytes", _count(2**50), True),
        ("parties", _seats, True),
    ),
    "accepted": (),
    "assigned": (("person", _person, True), ("discipline", _discipline, True)),
    "rejected": (("reason", _reason, True),),
    "started": (),
    "information.asked": (),
    "information.given": (("case", _address, False), ("bytes", _count(2**50), False)),
    "message": (),
    "invited": (
        ("person", _person, True),
        ("part", _one_of(("expert", "chair", "member")), True),
        ("discipline", _discipline, True),
    ),
    "removed": (("person", _person, True),),
    "opinion": (("discipline", _discipline, True),),
    "addendum": (("to", _matches(_EVENT), True),),
    "summary": (("opinions", _event_ids, True),),
    "offered": (),
    "completed": (),
    "failed": (("reason", _reason, True),),
    "cancelled": (("reason", _reason, True),),
    "escalated": (("level", _count(9), True),),
}
#: What a person says is always sealed.
_SPOKEN: frozenset[EventKind] = frozenset(
    {"information.asked", "information.given", "message", "opinion", "addendum", "summary",
     "offered"}
)  # fmt: skip
#: As what kind of sealed part an event's words are sealed; reasons of refusals are messages.
_SEALED_AS: dict[EventKind, SealedKind] = {
    "information.given": "answer",
    "offered": "answer",
    "opinion": "opinion",
    "addendum": "opinion",
    "summary": "opinion",
}
_FRAME: tuple[tuple[str, Check, bool], ...] = (
    ("after", _matches(_HEX64, empty=True), True),
    ("at", _matches(_ISO), True),
    ("consult", _matches(_CONSULT), True),
    ("event", _matches(_EVENT), True),
    ("kind", _one_of(EVENT_KINDS), True),
    ("by", _matches(_LOCAL), False),
    ("epoch", _count(10_000), False),
    ("sealed", _matches(_BASE64), False),
    ("object", _matches(_OBJECT), False),
    ("objects", lambda v: isinstance(v, list) and len(v) <= _MOST_OBJECTS, False),
)


def sealed_kind(kind: EventKind) -> SealedKind:
    """Return as what kind of object an event's words are sealed."""
    return _SEALED_AS.get(kind, "message")


def clear_fields(kind: EventKind) -> tuple[str, ...]:
    """Return the names of the routing fields of a kind, for who writes one."""
    return tuple(name for name, _, _ in _FIELDS[kind])


def parse_event(body: Mapping[str, Any], actor: str, standing: Standing, digest: str) -> Event:
    """Return the event of a statement's body.

    Parameters
    ----------
    body : mapping
        The statement's ``body``; its signature has been checked.
    actor, standing
        Who signed, and what the shell knows that they are.
    digest : str
        The statement's name, hex.

    Raises
    ------
    EventMalformed
        Naming the first field that is missing, wrong or not listed.
    """
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in EVENT_KINDS:
        raise EventMalformed(field="kind")
    fields = _FRAME + _FIELDS[kind]
    known = {name for name, _, _ in fields}
    if set(body) - known:
        raise EventMalformed(field=_shown(min(str(k) for k in set(body) - known)))
    for name, check, required in fields:
        if (name in body or required) and not check(body.get(name)):
            raise EventMalformed(field=name)
    _check_sealed(body, kind)
    facts = {name: body[name] for name, _, _ in _FIELDS[kind] if name in body}
    return Event(
        id=body["event"],
        consult=body["consult"],
        kind=kind,
        actor=actor,
        standing=standing,
        at=body["at"],
        digest=digest,
        after=body["after"],
        epoch=body.get("epoch", 0),
        sealed=body.get("sealed", ""),
        object=body.get("object", ""),
        objects=tuple(_object_of(one) for one in body.get("objects", ())),
        by=body.get("by", ""),
        facts=facts,
    )


def _check_sealed(body: Mapping[str, Any], kind: EventKind) -> None:
    inline = "sealed" in body
    if inline and len(body["sealed"]) > LONGEST_SEALED:
        raise EventMalformed(field="sealed")
    if inline and ("object" not in body or not body.get("epoch")):
        raise EventMalformed(field="object" if "object" not in body else "epoch")
    if kind in _SPOKEN and not inline and not body.get("objects"):
        raise EventMalformed(field="sealed")


def _object_of(value: Any) -> ObjectRef:
    if not isinstance(value, dict) or set(value) != {"address", "object", "kind", "length"}:
        raise EventMalformed(field="objects")
    sound = (
        _address(value["address"])
        and _matches(_OBJECT)(value["object"])
        and _matches(_WORD)(value["kind"])
        and _count(2**50)(value["length"])
    )
    if not sound:
        raise EventMalformed(field="objects")
    return ObjectRef(value["object"], value["address"], value["kind"], value["length"])


def _shown(name: str) -> str:
    return name[:40] if name.isascii() and name.isprintable() else "?"
