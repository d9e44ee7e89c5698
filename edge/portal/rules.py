"""What passes between an expert's browser and the hub, and how. Pure.

The page is ours and the hub is the one who is trusted with less: of what a browser sends, only what
the interface needs goes to the hub (never the box's own session cookie, which a browser sends
to every port of a host); of what the hub answers, only data comes back, never a page or a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from core.web.access import LONGEST_MS
from core.web.envelope import FORM_BYTES
from core.web.errors import InputWrong, NotFound
from edge.portal.errors import AnswerNotPassed, FromElsewhere

Header = tuple[bytes, bytes]
Kind = Literal["json", "object", "events", "nothing"]

COOKIE = "xl_portal"
METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
#: A signed statement with a sealed part inside, and room around it; as the hub itself takes.
_STATEMENT_BYTES = 512 * 1024
_LONGEST_HEADER = 1024
_PATH = re.compile(rb"/api(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,127}){1,8}")
_QUERY = re.compile(rb"[A-Za-z0-9_.~%&=+,:;@!$'()*/?-]{0,2000}")
#: Sign-in by an identity provider leads away and comes back to the hub's own page; the region is
#: administered there, not through a hospital's box.
_NOT_OFFERED = (b"/api/oidc/", b"/api/admin/")
_OBJECT = re.compile(rb"/api/consults/[^/]+/objects/[^/]+")
_EVENTS = b"/api/events"
_TO_HUB = frozenset(
    {b"accept", b"content-type", b"range", b"x-csrf-token", b"last-event-id"}
)  # fmt: skip
_PLAIN = re.compile(rb"[\x20-\x7e]*")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{0,256}", re.ASCII)
_STATUSES = frozenset({200, 201, 202, 204, 206, *range(400, 600)})
_RANGE = re.compile(r"bytes \d{1,15}-\d{1,15}/\d{1,15}", re.ASCII)
_DIGITS = re.compile(r"\d{1,13}", re.ASCII)
_TYPES: dict[str, Kind] = {
    "application/json": "json", "application/octet-stream": "object", "text/event-stream": "events",
}  # fmt: skip
#: The most bytes of an answer; an object's own length is stated and held to.
MOST_JSON = 32 << 20
MOST_OBJECT = 4 << 30


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it goes to the hub: method, raw path with query, headers."""

    method: str
    target: bytes
    headers: tuple[Header, ...]

    @property
    def path(self) -> bytes:
        """The path without its query."""
        return self.target.partition(b"?")[0]

    @property
    def most_bytes(self) -> int:
        """The most bytes that its body may have."""
        return _STATEMENT_BYTES if self.path.startswith(b"/api/consults/") else FORM_BYTES


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it goes to the browser.

    Attributes
    ----------
    most : int or None
        Bytes that may follow; None for a stream without end.
    """

    status: int
    kind: Kind
    headers: tuple[Header, ...]
    most: int | None


def asked_of(method: str, path: bytes, query: bytes, headers: Iterable[Header]) -> Asked:
    """Return what of a browser's request goes to the hub.

    Raises
    ------
    NotFound
        For a path that is none of the interface's.
    FromElsewhere
        If another site's page sent it.
    InputWrong
        For a header or query that nothing of ours sends.
    """
    if method not in METHODS or not _PATH.fullmatch(path) or path.startswith(_NOT_OFFERED):
        raise NotFound
    if not _QUERY.fullmatch(query):
        raise InputWrong(field="query")
    given = list(headers)
    _check_origin(given)
    kept = [(name, value) for name, value in given if name in _TO_HUB]
    for n, (name, value) in enumerate(kept):
        twice = name in {one for one, _ in kept[:n]}
        if twice or len(value) > _LONGEST_HEADER or not _PLAIN.fullmatch(value):
            raise InputWrong(field=name.decode("latin-1"))
    token = session_of(value for name, value in given if name == b"cookie")
    if token:
        kept.append((b"cookie", f"{COOKIE}={token}".encode()))
    # Nothing is packed on the way: lengths and ranges mean the bytes that arrive.
    kept.append((b"accept-encoding", b"identity"))
    return Asked(method, path + (b"?" + query if query else b""), tuple(kept))


def session_of(cookies: Iterable[bytes]) -> str:
    """Return the portal's session token among a browser's cookies; "" where there is none."""
    for header in cookies:
        for one in header.decode("latin-1").split(";"):
            name, _, value = one.strip().partition("=")
            if name == COOKIE and _TOKEN.fullmatch(value):
                return value
    return ""


def told_of(asked: Asked, status: int, headers: Iterable[Header], *, secure: bool) -> Told:
    """Return what of the hub's answer goes to the browser.

    Parameters
    ----------
    secure : bool
        Whether the box's page is served by HTTPS.

    Raises
    ------
    AnswerNotPassed
    """
    if status not in _STATUSES:
        raise AnswerNotPassed(fault=f"status {status}")
    found: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        else:
            found[name] = value
    if found.get("content-encoding", "identity").strip().lower() != "identity":
        raise AnswerNotPassed(fault="encoding")
    kind = kind_of(asked, status, found)
    most = _most(kind, found)
    kept = [(b"cache-control", b"no-store")]
    if kind != "nothing":
        kept.append((b"content-type", _spoken(kind)))
    if kind in ("json", "object") and "content-length" in found:
        kept.append((b"content-length", str(most).encode()))
    if kind == "object":
        kept += _ranges(status, found)
    ours = [cookie_of(one, secure=secure) for one in cookies]
    kept += [(b"set-cookie", one.encode()) for one in ours if one]
    return Told(status, kind, tuple(kept), most)


def kind_of(asked: Asked, status: int, headers: Mapping[str, str]) -> Kind:
    """Return what an answer is; each kind has the places where it may stand.

    Raises
    ------
    AnswerNotPassed
    """
    told = headers.get("content-type", "").partition(";")[0].strip().lower()
    if status == 204:
        return "nothing"
    kind = _TYPES.get(told)
    if kind is None:
        raise AnswerNotPassed(fault="type")
    good = {
        "json": True,
        "object": status in (200, 206) and bool(_OBJECT.fullmatch(asked.path)),
        "events": status == 200 and asked.path == _EVENTS,
    }
    if not good[kind] or (asked.method != "GET" and kind != "json"):
        raise AnswerNotPassed(fault="type")
    return kind


def cookie_of(text: str, *, secure: bool) -> str:
    """Return the portal's session cookie as this origin sets it; "" for any other cookie."""
    first, *rest = text.split(";")
    name, _, value = first.strip().partition("=")
    value = value.strip('"')
    told = {}
    for one in rest:
        key, _, said = one.strip().partition("=")
        told[key.lower()] = said.strip()
    if name != COOKIE or not _TOKEN.fullmatch(value) or "domain" in told:
        return ""
    age = told.get("max-age", "")
    seconds = min(int(age), LONGEST_MS // 1000) if _DIGITS.fullmatch(age) else 0
    kept = f"{COOKIE}={value}; HttpOnly; Max-Age={seconds}; Path=/; SameSite=strict"
    return kept + ("; Secure" if secure else "")


class EventGuard:
    """Watches a stream of events: one that never ends would fill the page's memory."""

    def __init__(self, most: int = 1 << 20) -> None:
        self._most = most
        self._since = 0
        self._tail = b""

    def take(self, data: bytes) -> None:
        """Look at more of the stream.

        Raises
        ------
        AnswerNotPassed
            If an event is longer than any of ours, or has a byte that no text has.
        """
        if b"\0" in data:
            raise AnswerNotPassed(fault="event")
        parts = (self._tail + data.replace(b"\r", b"")).split(b"\n\n")
        lengths = [self._since + len(parts[0]), *map(len, parts[1:])]
        if max(lengths) > self._most:
            raise AnswerNotPassed(fault="event")
        self._tail = b"\n" if parts[-1].endswith(b"\n") else b""
        self._since = lengths[-1] - len(self._tail)


def _check_origin(headers: Iterable[Header]) -> None:
    given = dict(headers)
    site = given.get(b"sec-fetch-site", b"same-origin")
    if site not in (b"same-origin", b"none"):
        raise FromElsewhere
    origin = given.get(b"origin")
    if origin is None:
        return
    try:
        host = urlsplit(origin.decode("ascii")).netloc
    except ValueError:
        raise FromElsewhere from None
    if not host or host.encode() != given.get(b"host", b""):
        raise FromElsewhere


def _most(kind: Kind, headers: Mapping[str, str]) -> int | None:
    if kind == "events":
        return None
    if kind == "nothing":
        return 0
    limit = MOST_JSON if kind == "json" else MOST_OBJECT
    told = headers.get("content-length")
    if told is None and kind == "json":
        return limit
    if told is None or not _DIGITS.fullmatch(told) or int(told) > limit:
        raise AnswerNotPassed(fault="length")
    return int(told)


def _spoken(kind: Kind) -> bytes:
    names = {"json": b"application/json", "object": b"application/octet-stream"}
    return names.get(kind, b"text/event-stream; charset=utf-8")


def _ranges(status: int, headers: Mapping[str, str]) -> list[Header]:
    kept = [(b"accept-ranges", b"bytes")]
    told = headers.get("content-range", "")
    if status == 206:
        if not _RANGE.fullmatch(told):
            raise AnswerNotPassed(fault="range")
        kept.append((b"content-range", told.encode()))
    return kept
