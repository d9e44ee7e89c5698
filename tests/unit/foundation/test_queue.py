"""The job queue: order, leases, retries, dead letters, renewal."""

from __future__ import annotations

import pytest

from core.journal.database import Database
from edge.stages.queue import ROUTINE, URGENT, JobSpec, Queue
from edge.store.tables import create_tables


class Clock:
    now = 1_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queues(tmp_path, clock):
    database = Database(tmp_path / "q.db", b"k" * 32)
    create_tables(database)
    return Queue(database, clock, "one"), Queue(database, clock, "two")


def test_urgent_goes_before_routine_and_older_before_newer(queues):
    queue, _ = queues
    queue.put([JobSpec("a", f"r{n}", "st", ROUTINE) for n in range(2)])
    queue.put([JobSpec("a", "u", "st", URGENT)])
    assert [queue.claim(["a"]).key for _ in range(3)] == ["u", "r0", "r1"]
    assert queue.claim(["a"]) is None


def test_putting_twice_is_harmless_also_after_done(queues):
    queue, _ = queues
    for _ in range(3):
        queue.put([JobSpec("a", "k", "st")])
    queue.done(queue.claim(["a"]))
    queue.put([JobSpec("a", "k", "st")])
    assert queue.claim(["a"]) is None
    assert queue.counts() == {"a": {"done": 1}}


def test_a_dead_workers_job_is_taken_over_when_its_lease_ends(queues, clock):
    one, two = queues
    one.put([JobSpec("a", "k", "st")])
    job = one.claim(["a"], lease_ms=100)
    assert two.claim(["a"]) is None
    clock.now += 50
    one.renew(job, 100)
    clock.now += 80
    assert two.claim(["a"]) is None
    clock.now += 50
    taken = two.claim(["a"], lease_ms=100)
    assert taken.attempts == 2
    one.done(job)  # the first owner has lost it: its word counts no more
    assert two.counts() == {"a": {"running": 1}}
    two.done(taken)
    assert two.counts() == {"a": {"done": 1}}


def test_failures_wait_then_die_visibly_and_can_be_sent_again(queues, clock):
    queue, _ = queues
    queue.put([JobSpec("a", "k", "st", deadline_ms=clock.now + 500)])
    job = queue.claim(["a"])
    assert queue.fail(job, {"code": "E1"}, clock.now + 100) == "failed"
    assert queue.claim(["a"]) is None
    clock.now += 100
    job = queue.claim(["a"])
    assert queue.fail(job, {"code": "E2"}, clock.now + 9000) == "dead"
    assert queue.claim(["a"]) is None
    (shown,) = queue.waiting()
    assert (shown.state, shown.error, shown.attempts) == ("dead", {"code": "E2"}, 2)
    assert queue.resend(shown.id, clock.now + 1000)
    assert queue.claim(["a"]).attempts == 1
    assert not queue.resend(shown.id, clock.now + 1000)


def test_renewed_job_runs_later_and_again_if_it_was_running(queues, clock):
    queue, _ = queues
    queue.put([JobSpec("c", "k", "st", not_before_ms=clock.now + 10, renew=True)])
    clock.now += 9
    queue.put([JobSpec("c", "k", "st", not_before_ms=clock.now + 10, renew=True)])
    clock.now += 5
    assert queue.claim(["c"]) is None
    clock.now += 5
    job = queue.claim(["c"])
    queue.put([JobSpec("c", "k", "st", not_before_ms=clock.now, renew=True)])
    queue.done(job)
    again = queue.claim(["c"])
    assert again.key == "k"
    queue.done(again)
    assert queue.claim(["c"]) is None
    queue.put([JobSpec("c", "k", "st", not_before_ms=clock.now, renew=True)])
    assert queue.claim(["c"]) is not None


def test_postponing_is_no_failure(queues, clock):
    queue, _ = queues
    queue.put([JobSpec("a", "k", "st")])
    queue.postpone(queue.claim(["a"]), clock.now + 10)
    clock.now += 10
    assert queue.claim(["a"]).attempts == 1
