"""A box killed (SIGKILL) before and after commits of a consultation: whole once, never twice.

A child process opens the box and does what is due, as its workers do, and dies at a commit; then
another one goes on. Each kill starts from the same copy of the box, and in the end everything is as
if nobody had died: records, thread, keys, what waits for the hub.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from importlib import import_module
from types import SimpleNamespace

import pytest

from core.journal.database import Database
from edge.consult.book import grants_of, kept
from edge.consult.errors import AlreadyRequested
from edge.consult.inbox import confirm
from edge.consult.lane import ConsultStages
from edge.consult.post import Saying, send
from edge.consult.region import Desk
from edge.consult.requests import request, save_draft
from edge.stages.plans import READERS
from edge.stages.queue import Queue
from edge.stages.reader import step_all
from edge.stages.work import Later, Work
from edge.store.box import Outside, open_box
from edge.uplink.process import outbox_of
from tests.api_site import ApiSite, chest
from tests.consult_site import DOCTOR, EXPERT, REQUEST, SECOND, Hub, Post, Reader, opinion
from tests.seal_site import A

CONSULT = "c_" + "5" * 32
WAIT_MS = 120_000
_POINTS = int(os.environ.get("XINGLIN_KILLS", "2"))
_HEAVY = frozenset(["core", "edge", "pydicom", "scipy", "imagecodecs", "fitz", "highdicom"])


class County:
    """A box as its processes find it on the disk: opened, worked at, closed."""

    def __init__(self, folder, hub, at):
        self.box = open_box(folder, Outside(Ticking(at), os.urandom))
        region = SimpleNamespace(hospital=A, hub=hub.log.hub.id, directory=hub.directory)
        self.outbox = outbox_of(self.box)
        self.desk = Desk(self.box, region, self.outbox)
        self.queue = Queue(self.box.database, self.box.outside.now_ms, "test")
        stages = ConsultStages(self.desk)
        self.stages = {"consult_inbox": stages.inbox, "consult": stages.case,
                       "consult_answer": stages.answer, "opinion": stages.opinion}  # fmt: skip

    @property
    def study(self):
        return self.box.database.query("SELECT study FROM study")[0][0]

    def adopt(self, hub):
        chain = hub.chain(A)
        if chain.writers():
            writer = chain.writers()[0]
            known = self.box.journal.head(writer).seq
            self.box.journal.adopt([row for row in chain.kept(writer) if row.seq > known])

    def run(self):
        work = Work(self.box, self.queue, None, lambda: 0.0, lambda: 0.0)
        step_all(self.box, self.queue, READERS)
        while (job := self.queue.claim(tuple(self.stages))) is not None:
            outcome = self.stages[job.stage](work, job)
            if isinstance(outcome, Later):
                self.queue.postpone(job, outcome.at_ms)
                return
            self.queue.done(job)
            step_all(self.box, self.queue, READERS)

    def close(self):
        self.box.close()


class Ticking:
    """A clock; every look is one later."""

    def __init__(self, at):
        self.at = at

    def __call__(self):
        self.at += 1
        return self.at


def ask(county):
    asked = {**REQUEST, "consult": CONSULT}
    with suppress(AlreadyRequested):  # it was committed before; the page says so
        request(county.desk, county.queue, county.study, asked, DOCTOR)


def remove(county):
    """Remove somebody, as the page's button does again where nothing came of it."""
    found = kept(county.box, CONSULT)
    sent = "SELECT 1 FROM consult_sent WHERE consult = ? AND kind = 'removed'"
    if not county.box.database.query(sent, (CONSULT,)):
        saying = Saying("removed", "physician", "u_" + "0" * 16, None, {"person": SECOND.id})
        send(county.desk, found, saying)


def nothing(county):
    del county


