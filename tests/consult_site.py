"""A region in process for tests of the box's half: a hub that keeps chains, boxes, experts.

The hub here is the authority as the protocol states it (numbers, links, its own chain of rows that
a box adopts) and can misbehave where a test tells it to.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

from core.consult.chain import next_link
from core.consult.events import DOMAIN, parse_event, sealed_kind
from core.consult.machine import Consult, apply, begin
from core.consult.timers import iso_of
from core.journal.store import MemoryJournal, Writer
from core.records.canonical import to_bytes
from core.records.record import Draft
from core.seals.consult_key import read_wraps, unwrap
from core.seals.directory import Directory
from core.seals.directory_entries import (
    PersonFacts,
    attestation_bytes,
    node_body,
    person_body,
)
from core.seals.keybook import raw_public
from core.seals.objects import ObjectContext, address_of, open_inline, open_whole, seal_inline
from core.seals.statements import parse, sign_node, sign_person
from core.seals.text import to_base64url
from edge.consult.lane import ConsultStages
from edge.consult.region import Desk
from edge.consult.requests import Asker, request
from edge.stages.plans import READERS
from edge.stages.reader import step_all
from edge.stages.table import stages_of
from edge.stages.work import Later, Work
from tests.api_site import ApiSite
from tests.seal_site import A, B, Log, PersonPair, x25519_key

EXPERT = PersonPair.of("p_" + "e" * 16)
SECOND = PersonPair.of("p_" + "d" * 16)
MEMBER = PersonPair.of("p_" + "c" * 16)
COORDINATOR = PersonPair.of("p_" + "b" * 16)
DOCTOR = Asker("physician", "王医生", "physician")

REQUEST = {
    "kind": "consultation", "to_hospital": B, "to_department": "respiratory", "to_level": "chief",
    "people": [], "urgency": "urgent", "deadline_at": "", "purpose": "右上肺空洞，求诊断意见",
    "summary": "咳嗽两周 <script>alert(1)</script>",
    "consent": {"reference": "同意书 2026-11-001", "at": "2026-11-22"},
    "include": {"priors": [], "laboratory": True, "lung_function": False, "pathology": False,
                "documents": []},
}  # fmt: skip


class Post:
    """The durable way to the hub, in memory; ``lost`` holds what a test keeps back."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.events: dict[str, tuple[str, bytes, tuple[str, ...]]] = {}
        self.wraps: dict[str, bytes] = {}
        self.statistics: dict[str, bytes] = {}
        self.access: dict[str, bytes] = {}
        self.puts = 0
        self.fails_at = 0

    def put_object(self, source, consult, priority=3):
        self.puts += 1
        if self.puts == self.fails_at:
            raise KeyboardInterrupt  # the process dies here
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        address = address_of(data)
        self.objects[address] = data
        return address

    def put_event(self, event, consult, statement, priority, needs=()):
        self.events.setdefault(event, (consult, statement, tuple(needs)))

    def put_wraps(self, id_, consult, statement, priority=1):
        self.wraps.setdefault(id_, statement)

    def put_access(self, id_, consult, statement):
        self.access.setdefault(id_, statement)

    def put_statistics(self, id_, statement):
        self.statistics.setdefault(id_, statement)


