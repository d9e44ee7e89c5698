"""What every route gets: the hub, its people, the caller; and the guard on each route."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from core.records.clock import iso
from core.records.record import Draft
from core.web.access import same
from core.web.errors import CsrfMissing, NotAllowed, NotLoggedIn, OtpNeeded, PasswordMustChange
from hub.api.errors import NotThisBox
from hub.registry.errors import OtpMustSet
from hub.registry.keys import PersonKeys
from hub.registry.oidc import Provider
from hub.registry.people import People
from hub.registry.roles import Permission
from hub.registry.sessions import Session, Sessions
from hub.site import HubSite

COOKIE = "xl_portal"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Portal:
    """The hub as its web server sees it."""

    site: HubSite
    people: People
    sessions: Sessions
    keys: PersonKeys
    provider: Provider

    def note(self, session: Session | None, action: str, detail: dict[str, Any]) -> None:
        """Append an act to the hub's access journal; without a session nobody is proved."""
        body = {"action": action, "user": session.person if session else "", **detail}
        actor = f"person:{session.person}" if session else ""
        self.site.access.append([Draft("audit.logged", body, actor=actor)])


def portal_of(request: Request) -> Portal:
    """Return the application's portal."""
    portal: Portal = request.app.state.portal
    return portal


def address_of(request: Request) -> str:
    """Return where a request comes from, as far as a trusted proxy or the socket says."""
    return request.client.host[:64] if request.client else ""


def check_box(request: Request, session: Session) -> None:
    """Let through who does not come by a box, and the people of the box's own hospital.

    Raises
    ------
    NotThisBox
    """
    box = request.scope.get("state", {}).get("box")
    if box is not None and box.hospital != session.hospital:
        raise NotThisBox


def token_of(request: Request) -> str:
    """Return the session's token.

    Raises
    ------
    NotLoggedIn
    """
    token = request.cookies.get(COOKIE)
    if not token:
        raise NotLoggedIn
    return token


def caller_of(request: Request) -> Session:
    """Return the caller's session; changing requests must carry its token.

    Raises
    ------
    NotLoggedIn, CsrfMissing, NotThisBox
    """
    session = portal_of(request).sessions.session(token_of(request))
    check_box(request, session)
    if request.method not in _SAFE and not same(
        request.headers.get("x-csrf-token", ""), session.csrf
    ):
        raise CsrfMissing
    return session


def check_ready(session: Session) -> None:
    """Let through who has nothing left to do for signing in.

    Raises
    ------
    OtpNeeded, PasswordMustChange, OtpMustSet
    """
    if session.must_show_otp:
        raise OtpNeeded
    if session.must_change:
        raise PasswordMustChange
    if session.must_set_otp:
        raise OtpMustSet


def need(permission: Permission) -> Callable[[Request], Session]:
    """Return a dependency that lets through only who has the permission."""

    def guard(request: Request) -> Session:
        session = caller_of(request)
        check_ready(session)
        if not session.may(permission):
            raise NotAllowed(permission=permission)
        return session

    guard.__dict__["permission"] = permission  # the table-driven route test reads it
    return guard


def session_of(request: Request) -> Session:
    """Let through anyone who has begun to sign in; raises as :func:`caller_of`."""
    return caller_of(request)


def when(ms: int | None) -> str | None:
    """Return a time of a row as JSON says it."""
    return iso(ms) if ms else None


ThePortal = Annotated[Portal, Depends(portal_of)]
Anyone = Annotated[Session, Depends(session_of)]
Token = Annotated[str, Depends(token_of)]
#: An opaque id in a path: nothing else reaches the database.
Id = Annotated[str, Path(max_length=80, pattern=r"^[A-Za-z0-9_-]+$")]
Address = Annotated[str, Depends(address_of)]
