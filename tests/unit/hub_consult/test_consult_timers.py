"""Escalation by the hub's clock, once, however many processes look."""

from __future__ import annotations

import threading

from core.consult.timers import iso_of
from hub.consult.timers import Escalations
from hub.store.tables import EVENT, NOTICE

MINUTE = 60_000


def levels(table, consult):
    return [e.kind for e in table.rows(EVENT, consult=consult)].count("escalated")


def test_an_emergency_that_nobody_takes_rises(table, hub_clock):
    consult = table.request("expert", urgency="emergency")
    clock = Escalations(table.site)
    assert clock.escalate() == 0
    hub_clock.at += 10 * MINUTE
    assert clock.escalate() == 1
    assert clock.escalate() == 0
    assert table.row(consult).escalated == 1
    (event,) = [e for e in table.rows(EVENT, consult=consult) if e.kind == "escalated"]
    assert event.actor == ""
    assert [one["seq"] for one in table.chain()] == [1, 2]
    told = [n.person for n in table.rows(NOTICE, kind="escalated")]
    assert set(told) == {table.crew.ids["expert"], table.crew.ids["coordinator"]}
    hub_clock.at += 10 * MINUTE
    assert clock.escalate() == 1  # the second level was passed while nobody looked: one event
    assert table.row(consult).escalated == 3
    hub_clock.at += 1000 * MINUTE
    assert clock.escalate() == 0


def test_nothing_rises_while_the_county_is_asked_or_after_the_end(table, hub_clock):
    consult = table.under_way()
    table.from_person("information.asked", consult, "expert")
    done = table.under_way()
    table.from_person("opinion", done, "expert", discipline="respiratory")
    table.from_person("completed", done, "expert")
    hub_clock.at += 10_000 * MINUTE
    assert Escalations(table.site).escalate() == 0


def test_a_boxs_wrong_clock_delays_no_emergency(table, hub_clock):
    late = iso_of(hub_clock.at + 600 * MINUTE)
    consult = table.request("expert", urgency="emergency", at=late)
    hub_clock.at += 11 * MINUTE
    assert Escalations(table.site).escalate() == 1
    assert table.row(consult).escalated == 1


def test_two_processes_escalate_once(table, hub_clock):
    consults = [table.request("expert", urgency="emergency") for _ in range(4)]
    hub_clock.at += 11 * MINUTE
    clocks = [Escalations(table.site) for _ in range(3)]
    done = []
    threads = [threading.Thread(target=lambda c=c: done.append(c.escalate())) for c in clocks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 4
    assert all(levels(table, consult) == 1 for consult in consults)