class Hub:
    """Numbers events, links them, tells each hospital's box by a chain of its own."""

    def __init__(self) -> None:
        self.log = Log()
        self.log.hospital(A, "甲县人民医院")
        self.log.hospital(B, "市胸科医院")
        self.vouching = self.log.node(B)
        self.clock = 1_790_000_000_000
        self.chains: dict[str, MemoryJournal] = {}
        self.sent: dict[str, int] = {}
        self.states: dict[str, Consult] = {}
        self.rows: dict[str, list[SimpleNamespace]] = {}
        self.boxes: dict[str, Box] = {}

    def now(self) -> int:
        self.clock += 1
        return self.clock

    def directory(self) -> Directory:
        return Directory.of(self.log.hub_public).extend(self.log.data(), self.log.head())

    def person(
        self, pair: PersonPair, role="expert", department="respiratory", *, attested=True
    ) -> None:
        facts = PersonFacts(B, f"专家{pair.id[2]}", department, "主任医师", role)
        said = attestation_bytes(self.vouching.id, pair.id, facts.name, B, pair.key)
        attested = self.vouching.key.sign(said).hex() if attested else ""
        body = person_body(facts, pair.agree_public, pair.sign_public, attested)
        self.log.add("person", pair.id, body)

    def node(self, hospital: str, box: Box) -> None:
        identity = box.box.identity
        seal = raw_public(x25519_key(f"{hospital} seal").public_key())
        body = node_body(hospital, raw_public(identity.key.public_key()), seal)
        self.log.add("node", identity.id, body)
        self.boxes[hospital] = box

    def standing(self, statement):
        signer = statement.signer
        if signer.node == self.log.hub.id:
            return "", "hub"
        if signer.node:
            return signer.node, "requester"
        role = self.directory().contents.people[signer.person].role
        return signer.person, "coordinator" if role == "coordinator" else "person"

    def accept(self, wire: bytes, hospital: str = A) -> None:
        """Take an event, as an honest hub does."""
        statement = parse(wire).statement
        actor, standing = self.standing(statement)
        event = parse_event(statement.body, actor, standing, statement.sha256)
        state = self.states.get(event.consult)
        after = apply(begin(event) if state is None else state, event)
        if after is state:
            return
        self.states[event.consult] = after
        self.tell(wire, hospital)

    def tell(self, wire: bytes, hospital: str = A, **wrong) -> None:
        """Number and link an event and put it into a hospital's chain, whatever it is."""
        statement = parse(wire).statement
        actor, _ = self.standing(statement)
        consult = statement.body["consult"]
        rows = self.rows.setdefault(consult, [])
        seq, at = len(rows) + 1, iso_of(self.now())
        before = rows[-1].link if rows else ""
        link = next_link(before, seq, statement.sha256, at, actor)
        rows.append(SimpleNamespace(seq=seq, wire=wire, at=at, link=link))
        body = {"consult": consult, "seq": seq, "statement": to_base64url(wire), "at": at,
                "link": link, **wrong}  # fmt: skip
        self.chain(hospital).append([Draft("hub.event", body)])

    def notice(self, body: dict, hospital: str = A) -> None:
        self.chain(hospital).append([Draft("hub.notice", body)])

    def chain(self, hospital: str) -> MemoryJournal:
        if hospital not in self.chains:
            name = f"{self.log.hub.id}/{hospital}"
            self.chains[hospital] = MemoryJournal(Writer(name, None, self.now, os.urandom))
        return self.chains[hospital]

    def last_link(self, consult: str) -> str:
        return self.rows[consult][-1].link

    def collect(self, hospital: str = A) -> None:
        """Take what a box has put into its outbox."""
        post = self.boxes[hospital].post
        for consult, wire, needs in list(post.events.values()):
            del consult
            assert set(needs) <= set(post.objects)
            self.accept(wire, hospital)

    def wraps_for(self, person: str, consult: str, hospital: str = A) -> dict[int, bytes]:
        """Return a person's wraps by epoch, as the portal would give them."""
        found = {}
        for wire in self.boxes[hospital].post.wraps.values():
            wraps = read_wraps(parse(wire).statement)
            one = wraps.of(person)
            if wraps.consult == consult and one is not None:
                found[wraps.epoch] = one.sealed
        return found


class Box:
    """A real box whose link to the hub is this process."""

    def __init__(self, folder: Path, hub: Hub, hospital: str = A) -> None:
        self.api = ApiSite(folder)
        self.box, self.hub, self.hospital = self.api.box, hub, hospital
        self.post = Post()
        region = SimpleNamespace(hospital=hospital, hub=hub.log.hub.id, directory=hub.directory)
        self.desk = Desk(self.box, region, self.post)
        self.queue = self.api.site.queue
        self.work = Work(self.box, self.queue, None, lambda: 0.0, lambda: 0.0)
        stages = ConsultStages(self.desk)
        self.stages = {
            **stages_of("delivery"), "consult_inbox": stages.inbox, "consult": stages.case,
            "consult_answer": stages.answer, "opinion": stages.opinion,
            "statistics": stages.statistics,
        }  # fmt: skip
        hub.node(hospital, self)

    # -- turning the handle
    def run(self, *names: str) -> None:
        """Do every due job of some stages (all of ours without names)."""
        wanted = names or ("consult_inbox", "consult", "consult_answer", "opinion")
        step_all(self.box, self.queue, READERS)
        while (job := self.queue.claim(wanted)) is not None:
            outcome = self.stages[job.stage](self.work, job)
            if isinstance(outcome, Later):
                self.queue.postpone(job, outcome.at_ms)
                if outcome.at_ms > self.api.clock.at:
                    return
            else:
                self.queue.done(job)
            step_all(self.box, self.queue, READERS)

    def pull(self) -> None:
        """Adopt the hub's chain and take what it brings."""
        chain = self.hub.chain(self.hospital)
        writer = chain.writers()[0] if chain.writers() else ""
        known = self.box.journal.head(writer).seq if writer else 0
        rows = [row for row in chain.kept(writer) if row.seq > known] if writer else []
        self.box.journal.adopt(rows)
        self.run()

    def exchange(self) -> None:
        """Everything out, everything in, until both are quiet."""
        for _ in range(4):
            self.run()
            self.hub.collect(self.hospital)
            self.pull()

    def events(self, consult: str):
        rows = self.box.database.query(
            "SELECT seq, kind, actor, opened, fault FROM consult_event WHERE consult = ?"
            " ORDER BY n",
            (consult,),
        )
        return [SimpleNamespace(seq=s, kind=k, actor=a, opened=json.loads(o) if o else None,
                                fault=json.loads(f)["code"] if f else None)
                for s, k, a, o, f in rows]  # fmt: skip

    def alarms(self) -> set[str]:
        return {f"E{row[0]}" for row in self.box.database.query("SELECT code FROM region_alarm")}


