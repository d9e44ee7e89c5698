"""The consultation as a state machine: a fold over signed events, pure.

``apply(state, event)`` is the only way on. The same event twice changes nothing; another event
under a used id is refused. Hub and appliance run the same code, so that neither can be told a
state that its events do not give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from core.consult.errors import (
    AlreadyAccepted,
    AlreadyInvited,
    EpochUnknown,
    EventIdReused,
    EventMalformed,
    NoOpinionYet,
    NotForThisKind,
    NothingToAddTo,
    NotInThisState,
    NotYourPart,
    OpinionStands,
    OtherConsult,
    PersonUnknown,
    SummaryOmits,
    SummaryStands,
)
from core.consult.events import Event, Standing
from core.consult.tables import CLOSED, ConsultKind, Part, Place, may, rule_of

State = Literal[
    "draft", "requested", "accepted", "in-progress", "completed", "rejected", "failed", "cancelled"
]
AWAITING = "awaiting-information"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody invited."""

    person: str
    part: Literal["expert", "chair", "member"]
    discipline: str
    invited_at: str
    removed_at: str = ""
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Signed:
    """An opinion, summary or addendum: who signed what; the words are sealed."""

    event: str
    kind: Literal["opinion", "summary", "addendum", "offered"]
    person: str
    discipline: str
    digest: str
    at: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Consult:
    """Where a consultation stands.

    Attributes
    ----------
    owner : str
        Who accepted; "" before.
    asked : str
        The event that waits for an answer of the requester, "" where none does.
    epoch : int
        Epoch of the key for what comes next: 1, and one more after every removal.
    seen_events : mapping of event id to digest
        Every event folded so far.
    """

    id: str
    kind: ConsultKind = "consultation"
    hospital: str = ""
    to_hospital: str = ""
    to_department: str = ""
    to_level: str = ""
    direction: str = ""
    urgency: str = "routine"
    deadline_at: str = ""
    case: str = ""
    bytes: int = 0
    state: State = "draft"
    business_state: str = ""
    owner: str = ""
    asked: str = ""
    epoch: int = 1
    escalated: int = 0
    requested_at: str = ""
    accepted_at: str = ""
    changed_at: str = ""
    closed_at: str = ""
    parties: tuple[Party, ...] = ()
    signed: tuple[Signed, ...] = ()
    seen_events: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """The state, awaiting information told apart."""
        if self.business_state:
            return "awaiting-information"
        return self.state

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.place in CLOSED

    def party(self, person: str) -> Party | None:
        """Return who takes part now under an id; None where nobody does."""
        return next((p for p in self.parties if p.person == person and not p.removed_at), None)

    def present(self) -> tuple[Party, ...]:
        """Return who takes part now."""
        return tuple(p for p in self.parties if not p.removed_at)

    def opinions(self) -> tuple[Signed, ...]:
        """Return the opinions, oldest first."""
        return tuple(s for s in self.signed if s.kind == "opinion")

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON types; :meth:`from_json` reads it."""
        plain = {name: getattr(self, name) for name in Consult.__dataclass_fields__}
        plain["parties"] = [_plain(p) for p in self.parties]
        plain["signed"] = [_plain(s) for s in self.signed]
        plain["seen_events"] = dict(self.seen_events)
        return plain

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Consult:
        """Return the state that :meth:`as_json` wrote; fields of a later release are left out."""
        known = {k: v for k, v in value.items() if k in Consult.__dataclass_fields__}
        known["parties"] = tuple(Party(**p) for p in value["parties"])
        known["signed"] = tuple(Signed(**s) for s in value["signed"])
        return Consult(**known)


def _plain(value: Party | Signed) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}


def part_of(consult: Consult, actor: str, standing: Standing) -> Part:
    """Return the part in which somebody acts: their seat, else what they stand for."""
    party = consult.party(actor) if actor else None
    if party is not None:
        return "owner" if party.part == "expert" and consult.owner == actor else party.part
    return "stranger" if standing == "person" else standing


def begin(event: Event) -> Consult:
    """Return the draft that a ``requested`` event starts from.

    Raises
    ------
    NotInThisState
        If a consultation's first event is another one.
    """
    if event.kind != "requested":
        raise NotInThisState(kind=event.kind, state="draft")
    return Consult(event.consult, kind=event.facts["consult_kind"])


def fold(events: Iterable[Event]) -> Consult:
    """Return where a consultation stands after its events, in the authority's order.

    Raises
    ------
    ConsultRefusal
        At the first event that does not follow.
    """
    state: Consult | None = None
    for event in events:
        state = apply(begin(event) if state is None else state, event)
    if state is None:
        raise EventMalformed(field="events")
    return state


def apply(consult: Consult, event: Event) -> Consult:
    """Return the state after an event; the same object where it was folded before.

    Raises
    ------
    ConsultRefusal
        A typed refusal (72xx); the state stays as it was.
    """
    if event.consult != consult.id:
        raise OtherConsult
    known = consult.seen_events.get(event.id)
    if known is not None:
        if known != event.digest:
            raise EventIdReused
        return consult
    _check(consult, event)
    changed = _CHANGES.get(event.kind, _same)(consult, event)
    rule = rule_of(consult.kind, event.kind)
    if rule is not None and rule.to is not None:
        changed = _moved(changed, rule.to)
    return replace(
        changed,
        changed_at=max(consult.changed_at, event.at),
        closed_at=event.at if changed.closed and not consult.closed else changed.closed_at,
        seen_events={**consult.seen_events, event.id: event.digest},
    )


def _check(consult: Consult, event: Event) -> None:
    rule = rule_of(consult.kind, event.kind)
    if rule is None:
        raise NotForThisKind(consult=consult.kind, kind=event.kind)
    part = part_of(consult, event.actor, event.standing)
    if not may(consult.kind, part, event.kind, consult.place):
        if event.kind == "accepted" and part in ("expert", "owner") and consult.owner:
            raise AlreadyAccepted
        if part not in rule.may:
            raise NotYourPart(part=part, kind=event.kind)
        raise NotInThisState(kind=event.kind, state=consult.place)
    if event.epoch > consult.epoch:
        raise EpochUnknown(epoch=event.epoch)


def _moved(consult: Consult, to: Place) -> Consult:
    if to == "awaiting-information":
        return replace(consult, state="in-progress", business_state=AWAITING)
    return replace(consult, state=to, business_state="")


def _same(consult: Consult, _event: Event) -> Consult:
    return consult


def _requested(consult: Consult, event: Event) -> Consult:
    facts = event.facts
    if facts["consult_kind"] != consult.kind:
        raise EventMalformed(field="consult_kind")
    return replace(
        consult,
        **{name: facts[name] for name in _ROUTING},
        requested_at=event.at,
        parties=tuple(
            Party(seat["person"], seat["part"], seat["discipline"], event.at)
            for seat in facts["parties"]
        ),
    )


_ROUTING = ("hospital", "to_hospital", "to_department", "to_level", "direction", "urgency",
            "deadline_at", "case", "bytes")  # fmt: skip


def _accepted(consult: Consult, event: Event) -> Consult:
    return replace(consult, owner=event.actor, accepted_at=event.at)


def _assigned(consult: Consult, event: Event) -> Consult:
    """Seat the expert; where somebody owns it already, hand it over."""
    person = event.facts["person"]
    part: Literal["chair", "expert"] = "chair" if consult.kind == "mdt" else "expert"
    if part == "chair":
        consult = _without_chair(consult, person)
    seat = Party(person, part, event.facts["discipline"], event.at)
    owner = person if consult.owner else ""
    return replace(consult, parties=_seated(consult, seat), owner=owner)


def _invited(consult: Consult, event: Event) -> Consult:
    person, part = event.facts["person"], event.facts["part"]
    if consult.party(person) is not None:
        raise AlreadyInvited
    if part == "chair" and (
        consult.kind != "mdt" or any(p.part == "chair" for p in consult.present())
    ):
        raise EventMalformed(field="part")
    if part == "expert" and consult.kind == "mdt":
        raise EventMalformed(field="part")
    seat = Party(person, part, event.facts["discipline"], event.at)
    return replace(consult, parties=_seated(consult, seat))


def _removed(consult: Consult, event: Event) -> Consult:
    """What comes after is sealed under a new epoch; without its owner it is open again."""
    person = event.facts["person"]
    if consult.party(person) is None:
        raise PersonUnknown
    parties = tuple(
        replace(p, removed_at=event.at) if p.person == person and not p.removed_at else p
        for p in consult.parties
    )
    consult = replace(consult, parties=parties, epoch=consult.epoch + 1)
    if consult.owner != person or consult.closed:
        return consult
    return _moved(replace(consult, owner="", accepted_at="", asked=""), "requested")


def _rejected(consult: Consult, event: Event) -> Consult:
    """Decline; the request is rejected once nobody is left who could accept it."""
    if consult.kind == "mdt" or part_of(consult, event.actor, event.standing) == "coordinator":
        return _moved(replace(consult, owner=""), "rejected")
    parties = tuple(
        replace(p, declined=True) if p.person == event.actor and not p.removed_at else p
        for p in consult.parties
    )
    left = any(p.part == "expert" and not p.declined and not p.removed_at for p in parties)
    consult = replace(consult, parties=parties, owner="", accepted_at="")
    return _moved(consult, "requested" if left else "rejected")


def _asked(consult: Consult, event: Event) -> Consult:
    return replace(consult, asked=event.id)


def _given(consult: Consult, event: Event) -> Consult:
    answered = replace(
        consult,
        asked="",
        case=event.facts.get("case", consult.case),
        bytes=consult.bytes + event.facts.get("bytes", 0),
    )
    return replace(answered, business_state="")


def _opinion(consult: Consult, event: Event) -> Consult:
    if any(s.person == event.actor for s in consult.opinions()):
        raise OpinionStands
    if any(s.kind == "summary" for s in consult.signed):
        raise SummaryStands  # else the summary would leave it out
    consult = _with_signed(consult, event, "opinion", event.facts["discipline"])
    return _moved(consult, "in-progress") if consult.state == "accepted" else consult


def _addendum(consult: Consult, event: Event) -> Consult:
    to = event.facts["to"]
    own = any(
        s.event == to and s.person == event.actor and s.kind in ("opinion", "summary")
        for s in consult.signed
    )
    if not own:
        raise NothingToAddTo
    return _with_signed(consult, event, "addendum", "", to)


def _summary(consult: Consult, event: Event) -> Consult:
    if any(s.kind == "summary" for s in consult.signed):
        raise OpinionStands
    named = set(event.facts["opinions"])
    there = {s.event for s in consult.opinions()}
    if named - there:
        raise EventMalformed(field="opinions")
    if not there:
        raise NoOpinionYet(missing="opinion")
    if there - named:
        raise SummaryOmits(count=len(there - named))
    return _with_signed(consult, event, "summary", "")


def _offered(consult: Consult, event: Event) -> Consult:
    consult = _with_signed(consult, event, "offered", "")
    return _moved(consult, "in-progress") if consult.state == "accepted" else consult


_NEEDED: dict[ConsultKind, Literal["opinion", "summary", "offered"]] = {
    "consultation": "opinion",
    "mdt": "summary",
    "referral": "offered",
}


def _completed(consult: Consult, _event: Event) -> Consult:
    needed = _NEEDED[consult.kind]
    there = [s for s in consult.signed if s.kind == needed]
    if needed == "opinion":  # the owner's own, or their summary of the others'
        there = [s for s in there if s.person == consult.owner]
        there += [s for s in consult.signed if s.kind == "summary"]
    if not there:
        raise NoOpinionYet(missing=needed)
    return replace(consult, asked="")


def _escalated(consult: Consult, event: Event) -> Consult:
    return replace(consult, escalated=max(consult.escalated, event.facts["level"]))


def _with_signed(
    consult: Consult,
    event: Event,
    kind: Literal["opinion", "summary", "addendum", "offered"],
    discipline: str,
    to: str = "",
) -> Consult:
    one = Signed(event.id, kind, event.actor, discipline, event.digest, event.at, to)
    return replace(consult, signed=(*consult.signed, one))


def _seated(consult: Consult, seat: Party) -> tuple[Party, ...]:
    others = tuple(p for p in consult.parties if p.person != seat.person or p.removed_at)
    return (*others, seat)


def _without_chair(consult: Consult, person: str) -> Consult:
    """Make who chaired a member; there is one chair."""
    parties = tuple(
        replace(p, part="member") if p.part == "chair" and p.person != person else p
        for p in consult.parties
    )
    return replace(consult, parties=parties)


_CHANGES = {
    "requested": _requested,
    "accepted": _accepted,
    "assigned": _assigned,
    "rejected": _rejected,
    "information.asked": _asked,
    "information.given": _given,
    "invited": _invited,
    "removed": _removed,
    "opinion": _opinion,
    "addendum": _addendum,
    "summary": _summary,
    "offered": _offered,
    "completed": _completed,
    "escalated": _escalated,
}
