"""Slots without threads: socket pairs and a clock that is an argument."""

import socket

import pytest

from edge.intake.net.admission import Admission, Slot
from edge.intake.net.errors import QuotaReached, Reaped, ReceiverFull, ReceiverStopping
from edge.intake.net.settings import Limits, PeerRule

LIMITS = Limits(associations=4, reserved=1, per_address=10, pressure_idle_s=10.0)
ANY = PeerRule("any", max_associations=9)
URGENT = PeerRule("stroke", urgent=True)


@pytest.fixture
def make():
    ends: list[socket.socket] = []

    def slot(address: str = "10.0.0.1", opened: float = 0.0) -> Slot:
        ours, theirs = socket.socketpair()
        ends.extend((ours, theirs))
        return Slot(ours, address, opened)

    yield slot
    for end in ends:
        end.close()


def seat(book: Admission, slot: Slot, now: float, rule: PeerRule = ANY, ae: str = "CT1") -> Slot:
    book.enter(slot, now)
    book.seat(slot, rule, ae, now)
    return slot


def test_ordinary_peers_leave_the_reserved_slots(make):
    book = Admission(LIMITS)
    held = [seat(book, make(), 0.0) for _ in range(3)]
    with pytest.raises(ReceiverFull):
        seat(book, make(), 0.0)
    seat(book, make(), 0.0, URGENT, "ER")
    assert book.seated_by_peer() == {"any": 3, "stroke": 1}
    with pytest.raises(ReceiverFull):
        seat(book, make(), 0.0, URGENT, "ER")
    book.leave(held[0])
    seat(book, make(), 0.0, URGENT, "ER")


def test_under_pressure_the_longest_idle_goes_if_idle_long_enough(make):
    book = Admission(LIMITS)
    held = [seat(book, make(), 0.0) for _ in range(3)]
    held[0].idle_since, held[1].idle_since = 5.0, 4.0  # the third is busy
    with pytest.raises(ReceiverFull):
        seat(book, make(), 13.9)
    seat(book, make(), 14.0)
    assert [type(s.ended_by) for s in held] == [type(None), Reaped, type(None)]
    assert held[1].sock.recv(1) == b""
    assert book.seated_by_peer() == {"any": 3}


def test_a_busy_association_is_never_reaped(make):
    book = Admission(LIMITS)
    held = [seat(book, make(), 0.0) for _ in range(3)]
    with pytest.raises(ReceiverFull):
        seat(book, make(), 10_000.0)
    assert all(s.ended_by is None for s in held)


def test_a_message_that_crosses_the_reaping_is_not_served(make):
    book = Admission(LIMITS)
    slot = seat(book, make(), 0.0)
    slot.idle_since = 0.0
    book.end_all(ReceiverStopping(), idle_only=True)
    with pytest.raises(ReceiverStopping):
        book.wake(slot)
    other = seat(book, make(), 0.0)
    other.idle_since = 0.0
    book.wake(other)
    assert other.idle_since is None


def test_urgent_associations_are_not_reaped_for_ordinary_ones(make):
    book = Admission(LIMITS)
    urgent = seat(book, make(), 0.0, URGENT, "ER")
    urgent.idle_since = 0.0
    for _ in range(3):
        seat(book, make(), 0.0)
    with pytest.raises(ReceiverFull):
        seat(book, make(), 1000.0)
    assert urgent.ended_by is None


def test_quota_counts_each_ae_title_of_a_rule_apart(make):
    book = Admission(LIMITS)
    rule = PeerRule("ward", max_associations=1)
    seat(book, make(), 0.0, rule, "CT1")
    seat(book, make(), 0.0, rule, "CT2")
    with pytest.raises(QuotaReached):
        seat(book, make(), 0.0, rule, "CT1")


def test_the_eldest_that_never_asked_gives_way(make):
    book = Admission(LIMITS)
    waiting = [make(opened=float(n)) for n in range(4)]
    for slot in waiting:
        book.enter(slot, slot.opened)
    book.enter(make(opened=4.0), 4.0)
    assert isinstance(waiting[0].ended_by, Reaped)
    assert waiting[1].ended_by is None


def test_a_burst_of_young_connections_is_refused(make):
    book = Admission(LIMITS)
    for _ in range(4):
        book.enter(make(), 0.0)
    with pytest.raises(ReceiverFull):
        book.enter(make(), 0.5)


def test_an_address_has_its_share_even_while_its_connections_linger(make):
    book = Admission(LIMITS)
    slots = [seat(book, make(), 0.0, PeerRule(str(n), urgent=True), "A") for n in range(4)]
    for slot in slots:
        book.vacate(slot)
    assert book.seated_by_peer() == {}
    for _ in range(2):
        for slot in [seat(book, make(), 0.0, URGENT, "A") for _ in range(3)]:
            book.vacate(slot)
    with pytest.raises(QuotaReached):
        book.enter(make(), 0.0)
    book.enter(make("10.0.0.2"), 0.0)


def test_end_all_spares_the_busy_when_asked(make):
    book = Admission(LIMITS)
    busy, idle, waiting = seat(book, make(), 0.0), seat(book, make(), 0.0), make()
    idle.idle_since = 0.0
    book.enter(waiting, 0.0)
    book.end_all(ReceiverStopping(), idle_only=True)
    assert (busy.ended_by is None, idle.ended_by is None, waiting.ended_by is None) == (
        True,
        False,
        False,
    )
    book.end_all(ReceiverStopping(), idle_only=False)
    assert busy.ended_by is not None
