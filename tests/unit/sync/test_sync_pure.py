"""Chunks, pieces, budget, pace, back-off: the pure parts of sync."""

from __future__ import annotations

import os

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from core.blobs import chunks
from edge.uplink.backoff import Backoff
from edge.uplink.budget import Budget, TokenBucket, budget_of
from edge.uplink.pace import CUT_SHARE, Pace
from protos.gen import sync_pb2 as pb
from protos.pieces import Broken, Piece, put_bytes, read_up

_16K = chunks.SMALLEST


@given(st.integers(1, 3_000_000), st.sets(st.integers(0, 200)), st.integers(1, 9))
def test_missing_runs_cover_exactly_what_is_not_held(size, held, most):
    total = chunks.count(size, _16K)
    bitmap = chunks.empty(size, _16K)
    for one in held:
        if one < total:
            chunks.hold(bitmap, one)
    found, at = [], 0
    while run := chunks.next_missing(bitmap, at, total, most):
        first, number = run
        assert 0 < number <= most
        found += range(first, first + number)
        at = first + number
    assert found == [n for n in range(total) if n not in held]
    assert chunks.held_count(bitmap) == total - len(found)
    assert chunks.fits(bitmap, size, _16K)


def test_a_bitmap_past_the_end_is_none():
    assert not chunks.fits(b"\xff", 3 * _16K, _16K)
    assert chunks.fits(b"\x07", 3 * _16K, _16K)
    assert not chunks.fits(b"\x07\x00", 3 * _16K, _16K)
    assert not chunks.is_chunk_size(3 * _16K)
    assert not chunks.is_chunk_size(8 * 1024)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1), st.binary(min_size=1))
def test_pieces_are_protobufs_bytes(address, index, data):
    theirs = pb.Up(put=pb.Put(address=address, index=index, data=data)).SerializeToString()
    assert put_bytes(address, index, data) == theirs
    read = read_up(theirs)
    if isinstance(read, Piece):
        assert (read.address, read.index, bytes(read.data)) == (address, index, data)
    else:
        assert (read.put.address, read.put.index, read.put.data) == (address, index, data)


@given(st.binary(max_size=200))
def test_whatever_is_no_piece_is_left_to_protobuf(data):
    try:
        theirs = pb.Up.FromString(data)
    except DecodeError:
        assert read_up(data) == Broken()
        return
    read = read_up(data)
    if isinstance(read, Piece):
        assert (read.address, read.index, bytes(read.data)) == (
            theirs.put.address, theirs.put.index, theirs.put.data,
        )  # fmt: skip
    else:
        assert read == theirs


def test_a_truncated_piece_is_not_read_in_place():
    whole = put_bytes(os.urandom(32), 7, os.urandom(500))
    for cut in (1, 40, 300):
        assert read_up(whole[:-cut]) == Broken()


def test_budget_hours_go_past_midnight():
    budget = budget_of(0, {"22-6": 800})
    assert [budget.at(h) for h in (21, 22, 23, 0, 5, 6)] == [
        0,
        100_000,
        100_000,
        100_000,
        100_000,
        0,
    ]
    with pytest.raises(ValueError, match=r"25-26"):
        budget_of(0, {"25-26": 1})


@given(st.integers(1_000, 10_000_000), st.lists(st.integers(1, 60_000), min_size=5, max_size=200))
def test_the_bucket_never_gives_more_than_the_budget(limit, sizes):
    bucket = TokenBucket(Budget((limit,) * 24))
    now, spent = 0.0, 0
    bucket.wait_s(now, 0)
    for size in sizes:
        now += bucket.wait_s(now, 0)
        assert bucket.wait_s(now, 0) <= 1e-3 / limit + 1e-6 or bucket.wait_s(now, 0) < 0.01
        bucket.spend(size)
        spent += size
        # One burst, and the one piece that may go into debt.
        assert spent <= limit * (now + 1.0) + size + 1


def test_no_limit_and_a_limit_that_begins():
    bucket = TokenBucket(Budget((0,) * 12 + (1000,) * 12))
    bucket.spend(10**9)
    assert bucket.wait_s(1.0, 3) == 0
    assert bucket.wait_s(2.0, 12) == 0  # one burst
    bucket.spend(3000)
    assert bucket.wait_s(2.0, 12) == pytest.approx(2.0, abs=0.01)


class Line:
    """A line for the pace: so many bytes a second, so long a way; in its own time."""

    def __init__(self, rate: float, rtt: float):
        self.rate, self.rtt, self.now, self.free_at = rate, rtt, 0.0, 0.0
        self.acks: list[tuple[float, int]] = []

    def run(self, pace: Pace, seconds: float) -> int:
        delivered, ends = 0, self.now + seconds
        while self.now < ends:
            while pace.room():
                piece = pace.piece()
                pace.sent(piece, self.now)
                self.free_at = max(self.free_at, self.now) + piece / self.rate
                self.acks.append((self.free_at + self.rtt, piece))
            self.now, count = self.acks.pop(0)
            pace.acknowledged(count, self.now)
            delivered += count
        return delivered


@pytest.mark.parametrize(("rate", "rtt"), [(125_000, 0.6), (1_000_000, 0.1), (50_000_000, 0.005)])
def test_the_window_fills_a_line_and_not_much_more(rate, rtt):
    pace, line = Pace(), Line(rate, rtt)
    line.run(pace, 40 * rtt + 2)
    delivered = line.run(pace, 20 * rtt + 1)
    assert delivered >= 0.85 * rate * (20 * rtt + 1)
    assert pace.window() <= max(2.4 * rate * max(rtt, 0.04), 3 * _16K)
    assert pace.under_way <= max(1.0, 2 * rtt) * rate + pace.piece() + _16K


def test_cuts_make_the_window_small_and_a_long_run_makes_it_grow():
    pace, line = Pace(), Line(1_000_000, 0.1)
    line.run(pace, 3.0)
    before = pace.window()
    for _ in range(6):
        pace.cut()
        line.acks.clear()
        line.run(pace, 0.8)
    assert pace.window() < before / 2
    assert pace.window() <= max(2 * _16K, CUT_SHARE * 1_200_000)
    line.run(pace, 30.0)
    assert pace.window() > before / 2


def test_a_peaceful_end_is_no_cut():
    pace, line = Pace(), Line(1_000_000, 0.1)
    line.run(pace, 2.0)
    window = pace.window()
    pace.ended()
    assert pace.under_way == 0
    assert pace.window() >= window * 0.9


def test_backoff_is_bounded_and_jittered():
    backoff = Backoff()
    assert all(backoff.after_failure(1.0) <= 60 for _ in range(50))
    assert backoff.after_failure(0.0) < backoff.after_failure(1.0) == 60
    assert backoff.after_cut(1.0) <= 1.0
    assert backoff.failures == 0
    assert 30 < backoff.after_refusal(0.0) < backoff.after_refusal(1.0) < 90
