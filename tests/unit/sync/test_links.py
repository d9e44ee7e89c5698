"""Both ends of a link as pure machines, against each other and against what may not be said."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.blobs import chunks
from edge.uplink.budget import Budget, TokenBucket
from edge.uplink.link import BEAT_S, BoxLink
from edge.uplink.link_errors import HubProtocol
from edge.uplink.outbox import Item
from edge.uplink.pace import Pace
from edge.uplink.steps import (
    Beat,
    BeginObject,
    CommitObject,
    Delivered,
    PutPiece,
    Small,
    Turned,
    Wait,
)
from hub.downlink.errors import LinkRefusal, WrongMessage, WrongProtocol
from hub.downlink.link import CREDIT, Arrived, HubLink, Store, Wrong
from protos.gen import sync_pb2 as pb
from protos.pieces import Piece

_16K = chunks.SMALLEST
A, B = "aa" * 32, "bb" * 32


def item(n, id_, kind="event", priority=1, size=100, needs=()):
    return Item(n, id_, kind, "c_1", priority, size, 0, tuple(needs))


def box_link(budget=None, welcomed=True) -> BoxLink:
    link = BoxLink(TokenBucket(budget or Budget()), 0.0, Pace())
    if welcomed:
        link.heard(pb.Down(welcome=pb.Welcome(credit=CREDIT)), 0.0)
        assert isinstance(link.next_step(0.0, 0), Beat)
    return link


def have(address, size, held=()):
    bitmap = chunks.empty(size, _16K)
    for one in held:
        chunks.hold(bitmap, one)
    return pb.Down(have=pb.Have(address=bytes.fromhex(address), chunk=_16K, held=bytes(bitmap)))


def test_nothing_goes_before_the_welcome():
    link = box_link(welcomed=False)
    link.offer([item(1, "e_1")], frozenset())
    assert isinstance(link.next_step(0.1, 0), Wait)
    with pytest.raises(HubProtocol):
        link.heard(pb.Down(credit=pb.Credit(bytes=1)), 0.1)


def test_an_object_goes_begin_pieces_commit():
    link = box_link()
    size = 3 * _16K + 5
    link.offer([item(1, A, "object", 3, size)], frozenset())
    assert isinstance(link.next_step(0.1, 0), BeginObject)
    assert isinstance(link.next_step(0.1, 0), Wait)
    link.heard(have(A, size, held=[1]), 0.2)
    first, second = link.next_step(0.2, 0), link.next_step(0.2, 0)
    assert (first.offset, first.length) == (0, _16K)
    assert second.offset == 2 * _16K
    assert isinstance(link.next_step(0.2, 0), Wait)  # the window of a line nobody has measured
    link.heard(pb.Down(credit=pb.Credit(bytes=_16K)), 0.3)
    third = link.next_step(0.3, 0)
    assert (third.offset, third.length) == (3 * _16K, 5)
    assert link.next_step(0.3, 0) == CommitObject(A)
    found = link.heard(pb.Down(committed=pb.Committed(address=bytes.fromhex(A))), 0.4)
    assert found == [Delivered(A)]
    assert not link.heard(pb.Down(committed=pb.Committed(address=bytes.fromhex(A))), 0.4)


def test_an_emergency_goes_before_the_next_piece_of_an_image():
    link = box_link()
    link.offer([item(1, A, "object", 3, 50 * _16K)], frozenset())
    link.next_step(0.1, 0)
    link.heard(have(A, 50 * _16K), 0.2)
    assert isinstance(link.next_step(0.2, 0), PutPiece)
    assert isinstance(link.next_step(0.2, 0), PutPiece)
    assert isinstance(link.next_step(0.2, 0), Wait)  # the window is full …
    link.offer([item(9, "e_9", priority=0), item(1, A, "object", 3, 50 * _16K)], frozenset())
    assert link.next_step(0.2, 0) == Small(item(9, "e_9", priority=0))  # … but not for this


def begun(link) -> int:
    count = 0
    while isinstance(link.next_step(0.1, 0), BeginObject):
        count += 1
    return count


def test_objects_are_begun_some_at_a_time_and_urgent_ones_do_not_stand_behind_them():
    link = box_link()
    images = [item(n, f"{n:02x}" * 32, "object", 3, _16K) for n in range(40)]
    link.offer(images, frozenset())
    assert begun(link) == 16
    for n in range(7):
        link.heard(pb.Down(have=pb.Have(address=bytes([n]) * 32, committed=True)), 0.1)
        assert begun(link) == 0
    urgent = [item(90 + n, f"{90 + n:02x}" * 32, "object", 1, _16K) for n in range(3)]
    link.offer([*urgent, *images], frozenset())
    assert begun(link) == 3
    for n in (7, 8):
        link.heard(pb.Down(have=pb.Have(address=bytes([n]) * 32, committed=True)), 0.1)
    assert begun(link) == 0
    for n in (90, 91, 92):
        link.heard(pb.Down(have=pb.Have(address=bytes([n]) * 32, committed=True)), 0.1)
    assert begun(link) == 9  # seven were left: up to sixteen again


def test_an_event_waits_for_its_objects():
    link = box_link()
    event = item(2, "e_1", priority=0, needs=[A])
    link.offer([event, item(1, A, "object", 0, _16K)], frozenset([A]))
    assert isinstance(link.next_step(0.1, 0), BeginObject)
    link.heard(pb.Down(have=pb.Have(address=bytes.fromhex(A), committed=True)), 0.2)
    assert link.next_step(0.2, 0) == Small(event)


def test_the_budget_holds_images_and_not_an_emergency():
    link = box_link(Budget((16_384,) * 24))
    link.offer([item(1, A, "object", 3, 50 * _16K)], frozenset())
    link.next_step(0.1, 0)
    link.heard(have(A, 50 * _16K), 0.2)
    assert isinstance(link.next_step(0.2, 0), PutPiece)
    step = link.next_step(0.2, 0)
    assert isinstance(step, Wait)
    link.offer([item(2, "e_1", priority=0)], frozenset())
    assert isinstance(link.next_step(0.2, 0), Small)


def test_slow_down_stops_pieces_and_lets_small_things_by():
    link = box_link()
    link.offer([item(1, A, "object", 3, 50 * _16K), item(2, "e_1")], frozenset())
    link.next_step(0.1, 0)
    link.heard(have(A, 50 * _16K), 0.2)
    link.heard(pb.Down(slow_down=pb.SlowDown(for_ms=5000)), 0.2)
    assert isinstance(link.next_step(0.3, 0), Small)
    assert isinstance(link.next_step(0.3, 0), Wait)
    assert isinstance(link.next_step(5.3, 0), PutPiece)


def test_a_refused_object_is_begun_again_later_and_for_good_never():
    link = box_link()
    link.offer([item(1, A, "object", 3, _16K)], frozenset())
    link.next_step(0.1, 0)
    no = pb.Refused(address=bytes.fromhex(A), code=7412)
    assert link.heard(pb.Down(refused=no), 0.2) == [Turned(A, 7412, "", "", False)]
    assert isinstance(link.next_step(0.3, 0), Wait)
    assert isinstance(link.next_step(5.3, 0), BeginObject)
    no.for_good = True
    link.heard(pb.Down(refused=no), 5.4)
    assert isinstance(link.next_step(20.0, 0), Wait)


def test_silence_is_noticed_only_where_an_answer_is_owed():
    link = box_link()
    link.heard(pb.Down(heartbeat=pb.Heartbeat()), 0.1)
    assert not link.silent_too_long(29.0)
    assert isinstance(link.next_step(BEAT_S, 0), Beat)
    assert not link.silent_too_long(BEAT_S + 5)
    assert link.silent_too_long(BEAT_S + 21)
    link.heard(pb.Down(heartbeat=pb.Heartbeat()), BEAT_S + 21)
    assert not link.silent_too_long(BEAT_S + 30)


@pytest.mark.parametrize(
    "down",
    [
        pb.Down(welcome=pb.Welcome(credit=1)),
        pb.Down(have=pb.Have(address=bytes.fromhex(A), chunk=3, held=b"")),
        pb.Down(have=pb.Have(address=bytes.fromhex(A), chunk=_16K, held=b"\xff\xff")),
    ],
)
def test_a_hub_that_breaks_the_protocol_is_named(down):
    link = box_link()
    link.offer([item(1, A, "object", 3, 3 * _16K)], frozenset())
    link.next_step(0.1, 0)
    with pytest.raises(HubProtocol):
        link.heard(down, 0.2)


# -- the hub's end ---------------------------------------------------------------------------------


def hello(**more) -> pb.Up:
    return pb.Up(hello=pb.Hello(protocol=1, **more))


def greeted() -> HubLink:
    link = HubLink()
    link.take(hello())
    return link


def test_hello_comes_first_and_once():
    link = HubLink()
    with pytest.raises(WrongMessage):
        link.take(pb.Up(heartbeat=pb.Heartbeat()))
    with pytest.raises(WrongMessage):
        link.take(Piece(bytes(32), 0, memoryview(b"x")))
    with pytest.raises(WrongProtocol):
        link.take(pb.Up(hello=pb.Hello(protocol=2)))
    link.take(hello())
    with pytest.raises(WrongMessage):
        link.take(hello())


def test_credit_is_kept():
    link = greeted()
    mib = memoryview(bytes(1 << 20))
    for n in range(CREDIT >> 20):
        assert isinstance(link.take(Piece(bytes(32), n, mib)), Store)
    with pytest.raises(WrongMessage):
        link.take(Piece(bytes(32), 99, mib))
    link = greeted()
    for n in range(3 * CREDIT >> 20):
        link.take(Piece(bytes(32), n, mib))
        link.give(1 << 20)


def test_rows_are_bounded_and_acknowledged_in_order():
    link = HubLink()
    link.take(hello(chain_seq=10))
    assert link.rows_room() == 500
    link.rows_sent = 400
    assert link.rows_room() == 110
    with pytest.raises(WrongMessage):
        link.take(pb.Up(ack=pb.Ack(chain_seq=401)))
    with pytest.raises(WrongMessage):
        link.take(pb.Up(ack=pb.Ack(chain_seq=9)))
    link.take(pb.Up(ack=pb.Ack(chain_seq=400)))
    assert link.rows_room() == 500


@pytest.mark.parametrize(
    "up",
    [
        pb.Up(),
        pb.Up(put=pb.Put(address=b"short", data=b"x")),
        pb.Up(begin=pb.Begin(address=b"short")),
        pb.Up(commit=pb.Commit(address=bytes(33))),
        pb.Up(event=pb.Event(id="../../x", statement=b"{}")),
        pb.Up(event=pb.Event(id="e_1", consult="a b", statement=b"{}")),
        pb.Up(event=pb.Event(id="e_1", statement=b"{}", objects=[b"x"])),
        pb.Up(event=pb.Event(id="e_1", statement=b"{}", objects=[bytes(32)] * 5000)),
        pb.Up(statistics=pb.Statistics(id="", statement=b"{}")),
    ],
)
def test_what_the_protocol_does_not_have_ends_the_link(up):
    with pytest.raises(WrongMessage):
        greeted().take(up)


def test_an_empty_or_huge_statement_is_refused_and_the_link_goes_on():
    link = greeted()
    for statement in (b"", b"x" * 900_000):
        order = link.take(pb.Up(wraps=pb.Wraps(id="w_1", statement=statement)))
        assert isinstance(order, Wrong)
    assert isinstance(link.take(pb.Up(wraps=pb.Wraps(id="w_1", statement=b"{}"))), Arrived)


_BYTES = st.binary(max_size=80)
_TEXT = st.text(max_size=90)
_NUMBER = st.integers(0, 2**32 - 1)
_UPS = st.one_of(
    st.builds(lambda p, s, d: pb.Up(hello=pb.Hello(protocol=p, chain_seq=s, directory_size=d)),
              st.integers(0, 2), st.integers(-5, 2**62), st.integers(-5, 2**62)),
    st.builds(lambda a, s, c: pb.Up(begin=pb.Begin(address=a, size=s, chunk=c)),
              _BYTES, st.integers(0, 2**63), _NUMBER),
    st.builds(lambda a, i, d: pb.Up(put=pb.Put(address=a, index=i, data=d)),
              _BYTES, _NUMBER, _BYTES),
    st.builds(lambda a: pb.Up(commit=pb.Commit(address=a)), _BYTES),
    st.builds(lambda i, c, s: pb.Up(event=pb.Event(id=i, consult=c, statement=s)),
              _TEXT, _TEXT, _BYTES),
    st.builds(lambda i, s: pb.Up(access=pb.AccessBatch(id=i, statement=s)), _TEXT, _BYTES),
    st.builds(lambda s: pb.Up(ack=pb.Ack(chain_seq=s)), st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda s: pb.Up(witness=pb.Witness(statement=s)), _BYTES),
    st.builds(lambda a: pb.Up(heartbeat=pb.Heartbeat(at_ms=a)), st.integers(-(2**63), 2**63 - 1)),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_UPS, max_size=12))
def test_any_messages_give_orders_or_a_typed_end(messages):
    link = HubLink()
    for up in messages:
        try:
            link.take(up)
        except LinkRefusal:
            return
        assert 0 <= link.credit <= CREDIT
        assert link.rows_room() <= 500


# -- one against the other -------------------------------------------------------------------------


class TinyHub:
    """A hub of dictionaries that takes each piece at once."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.held = {a: chunks.empty(size, _16K) for a, size in sizes.items()}
        self.committed: set[str] = set()
        self.bytes = 0

    def answer(self, step) -> list[pb.Down]:
        if isinstance(step, BeginObject):
            address = step.item.id
            have = pb.Have(
                address=bytes.fromhex(address), chunk=_16K, held=bytes(self.held[address]),
                committed=address in self.committed,
            )  # fmt: skip
            return [pb.Down(have=have)]
        if isinstance(step, PutPiece):
            assert step.offset == step.index * _16K
            for n in range(chunks.count(step.length, _16K)):
                assert not chunks.is_held(self.held[step.address], step.index + n)
                chunks.hold(self.held[step.address], step.index + n)
            self.bytes += step.length
            return [pb.Down(credit=pb.Credit(bytes=step.length))]
        if isinstance(step, CommitObject):
            total = chunks.count(self.sizes[step.address], _16K)
            assert chunks.held_count(self.held[step.address]) == total
            self.committed.add(step.address)
            return [pb.Down(committed=pb.Committed(address=bytes.fromhex(step.address)))]
        return []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 40 * _16K), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_any_objects_arrive_whole_whatever_is_cut(sizes, draw):
    """The link is cut at random, answers and all; no chunk goes twice that the hub has taken."""
    hub = TinyHub({os.urandom(32).hex(): size for size in sizes})
    done, now, pace = set(), 0.0, Pace()
    todo = [item(n, a, "object", 3, size) for n, (a, size) in enumerate(hub.sizes.items())]
    for _ in range(60):
        link = BoxLink(TokenBucket(Budget()), now, pace)
        answers = [pb.Down(welcome=pb.Welcome(credit=CREDIT))]
        for _ in range(draw.randrange(5, 200)):
            now += 0.01
            heard = link.heard(answers.pop(0), now) if answers else []
            done |= {one.id for one in heard if isinstance(one, Delivered)}
            link.offer([one for one in todo if one.id not in done], frozenset())
            answers += hub.answer(link.next_step(now, 0))
        pace.cut()
        if len(done) == len(todo):
            break
    assert len(done) == len(todo)
    assert hub.bytes == sum(sizes)
