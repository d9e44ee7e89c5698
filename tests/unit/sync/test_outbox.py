"""The outbox: durable, ordered, bounded, nothing dropped."""

from __future__ import annotations

import hashlib

import pytest

from core.journal.database import Database
from edge.uplink.link_errors import ItemTooLarge, NotSealed, OutboxFull
from edge.uplink.outbox import EMERGENCY, IMAGES, URGENT, Outbox
from tests.sync_site import sealed


class Clock:
    at = 1_000_000

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def outbox(tmp_path, clock):
    database = Database(tmp_path / "edge.db", bytes(32))
    made = Outbox(database, tmp_path / "outgoing", clock, 2_000_000)
    made.create()
    yield made
    database.close()


def test_an_object_is_moved_in_under_its_address(outbox, tmp_path):
    data = sealed(5000)
    source = tmp_path / "made.xlb"
    source.write_bytes(data)
    address = outbox.put_object(source, "c_1")
    assert address == hashlib.sha256(data).hexdigest()
    assert not source.exists()
    assert outbox.path(address).read_bytes() == data
    assert outbox.put_object(data, "c_1") == address
    assert outbox.backlog().items == 1


def test_only_sealed_bytes_leave(outbox):
    with pytest.raises(NotSealed):
        outbox.put_object(b"DICM" * 100, "c_1")
    assert outbox.backlog().items == 0
    assert not list((outbox.path("00").parent.parent / "incoming").iterdir())


def test_order_is_priority_then_small_then_age(outbox):
    images = [outbox.put_object(sealed(2000 + n), "c_1", IMAGES) for n in range(2)]
    outbox.put_statistics("s_1", b"{}")
    outbox.put_wraps("w_1", "c_1", b"{}")
    outbox.put_event("e_1", "c_1", b"{}", EMERGENCY)
    assert [item.id for item in outbox.waiting()] == ["e_1", "w_1", "s_1", *images]


def test_what_an_urgent_event_needs_becomes_urgent(outbox):
    first = outbox.put_object(sealed(2000), "c_1", IMAGES)
    case = outbox.put_object(sealed(2001), "c_1", IMAGES)
    outbox.put_event("e_1", "c_1", b"{}", URGENT, [case])
    assert [item.id for item in outbox.waiting()] == ["e_1", case, first]
    assert outbox.waiting()[0].needs == (case,)
    assert outbox.open_needs([case]) == {case}
    outbox.delivered([case])
    assert outbox.open_needs([case]) == set()
    assert not outbox.path(case).exists()


def test_full_refuses_and_keeps_everything(outbox):
    kept = outbox.put_object(sealed(1_500_000), "c_1")
    with pytest.raises(OutboxFull):
        outbox.put_object(sealed(600_000), "c_1")
    with pytest.raises(ItemTooLarge):
        outbox.put_event("e_1", "c_1", b"x" * 800_000, URGENT)
    assert [item.id for item in outbox.waiting()] == [kept]
    outbox.delivered([kept])
    outbox.put_object(sealed(600_000), "c_1")


def test_a_refusal_for_good_is_a_dead_letter_that_takes_room(outbox, clock):
    outbox.put_event("e_1", "c_1", b"{}", URGENT)
    outbox.refused("e_1", {"code": "E7414"}, clock.at + 5000)
    assert outbox.waiting() == []
    clock.at += 5000
    assert len(outbox.waiting()) == 1
    outbox.refused("e_1", {"code": "E7414"}, None)
    assert outbox.waiting() == []
    assert outbox.backlog().items == 1
    assert outbox.dead()[0]["error"] == {"code": "E7414"}
    assert outbox.send_again("e_1")
    assert outbox.statement("e_1") == b"{}"
    assert len(outbox.waiting()) == 1


def test_an_event_put_twice_is_one_and_a_delivered_one_stays_delivered(outbox):
    outbox.put_event("e_1", "c_1", b"{}", URGENT)
    outbox.put_event("e_1", "c_1", b"{}", URGENT)
    outbox.delivered(["e_1"])
    outbox.put_event("e_1", "c_1", b"{}", URGENT)
    assert outbox.waiting() == []
    assert outbox.progress("c_1").done_items == 1


def test_the_callers_transaction_holds_the_event(outbox):
    def fails():
        with outbox._database.transaction():
            outbox.put_event("e_1", "c_1", b"{}", URGENT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert outbox.waiting() == []


def test_progress_and_withdrawal(outbox):
    first = outbox.put_object(sealed(3000), "c_1")
    second = outbox.put_object(sealed(4000), "c_1")
    outbox.put_event("e_1", "c_1", b"{}", URGENT, [second])
    outbox.delivered([first])
    progress = outbox.progress("c_1")
    assert (progress.items, progress.done_items) == (3, 1)
    third = outbox.put_object(sealed(5000), "c_1")
    assert outbox.withdraw("c_1") == 1  # not what an event still speaks of
    assert not outbox.path(third).exists()
    assert outbox.path(second).exists()


def test_tidy_forgets_the_old_and_removes_strays(outbox, clock, tmp_path):
    kept = outbox.put_object(sealed(3000), "c_1")
    done = outbox.put_object(sealed(3001), "c_1")
    outbox.delivered([done])
    stray = outbox.path("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    clock.at = int(stray.stat().st_mtime * 1000) + 40 * 86_400_000
    outbox.tidy()
    assert outbox.path(kept).exists()
    assert not stray.exists()
    assert outbox.progress("c_1").items == 1


def test_oldest_age_counts_what_waits(outbox, clock):
    outbox.put_event("e_1", "c_1", b"{}", URGENT)
    clock.at += 60_000
    outbox.put_event("e_2", "c_1", b"{}", URGENT)
    assert clock.at - outbox.backlog().oldest_ms == 60_000
    outbox.delivered(["e_1"])
    assert clock.at == outbox.backlog().oldest_ms
