"""What every route gets: the box, people, the caller; and the guard on each route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request

from core.records.record import Draft
from core.web.errors import CsrfMissing, NotAllowed, NotFound, NotLoggedIn, PasswordMustChange
from core.web.people import People, Session, same
from core.web.roles import Permission
from edge.api.listing import Listing
from edge.intake.disk import Tier
from edge.intake.sink import JournalSink
from edge.stages.queue import Queue
from edge.store.box import Box

COOKIE = "xl_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
VISIBLE = "study.subject NOT IN (SELECT subject FROM subject WHERE restricted = 1)"


@dataclass(frozen=True)
class Site:
    """The appliance as its web server sees it."""

    box: Box
    people: People
    queue: Queue
    sink: JournalSink
    tier: Callable[[], Tier]
    viewed: set[tuple[str, str]] = field(default_factory=set)

    @cached_property
    def listing(self) -> Listing:
        """The worklist's filter columns, loaded when first asked for."""
        return Listing(self.box)

    def note_view(self, session: Session, study: str, meeting: str = "") -> None:
        """Append to the access journal that a person looks at a study: once per log-in.

        ``meeting`` is the consultation that lets them, where their role alone does not.
        """
        seen = (session.id, study)
        if seen in self.viewed:
            return
        if len(self.viewed) > 100_000:
            self.viewed.clear()
        self.viewed.add(seen)
        body = {"user": session.user, "role": session.role, "study": study}
        if meeting:
            body["consult"] = meeting
        self.box.access.append(
            [Draft("study.viewed", body, subject=study, actor=f"person:{session.user}")]
        )

    def note(self, session: Session | None, action: str, detail: dict[str, Any]) -> None:
        """Append an administrative act to the access journal."""
        user = session.user if session else ""
        body = {"action": action, "user": user, **detail}
        self.box.access.append([Draft("audit.logged", body, actor=f"person:{user}")])

    def note_failed(self, user: str, code: int) -> None:
        """Append a failed log-in to the access journal; the actor is this box, nobody proved."""
        body = {"action": "login failed", "user": user, "code": f"E{code}"}
        self.box.access.append([Draft("audit.logged", body)])


def site_of(request: Request) -> Site:
    """Return the application's site."""
    site: Site = request.app.state.site
    return site


def caller_of(request: Request) -> Session:
    """Return the caller's session; changing requests must carry its token.

    Raises
    ------
    NotLoggedIn, CsrfMissing
    """
    token = request.cookies.get(COOKIE)
    if not token:
        raise NotLoggedIn
    session = site_of(request).people.session(token)
    if request.method not in _SAFE and not same(
        request.headers.get("x-csrf-token", ""), session.csrf
    ):
        raise CsrfMissing
    return session


def need(permission: Permission) -> Callable[[Request], Awaitable[Session]]:
    """Return a dependency that lets through only who has the permission."""

    # Asynchronous, as the other dependencies: a look at an index costs less than a thread.
    async def guard(request: Request) -> Session:
        session = caller_of(request)
        if session.must_change:
            raise PasswordMustChange
        if not session.may(permission):
            raise NotAllowed(permission=permission)
        return session

    guard.__dict__["permission"] = permission  # the table-driven route test reads it
    return guard


def whole(text: str) -> int | None:
    """Return a decimal number of at most 15 digits; None for anything else (² is a digit too)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


async def _site(request: Request) -> Site:
    return site_of(request)


async def session_of(request: Request) -> Session:
    """Let through anyone who is logged in; raises as :func:`caller_of`."""
    return caller_of(request)


TheSite = Annotated[Site, Depends(_site)]
Anyone = Annotated[Session, Depends(session_of)]


def visible_study(site: Site, study: str) -> dict[str, Any]:
    """Return a study's row as a dict.

    Raises
    ------
    NotFound
        If there is none, or its subject is restricted.
    """
    rows = site.box.database.named(
        f"SELECT study.* FROM study WHERE study.study = ? AND {VISIBLE}", (study,)
    )
    if not rows:
        raise NotFound
    return rows[0]
