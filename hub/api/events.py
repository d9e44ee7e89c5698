"""Route: the event stream of a person's page."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from core.errors import XinglinError
from hub.api.context import Portal, ThePortal, Token
from hub.api.desk import ConsultDesk, Desk, guarded, viewer_of
from hub.consult.live import Look, Marks, look
from hub.registry.sessions import Session

router = APIRouter(prefix="/api")
MayList = Annotated[Session, Depends(guarded("consult.list"))]
_log = structlog.get_logger("web")
_POLL_S = 0.4
#: A look without a change of the pulse: who left, a session that ended, a roster.
_ANYWAY_S = 3.0
_BEAT_S = 15.0


@router.get("/events")
async def events(
    portal: ThePortal, desk: ConsultDesk, session: MayList, token: Token, request: Request
) -> StreamingResponse:
    """Stream what changes for the caller; after a gap the page reads its list again."""
    return StreamingResponse(
        _changes(Watch(portal, desk, session, token), request),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class Watch:
    """One page's stream: what it was told, and when it was last looked at."""

    def __init__(self, portal: Portal, desk: Desk, session: Session, token: str) -> None:
        self._portal = portal
        self._desk = desk
        self._session = session
        self._token = token
        self._before: Look | None = None
        self._marks: Marks = ()
        self._looked_s = 0.0

    def look(self) -> list[dict[str, Any]] | None:
        """Return what changed; None where the session ended, or the database cannot be asked."""
        try:
            marks, now_s = self._desk.pulse.take(), time.monotonic()
            quiet = marks == self._marks and now_s - self._looked_s < _ANYWAY_S
            if quiet and self._before is not None:
                return []
            if not self._portal.sessions.holds(self._token, "consult.list"):
                return None
            site = self._portal.site
            with site.database.read() as sql:
                self._before, told = look(
                    sql, viewer_of(self._session), self._before, site.outside.now_ms()
                )
        except (SQLAlchemyError, XinglinError) as error:
            _log.error("event stream ended", fault=type(error).__name__)
            return None
        self._marks, self._looked_s = marks, now_s
        return told


async def _changes(watch: Watch, request: Request) -> AsyncIterator[str]:
    silent = 0.0
    stopping: asyncio.Event = request.app.state.stopping
    yield ": hello\n\n"
    while not stopping.is_set() and not await request.is_disconnected():
        told = await run_in_threadpool(watch.look)
        if told is None:
            return
        for event in told:
            yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
        silent = 0.0 if told else silent + _POLL_S
        if silent >= _BEAT_S:
            silent = 0.0
            yield ": beat\n\n"
        await asyncio.sleep(_POLL_S)
