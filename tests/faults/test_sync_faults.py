"""Sync under faults: killed hubs and boxes, cuts, a slow line, two hubs, a long absence."""

from __future__ import annotations

import hashlib
import random
import time

import pytest
from sqlalchemy import select

from core.journal.chain import Fault, verify
from edge.uplink.link_errors import OutboxFull
from hub.downlink import chain
from hub.store.tables import BOX_ACCESS
from tests.nasty_proxy import Line, NastyProxy
from tests.sync_edge import run_edge
from tests.sync_hub import HubProcess
from tests.sync_site import SyncBox, SyncSite, running, sealed, until

MB = 1_000_000


def later(step, at):
    """A later time of the same step: with the slow tests."""
    return pytest.param(step, at, marks=pytest.mark.slow)


class Waiting:
    """A site whose hub runs elsewhere, a box, and what the box has to send."""

    def __init__(self, tmp_path, url="", objects=5, size=700_000):
        self.site = SyncSite(tmp_path / "site", url)
        self.url = str(self.site.site.database.engine.url)
        if "postgresql" in self.url:
            self.url = url
        self.box = SyncBox(self.site, tmp_path / "box")
        self.hubs: list[HubProcess] = []
        self.data = {}
        for n in range(objects):
            data = sealed(size + n)
            self.data[self.box.outbox.put_object(data, "c_1")] = data
        self.box.outbox.put_event("e_1", "c_1", b"{}", 0, list(self.data)[:1])
        for n in range(3):
            self.box.outbox.put_event(f"e_late_{n}", "c_1", b"{}", 1, list(self.data))

    def hub(self, step="", at=0, port=0) -> HubProcess:
        made = HubProcess(self.site.site.folder, self.url, port, step, at)
        self.hubs.append(made)
        return made

    def check(self):
        """Everything is at the hub once, byte for byte, and nothing waits."""
        until(self.box.empty, 40, "outbox empty")
        assert self.site.objects() == set(self.data)
        for address, data in self.data.items():
            kept = self.site.site.objects.read(address, 0, len(data) + 1)
            assert hashlib.sha256(kept).hexdigest() == address
        with self.site.site.database.read() as sql:
            ids = sorted(row.id for row in sql.execute(select(BOX_ACCESS)))
        assert ids == ["e_1", "e_late_0", "e_late_1", "e_late_2"]
        assert not list((self.site.site.folder / "incoming").iterdir())

    def stop(self):
        self.box.close()
        for hub in self.hubs:
            hub.close()
        self.site.stop()


@pytest.fixture
def waiting(tmp_path):
    made = Waiting(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("step", "at"),
    [("verified", 1), later("verified", 3), ("placed", 1), later("placed", 4), ("recorded", 1),
     later("recorded", 5), ("flushed", 1)],
)  # fmt: skip
def test_a_hub_that_is_killed_at_any_step_of_an_upload(waiting, step, at):
    first = waiting.hub(step, at)
    waiting.box.connect_to(first.port)
    if step == "flushed":  # the clock flushes what a slow line has brought so far
        proxy = NastyProxy(first.port, Line(8 * MB, 0.02))
        waiting.box.connect_to(proxy.port)
    waiting.box.up()
    assert first.wait_dead(20) == -9
    second = waiting.hub(port=first.port)
    assert second.port == first.port
    waiting.check()
    if step == "flushed":
        proxy.close()


@pytest.mark.parametrize(
    ("step", "at"),
    # How often deliveries are noted depends on the moment: many go in one commit.
    [("putting", 1), later("putting", 5), ("committing", 1), later("committing", 4),
     ("delivered", 1), ("adopted", 1)],
)  # fmt: skip
def test_a_box_that_is_killed_at_any_step(waiting, step, at):
    hub = waiting.hub()
    waiting.box.connect_to(hub.port)
    site = waiting.site.site
    with site.database.write() as sql:
        for n in range(20):
            chain.append_notice(site, sql, waiting.site.region.hospital, {"kind": "x", "n": n})
    folder = waiting.box.box.folder
    assert run_edge(folder, step, at) == -9
    assert run_edge(folder) == 0
    waiting.check()
    journal = waiting.box.box.journal
    writer = f"{site.identity.id}/{waiting.site.region.hospital}"
    assert journal.head(writer).seq == 20
    assert not [one for one in verify(journal.kept(writer)) if isinstance(one, Fault)]


