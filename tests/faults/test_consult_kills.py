"""The hub killed (SIGKILL) at every step of a consultation's transitions: all of it or nothing.

A child process opens the hub anew, takes the event and dies at the step; then the same event comes
again, as a box's outbox or a browser sends it, and is whole exactly once.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import DBAPIError

from core.consult.errors import ConsultRefusal
from hub.consult.audit import check_consults
from hub.consult.service import ConsultService, Sender
from hub.outside import Outside
from hub.site import open_hub
from hub.store.tables import ATTACHED, CHAIN, CONSULT, EVENT, NOTICE, PARTY
from tests.hub_consults import Table
from tests.hub_people import Crew

TABLES = (CONSULT, EVENT, PARTY, ATTACHED, NOTICE, CHAIN)
STEPS = ("consult", "event", "party", "attached", "chain", "notice", "committed")


@pytest.fixture
def table(hub, hub_clock):
    crew = Crew(hub, hub_clock)
    made = Table(hub, crew)
    for user in ("expert", "second"):
        crew.add(user)
        made.give_key(user)
    return made


def die_at(site, step, data, sender):
    """Take an event in a child that is killed at a step, or right after its commit."""
    child = os.fork()
    if child == 0:  # pragma: no cover the parent's coverage ends here
        try:
            own = open_hub(site.folder, Outside(site.outside.now_ms, os.urandom))

            def mark(name):
                if name == step:
                    os.kill(os.getpid(), signal.SIGKILL)

            with own.database.write() as sql:
                ConsultService(own, mark).take(sql, data, sender)
            mark("committed")
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
    assert os.WTERMSIG(status) == signal.SIGKILL


def counts(table):
    return [len(table.rows(one)) for one in TABLES]


def killed_and_repeated(table, data, sender):
    """Kill at every step; the event is there once, after the first commit."""
    before, states = counts(table), table.rows(CONSULT)
    for step in STEPS[:-1]:
        die_at(table.site, step, data, sender)
        assert counts(table) == before, step
        assert table.rows(CONSULT) == states, step
    die_at(table.site, "committed", data, sender)  # the answer never came
    after = counts(table)
    assert after != before
    again = table.take(data, sender)
    assert not again.fresh
    assert counts(table) == after
    assert check_consults(table.site) == []
    return again.consult


def test_killed_at_every_step_of_a_request_and_of_what_follows(table):
    person = Sender(person=table.crew.ids["expert"])
    body = table.request_body([table.seat("expert"), table.seat("second")])
    consult = killed_and_repeated(table, table.by_box(body), table.box_sender())
    for kind, facts in (
        ("accepted", {}),
        ("removed", {"person": table.crew.ids["second"]}),
        ("opinion", {"discipline": "respiratory"}),
        ("completed", {}),
    ):
        data = table.by_person(table.body(kind, consult, **facts), "expert")
        assert killed_and_repeated(table, data, person) == consult
    row = table.row(consult)
    assert (row.state, row.events, row.epoch) == ("completed", 5, 2)
    assert [one["seq"] for one in table.chain()] == [1, 2, 3, 4, 5]


def test_two_processes_take_from_many_at_once(table):
    """Two hubs on one database, several writers each: one order, one chain, one who accepts."""
    consults = [table.request("expert", "second") for _ in range(2)]
    hubs = [open_hub(table.site.folder, table.site.outside) for _ in range(2)]
    services = [(one, ConsultService(one)) for one in hubs]
    sent = [
        (services[n % 2], user, table.by_person(table.body("message", consult), user))
        for n in range(6)
        for consult in consults
        for user in ("expert", "second")
    ]
    sent += [
        (services[n], user, table.by_person(table.body("accepted", consult), user))
        for consult in consults
        for n, user in enumerate(("expert", "second"))
    ]

    def post(one):
        (hub, service), user, data = one
        for _ in range(5):
            try:
                with hub.database.write() as sql:
                    return service.take(sql, data, Sender(person=table.crew.ids[user])).fresh
            except ConsultRefusal as refused:  # the other was quicker
                return type(refused).__name__
            except DBAPIError:  # a deadlock that the database broke: the shell tries again
                continue
        raise AssertionError("never taken")

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(post, sent))
    for hub in hubs:
        hub.close()
    assert outcomes[-4:].count(True) == 2  # one expert each
    for consult in consults:
        rows = table.rows(EVENT, consult=consult)
        assert sorted(row.seq for row in rows) == list(range(1, len(rows) + 1))
        assert table.row(consult).owner
    assert check_consults(table.site) == []
