"""A hub whose database cannot grow: boxes keep what they have, hear a number, and go on later."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from edge.uplink.outbox import EMERGENCY, URGENT
from edge.uplink.status import kept_status
from hub.store.tables import BOX_ACCESS
from tests.hub_cases import HubClock, make_hub, migrated
from tests.hub_portal import PortalSite
from tests.sync_site import StatisticsAndEvents, SyncBox, SyncSite, running, sealed, until


class FullDisk:
    """Makes a SQLite database behave as on a full disk, and as on one that has room again."""

    def __init__(self, database):
        self.engine = database.engine
        self.full = False
        event.listen(self.engine, "checkout", self._limit)

    def _limit(self, connection, *_):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages if self.full else 1 << 30}")


def accepted(site):
    with site.site.database.read() as sql:
        return {row.id for row in sql.execute(select(BOX_ACCESS))}


def test_nothing_is_lost_and_the_box_hears_why(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.uplink.link._RETRY_S", 0.2)
    monkeypatch.setattr("edge.uplink.client._RETRY_MS", 200)
    site = SyncSite(tmp_path / "site", sink=StatisticsAndEvents).start()
    disk = FullDisk(site.site.database)
    box = SyncBox(site, tmp_path / "box")
    with running(site, box):
        box.up()
        until(lambda: (found := kept_status(box.box)) and found.state == "open")
        disk.full = True
        ids = {f"e_{n}" for n in range(40)}
        for id_ in sorted(ids):  # more than what is free on the last page
            box.outbox.put_event(id_, "c_1", bytes(4000), URGENT)
        address = box.outbox.put_object(sealed(100_000), "c_1")
        box.outbox.put_event("e_urgent", "c_2", b"{}", EMERGENCY, [address])

        def refused():
            found = box.box.database.query("SELECT 1 FROM outbox WHERE error LIKE '%E7416%'")
            status = kept_status(box.box)
            return found or (status.last_error or {}).get("code") in ("E7511", "E7416")

        until(refused, 40)
        kept = accepted(site)
        assert kept < ids | {"e_urgent"}
        assert box.outbox.dead() == []
        disk.full = False
        until(box.empty, 60)
        assert accepted(site) == ids | {"e_urgent"}
        assert site.objects() == {address}


@pytest.fixture
def portal(tmp_path):
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    migrated(url)
    clock = HubClock()
    site = make_hub(tmp_path / "hub", url, clock)
    yield PortalSite(site, clock)
    site.close()


def test_the_portal_answers_by_number_and_then_serves_again(portal):
    admin = portal.client("hub_admin")
    disk = FullDisk(portal.site.database)
    disk.full = True
    name, answers = "县医院", []
    for n in range(60):
        answers.append(admin.post("/api/admin/hospitals", json={"name": f"{name}{n}" + "院" * 60}))
        if answers[-1].status_code != 201:
            break
    refused = answers[-1]
    assert refused.status_code == 503
    assert refused.json()["code"] == "E7606"
    assert refused.json()["message_zh"]
    assert admin.get("/api/me").status_code == 200  # reading goes on
    disk.full = False
    assert admin.post("/api/admin/hospitals", json={"name": "后来的医院"}).status_code == 201
