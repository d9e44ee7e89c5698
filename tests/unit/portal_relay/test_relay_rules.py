"""What may pass between a browser and the hub: pure rules, with what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.web.errors import InputWrong, NotFound
from edge.portal.errors import AnswerNotPassed, FromElsewhere
from edge.portal.rules import (
    EventGuard,
    asked_of,
    cookie_of,
    kind_of,
    session_of,
    told_of,
)

HOST = (b"host", b"box.hospital:8443")
OBJECT = b"/api/consults/c_1/objects/" + b"ab" * 32


def ask(method="GET", path=b"/api/me", query=b"", headers=()):
    return asked_of(method, path, query, [HOST, *headers])


@pytest.mark.parametrize(
    "path",
    [b"/api/me", b"/api/consults/c_1/events", OBJECT, b"/api/events", b"/api/people/suggest"],
)
def test_the_interface_passes(path):
    assert ask(path=path).path == path


@pytest.mark.parametrize(
    "path",
    [
        b"/", b"/api", b"/api/", b"/apix/me", b"/portal.html", b"/assets/a.js", b"//api/me",
        b"/api/../secret", b"/api/./me", b"/api/.hidden", b"/api/%2e%2e/x", b"/api/a%2fb",
        b"/api/me\n", b"/api/me?x", b"/api/\xe5\x8c\xbb", b"/api//me", b"/api/" + b"a" * 200,
        b"/api/oidc/login", b"/api/oidc/callback", b"/api/admin/people", b"",
        b"http://other/api/me",
    ],
)  # fmt: skip
def test_no_other_path_does(path):
    with pytest.raises(NotFound):
        ask(path=path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "X"])
def test_nor_another_method(method):
    with pytest.raises(NotFound):
        ask(method)


def test_only_what_the_interface_reads_goes_to_the_hub():
    asked = ask(
        "POST", b"/api/consults/c_1/events", b"",
        [
            (b"cookie", b"xl_session=the-boxs-own; xl_portal=token-1; other=1"),
            (b"x-csrf-token", b"cc"), (b"content-type", b"application/json"),
            (b"x-forwarded-for", b"203.0.113.1"), (b"authorization", b"Basic x"),
            (b"user-agent", b"Chrome on the ward's PC"), (b"referer", b"https://box/case/c_1"),
            (b"accept-encoding", b"gzip"), (b"connection", b"upgrade"), (b"upgrade", b"h2c"),
            (b"transfer-encoding", b"chunked"), (b"sec-fetch-site", b"same-origin"),
            (b"origin", b"https://box.hospital:8443"),
        ],
    )  # fmt: skip
    assert sorted(asked.headers) == [
        (b"accept-encoding", b"identity"), (b"content-type", b"application/json"),
        (b"cookie", b"xl_portal=token-1"), (b"x-csrf-token", b"cc"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        ([], ""),
        ([b"xl_session=a"], ""),
        ([b"a=b;xl_portal=t"], "t"),
        ([b"a=b", b" xl_portal=t ;c"], "t"),
        ([b"xl_portal=t\r\nx: y"], ""),
        ([b"xl_portal=\xff"], ""),
        ([b"XL_PORTAL=t"], ""),
    ],
)
def test_the_session_among_cookies(cookies, token):
    assert session_of(cookies) == token


@pytest.mark.parametrize(
    "headers",
    [
        [(b"sec-fetch-site", b"cross-site")],
        [(b"sec-fetch-site", b"same-site")],  # the box's own page is another port of this host
        [(b"origin", b"https://evil.example")],
        [(b"origin", b"https://box.hospital")],
        [(b"origin", b"null")],
        [(b"origin", b"\xff")],
        [(b"origin", b"http://[")],
    ],
)
def test_another_sites_page_asks_in_vain(headers):
    with pytest.raises(FromElsewhere):
        ask("POST", b"/api/login", b"", headers)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (b"a=\n", []),
        (b"x" * 3000, []),
        (b"", [(b"range", b"bytes=0-1"), (b"range", b"bytes=2-3")]),
        (b"", [(b"accept", b"x" * 2000)]),
        (b"", [(b"last-event-id", b"1\r\nx: y")]),
    ],
)
def test_what_nothing_of_ours_sends_is_refused(query, headers):
    with pytest.raises(InputWrong):
        ask(query=query, headers=headers)


def test_a_form_has_the_hubs_own_limits():
    assert ask("POST", b"/api/login").most_bytes == 64 * 1024
    assert ask("POST", b"/api/consults/c_1/events").most_bytes == 512 * 1024


def tell(status=200, headers=(), path=b"/api/me", method="GET", secure=True):
    return told_of(ask(method, path), status, list(headers), secure=secure)


JSON = (b"Content-Type", b"application/json")
BYTES = (b"Content-Type", b"application/octet-stream")


def test_what_comes_back_is_made_anew():
    told = tell(
        headers=[
            JSON, (b"content-length", b"12"), (b"cache-control", b"public, max-age=9999"),
            (b"content-security-policy", b"script-src *"), (b"x-frame-options", b"ALLOWALL"),
            (b"access-control-allow-origin", b"*"), (b"content-disposition", b"attachment"),
            (b"link", b"</x>; rel=preload"), (b"clear-site-data", b'"*"'), (b"refresh", b"0"),
            (b"strict-transport-security", b"max-age=0"), (b"service-worker-allowed", b"/"),
        ]
    )  # fmt: skip
    assert dict(told.headers) == {
        b"cache-control": b"no-store", b"content-type": b"application/json",
        b"content-length": b"12",
    }  # fmt: skip
    assert told.most == 12


@pytest.mark.parametrize(
    ("status", "headers", "path", "method"),
    [
        (200, [(b"content-type", b"text/html")], b"/api/me", "GET"),
        (200, [(b"content-type", b"text/html; application/json")], b"/api/me", "GET"),
        (404, [(b"content-type", b"text/html")], b"/api/me", "GET"),
        (200, [(b"content-type", b"text/javascript")], b"/api/me", "GET"),
        (200, [(b"content-type", b"application/javascript")], b"/api/me", "GET"),
        (200, [(b"content-type", b"image/svg+xml")], OBJECT, "GET"),
        (200, [(b"content-type", b"multipart/x-mixed-replace")], b"/api/events", "GET"),
        (200, [], b"/api/me", "GET"),
        (301, [JSON, (b"location", b"https://evil.example/")], b"/api/me", "GET"),
        (303, [JSON], b"/api/me", "POST"),
        (101, [JSON], b"/api/me", "GET"),
        (304, [], b"/api/me", "GET"),
        (200, [JSON, (b"content-encoding", b"gzip")], b"/api/me", "GET"),
        (200, [JSON, (b"content-length", b"99999999999")], b"/api/me", "GET"),
        (200, [JSON, (b"content-length", b"-1")], b"/api/me", "GET"),
        (200, [BYTES, (b"content-length", b"9")], b"/api/me", "GET"),
        (200, [BYTES], OBJECT, "GET"),
        (404, [BYTES, (b"content-length", b"9")], OBJECT, "GET"),
        (200, [BYTES, (b"content-length", b"9")], OBJECT, "POST"),
        (206, [BYTES, (b"content-length", b"9")], OBJECT, "GET"),
        (206, [BYTES, (b"content-length", b"9"), (b"content-range", b"x")], OBJECT, "GET"),
        (200, [(b"content-type", b"text/event-stream")], b"/api/me", "GET"),
        (500, [(b"content-type", b"text/event-stream")], b"/api/events", "GET"),
    ],
)
def test_answers_that_never_pass(status, headers, path, method):
    with pytest.raises(AnswerNotPassed):
        tell(status, headers, path, method)


def test_ranges_and_streams_pass():
    part = tell(
        206, [BYTES, (b"content-length", b"9"), (b"content-range", b"bytes 1-9/20")], OBJECT
    )
    assert (b"content-range", b"bytes 1-9/20") in part.headers
    assert part.most == 9
    stream = tell(200, [(b"content-type", b"text/event-stream; charset=utf-8")], b"/api/events")
    assert (stream.kind, stream.most) == ("events", None)
    assert tell(204, [], method="POST").most == 0


KEPT = "xl_portal=t; HttpOnly; Max-Age={0}; Path=/; SameSite=strict"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("xl_portal=t; Path=/; Max-Age=600; HttpOnly; SameSite=strict; Secure", KEPT.format(600)),
        ("xl_portal=t; Max-Age=99999999; SameSite=None", KEPT.format(43_200)),
        ("xl_portal=t", KEPT.format(0)),
        ('xl_portal=""; Max-Age=0; Path=/', KEPT.format(0).replace("=t;", "=;")),
        ("xl_portal=t; Domain=hospital.example", ""),
        ("xl_portal=t; DOMAIN=.example; Max-Age=9", ""),
        ("xl_session=planted; Max-Age=600", ""),
        ("__Host-x=1; Secure; Path=/", ""),
        ("xl_portal=a b; Max-Age=5", ""),
        ("", ""),
    ],
)
def test_cookies_are_set_for_this_origin_or_not_at_all(said, kept):
    assert cookie_of(said, secure=False) == kept
    assert cookie_of(said, secure=True) == (kept and kept + "; Secure")


def test_events_may_go_on_for_ever_but_not_one_of_them():
    guard = EventGuard(100)
    for _ in range(1000):
        guard.take(b"data: {}\n\n: beat\r\n\r\n")
    guard.take(b"data: " + b"x" * 60)
    with pytest.raises(AnswerNotPassed):
        guard.take(b"x" * 60)


def test_bytes_of_no_text_end_a_stream():
    with pytest.raises(AnswerNotPassed):
        EventGuard().take(b"data: \0\n\n")


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"a", b"data: x", b"\n\n"]), max_size=60))
def test_how_a_stream_is_cut_changes_nothing(parts):
    whole = b"".join(parts).replace(b"\r", b"")
    longest = max(len(one) for one in whole.split(b"\n\n"))
    guard, refused = EventGuard(12), False
    try:
        for part in parts:
            guard.take(part)
    except AnswerNotPassed:
        refused = True
    assert refused == (longest > 12) or abs(longest - 12) <= 1


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 999))
def test_no_bytes_surprise_the_rules(name, value, status):
    try:
        asked = ask(path=b"/api/" + name, headers=[(name.lower(), value)])
    except (NotFound, InputWrong, FromElsewhere):
        asked = ask()
    try:
        told = told_of(asked, status, [(name, value), (b"content-type", value)], secure=True)
    except AnswerNotPassed:
        return
    for header in told.headers:
        assert b"\n" not in header[1]


def test_what_an_answer_is_follows_from_its_place():
    assert kind_of(ask(path=OBJECT), 404, {"content-type": "application/json"}) == "json"
