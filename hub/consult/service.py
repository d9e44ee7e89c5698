"""One way for every event of a consultation, whoever sends it: box, person, or the hub's clock.

One transaction: signature, standing, rules (``core.consult``), the event's row and link, where the
consultation stands, who takes part, which objects belong to it, the row in the hospital's chain,
notices to people. A crash anywhere leaves nothing of it; the same event again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from core.consult.chain import next_link
from core.consult.errors import EventIdReused, EventMalformed, OtherConsult
from core.consult.events import DOMAIN, Event, Standing, parse_event
from core.consult.machine import Consult, apply, begin
from core.consult.timers import iso_of, ms_of
from core.seals.directory import Directory
from core.seals.statements import Signer, Statement, open_statement, parse
from core.seals.text import to_base64url
from hub.consult.errors import (
    HistoryDiffers,
    HospitalUnknown,
    NoSuchConsult,
    NotTheSigner,
    OtherHospitals,
)
from hub.consult.notices import tell
from hub.consult.objects import attach
from hub.consult.parties import check_seats, keep_parties
from hub.downlink.chain import append_event, lock_hospital
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import CONSULT, EVENT, HOSPITAL

#: Called between the steps of a transaction; tests kill there.
Mark = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who hands a statement in, as the shell has proved it.

    Attributes
    ----------
    node, hospital : str
        A box and its hospital, by certificate.
    person : str
        By session.
    own : bool
        The hub's own clock.
    """

    node: str = ""
    hospital: str = ""
    person: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that the hub has; ``fresh`` is False where it had it before."""

    consult: str
    seq: int
    link: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Step:
    """An event on its way into the tables.

    Attributes
    ----------
    before : Consult or None
        None for a request: nothing stood before it.
    at_ms : int
        The hub's clock.
    """

    event: Event
    statement: Statement
    data: bytes
    before: Consult | None
    after: Consult
    seq: int
    link: str
    at_ms: int


class ConsultService:
    """Takes events into the hub's tables.

    Parameters
    ----------
    mark : callable
        Called with a step's name after it was written.
    """

    def __init__(self, site: HubSite, mark: Mark = lambda _: None) -> None:
        self._site = site
        self._mark = mark

    def take(self, sql: Connection, data: bytes, sender: Sender) -> Taken:
        """Take a signed event in the caller's writing transaction.

        Raises
        ------
        core.seals.errors.SealRefusal
            If the statement does not verify (70xx).
        core.consult.errors.ConsultRefusal
            If the rules forbid it (72xx).
        HubConsultRefusal
            If who sends it may not, or it names what is not here (77xx).
        """
        known = _known(sql, data, sender)
        if known is not None:
            return known
        directory = self._site.directory.current_in(sql)
        statement = open_statement(data, directory.book(), DOMAIN)
        check_sender(self._site, statement.signer, sender)
        row = self._locked(sql, statement.body, sender)
        before = Consult.from_json(json.loads(row.folded)) if row else None
        event = _event(self._site, directory, statement, row.hospital if row else sender.hospital)
        step = self._step(sql, row, (event, statement, data, before))
        self._write(sql, step)
        return Taken(event.consult, step.seq, step.link, fresh=True)

    def take_for(self, sql: Connection, data: bytes, sender: Sender, consult: str) -> Taken:
        """Take an event as :meth:`take`, of this consultation only.

        Raises
        ------
        OtherConsult
        """
        if parse(data).statement.body.get("consult") != consult:
            raise OtherConsult
        return self.take(sql, data, sender)

    def _locked(self, sql: Connection, body: dict[str, Any], sender: Sender) -> Row[Any] | None:
        """Return the consultation's row with the hospital's and its own lock held.

        None for a request that begins one. The hospital comes first, always: whoever appends to
        its chain holds it too.
        """
        consult = body.get("consult")
        if not isinstance(consult, str) or len(consult) > 80:
            raise EventMalformed(field="consult")
        mine = CONSULT.c.id == consult
        hospital = sql.execute(select(CONSULT.c.hospital).where(mine)).scalar()
        if hospital is None:
            if body.get("kind") != "requested" or not sender.node:
                raise NoSuchConsult
            if body.get("hospital") != sender.hospital:
                raise OtherHospitals
            lock_hospital(sql, sender.hospital)
            if sql.execute(select(CONSULT.c.id).where(mine)).first() is not None:
                return self._locked(sql, body, sender)
            return None
        if sender.node and hospital != sender.hospital:
            raise OtherHospitals
        lock_hospital(sql, hospital)
        return sql.execute(locked(select(CONSULT).where(mine))).one()

    def _step(
        self,
        sql: Connection,
        row: Row[Any] | None,
        said: tuple[Event, Statement, bytes, Consult | None],
    ) -> Step:
        event, statement, data, before = said
        if event.after and not _has_link(sql, event.consult, event.after):
            raise HistoryDiffers
        if sql.execute(select(EVENT.c.consult).where(EVENT.c.id == event.id)).first():
            raise EventIdReused
        if before is None and event.facts["to_hospital"]:
            _check_hospital(sql, event.facts["to_hospital"])
        check_seats(sql, event)
        after = apply(begin(event) if before is None else before, event)
        seq = (row.events if row else 0) + 1
        # Two events of one millisecond keep their order by seq; the clock never runs back.
        at_ms = max(self._site.outside.now_ms(), row.changed_at if row else 0)
        last = row.last_link if row else ""
        link = next_link(last, seq, statement.sha256, iso_of(at_ms), event.actor)
        return Step(event, statement, data, before, after, seq, link, at_ms)

    def _write(self, sql: Connection, step: Step) -> None:
        self._keep_consult(sql, step)
        self._mark("consult")
        event = step.event
        sql.execute(
            insert(EVENT).values(
                consult=event.consult, seq=step.seq, id=event.id, kind=event.kind,
                actor=event.actor, at=step.at_ms, statement=step.data, link=step.link,
            )
        )  # fmt: skip
        self._mark("event")
        keep_parties(sql, step.after, step.at_ms)
        self._mark("party")
        attach(sql, step.event, step.after.hospital)
        self._mark("attached")
        body = {
            "consult": event.consult, "seq": step.seq, "statement": to_base64url(step.data),
            "link": step.link, "at": iso_of(step.at_ms),
        }  # fmt: skip
        append_event(self._site, sql, step.after.hospital, body)
        self._mark("chain")
        tell(sql, event, step.before, step.after, step.at_ms)
        self._mark("notice")

    def _keep_consult(self, sql: Connection, step: Step) -> None:
        after = step.after
        values = {
            "state": after.state, "business_state": after.business_state,
            "owner": after.owner or None, "epoch": after.epoch, "escalated": after.escalated,
            "bytes": after.bytes, "folded": json.dumps(after.as_json(), ensure_ascii=False),
            "events": step.seq, "last_link": step.link, "changed_at": step.at_ms,
        }  # fmt: skip
        if step.before is not None:
            sql.execute(update(CONSULT).where(CONSULT.c.id == after.id).values(values))
            return
        sql.execute(
            insert(CONSULT).values(
                **values, id=after.id, kind=after.kind, hospital=after.hospital,
                to_hospital=after.to_hospital or None, to_department=after.to_department or None,
                to_level=after.to_level or None, urgency=after.urgency,
                deadline_at=ms_of(after.deadline_at) if after.deadline_at else None,
                requested_at=step.at_ms,
            )
        )  # fmt: skip


def by_hub_clock(sql: Connection, row: Row[Any]) -> Consult:
    """Return where a consultation stands, its times by the hub's clock instead of the writers'."""
    state = Consult.from_json(json.loads(row.folded))
    taken = (
        select(EVENT.c.at)
        .where(EVENT.c.consult == row.id, EVENT.c.kind == "accepted")
        .order_by(EVENT.c.seq.desc())
        .limit(1)
    )
    accepted = sql.execute(taken).scalar() if state.owner else None
    return replace(
        state,
        requested_at=iso_of(row.requested_at),
        accepted_at=iso_of(accepted or row.requested_at) if state.owner else "",
    )


def check_sender(site: HubSite, signer: Signer, sender: Sender) -> None:
    """Let through what the sender signed themselves.

    Raises
    ------
    NotTheSigner
    """
    if sender.own:
        fits = signer.node == site.identity.id
    elif sender.node:
        fits = signer.node == sender.node
    else:
        fits = bool(sender.person) and signer.person == sender.person
    if not fits:
        raise NotTheSigner


def _event(site: HubSite, directory: Directory, statement: Statement, hospital: str) -> Event:
    standing = _standing(site, directory, statement.signer, hospital)
    actor = "" if standing == "hub" else statement.signer.person or statement.signer.node
    return parse_event(statement.body, actor, standing, statement.sha256)


def _standing(site: HubSite, directory: Directory, signer: Signer, hospital: str) -> Standing:
    """Return what a signer stands for, by the directory: as the boxes will see it too."""
    if signer.node == site.identity.id:
        return "hub"
    if signer.node:
        node = directory.contents.nodes.get(signer.node)
        return "requester" if node is not None and node.hospital == hospital else "person"
    person = directory.contents.people.get(signer.person)
    return "coordinator" if person is not None and person.role == "coordinator" else "person"


def _known(sql: Connection, data: bytes, sender: Sender) -> Taken | None:
    """Return what the hub has under the event's id already: an answer was lost.

    Raises
    ------
    EventIdReused
        If it is another statement.
    """
    said = parse(data).statement
    if not isinstance(said.body.get("event"), str):
        raise EventMalformed(field="event")
    row = sql.execute(select(EVENT).where(EVENT.c.id == said.body["event"])).first()
    if row is None:
        return None
    signer = said.signer.person or said.signer.node
    mine = sender.own or signer in (sender.person, sender.node)
    if not mine or parse(bytes(row.statement)).statement.sha256 != said.sha256:
        raise EventIdReused
    if row.consult != said.body.get("consult"):
        raise OtherConsult
    return Taken(row.consult, row.seq, row.link, fresh=False)


def _has_link(sql: Connection, consult: str, link: str) -> bool:
    query = select(EVENT.c.seq).where(EVENT.c.consult == consult, EVENT.c.link == link)
    return sql.execute(query).first() is not None


def _check_hospital(sql: Connection, hospital: str) -> None:
    if sql.execute(select(HOSPITAL.c.id).where(HOSPITAL.c.id == hospital)).first() is None:
        raise HospitalUnknown
