"""What the hub's chain brings: every event verified, folded, opened and recorded on its study.

The chain's rows are in the journal already (``edge.uplink`` checked that they continue it); here
each statement's signature, its link, and what its writer had seen are held against what this box
holds. What does not fit is an alarm on the page and a fault in the record, never a silence. One
row is one transaction: record, wraps, cursor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.consult.chain import next_link
from core.consult.errors import OpinionMalformed, StatementUnlinked
from core.consult.events import DOMAIN, Event, Standing, parse_event, sealed_kind
from core.consult.machine import Consult, apply, begin
from core.consult.opinion import parse_opinion
from core.errors import XinglinError
from core.journal.seal import open_clear
from core.records.clock import Stamp
from core.records.record import Draft, Record, Sealed
from core.seals.directory import Directory
from core.seals.errors import RecipientUnknown, SignerUnknown
from core.seals.objects import ObjectContext, open_inline
from core.seals.statements import Statement, open_statement
from core.seals.text import from_base64url
from edge.consult.book import (
    Kept,
    grants_of,
    has_link,
    kept,
    known_event,
    raise_alarm,
    subject_of,
)
from edge.consult.errors import (
    ConsultUnknown,
    EventMissing,
    EventRepeated,
    EventUnsound,
    InvitedByHub,
    KeyNotConfirmed,
    KeyReplaced,
    OpinionOfOtherCase,
    OwnEventAltered,
    WordsUnreadable,
)
from edge.consult.keys import pin, pinned, settle
from edge.consult.people import keep_duty
from edge.consult.region import Desk
from edge.uplink.alarms import Alarms

_READER = "consult"
_PATIENCE_MS = 60_000
#: Events that go after their objects: a later one may overtake them honestly.
_WAITS_FOR_OBJECTS = "('requested', 'information.given')"
_SIGNED = frozenset({"opinion", "addendum", "summary", "offered"})


@dataclass(frozen=True, slots=True)
class Row:
    """One event as the hub's chain tells it."""

    consult: str
    seq: int
    wire: bytes
    at: str
    link: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A row with its statement believed, and what it does."""

    row: Row
    statement: Statement
    event: Event
    state: Consult


def take(desk: Desk, batch: int = 200) -> int | None:
    """Take what is new; return how many rows, or None to be asked again in a second.

    It waits where a row's signer is not in the directory yet: the entry is on its way.
    """
    box = desk.box
    position = _cursor(desk)
    taken = 0
    for sealed in box.journal.read(position, batch):
        if sealed.header.kind in ("hub.event", "hub.notice"):
            try:
                with box.database.transaction():
                    _take_one(desk, sealed)
                    _move(desk, sealed.position)
            except SignerUnknown:
                return None
        else:
            _move(desk, sealed.position)
        taken += 1  # of every kind: a CT's arrival may lie between us and the hub's next word
    return taken


def _take_one(desk: Desk, sealed: Sealed) -> None:
    record = open_clear(sealed)
    if record.kind == "hub.notice":
        if record.body.get("kind") == "duty":
            keep_duty(desk.box, record.body)
        return
    try:
        row = row_of(record)
        found = kept(desk.box, row.consult)
    except (EventUnsound, ConsultUnknown) as error:
        raise_alarm(desk.box, error)
        return
    take_event(desk, found, row, patient=_is_young(desk, record))


def take_event(desk: Desk, found: Kept, row: Row, *, patient: bool) -> None:
    """Verify one event, record it, and do what follows from it.

    Raises
    ------
    SignerUnknown
        If the signer is unknown and ``patient``: the directory may follow.
    """
    box = desk.box
    fault: XinglinError | None = None
    verified: Verified | None = None
    try:
        verified = verify(desk, found, row)
    except SignerUnknown as error:
        if patient:
            raise
        fault = error
    except XinglinError as error:
        fault = error
    opened, unread = _opened(desk, found, verified)
    fault = fault or unread
    _suspect(desk, found, row, verified)
    if fault is not None:
        raise_alarm(box, fault, found.consult)
    _record(desk, found, row, (verified, opened, fault))
    if verified is not None:
        _follow(desk, found, verified)


def verify(desk: Desk, found: Kept, row: Row) -> Verified:
    """Return a row whose signature, link and rules hold.

    Raises
    ------
    XinglinError
        What is wrong with it first: of the seals, the chain, or the consultation's rules.
    """
    directory = desk.joined.directory()
    statement = open_statement(row.wire, directory.book(), DOMAIN)
    standing = standing_of(desk, directory, statement)
    signer = statement.signer.person or statement.signer.node
    actor = "" if standing == "hub" else signer
    if row.seq != found.last_seq + 1:
        raise StatementUnlinked(seq=row.seq)
    if next_link(found.last_link, row.seq, statement.sha256, row.at, actor) != row.link:
        raise StatementUnlinked(seq=row.seq)
    event = parse_event(statement.body, actor, standing, statement.sha256)
    if known_event(desk.box, found.consult, event.id):
        raise EventRepeated(seq=row.seq)
    if not has_link(desk.box, found.consult, event.after):
        raise EventMissing(seq=row.seq)
    if standing == "requester" and statement.signer.node == desk.box.identity.id:
        _check_ours(desk, event)
    before = found.state if found.state.requested_at else begin(event)
    return Verified(row, statement, event, apply(before, event))


def standing_of(desk: Desk, directory: Directory, statement: Statement) -> Standing:
    """Return what a signer stands for: our own boxes, the hub, its coordinators, a person."""
    signer = statement.signer
    if signer.node:
        node = directory.contents.nodes.get(signer.node)
        if signer.node == desk.joined.hub:
            return "hub"
        ours = node is not None and node.hospital == desk.joined.hospital
        return "requester" if ours else "person"
    person = directory.contents.people.get(signer.person)
    return "coordinator" if person is not None and person.role == "coordinator" else "person"


def row_of(record: Record) -> Row:
    """Return the row of a ``hub.event``.

    Raises
    ------
    EventUnsound
    """
    body = record.body
    try:
        wire = from_base64url(body["statement"])
        at = body.get("at") or _iso(record)
        row = Row(body["consult"], body["seq"], wire, at, body["link"])
        sound = all(isinstance(v, str) for v in (row.consult, row.at, row.link))
        if not sound or type(row.seq) is not int:
            raise EventUnsound
    except (KeyError, TypeError, ValueError):
        raise EventUnsound from None
    return row


def _check_ours(desk: Desk, event: Event) -> None:
    rows = desk.box.database.query("SELECT digest FROM consult_sent WHERE event = ?", (event.id,))
    if not rows or rows[0][0] != event.digest:
        raise OwnEventAltered


def _opened(
    desk: Desk, found: Kept, verified: Verified | None
) -> tuple[dict[str, Any] | None, XinglinError | None]:
    """Return an event's words, and why they cannot be read."""
    if verified is None or not verified.event.sealed:
        return None, None
    event = verified.event
    key = grants_of(desk.box, found.study, found.consult).keys.get(event.epoch)
    if key is None:
        return None, WordsUnreadable()
    context = ObjectContext(found.consult, event.epoch, event.object, sealed_kind(event.kind))
    try:
        words = json.loads(open_inline(event.sealed, key, context))
    except (XinglinError, ValueError, RecursionError):
        return None, WordsUnreadable()
    if not isinstance(words, dict):
        return None, WordsUnreadable()
    return words, _unfit(desk, found, event, words)