def test_cuts_on_a_slow_line_waste_little_and_urgent_goes_first(tmp_path):
    """CI size of the countryside: 8 Mbit/s, 100 ms, six cuts."""
    site = SyncSite(tmp_path / "site").start()
    draw = random.Random(20)
    needed, cuts = 4 * MB, 6
    cut_at = [int((n + draw.random()) * needed / cuts) for n in range(cuts)]
    proxy = NastyProxy(site.port, Line(8e6, 0.1), cut_at)
    box = SyncBox(site, tmp_path / "box")
    box.connect_to(proxy.port)
    with running(site, box):
        addresses = {box.outbox.put_object(sealed(needed // 8 + n), "c_1") for n in range(8)}
        size = box.outbox.backlog().size
        box.up()
        until(lambda: proxy.bytes_up > 200_000)
        started = time.monotonic()
        box.outbox.put_event("e_urgent", "c_2", b"{}", 0)
        until(lambda: site.sink.order, 10)
        assert len(site.objects()) < 8
        assert time.monotonic() - started < 6  # a cut may fall into it
        until(box.empty, 60)
        assert site.objects() == addresses
        assert site.sink.order == ["e_urgent"]
        assert proxy.cuts >= cuts
        # A line that has never been cut is used to the full; each cut makes the window smaller.
        learning = 8e6 / 8 * 0.3
        assert proxy.bytes_up <= 1.05 * size + learning
        proxy.close()


def test_an_absence_fills_the_outbox_and_everything_goes_later(tmp_path):
    site = SyncSite(tmp_path / "site").start()
    box = SyncBox(site, tmp_path / "box", toml="[uplink]\noutbox_mb = 2\n")
    box.connect_to(1)  # nobody listens there
    with running(site, box):
        box.up()
        kept = [box.outbox.put_object(sealed(300_000 + n), "c_1") for n in range(6)]
        with pytest.raises(OutboxFull):
            box.outbox.put_object(sealed(300_000), "c_1")
        for n in range(300):
            box.outbox.put_event(f"e_{n}", "c_1", b"{}", 2)
        box.down()
        box.connect_to(site.port)
        box.up()
        until(box.empty, 40)
        assert site.objects() == set(kept)
        assert sorted(site.sink.order) == sorted(f"e_{n}" for n in range(300))


def test_two_hubs_on_one_postgresql_and_either_may_be_killed(tmp_path, postgres):
    from tests.hub_cases import migrated

    made = Waiting(tmp_path, postgres.fresh(migrated), objects=6, size=1 * MB)
    try:
        one, two = made.hub(), made.hub()
        fronts = [NastyProxy(one.port, Line(24e6, 0.01)), NastyProxy(two.port, Line(24e6, 0.01))]
        # A balancer: the first hub that answers. The box knows one address.
        made.box.connect_to(fronts[0].port)
        made.box.up()
        until(lambda: fronts[0].bytes_up > 2 * MB, 30)
        one.kill()
        fronts[0].target = two.port
        until(lambda: fronts[0].bytes_up > 4 * MB, 30)
        third = made.hub()
        two.kill()
        fronts[0].target = third.port
        made.check()
        # What was committed or written down by one hub is not sent to the next again.
        assert fronts[0].bytes_up < 6 * MB * 1.35
        for front in fronts:
            front.close()
    finally:
        made.stop()


def test_a_hub_that_does_not_answer_is_left_and_tried_again(tmp_path):
    site = SyncSite(tmp_path / "site").start()
    proxy = NastyProxy(site.port)
    box = SyncBox(site, tmp_path / "box")
    box.connect_to(proxy.port)
    with running(site, box):
        proxy.refusing = True
        box.up()
        box.outbox.put_event("e_1", "c_1", b"{}", 0)
        time.sleep(0.3)
        assert site.sink.order == []
        proxy.refusing = False
        until(lambda: site.sink.order == ["e_1"], 20)
        proxy.cut()
        box.outbox.put_event("e_2", "c_1", b"{}", 0)
        until(lambda: site.sink.order == ["e_1", "e_2"], 10)
        proxy.close()