class Reader:
    """An expert's browser: holds private keys, opens what the hub gives it."""

    def __init__(self, pair: PersonPair, hub: Hub) -> None:
        self.pair, self.hub = pair, hub

    def keys(self, consult: str, hospital: str = A) -> dict[int, bytes]:
        wraps = self.hub.wraps_for(self.pair.id, consult, hospital)
        return {
            epoch: unwrap(sealed, self.pair.agree, consult=consult, epoch=epoch,
                          recipient=self.pair.id)
            for epoch, sealed in wraps.items()
        }  # fmt: skip

    def case(self, consult: str, hospital: str = A) -> dict:
        post, state = self.hub.boxes[hospital].post, self.hub.states[consult]
        refs = [
            ref
            for row in self.hub.rows[consult]
            for ref in parse(row.wire).statement.body.get("objects", [])
        ]
        ref = next(one for one in refs if one["address"] == state.case)
        sealed = post.objects[ref["address"]]
        for epoch, key in self.keys(consult, hospital).items():
            context = ObjectContext(consult, epoch, ref["object"], "case")
            try:
                return json.loads(open_whole(sealed, key, context, ref["address"]))
            except Exception:  # noqa: BLE001 the wrong epoch: the next one
                continue
        raise AssertionError("no key opens the case")

    def open(self, consult: str, one: dict, hospital: str = A) -> bytes:
        context = ObjectContext(consult, one["epoch"], one["object"], one["kind"], one["position"])
        key = self.keys(consult, hospital)[one["epoch"]]
        sealed = self.hub.boxes[hospital].post.objects[one["address"]]
        return open_whole(sealed, key, context, one["address"])

    def say(self, consult: str, kind: str, words=None, *, after=None, event="", **facts) -> bytes:
        """Return a signed event."""
        body = {
            "after": self.hub.last_link(consult) if after is None else after,
            "at": iso_of(self.hub.now()), "consult": consult,
            "event": event or "e_" + os.urandom(16).hex(), "kind": kind, **facts,
        }  # fmt: skip
        if words is not None:
            epoch, key = max(self.keys(consult).items())
            object_id = "o_" + os.urandom(16).hex()
            context = ObjectContext(consult, epoch, object_id, sealed_kind(kind))
            sealed = seal_inline(to_bytes(words), key, os.urandom(32), context)
            body |= {"epoch": epoch, "object": object_id, "sealed": sealed}
        return sign_person(body, DOMAIN, self.pair.id, self.pair.key, self.pair.sign)

    def opens(self, consult: str, wire: bytes) -> dict:
        """Return the words of somebody's event."""
        body = parse(wire).statement.body
        context = ObjectContext(consult, body["epoch"], body["object"], sealed_kind(body["kind"]))
        return json.loads(open_inline(body["sealed"], self.keys(consult)[body["epoch"]], context))


def ask(box: Box, **more) -> str:
    """Ask the region about the box's study; return the consultation once the hub has it."""
    asked = {**REQUEST, **more}
    consult = request(box.desk, box.queue, box.api.study(), asked, DOCTOR)
    box.exchange()
    return consult


def opinion(hub: Hub, consult: str, **more) -> dict:
    return {
        "impression": "考虑继发性肺结核，活动期",
        "findings": {"tb": "active", "next_steps": ["sputum"]},
        "advice": "痰涂片与 Xpert", "text": "", "discipline": "respiratory", "dissent": False,
        "basis": [], "case": hub.states[consult].case, **more,
    }  # fmt: skip


def hub_says(hub: Hub, consult: str, kind: str, **facts) -> bytes:
    body = {
        "after": hub.last_link(consult), "at": iso_of(hub.now()), "consult": consult,
        "event": "e_" + os.urandom(16).hex(), "kind": kind, **facts,
    }  # fmt: skip
    return sign_node(body, DOMAIN, hub.log.hub)