def _unfit(desk: Desk, found: Kept, event: Event, words: dict[str, Any]) -> XinglinError | None:
    """Return what is wrong with an opinion's words: malformed, or about another case."""
    if event.kind != "opinion":
        return None
    try:
        opinion = parse_opinion(words)
    except OpinionMalformed as error:
        return error
    sent = desk.box.database.query(
        "SELECT opened FROM consult_sent WHERE consult = ?", (found.consult,)
    )
    cases = {(json.loads(row[0])["case"] or {}).get("address") for row in sent}
    return None if opinion.case in cases else OpinionOfOtherCase()


def _suspect(desk: Desk, found: Kept, row: Row, verified: Verified | None) -> None:
    """Say where an own event has been passed over: a later one came, ours did not."""
    if verified is None or verified.event.standing != "requester":
        return
    with desk.box.database.transaction() as sql:
        sql.execute(
            "UPDATE consult_sent SET returned = ? WHERE event = ?",
            (desk.box.outside.now_ms(), verified.event.id),
        )
        skipped = sql.execute(
            "SELECT count(*) FROM consult_sent WHERE consult = ? AND returned IS NULL"
            f" AND kind NOT IN {_WAITS_FOR_OBJECTS} AND rowid <"
            " (SELECT rowid FROM consult_sent WHERE event = ?)"
            # What the hub refused in the open, or a person gave up, was not passed over.
            " AND event NOT IN (SELECT id FROM outbox WHERE state IN ('dead', 'given_up'))",
            (found.consult, verified.event.id),
        ).fetchone()[0]
    if skipped:
        raise_alarm(desk.box, EventMissing(seq=row.seq), found.consult)


