"""A multidisciplinary meeting inside the hospital: the box is its authority, no hub is needed.

The same machine; events are chained by the box's own journal and by their links. Members speak by
their session, so the box attests: each statement is signed by the node and names the account, and
record, page and document say so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.consult.chain import next_link
from core.consult.events import Event, Standing, parse_event
from core.consult.machine import Consult, apply, begin, part_of
from core.consult.opinion import parse_opinion
from core.consult.tables import EVENT_KINDS, EventKind, may
from core.records.record import Draft
from edge.consult.book import Kept, kept, subject_of
from edge.consult.errors import ConsultUnknown, NobodyToSealTo, RequestIncomplete
from edge.consult.inbox import Row, Verified, record_kind
from edge.consult.post import Saying, body_of, said
from edge.consult.region import Desk, local_person
from edge.consult.requests import Asker, append_request, checked, request_facts, seat_of
from edge.store.box import Box

#: The case that opinions name where everybody reads the study itself.
HOUSE_CASE = "0" * 64
_HOUSE_HOSPITAL = "h_" + "0" * 16


def colleagues(box: Box) -> dict[str, dict[str, str]]:
    """Return the accounts that may take part, by their opaque id."""
    rows = box.database.query(
        "SELECT user, name, role FROM person WHERE active = 1 AND role IN"
        " ('physician', 'radiologist', 'surgeon') ORDER BY user"
    )
    return {
        local_person(box, user): {"user": user, "name": name, "role": role}
        for user, name, role in rows
    }


def convene(desk: Desk, study: str, asked: Mapping[str, Any], asker: Asker) -> str:
    """Open an in-house MDT about a study and return its id.

    ``people`` are accounts (or their opaque ids), each with part and discipline; one chairs.

    Raises
    ------
    ConsentMissing, RequestIncomplete, NobodyToSealTo
    """
    box = desk.box
    body = checked(box, study, {**asked, "kind": "mdt"})
    known = {
        name: (person, one)
        for person, one in colleagues(box).items()
        for name in (person, one["user"])
    }
    seats, people = [], []
    for number, one in enumerate(body["people"]):
        user = one.get("user") or one.get("person") if isinstance(one, dict) else one
        if user not in known:
            raise RequestIncomplete(field="people")
        person, account = known[user]
        given = one if isinstance(one, dict) else {}
        usual = "chair" if number == 0 else "member"
        seats.append(seat_of({**given, "person": person}, usual, None))
        people.append({"person": person, **account})
    if not seats:
        raise NobodyToSealTo
    _check_table(seats)
    with box.database.transaction():
        consult = desk.fresh("c_")
        full = {**body, "authority": "house", "seats": seats, "people": people}
        append_request(desk, study, consult, full, asker)
        found = kept(box, consult)
        facts = {
            **request_facts(hospital_of(desk), found.request, seats),
            "case": HOUSE_CASE,
            "bytes": 0,
        }
        saying = Saying(
            "requested", asker.user, found.request["by"], facts=facts,
            event=found.request["event"], at=found.request["at"],
        )  # fmt: skip
        _append(desk, found, saying)
    return consult


def speak(desk: Desk, consult: str, saying: Saying) -> Event:
    """Take what a colleague says; the rules of the machine decide.

    Raises
    ------
    ConsultRefusal, ConsultUnknown, RequestIncomplete
    """
    with desk.box.database.transaction():
        found = kept(desk.box, consult)
        if not found.house:
            raise ConsultUnknown
        if saying.kind == "opinion":
            parse_opinion(saying.words or {})
        return _append(desk, found, _seated(desk, saying))


def acting(box: Box, found: Kept, by: str, kind: EventKind) -> tuple[str, Standing]:
    """Return as whom an account acts: in its seat; whoever asked also for the requester."""
    state = found.state
    seated = state.party(by) is not None
    asks = by == found.request.get("by")
    if seated and not (
        asks and not may(state.kind, part_of(state, by, "person"), kind, state.place)
    ):
        return by, "person"
    return (box.identity.id, "requester") if asks else (by, "person")


def allowed(box: Box, found: Kept, by: str) -> list[EventKind]:
    """Return what an account may do now: what a page offers."""
    state, kinds = found.state, list[EventKind]()
    for kind in EVENT_KINDS:
        actor, standing = acting(box, found, by, kind)
        if may(state.kind, part_of(state, actor, standing), kind, state.place):
            kinds.append(kind)
    return kinds


def hospital_of(desk: Desk) -> str:
    """Return the hospital's id; a box that has joined nothing has a placeholder."""
    return desk.region.hospital if desk.region else _HOUSE_HOSPITAL


def _append(desk: Desk, found: Kept, saying: Saying) -> Event:
    box = desk.box
    body = body_of(desk, found, saying)
    wire, statement = said(desk, body)
    actor, standing = acting(desk.box, found, saying.by, saying.kind)
    event = parse_event(body, actor, standing, statement.sha256)
    before = found.state if found.state.requested_at else begin(event)
    state: Consult = apply(before, event)
    at, seq = desk.now, found.last_seq + 1
    link = next_link(found.last_link, seq, statement.sha256, at, event.actor)
    verified = Verified(Row(found.consult, seq, wire, at, link), statement, event, state)
    record = {
        "consult": found.consult, "authority": "house", "seq": seq, "at": at,
        "statement": wire.decode(), "link": link, "event": event.id, "kind": event.kind,
        "actor": event.actor, "standing": event.standing, "said_at": event.at,
        "digest": event.digest, "opened": dict(saying.words) if saying.words else None,
        "fault": None,
    }  # fmt: skip
    subject = subject_of(box, found.study)
    who = f"person:{saying.user}"
    box.append([Draft(record_kind(verified), record, subject, found.study, who)])
    return event


def _seated(desk: Desk, saying: Saying) -> Saying:
    """Return an invitation or removal with the account's opaque id in it."""
    if saying.kind not in ("invited", "removed"):
        return saying
    wanted = saying.facts.get("person", "")
    for person, one in colleagues(desk.box).items():
        if wanted in (person, one["user"]):
            facts = json.loads(json.dumps({**saying.facts, "person": person}))
            return Saying(saying.kind, saying.user, saying.by, saying.words, facts)
    raise RequestIncomplete(field="person")


def _check_table(seats: list[dict[str, str]]) -> None:
    parts = [seat["part"] for seat in seats]
    people = {seat["person"] for seat in seats}
    if parts.count("chair") != 1 or "expert" in parts or len(people) != len(seats):
        raise RequestIncomplete(field="people")
