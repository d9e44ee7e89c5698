"""Uploads at the hub, on both databases: resumed, verified, bounded, kept once."""

from __future__ import annotations

import errno
import hashlib
import os
import threading

import pytest
from sqlalchemy import insert, select

from core.blobs import chunks
from hub.downlink import uploads as module
from hub.downlink.errors import (
    HubDiskFull,
    ObjectAbsurd,
    ObjectDiffers,
    ObjectIncomplete,
    ObjectNotBegun,
    QuotaSpent,
    TooManyUploads,
)
from hub.downlink.inbox import Inbox
from hub.downlink.uploads import Held, Limits, Sender, UploadParts, Uploads, Wanted
from hub.store.tables import HOSPITAL, NODE, OBJECT, UPLOAD

_16K = chunks.SMALLEST
GB = 1 << 30


class Site:
    """Uploads of one hub process; another may stand beside it on the same database and folder."""

    def __init__(self, hub, limits=None):
        self.hub, self.free = hub, 100 * GB
        self.inbox = Inbox(hub.database)
        self.inbox.start()
        parts = UploadParts(
            hub.folder / "incoming", hub.database, hub.objects, self.inbox, hub.outside.now_ms,
            lambda: self.free, limits or Limits(reserve=0),
        )  # fmt: skip
        self.uploads = Uploads(parts)

    def send(self, sender, data, only=None, order=1):
        """Begin and put the chunks that are missing; return how many were."""
        address = hashlib.sha256(data).hexdigest()
        held = self.uploads.begin(sender, address, len(data), _16K)
        if held.committed:
            return 0
        total = chunks.count(len(data), held.chunk)
        missing = [n for n in range(total) if not chunks.is_held(held.bitmap, n)]
        for n in missing[::order][:only]:
            piece = data[n * held.chunk : (n + 1) * held.chunk]
            self.uploads.put(sender, address, n, piece)
        return len(missing)

    def rows(self, table):
        with self.hub.database.read() as sql:
            return sql.execute(select(table)).all()


ONE = Sender("aa" * 32, "h_1", "link 1")
SAME_BOX = Sender("aa" * 32, "h_1", "link 2")
OTHER = Sender("bb" * 32, "h_2", "link 3")


@pytest.fixture
def site(hub):
    with hub.database.write() as sql:
        for hospital, node in (("h_1", "aa" * 32), ("h_2", "bb" * 32)):
            sql.execute(insert(HOSPITAL).values(id=hospital, name="x", created_at=0, chain_seq=0))
            sql.execute(insert(NODE).values(
                id=node, hospital=hospital, sign_public=b"", seal_public=b"", joined_at=0,
            ))  # fmt: skip
    made = Site(hub)
    yield made
    made.inbox.stop()


@pytest.fixture
def second(site):
    """Another hub process, in effect: its own memory, the same database and folder."""
    made = Site(site.hub)
    yield made
    made.inbox.stop()


def test_an_object_is_kept_once_and_the_same_again_costs_nothing(site):
    data = os.urandom(5 * _16K + 7)
    address = hashlib.sha256(data).hexdigest()
    assert site.send(ONE, data) == 6
    site.uploads.commit(ONE, address)
    assert site.hub.objects.read(address, 0, len(data)) == data
    assert [(r.address, r.hospital, r.size) for r in site.rows(OBJECT)] == [
        (address, "h_1", len(data))
    ]
    assert not site.rows(UPLOAD)
    assert not list((site.hub.folder / "incoming").iterdir())
    assert site.send(ONE, data) == 0
    site.uploads.commit(ONE, address)


def test_many_objects_are_begun_with_one_look(site, second):
    there, partly, new = (os.urandom(4 * _16K) for _ in range(3))
    site.send(ONE, there)
    site.uploads.commit(ONE, hashlib.sha256(there).hexdigest())
    site.send(ONE, partly, only=3)
    site.uploads.release(ONE.link)
    names = [hashlib.sha256(data).hexdigest() for data in (there, partly, new, new)]
    wanted = [Wanted(name, 4 * _16K, _16K) for name in names]
    answers = second.uploads.begin_all(SAME_BOX, [*wanted, Wanted("ab", 1, _16K)])
    assert [one.committed for one in answers[:4]] == [True, False, False, False]
    assert [chunks.held_count(one.bitmap) for one in answers[:4]] == [0, 3, 0, 0]
    assert isinstance(answers[4], ObjectAbsurd)
    again = second.uploads.begin_all(SAME_BOX, wanted)
    assert [type(one) for one in again] == [Held] * 4
    assert second.uploads.open_count(SAME_BOX.link) == 2


