"""Route: the event stream of a person's page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from core.errors import XinglinError
from hub.api.context import Portal, ThePortal, Token
from hub.api.desk import guarded, viewer_of
from hub.consult.live import Look, look
from hub.registry.sessions import Session

router = APIRouter(prefix="/api")
MayList = Annotated[Session, Depends(guarded("consult.list"))]
_log = structlog.get_logger("web")
_POLL_S = 0.4
_BEAT_S = 15.0


@router.get("/events")
async def events(
    portal: ThePortal, session: MayList, token: Token, request: Request
) -> StreamingResponse:
    """Stream what changes for the caller; after a gap the page reads its list again."""
    return StreamingResponse(
        _changes(portal, session, token, request),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _changes(
    portal: Portal, session: Session, token: str, request: Request
) -> AsyncIterator[str]:
    before: Look | None = None
    silent = 0.0
    stopping: asyncio.Event = request.app.state.stopping
    yield ": hello\n\n"
    while not stopping.is_set() and not await request.is_disconnected():
        found = await run_in_threadpool(_look, portal, session, token, before)
        if found is None:
            return
        before, told = found
        for event in told:
            yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
        silent = 0.0 if told else silent + _POLL_S
        if silent >= _BEAT_S:
            silent = 0.0
            yield ": beat\n\n"
        await asyncio.sleep(_POLL_S)


def _look(
    portal: Portal, session: Session, token: str, before: Look | None
) -> tuple[Look, list[dict[str, Any]]] | None:
    """Return what changed; None where the session ended, or the database cannot be asked."""
    try:
        if not portal.sessions.holds(token, "consult.list"):
            return None
        now = portal.site.outside.now_ms()
        with portal.site.database.read() as sql:
            return look(sql, viewer_of(session), before, now)
    except (SQLAlchemyError, XinglinError) as error:
        _log.error("event stream ended", fault=type(error).__name__)
        return None