def _record(
    desk: Desk,
    found: Kept,
    row: Row,
    outcome: tuple[Verified | None, dict[str, Any] | None, XinglinError | None],
) -> None:
    verified, opened, fault = outcome
    event = verified.event if verified else None
    body = {
        "consult": found.consult, "authority": "hub", "seq": row.seq, "at": row.at,
        "statement": row.wire.decode("utf-8", "replace"), "link": row.link,
        "event": event.id if event else "", "kind": event.kind if event else "",
        "actor": event.actor if event else "", "standing": event.standing if event else "person",
        "said_at": event.at if event else "", "digest": event.digest if event else "",
        "opened": opened, "fault": fault.as_json() if fault else None,
    }  # fmt: skip
    # A sealed part that does not open is a fault of the words, not of the event: it counts.
    if verified is not None and fault is not None:
        body["fault"], body["unread"] = None, fault.as_json()
    kind = record_kind(verified)
    subject = subject_of(desk.box, found.study)
    actor = f"person:{event.actor}" if event and event.actor.startswith("p_") else ""
    desk.box.append([Draft(kind, body, subject, found.study, actor)])


def record_kind(verified: Verified | None) -> str:
    """Return as what kind of record an event is kept."""
    if verified is None:
        return "consult.event"
    if verified.event.kind in _SIGNED:
        return "consult.opined"
    return "consult.closed" if verified.state.closed else "consult.event"


def _follow(desk: Desk, found: Kept, verified: Verified) -> None:
    """Wrap, or make a new epoch, as the event asks for."""
    event = verified.event
    if event.kind == "invited" and event.standing == "person":
        _introduce(desk, found, event)
    if event.kind in ("requested", "invited", "assigned", "removed"):
        settle(desk, found.consult, event.actor or "hub")


def _introduce(desk: Desk, found: Kept, event: Event) -> None:
    """Pin the key of somebody whom the owner or chair brought in: they hold the case's key."""
    person = event.facts["person"]
    inviter = found.state.party(event.actor)
    leads = inviter is not None and (inviter.part == "chair" or found.state.owner == event.actor)
    if leads and not pinned(desk.box, person):
        try:
            key = desk.joined.directory().recipient(person)
        except RecipientUnknown as error:
            raise_alarm(desk.box, error, found.consult)
            return
        pin(desk.box, person, key.key, event.actor)


def confirm(desk: Desk, person: str, key: str, user: str) -> None:
    """Confirm a person's key by somebody here, and wrap what waited for it.

    Raises
    ------
    RecipientUnknown, EventUnsound
        If the key is not the person's present one.
    """
    present = desk.joined.directory().recipient(person)
    if present.key != key:
        raise EventUnsound
    box = desk.box
    with box.database.transaction() as sql:
        pin(box, person, key, user)
        Alarms(box.database, box.outside.now_ms).over(KeyReplaced.code, person)
        open_ones = sql.execute(
            "SELECT consult FROM consult WHERE authority = 'hub' AND state IN"
            " ('requested', 'accepted', 'in-progress', 'completed')"
        ).fetchall()
        for (consult,) in open_ones:
            if kept(box, consult).state.party(person) is not None:
                settle(desk, consult, user)
                for answered in (KeyNotConfirmed, InvitedByHub):
                    Alarms(box.database, box.outside.now_ms).over(answered.code, consult)


def _is_young(desk: Desk, record: Record) -> bool:
    """Say whether a row came so lately that the directory may still be behind it."""
    return desk.box.outside.now_ms() - Stamp.parse(record.header.clock).ms < _PATIENCE_MS


def _iso(record: Record) -> str:
    from core.consult.timers import iso_of

    return iso_of(Stamp.parse(record.header.clock).ms)


def _cursor(desk: Desk) -> int:
    rows = desk.box.database.query("SELECT position FROM cursor WHERE reader = ?", (_READER,))
    return int(rows[0][0]) if rows else 0


def _move(desk: Desk, position: int) -> None:
    with desk.box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO cursor VALUES (?, ?) ON CONFLICT (reader)"
            " DO UPDATE SET position = excluded.position",
            (_READER, position),
        )