def test_nothing_is_committed_before_its_row_is(site, second):
    """Rows that wait together are written together; a link that ends meanwhile loses nothing."""
    many = [os.urandom(3 * _16K + n) for n in range(5)]
    names = [hashlib.sha256(data).hexdigest() for data in many]
    for data in many:
        site.send(ONE, data)
    gate = threading.Event()
    held_up = site.inbox.submit(lambda _: gate.wait(20))
    answers = [site.uploads.commit_soon(ONE, name) for name in names]
    site.uploads.release(ONE.link)
    assert not any(answer.done() for answer in answers)
    assert not site.rows(OBJECT)
    gate.set()
    assert held_up.result(20)
    assert [answer.result(20) for answer in answers] == [None] * 5
    assert {row.address for row in site.rows(OBJECT)} == set(names)
    assert not site.rows(UPLOAD)
    assert site.uploads.open_count(ONE.link) == 0
    assert all(second.send(SAME_BOX, data) == 0 for data in many)


def test_one_bad_row_does_not_cost_the_others(site):
    done = []

    def write(_, rows):
        if "bad" in rows:
            raise ObjectNotBegun
        done.extend(rows)

    gate = threading.Event()
    site.inbox.submit(lambda _: gate.wait(20))
    answers = [site.inbox.submit_row(write, row) for row in ("a", "bad", "b")]
    gate.set()
    assert [type(answer.exception(20)) for answer in answers] == [
        type(None), ObjectNotBegun, type(None),
    ]  # fmt: skip
    assert done == ["a", "b"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_cut_link_goes_on_where_it_was(site, second, order):
    data = os.urandom(20 * _16K)
    address = hashlib.sha256(data).hexdigest()
    site.send(ONE, data, only=12, order=order)
    site.uploads.release(ONE.link)
    # … the same process, then another one.
    held = site.uploads.begin(SAME_BOX, address, len(data), 4 * _16K)
    assert held.chunk == _16K  # the hub's: the box follows
    assert chunks.held_count(held.bitmap) == 12
    site.uploads.release(SAME_BOX.link)
    site.inbox.stop()
    site.inbox = Inbox(site.hub.database)
    site.inbox.start()
    assert second.send(SAME_BOX, data) == 8
    second.uploads.commit(SAME_BOX, address)
    assert second.hub.objects.read(address, 0, len(data)) == data


def test_rows_follow_the_file_by_the_clock(site, second, hub_clock):
    data = os.urandom(20 * _16K)
    site.send(ONE, data, only=5)
    site.uploads.flush_due()
    assert not site.rows(UPLOAD)
    hub_clock.at += 1000
    site.uploads.flush_due()
    site.inbox.do(lambda _: None)
    assert chunks.held_count(site.rows(UPLOAD)[0].held) == 5
    assert second.send(SAME_BOX, data, only=3) == 15
    second.uploads.release(SAME_BOX.link)
    second.inbox.do(lambda _: None)
    site.send(ONE, data, only=1)
    site.uploads.release(ONE.link)
    site.inbox.do(lambda _: None)
    # Two processes held chunks of one file: the row is their union.
    assert chunks.held_count(site.rows(UPLOAD)[0].held) == 8


def test_bytes_that_are_not_what_they_are_called_are_dropped(site):
    data = os.urandom(3 * _16K)
    address = hashlib.sha256(data).hexdigest()
    site.uploads.begin(ONE, address, len(data), _16K)
    site.uploads.put(ONE, address, 0, data[: 2 * _16K])
    site.uploads.put(ONE, address, 2, os.urandom(_16K))
    with pytest.raises(ObjectDiffers):
        site.uploads.commit(ONE, address)
    assert not site.hub.objects.exists(address)
    assert site.send(ONE, data) == 3
    site.uploads.commit(ONE, address)


def test_a_chunk_that_is_held_is_not_written_again(site):
    data = os.urandom(3 * _16K)
    address = hashlib.sha256(data).hexdigest()
    site.uploads.begin(ONE, address, len(data), _16K)
    site.uploads.put(ONE, address, 1, data[_16K : 2 * _16K])
    site.uploads.put(ONE, address, 0, data[:_16K] + os.urandom(_16K) + data[2 * _16K :])
    site.uploads.put(ONE, address, 0, os.urandom(3 * _16K))
    site.uploads.commit(ONE, address)
    assert site.hub.objects.read(address, 0, len(data)) == data


def test_a_commit_too_early_says_how_much_is_missing(site):
    data = os.urandom(9 * _16K)
    address = hashlib.sha256(data).hexdigest()
    site.send(ONE, data, only=5)
    with pytest.raises(ObjectIncomplete) as refusal:
        site.uploads.commit(ONE, address)
    assert refusal.value.facts["missing"] == 4
    with pytest.raises(ObjectNotBegun):
        site.uploads.commit(ONE, "cc" * 32)


@pytest.mark.parametrize(
    ("address", "size", "chunk"),
    [
        ("ab", 1, _16K), ("aa" * 32, 0, _16K), ("aa" * 32, -1, _16K), ("aa" * 32, 1 << 62, _16K),
        ("aa" * 32, 100, 1000), ("aa" * 32, 100, 0), ("aa" * 32, 100, 2 << 20),
    ],
)  # fmt: skip
def test_absurd_objects_are_refused(site, address, size, chunk):
    with pytest.raises(ObjectAbsurd):
        site.uploads.begin(ONE, address, size, chunk)


@pytest.mark.parametrize(
    ("index", "length"),
    [(0, 5), (0, _16K - 1), (4, _16K), (3, _16K), (2**31, _16K), (0, 5 * _16K), (0, 0)],
)
def test_absurd_chunks_are_refused(site, index, length):
    data = os.urandom(3 * _16K + 100)
    address = hashlib.sha256(data).hexdigest()
    site.uploads.begin(ONE, address, len(data), _16K)
    with pytest.raises(ObjectAbsurd):
        site.uploads.put(ONE, address, index, bytes(length))


def test_another_hospital_does_not_touch_an_upload(site):
    data = os.urandom(3 * _16K)
    address = hashlib.sha256(data).hexdigest()
    site.uploads.begin(ONE, address, len(data), _16K)
    for attempt in (
        lambda: site.uploads.begin(OTHER, address, len(data), _16K),
        lambda: site.uploads.put(OTHER, address, 0, data),
        lambda: site.uploads.commit(OTHER, address),
    ):
        with pytest.raises(ObjectAbsurd):
            attempt()


def test_quota_counts_what_is_kept_and_what_is_under_way(hub, site, hub_clock):
    small = Site(hub, Limits(reserve=0, quota=10 * _16K, uploads_per_box=3))
    data = os.urandom(6 * _16K)
    small.send(ONE, data)
    with pytest.raises(QuotaSpent):
        small.send(ONE, os.urandom(5 * _16K))
    small.send(OTHER, os.urandom(5 * _16K))
    small.uploads.commit(ONE, hashlib.sha256(data).hexdigest())
    with pytest.raises(QuotaSpent):
        small.send(ONE, os.urandom(5 * _16K))
    hub_clock.at += 60_000
    with pytest.raises(QuotaSpent):
        small.send(ONE, os.urandom(5 * _16K))
    for _ in range(3):
        small.send(ONE, os.urandom(_16K))
    with pytest.raises(TooManyUploads):
        small.send(ONE, os.urandom(100))
    small.inbox.stop()


def test_a_full_disk_refuses_and_loses_nothing(site, monkeypatch):
    data = os.urandom(8 * _16K)
    address = hashlib.sha256(data).hexdigest()
    site.free = 10
    with pytest.raises(HubDiskFull):
        site.send(ONE, data)
    site.free = 100 * GB
    site.send(ONE, data, only=3)
    full = True

    def pwrite(handle, piece, offset):
        if full:
            raise OSError(errno.ENOSPC, "full")
        return os.pwrite(handle, piece, offset)

    monkeypatch.setattr(module, "os", type("Os", (), {**vars(os), "pwrite": staticmethod(pwrite)}))
    with pytest.raises(HubDiskFull):
        site.uploads.put(ONE, address, 3, data[3 * _16K : 4 * _16K])
    full = False
    assert site.send(ONE, data) == 5
    site.uploads.commit(ONE, address)
    assert site.hub.objects.read(address, 0, len(data)) == data


def test_placed_but_not_recorded_is_made_good(site, second):
    """The process died between the file's rename and the row: the next Begin finds it."""
    data = os.urandom(3 * _16K)
    address = hashlib.sha256(data).hexdigest()
    source = site.hub.folder / "incoming" / address
    source.write_bytes(data)
    site.hub.objects.put(address, source)
    assert site.send(ONE, data) == 0
    assert [row.address for row in site.rows(OBJECT)] == [address]


def test_stale_uploads_and_strays_are_removed(site, hub_clock):
    data, young = os.urandom(4 * _16K), os.urandom(4 * _16K)
    site.send(ONE, data, only=2)
    site.uploads.release(ONE.link)
    stray = site.hub.folder / "incoming" / ("dd" * 32)
    stray.write_bytes(b"x")
    os.utime(stray, (1, 1))
    site.inbox.do(lambda _: None)
    hub_clock.at += 1_000_000
    site.send(SAME_BOX, young, only=2)
    assert site.uploads.forget_stale(hub_clock.at - 500_000) == 2
    assert not site.rows(UPLOAD)
    assert [p.name for p in (site.hub.folder / "incoming").iterdir()] == [
        hashlib.sha256(young).hexdigest()
    ]
