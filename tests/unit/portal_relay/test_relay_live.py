"""The relay as a server, before hubs that lie: over real TLS, with a certificate of the region."""

from __future__ import annotations

import contextlib
import json

import httpx
import pytest
from structlog.testing import capture_logs

from edge.portal import relay as relay_module
from edge.portal.line import Patience
from edge.store.settings import Appliance
from edge.uplink.certificates import Credentials
from edge.uplink.join import join
from tests.enrol_cases import Region, box_at
from tests.hub_cases import make_hub, migrated
from tests.portal_cases import LyingHub, answer, points_at, portal, release
from tests.sync_site import now_ms, until

#: What no browser may ever see of a hub's own making.
EVIL = b"<script>steal()</script>"


def make_region(folder):
    folder.mkdir()
    url = f"sqlite:///{folder / 'hub.db'}"
    migrated(url)
    site = make_hub(folder / "hub", url, now_ms, "[relay]\nport = 9\n")
    return Region(site, now_ms, folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A region whose hub lies, a box that has joined it, and a small released page."""
    folder = tmp_path_factory.mktemp("relay")
    region = make_region(folder / "region").serve()
    box = box_at(folder / "box", now_ms)
    join(box.box, region.address, region.invite().text())
    dist = release(folder / "dist")
    yield region, box, dist
    box.box.close()
    region.stop()
    region.site.close()


@pytest.fixture(scope="module")
def running_portal(place):
    _, box, dist = place
    with portal(box.box.folder / "uplink", dist) as address:
        yield address


@pytest.fixture
def hub(place):
    region, box, _ = place
    made = LyingHub(region.authority)
    points_at(box.credentials, made.port)
    yield made
    made.stop()


@pytest.fixture
def browser(running_portal):
    with httpx.Client(base_url=running_portal, timeout=60, trust_env=False) as client:
        yield client


def test_the_box_was_told_at_enrolment_where_to_ask(place):
    region, box, _ = place
    reply = region.port._relay_address()
    assert reply == "localhost:9"
    fresh = box_at(box.box.folder.parent / "second box", now_ms)
    told = join(fresh.box, region.address, region.invite().text())
    fresh.box.close()
    assert told.relay_address == "localhost:9"
    assert Credentials(fresh.box.folder / "uplink").region().relay_address == "localhost:9"


def test_a_request_goes_as_data_and_comes_back_as_data(hub, browser):
    hub.says(answer("201 Created", "application/json", b'{"a": "\xe5\x8c\xbb"}',
                    "Set-Cookie: xl_portal=tok; Max-Age=600; Path=/; Secure; SameSite=None",
                    "Set-Cookie: xl_session=planted; Max-Age=600",
                    "Set-Cookie: xl_portal=wide; Domain=localhost"))  # fmt: skip
    got = browser.post(
        "/api/login?again=1", json={"user": "li"},
        headers={"Cookie": "xl_session=the-boxs-own; xl_portal=old", "X-Forwarded-For": "1.2.3.4"},
    )  # fmt: skip
    assert (got.status_code, got.json()) == (201, {"a": "医"})
    assert got.headers.get_list("set-cookie") == [
        "xl_portal=tok; HttpOnly; Max-Age=600; Path=/; SameSite=strict"
    ]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "no-store"
    (asked,) = hub.asked
    assert asked.startswith(b"POST /api/login?again=1 HTTP/1.1\r\n")
    assert b"xl_portal=old" in asked
    assert asked.endswith(b'\r\n\r\n{"user":"li"}')
    for hidden in (b"the-boxs-own", b"1.2.3.4", b"127.0.0.1:" + browser.base_url.netloc[-5:]):
        assert hidden not in asked


def test_one_persons_cookie_is_never_anothers(hub, browser):
    hub.says(answer("200 OK", "application/json", b"{}", "Set-Cookie: xl_portal=first; Max-Age=9"))
    browser.get("/api/me")
    hub.says(answer())
    with httpx.Client(base_url=browser.base_url, trust_env=False, timeout=60) as other:
        other.get("/api/me")
    assert b"first" not in hub.asked[-1]


@pytest.mark.parametrize(
    "said",
    [
        answer("200 OK", "text/html", EVIL),
        answer("500 Internal Server Error", "text/html", EVIL),
        answer("200 OK", "text/javascript", EVIL),
        answer("200 OK", "image/svg+xml", EVIL),
        answer("200 OK", "application/octet-stream", EVIL),
        answer("200 OK", "application/json", EVIL, "Content-Encoding: gzip"),
        answer("302 Found", "application/json", EVIL, "Location: https://evil.example/"),
        answer("307 Temporary Redirect", "application/json", EVIL, "Location: /portal.html"),
        answer("101 Switching Protocols", "application/json", EVIL, "Upgrade: h2c"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" + EVIL,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: " + EVIL * 9000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Content-Length: 24\r\n\r\n" + EVIL,
        EVIL,
        b"",
    ],
    ids=["page", "error page", "script", "svg", "bytes", "packed", "away", "elsewhere", "upgrade",
         "untyped", "long head", "two lengths", "no http", "nothing"],
)  # fmt: skip
def test_nothing_but_data_passes(hub, browser, said):
    hub.says(said)
    got = browser.get("/api/me")
    assert got.status_code == 502
    assert got.json()["code"] in ("E7583", "E7581")
    assert EVIL not in got.content
    assert "location" not in got.headers


def broken(browser, path="/api/me"):
    """Return what of an answer arrived before it was cut."""
    parts = []
    with pytest.raises(httpx.TransportError), browser.stream("GET", path) as got:
        parts.extend(got.iter_raw())
    return b"".join(parts)


def test_an_answer_without_end_is_cut(hub, browser):
    hub.says(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[b"100000\r\n" + b" " * (1 << 20) + b"\r\n"] * 40,
        hub.WAIT,
    )
    assert len(broken(browser)) <= 32 << 20
    assert hub.gone.wait(60)


def test_a_short_answer_is_no_whole_one(hub, browser):
    hub.says(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}")
    assert broken(browser) == b"{}"


def test_an_object_comes_by_range(hub, browser):
    path = "/api/consults/c_1/objects/" + "ab" * 32
    hub.says(answer("206 Partial Content", "application/octet-stream", b"\0\1\2",
                    "Content-Range: bytes 4-6/100"))  # fmt: skip
    got = browser.get(path, headers={"Range": "bytes=4-6"})
    assert (got.status_code, got.content) == (206, b"\0\1\2")
    assert got.headers["content-range"] == "bytes 4-6/100"
    assert b"range: bytes=4-6" in hub.asked[0].lower()


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"


def test_events_come_as_they_are_said_and_end_with_the_page(hub, browser):
    hub.says(STREAM + b": hello\n\n", b'data: {"n": 1}\n\n', hub.WAIT)
    with browser.stream("GET", "/api/events") as got:
        seen = b""
        for piece in got.iter_raw():
            seen += piece
            if b'"n": 1' in seen:
                break
        assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert not hub.gone.is_set()
    assert hub.gone.wait(60)  # the page has left: the hub is told at once


@pytest.mark.parametrize("said", [b"data: " + b"x" * (2 << 20), b"data: \0\n\n"])
def test_a_broken_stream_of_events_is_cut(hub, browser, said):
    hub.says(STREAM, said, hub.WAIT)
    broken(browser, "/api/events")
    assert hub.gone.wait(60)


def test_a_hub_that_says_nothing_is_given_up(place, hub):
    _, box, dist = place
    hub.says(hub.WAIT)
    with portal(box.box.folder / "uplink", dist, patience=Patience(begin=0.3)) as address:
        got = httpx.get(f"{address}/api/me", timeout=60, trust_env=False)
    assert (got.status_code, got.json()["code"]) == (504, "E7582")
    assert hub.gone.wait(60)


def test_a_body_that_drips_is_cut(hub, browser, monkeypatch):
    monkeypatch.setitem(relay_module.LONGEST_S, "json", 0.3)
    hub.says(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
        hub.WAIT,
    )
    assert broken(browser) == b"{"
    assert hub.gone.wait(60)


def test_a_form_that_is_too_long_never_leaves(hub, browser):
    got = browser.post("/api/login", content=b"x" * (65 * 1024))
    assert (got.status_code, got.json()["code"]) == (413, "E6013")
    assert hub.asked == []


def test_another_sites_page_asks_in_vain(hub, browser):
    got = browser.post("/api/login", json={}, headers={"Origin": "https://evil.example"})
    assert (got.status_code, got.json()["code"]) == (403, "E7584")
    assert hub.asked == []


def test_a_hub_of_another_region_is_sent_nothing(place, browser, tmp_path):
    _, box, _ = place
    other = make_region(tmp_path / "other")
    false = LyingHub(other.authority)
    try:
        points_at(box.credentials, false.port)
        got = browser.get("/api/me", headers={"Cookie": "xl_portal=secret-token"})
        assert (got.status_code, got.json()["code"]) == (502, "E7581")
        assert false.asked == []
    finally:
        false.stop()
        other.site.close()


def test_a_hub_that_is_away(place, browser):
    _, box, _ = place
    points_at(box.credentials, 1)
    assert browser.get("/api/me").json()["code"] == "E7581"


def test_a_hub_that_serves_no_boxes(place, browser):
    _, box, _ = place
    points_at(box.credentials, 0)
    got = browser.get("/api/me")
    assert (got.status_code, got.json()["code"]) == (503, "E7580")
    assert browser.get("/").status_code == 200


def test_before_the_box_has_joined(place, tmp_path):
    _, _, dist = place
    with portal(tmp_path / "uplink", dist) as address:
        got = httpx.get(f"{address}/api/me", trust_env=False, timeout=60)
    assert got.json()["code"] == "E7580"


def test_the_log_says_what_was_held_back_and_nothing_of_it(hub, browser):
    hub.says(answer("200 OK", "text/html", EVIL))
    with capture_logs() as said:
        browser.get("/api/me?who=zhang", headers={"Cookie": "xl_portal=secret-token"})
        until(lambda: said, what="the log")  # it is written when the answer has gone
    assert said[0]["code"] == "E7583"
    for hidden in ("steal", "secret-token", "zhang"):
        assert hidden not in str(said)


def test_pages_and_relay_stand_apart(hub, browser):
    hub.says(answer("200 OK", "application/json", b'{"page": "the hub has one too"}'))
    assert browser.get("/portal.html").text.startswith("<html>")
    assert browser.get("/assets/nothing.js").status_code == 404
    assert hub.asked == []
    with contextlib.suppress(json.JSONDecodeError):
        assert browser.get("/api/about").json() == {"page": "the hub has one too"}
    assert Appliance().portal.port == 0
