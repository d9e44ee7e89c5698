"""The page and what the hub announced: listed, streamed, gone once the link has brought it."""

from __future__ import annotations

import asyncio

import pytest

from core.seals.keybook import raw_public
from core.seals.notice import Notice, sign_notice
from edge.api.context import COOKIE
from edge.uplink.certificates import Region
from edge.uplink.notices import Notices
from tests.api_site import Wire, events_of
from tests.consult_site import ask

C9 = "c_" + "9" * 32


@pytest.fixture
def notices(box, hub):
    key = hub.log.hub
    public = raw_public(key.key.public_key()).hex()
    region = Region(key.id, public, box.hospital, "甲", "", "", "", "", 0, "", 0)
    return Notices(box.box, region)


def announce(notices, box, hub, seq, **more):
    fields = {"kind": "opinion", "consult": C9, "urgency": "emergency", **more}
    notice = Notice(seq=seq, at="2026-11-23T03:00:00.000Z", **fields)
    notices.take(notices.topic, sign_notice(notice, box.box.identity.id, hub.log.hub))


def shown(box, role="physician"):
    return box.api.client(role).get("/api/consults").json()["notices"]


def test_the_list_shows_what_was_announced_until_it_is_here(box, hub, notices):
    consult = ask(box)
    box.exchange()
    head = hub.chain(box.hospital).head(notices._writer).seq
    announce(notices, box, hub, head + 1, consult=consult, kind="message", urgency="urgent")
    (one,) = shown(box)
    assert (one["consult"], one["kind"], one["urgency"]) == (consult, "message", "urgent")
    hub.notice({"kind": "duty", "people": []})
    box.pull()
    assert shown(box) == []


def test_who_only_sits_in_meetings_sees_no_announcements(box, hub, notices):
    announce(notices, box, hub, 1)
    assert shown(box, "surgeon") == []
    assert len(shown(box)) == 1


def test_the_region_page_has_the_brokers_state(box, hub, notices):
    announce(notices, box, hub, 1)
    found = box.api.client("device_it").get("/api/region").json()["notices"]
    assert found["state"] == "idle"
    assert [one["seq"] for one in found["awaited"]] == [1]


def test_the_stream_says_that_something_was_announced_and_that_it_has_come(box, hub, notices):
    app = box.api.app

    async def talk():
        headers = [("Cookie", f"{COOKIE}={box.api.token('physician')}")]
        app.state.stopping = asyncio.Event()
        wire = Wire(app, "GET", "/api/consults/events", headers)
        task = asyncio.create_task(app(wire.scope, wire.incoming.get, wire.send))
        await wire.until("hello")
        announce(notices, box, hub, 1)
        await wire.until(C9)
        hub.notice({"kind": "duty", "people": []})
        box.pull()
        await wire.until('"notices": []')
        wire.leave()
        await asyncio.wait_for(task, 10)
        return [one for one in events_of(wire) if one["consult"] is None]

    first, last = asyncio.run(talk())
    assert [one["consult"] for one in first["notices"]] == [C9]
    assert last["notices"] == []
