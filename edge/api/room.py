"""Routes of the modality room: open requests as they come, acknowledged or refused with a reason.

The stream says the whole list whenever it changes and beats every few seconds as an event of its
own, so that the page can tell silence from a dead line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from core.records.clock import Stamp
from core.web.people import Session
from core.web.text import Text
from edge.api.context import COOKIE, Site, TheSite, need
from edge.api.quality import closings
from edge.quality.requests import Closing, acknowledge, close, closed_since, open_requests

router = APIRouter(prefix="/api/room")
MayUse = Annotated[Session, Depends(need("room.use"))]
POLL_S: Final = 0.2
BEAT_S: Final = 3.0
_SHIFT_MS = 12 * 3_600_000


class Answer(BaseModel):
    """What became of a request, as the room says."""

    outcome: Literal["done", "refused"]
    reason: Text
    note: Text = ""


@router.get("")
def read_room(site: TheSite, _session: MayUse) -> dict[str, Any]:
    """Return the open requests, and what was closed in the last twelve hours."""
    now = site.box.outside.now_ms()
    return {
        **_state(site),
        "closed": closed_since(site.box, now - _SHIFT_MS),
        "closings": closings(),
    }


@router.get("/events")
async def events(site: TheSite, _session: MayUse, request: Request) -> StreamingResponse:
    """Stream the open requests and the beat."""
    return StreamingResponse(
        _changes(site, request),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post("/{identity}/acknowledge")
def take_notice(site: TheSite, session: MayUse, identity: str) -> dict[str, Any]:
    """Say that the room saw a request; who and when is recorded."""
    return acknowledge(site.box, session, identity)


@router.post("/{identity}/close")
def answer(site: TheSite, session: MayUse, identity: str, body: Answer) -> dict[str, Any]:
    """Say what became of a request: repeated otherwise, or not, with a coded reason."""
    return close(site.box, session, identity, Closing(body.outcome, body.reason, body.note))


def _state(site: Site) -> dict[str, Any]:
    return {
        "now": Stamp(site.box.outside.now_ms()).iso(),
        "beat_s": BEAT_S,
        "open": open_requests(site.box),
    }


async def _changes(site: Site, request: Request) -> AsyncIterator[str]:
    position, silent, said = -1, 0.0, ""
    while _goes_on(site, request) and not await request.is_disconnected():
        now = site.box.journal.last_position()
        if now != position:
            position = now
            state = _state(site)
            told = json.dumps(state["open"], ensure_ascii=False)
            if told != said or not said:
                said, silent = told, 0.0
                yield f"data: {json.dumps(state, ensure_ascii=False)}\n\n"
        if silent >= BEAT_S:
            silent = 0.0
            beat = {"now": Stamp(site.box.outside.now_ms()).iso(), "beat_s": BEAT_S}
            yield f"data: {json.dumps(beat)}\n\n"
        await asyncio.sleep(POLL_S)
        silent += POLL_S


def _goes_on(site: Site, request: Request) -> bool:
    """Say whether the stream may: an ended session or a changed role ends it too."""
    token = request.cookies.get(COOKIE, "")
    return not request.app.state.stopping.is_set() and site.people.holds(token, "room.use")
