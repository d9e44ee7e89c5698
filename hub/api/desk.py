"""What the consultation's routes share: the service, retries, and the access journal's entries."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from core.web.errors import NotAllowed
from hub.api.context import Portal, caller_of, need, portal_of
from hub.consult.errors import NoSuchConsult
from hub.consult.live import Pulse
from hub.consult.service import ConsultService
from hub.consult.viewers import Viewer, Way
from hub.downlink.errors import HubBusy
from hub.registry.roles import Permission
from hub.registry.sessions import Session

T = TypeVar("T")
_TRIES = 3
#: What a session does to the same thing again and again is one entry in this long.
_ONCE_MS = 10 * 60_000
_MOST_KNOWN = 20_000
_WHY: dict[Way, str] = {
    "party": "takes part", "duty": "on duty for the department", "routing": "assigns",
}  # fmt: skip


class Desk:
    """Consultations as one web process serves them."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.service = ConsultService(portal.site)
        self.pulse = Pulse(portal.site.database, time.monotonic)
        self._known: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._lock = threading.Lock()

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a piece of work in a writing transaction; again where the database gave up on it.

        Raises
        ------
        HubBusy
            If it does not take it. What the work itself refuses passes.
        """
        database = self.portal.site.database
        for n in range(_TRIES):
            try:
                with database.write() as sql:
                    return work(sql)
            except DBAPIError as error:
                if n + 1 == _TRIES:
                    raise HubBusy from error
        raise HubBusy

    @contextmanager
    def watching(self, session: Session, consult: str) -> Iterator[None]:
        """Record where somebody asks for a consultation that does not exist for them."""
        try:
            yield
        except NoSuchConsult:
            if self._is_news(session, "denied", consult):
                self.portal.note(session, "consult denied", {"consult": consult[:40]})
            raise

    def opened(self, session: Session, consult: str, way: Way) -> None:
        """Record that a consultation was opened, and why it may be."""
        if self._is_news(session, "opened", consult):
            detail = {"consult": consult, "why": _WHY[way]}
            self.portal.note(session, "consult opened", detail)

    def fetched(self, session: Session, consult: str, address: str) -> None:
        """Record that sealed objects of a case are downloaded: once, not for each of its frames."""
        if self._is_news(session, "fetched", consult):
            detail = {"consult": consult, "first": address, "why": _WHY["party"]}
            self.portal.note(session, "objects downloaded", detail)

    def _is_news(self, session: Session, *what: str) -> bool:
        now, key = self.portal.site.outside.now_ms(), (session.id, *what)
        with self._lock:
            before = self._known.get(key)
            if before is not None and now - before < _ONCE_MS:
                return False
            self._known[key] = now
            self._known.move_to_end(key)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return True


def desk_of(request: Request) -> Desk:
    """Return the application's desk."""
    desk: Desk = request.app.state.desk
    return desk


def viewer_of(session: Session) -> Viewer:
    """Return a session's person as who looks at consultations."""
    return Viewer(session.person, session.role)


def guarded(permission: Permission) -> Callable[[Request], Session]:
    """Return :func:`hub.api.context.need`, which also records whom it turns away."""
    inner = need(permission)

    def guard(request: Request) -> Session:
        try:
            return inner(request)
        except NotAllowed:
            detail = {"permission": permission, "consult": request.path_params.get("consult", "")}
            portal_of(request).note(caller_of(request), "consult denied", detail)
            raise

    guard.__dict__["permission"] = permission  # the table-driven route test reads it
    return guard


ConsultDesk = Annotated[Desk, Depends(desk_of)]