@contextmanager
def dying_at(number):
    """Kill this process at the n-th commit: odd numbers before it, even ones after it."""
    honest, count = Database.transaction, [0]

    def mark():
        count[0] += 1
        if count[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def transaction(self):
        outer = not self._depth
        with honest(self) as sql:
            yield sql
            if outer:
                mark()
        if outer:
            mark()

    Database.transaction = transaction
    try:
        yield count
    finally:
        Database.transaction = honest


class Scene:
    """A box's folder and a hub, from one transition to the next."""

    def __init__(self, folder):
        self.folder, self.hub, self.at = folder / "box", Hub(), 1_790_000_000_000
        for pair in (EXPERT, SECOND):
            self.hub.person(pair)
        site = ApiSite(self.folder, roles=())
        site.clock.at = self.at
        site.send(chest(1), chest(2))
        self.hub.node(A, SimpleNamespace(box=site.box, post=Post()))
        site.box.close()
        with self.opened() as county:
            for pair in (EXPERT, SECOND):
                confirm(county.desk, pair.id, pair.key, DOCTOR.user)
            save_draft(county.desk, county.study, REQUEST, DOCTOR, CONSULT)

    @contextmanager
    def opened(self, folder=None):
        """Open the box, some minutes after it was last open: leases of the dead have ended."""
        self.at += WAIT_MS
        self.hub.clock = max(self.hub.clock, self.at)
        county = County(folder or self.folder, self.hub, self.at)
        try:
            yield county
        finally:
            county.close()

    def do(self, deed, folder, number=0):
        """Do a transition in a child; return how many commits it took, or None if it was killed."""
        self.at += WAIT_MS
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:  # pragma: no cover the parent's coverage ends here
            try:
                with dying_at(number) as count:
                    county = County(folder, self.hub, self.at)
                    county.adopt(self.hub)
                    deed(county)
                    county.run()
                    os.write(writing, pickle.dumps((count[0], sorted(sys.modules))))
                    os._exit(0)
            except BaseException as error:  # noqa: BLE001 the parent must hear of it
                os.write(writing, pickle.dumps(repr(error)))
            finally:
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            answer = said.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return None
        assert os.WEXITSTATUS(status) == 0, pickle.loads(answer)
        commits, modules = pickle.loads(answer)
        for name in modules:  # so that no later child loads them anew
            if name.partition(".")[0] in _HEAVY:
                import_module(name)
        return commits

    def shape(self, folder):
        """Return everything that must be the same whoever died."""
        with self.opened(folder) as county:
            box, query = county.box, county.box.database.query
            grants = grants_of(box, county.study, CONSULT)
            sent = query("SELECT kind, statement FROM outbox ORDER BY n")
            wraps = [json.loads(s)["statement"]["body"] for k, s in sent if k == "wraps"]
            return {
                "state": query("SELECT state FROM consult"),
                "thread": query("SELECT seq, kind, fault FROM consult_event ORDER BY n"),
                "records": Counter(s.header.kind for s in box.journal.read(0, 1000)),
                "outbox": Counter(kind for kind, _ in sent),
                "sent": query("SELECT kind FROM consult_sent ORDER BY rowid"),
                "epochs": sorted(grants.keys),
                "held": sorted((epoch, person) for epoch, person, _ in grants.held),
                "wrapped": sorted((b["epoch"], w["recipient"]) for b in wraps for w in b["wraps"]),
                "dead": query("SELECT stage FROM job WHERE state = 'dead'"),
                "alarms": query("SELECT code FROM region_alarm"),
            }

    def killed_everywhere(self, deed, tmp_path):
        """Do a transition with a kill at its commits, each from a copy; then do it here.

        ``XINGLIN_KILLS`` says at how many of them; a large number means at every one.
        """
        whole = tmp_path / "whole"
        shutil.copytree(self.folder, whole)
        commits = self.do(deed, whole)
        expected = self.shape(whole)
        # An odd stride, so that kills before and after a commit take turns.
        for number in range(1, commits + 1, commits // _POINTS | 1):
            copy = tmp_path / f"killed at {number}"
            shutil.copytree(self.folder, copy)
            assert self.do(deed, copy, number) is None, number
            self.do(deed, copy)
            assert self.shape(copy) == expected, number
            shutil.rmtree(copy)
        shutil.rmtree(self.folder)
        whole.rename(self.folder)
        self._collect()
        return commits, expected

    def _collect(self):
        """Have the hub take what waits, as the link would bring it."""
        post = self.hub.boxes[A].post
        with self.opened() as county:
            for item in county.outbox.waiting(1000):
                if item.kind == "object":
                    post.objects[item.id] = county.outbox.path(item.id).read_bytes()
                else:
                    statement = county.outbox.statement(item.id)
                    known = post.events if item.kind == "event" else post.wraps
                    known[item.id] = (
                        (item.consult, statement, item.needs) if item.kind == "event" else statement
                    )
        self.hub.collect(A)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def test_killed_at_commits_from_the_request_to_the_opinion(scene, tmp_path):
    hub = scene.hub
    commits, asked = scene.killed_everywhere(ask, tmp_path)
    assert commits >= 8
    assert asked["sent"] == [("requested",)]
    assert asked["outbox"]["event"] == 1
    assert asked["dead"] == asked["alarms"] == []

    _, known = scene.killed_everywhere(nothing, tmp_path)  # the hub's row of it comes
    assert known["state"] == [("requested",)]
    assert {person for _, person in known["wrapped"]} >= {EXPERT.id, SECOND.id}
    reader = Reader(EXPERT, hub)
    assert reader.case(CONSULT)["patient"]["id"] == "P001"

    hub.accept(reader.say(CONSULT, "accepted"))
    _, accepted = scene.killed_everywhere(remove, tmp_path)
    assert accepted["sent"] == [("requested",), ("removed",)]
    _, renewed = scene.killed_everywhere(nothing, tmp_path)
    assert renewed["epochs"] == [1, 2]
    assert (2, EXPERT.id) in renewed["wrapped"]
    assert (2, SECOND.id) not in renewed["wrapped"]

    hub.accept(reader.say(CONSULT, "opinion", opinion(hub, CONSULT), discipline="respiratory"))
    _, judged = scene.killed_everywhere(nothing, tmp_path)
    assert [kind for _, kind, _ in judged["thread"]][-1] == "opinion"
    assert judged["records"]["consult.opined"] == 1
    assert judged["records"]["report.addended"] == 1
    assert judged["dead"] == judged["alarms"] == []
