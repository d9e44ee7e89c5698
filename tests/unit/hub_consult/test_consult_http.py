"""The portal's routes of a case: order with reasons, ranges, seen, presence, stream, drafts."""

from __future__ import annotations

import asyncio
import time

import pytest

from hub.api.context import COOKIE
from hub.api.objects import span
from hub.consult.errors import RangeWrong
from hub.consult.live import look
from hub.consult.viewers import Viewer
from tests.api_site import Wire, events_of
from tests.hub_case_site import CaseSite

MINUTE = 60_000


@pytest.fixture
def site(hub, hub_clock):
    return CaseSite(hub, hub_clock)


def test_the_most_pressing_stands_first_and_says_why(site, hub_clock):
    table = site.table
    late = table.request("expert", urgency="routine")
    urgent = table.request("expert", urgency="emergency")
    hub_clock.at += 25 * MINUTE
    rows = site.client("expert").get("/api/consults").json()["rows"]
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0]["id"] == urgent
    assert rows[0]["reason_zh"].startswith("急诊")
    assert rows[0]["reason_en"].startswith("emergency")
    row = next(row for row in rows if row["id"] == late)
    assert row["waiting_s"] >= 25 * 60
    assert (row["hospital_name"], row["state"], row["unseen"]) == ("甲县人民医院", "requested", 1)
    assert [p["name"] for p in row["parties"]] == ["expert 某"]


def test_filters(site):
    client = site.client("coordinator")
    ids = lambda **q: {r["id"] for r in client.get("/api/consults", params=q).json()["rows"]}  # noqa: E731 short
    case = site.case
    assert ids(state="requested") == {case.waiting}
    assert ids(state="accepted") == {case.consult, case.other}
    assert ids(state="closed") == set()
    assert ids(state="open", q="other 某") == {case.other}
    assert ids(q="甲县") == {case.consult, case.other, case.waiting}
    assert ids(q="乙县") == set()
    assert client.get("/api/consults", params={"state": "'--"}).status_code == 422


def test_a_case_is_whole_and_its_state_is_the_signed_ones(site):
    from core.consult.chain import EventRow, check_links
    from tests.hub_consults import name_of

    answer = site.client("expert").get(f"/api/consults/{site.case.consult}").json()
    rows = [
        EventRow(e["seq"], name_of(e["statement"].encode()), e["at"], e["actor"], e["link"])
        for e in answer["events"]
    ]
    check_links(rows)
    assert answer["events"][0]["actor_name"] == "甲县人民医院"
    assert {p["person"] for p in answer["parties"]} == {
        site.crew.ids["expert"], site.crew.ids["unwrapped"]
    }  # fmt: skip


def test_an_event_is_taken_and_answered_the_same_again(site):
    client, body = site.client("expert"), site.signed("expert")
    path = f"/api/consults/{site.case.consult}/events"
    first = client.post(path, json=body)
    assert first.status_code == 201
    assert client.post(path, json=body).json() == first.json()


def test_seen_and_presence(site, hub_clock):
    case, client = site.case, site.client("expert")
    last = client.get(f"/api/consults/{case.consult}").json()["events"][-1]["seq"]
    client.post(f"/api/consults/{case.consult}/seen", json={"seq": last + 100})
    client.post(f"/api/consults/{case.consult}/seen", json={"seq": 1})  # never back
    client.post(f"/api/consults/{case.consult}/presence")
    answer = site.client("unwrapped").get(f"/api/consults/{case.consult}").json()
    me = site.crew.ids["expert"]
    assert [(s["person"], s["seq"]) for s in answer["seen"]] == [(me, last)]
    assert [p["person"] for p in answer["presence"]] == [me]
    assert client.get(f"/api/consults/{case.consult}").json()["row"]["unseen"] == 0
    hub_clock.at += 31_000
    answer = site.client("unwrapped").get(f"/api/consults/{case.consult}").json()
    assert answer["presence"] == []


def test_ranges_of_an_object(site):
    client = site.client("expert")
    path = f"/api/consults/{site.case.consult}/objects/{site.case.address}"
    whole = client.get(path)
    data = whole.content
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    part = client.get(path, headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, data[3:10])
    assert part.headers["content-range"] == f"bytes 3-9/{len(data)}"
    assert client.get(path, headers={"Range": "bytes=-4"}).content == data[-4:]
    assert client.get(path, headers={"Range": f"bytes={len(data)}-"}).status_code == 416


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", (0, 10)), ("bytes=0-", (0, 10)), ("bytes=2-3", (2, 4)), ("bytes=5-99", (5, 10)),
     ("bytes=-3", (7, 10)), ("bytes=-30", (0, 10))],
)  # fmt: skip
def test_span(text, expected):
    assert span(text, 10) == expected


@pytest.mark.parametrize(
    "text", ["bytes=-", "bytes=4-2", "bytes=10-", "bytes=-0", "bytes=0-1,3-4", "items=0-1",
             "bytes=٣-٤", "bytes=0x1-2", "bytes=" + "9" * 40 + "-"],
)  # fmt: skip
def test_a_range_that_is_none(text):
    with pytest.raises(RangeWrong):
        span(text, 10)


def test_a_frame_that_is_still_arriving_says_so(site):
    table = site.table
    case, frames = table.put_object(), table.put_object(committed=False)
    refs = [table.ref(case, "case"), table.ref(frames, "frames")]
    consult = table.request("expert", case=case, objects=refs)
    table.wraps(consult, "expert")
    answer = site.client("expert").get(f"/api/consults/{consult}/objects/{frames}")
    assert (answer.status_code, answer.json()["code"]) == (409, "E7707")


