"""The hub's clock: what is due runs, what fails is due again, nothing runs after the stop."""

from __future__ import annotations

import threading

from hub.errors import ObjectStoreDown
from hub.registry.attempts import Attempt, keep_refusal
from hub.registry.errors import OtpUsed
from hub.store.tables import ATTEMPT
from hub.timers import Task, Timers, housekeeping


def test_tasks_run_when_they_are_due():
    ran = []
    timers = Timers(
        [Task("a", 10, lambda: ran.append("a")), Task("b", 25, lambda: ran.append("b"))]
    )
    for now in range(0, 60, 5):
        timers.look(float(now))
    assert (ran.count("a"), ran.count("b")) == (6, 3)


def test_a_task_that_fails_is_due_again_and_stops_no_other():
    ran = []

    def broken():
        ran.append("broken")
        raise ObjectStoreDown(fault="full")

    timers = Timers([Task("x", 1, broken), Task("y", 1, lambda: ran.append("y"))])
    timers.look(0.0)
    timers.look(2.0)
    assert ran == ["broken", "y", "broken", "y"]


def test_nothing_runs_after_the_stop():
    begun = threading.Event()
    timers = Timers([Task("a", 0, begun.set)])
    timers.start()
    assert begun.wait(10)
    timers.stop()
    begun.clear()
    timers.look(1e9)
    assert not begun.is_set()


def test_old_refusals_are_forgotten(hub, hub_clock):
    with hub.database.write() as sql:
        keep_refusal(sql, Attempt("login", "p_1", "192.0.2.1"), OtpUsed(), hub_clock.at)
    swept = []
    tasks = {task.name: task for task in housekeeping(hub, lambda: swept.append(1))}
    for days, left in ((100, 1), (201, 0)):
        hub_clock.at += days * 86_400_000
        for task in tasks.values():
            task.work()
        with hub.database.read() as sql:
            assert len(sql.execute(ATTEMPT.select()).all()) == left
    assert swept == [1, 1]