def test_the_stream_tells_of_what_another_process_wrote(site):
    async def talk():
        site.app.state.stopping = asyncio.Event()
        headers = [("Cookie", f"{COOKIE}={site.tokens['expert']}")]
        wire = Wire(site.app, "GET", "/api/events", headers)
        task = asyncio.create_task(site.app(wire.scope, wire.incoming.get, wire.send))
        await wire.until("hello")
        await asyncio.sleep(0)
        await wire.until("notice")  # what waited unread; the first look is over
        begun = time.monotonic()
        # Through the tables only, as a service in another process would.
        fresh = await asyncio.to_thread(site.table.request, "expert", urgency="emergency")
        await wire.until(fresh)
        took = time.monotonic() - begun
        wire.leave()
        await asyncio.wait_for(task, 10)
        (event,) = [e for e in events_of(wire) if e["kind"] == "consult" and e["consult"] == fresh]
        assert event["row"]["urgency"] == "emergency"
        return took

    assert asyncio.run(talk()) < 5  # a busy machine; the poll is 0.4 s


def test_the_stream_ends_with_the_session(site):
    async def talk():
        site.app.state.stopping = asyncio.Event()
        headers = [("Cookie", f"{COOKIE}={site.tokens['expert']}")]
        wire = Wire(site.app, "GET", "/api/events", headers)
        task = asyncio.create_task(site.app(wire.scope, wire.incoming.get, wire.send))
        await wire.until("hello")
        site.portal.sessions.log_out(site.tokens["expert"])
        await asyncio.wait_for(task, 10)

    asyncio.run(talk())


def looked(site, user, before):
    viewer = Viewer(site.crew.ids[user], "coordinator" if user == "coordinator" else "expert")
    with site.site.database.read() as sql:
        return look(sql, viewer, before, site.clock())


def test_what_the_stream_says_to_whom(site):
    users = ("expert", "unwrapped", "removed", "other", "coordinator")
    looks = {user: looked(site, user, None)[0] for user in users}
    site.table.from_person("message", site.case.consult, "expert")
    told = {}
    for user in users:
        looks[user], events = looked(site, user, looks[user])
        told[user] = {(e["kind"], e["consult"]) for e in events}
    mine = ("consult", site.case.consult)
    assert told["expert"] == {mine}
    assert told["unwrapped"] == {mine, ("notice", site.case.consult)}
    assert told["coordinator"] == {mine}
    assert told["removed"] == told["other"] == set()
    site.client("unwrapped").post(f"/api/consults/{site.case.consult}/presence")
    assert looked(site, "expert", looks["expert"])[1] == [
        {"kind": "presence", "consult": site.case.consult}
    ]
    person = site.crew.ids["unwrapped"]
    site.table.from_person("removed", site.case.consult, "expert", person=person)
    _, events = looked(site, "unwrapped", looks["unwrapped"])
    assert {"kind": "consult", "consult": site.case.consult, "row": None} in events


def test_a_delivery_is_told(site):
    from hub.downlink.chain import mark_delivered

    before, _ = looked(site, "expert", None)
    with site.site.database.write() as sql:
        mark_delivered(site.site, sql, site.table.hospitals["a"], 0, 2)  # a duty notice first
    _, events = looked(site, "expert", before)
    assert [e["consult"] for e in events] == [site.case.consult]
    answer = site.client("expert").get(f"/api/consults/{site.case.consult}").json()
    assert [e["seq"] for e in answer["events"] if e["delivered_at"]] == [1]


def test_an_mdt_is_filled_in_and_nothing_is_sent(site):
    client = site.client("expert")
    answer = client.post(f"/api/consults/{site.case.consult}/mdt").json()
    seats = {seat["discipline"]: seat for seat in answer["seats"]}
    assert list(seats) == ["respiratory", "pathology", "imaging", "thoracic_surgery"]
    assert seats["imaging"]["person"] == site.crew.ids["duty"]
    assert seats["imaging"]["reason_zh"].startswith("在班")
    assert seats["pathology"]["person"] == ""
    assert seats["respiratory"]["person"] != site.crew.ids["expert"]  # has the case
    assert [seat["part"] for seat in answer["seats"]].count("chair") == 1
    row = client.get(f"/api/consults/{site.case.consult}").json()["row"]
    assert len(row["parties"]) == 2


def test_who_could_be_asked(site):
    rows = site.client("coordinator").get("/api/people/suggest").json()["rows"]
    assert rows[0]["person"] == site.crew.ids["duty"]
    assert (rows[0]["on_duty"], rows[0]["key"]) == (True, True)
    only = site.client("expert").get("/api/people/suggest", params={"discipline": "imaging"})
    assert [row["person"] for row in only.json()["rows"]] == [site.crew.ids["duty"]]


def test_names_pass_as_data(site):
    name = "<img src=x onerror=alert(1)>'\"--"
    site.crew.people.change(site.crew.ids["unwrapped"], {"name": name})
    answer = site.client("expert").get(f"/api/consults/{site.case.consult}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert name in {p["name"] for p in answer.json()["parties"]}


def test_a_coordinator_assigns(site):
    person = site.crew.ids["duty"]
    body = site.signed(
        "coordinator", "assigned", site.case.waiting, person=person, discipline="imaging"
    )
    answer = site.client("coordinator").post(f"/api/consults/{site.case.waiting}/events", json=body)
    assert answer.status_code == 201
    assert person in {p.person for p in site.table.rows(_party(), consult=site.case.waiting)}


def _party():
    from hub.store.tables import PARTY

    return PARTY
