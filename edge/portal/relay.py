"""Passes a browser's request to the hub and the hub's answer back, piece by piece.

Nothing is kept, nothing of a body is logged. An answer that turns out wrong after it has begun
is cut: the browser sees a failed request, never a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
import structlog
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from core.web.errors import InputWrong, TooLarge, WebRefusal
from edge.portal.errors import AnswerNotPassed, HubTooSlow
from edge.portal.line import Answer, HubLine
from edge.portal.rules import Asked, EventGuard, Kind, Told, asked_of, told_of

_log = structlog.get_logger("portal")
#: The longest that an answer of a kind may take altogether.
LONGEST_S: dict[Kind, float] = {
    "json": 60.0,
    "object": 1800.0,
    "events": 12 * 3600.0,
    "nothing": 30.0,
}


@dataclass(frozen=True)
class Relay:
    """The ASGI application under ``/api``.

    Attributes
    ----------
    secure : bool
        Whether this port speaks HTTPS.
    body_s : float
        How long a browser may take to send a form.
    """

    line: HubLine
    secure: bool
    body_s: float = 30.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        passing = _Passing(send)
        try:
            asked = asked_of(
                scope["method"], scope.get("raw_path") or b"", scope["query_string"],
                scope["headers"],
            )  # fmt: skip
            body = await self._body(asked, receive)
            if body is None:
                return
            await self._serve(asked, body, receive, passing)
        except WebRefusal as refusal:
            if not passing.begun:
                await JSONResponse(refusal.as_json(), refusal.status)(scope, receive, send)
            if refusal.status >= 500:
                _log.warning(
                    "not passed on", code=f"E{refusal.code}", fault=refusal.facts.get("fault", "")
                )

    async def _body(self, asked: Asked, receive: Receive) -> bytes | None:
        """Return the form, whole; None where the browser has gone."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > asked.most_bytes:
                        raise TooLarge(limit_kb=asked.most_bytes // 1024)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise InputWrong(field="body") from None

    async def _serve(self, asked: Asked, body: bytes, receive: Receive, passing: _Passing) -> None:
        """Answer; end at once when the browser has gone, which frees the hub as well."""
        failed: list[WebRefusal] = []
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            async def answer() -> None:
                try:
                    await self._answer(asked, body, passing)
                except WebRefusal as refusal:
                    failed.append(refusal)
                group.cancel_scope.cancel()

            group.start_soon(watch)
            group.start_soon(answer)
        if failed:
            raise failed[0]

    async def _answer(self, asked: Asked, body: bytes, passing: _Passing) -> None:
        async with self.line.ask(asked, body) as answer:
            told = told_of(asked, answer.status, answer.headers, secure=self.secure)
            try:
                async with asyncio.timeout(LONGEST_S[told.kind]):
                    await passing.begin(told)
                    async for piece in checked(told, answer):
                        await passing.more(piece)
                    await passing.end()
            except TimeoutError:
                raise HubTooSlow from None


async def checked(told: Told, answer: Answer) -> AsyncIterator[bytes]:
    """Yield the pieces of an answer while they keep to what was told of it.

    Raises
    ------
    AnswerNotPassed
        If it is longer than it may be, or no stream of events.
    """
    guard, size = EventGuard(), 0
    async for piece in answer.pieces:
        size += len(piece)
        if told.most is not None and size > told.most:
            raise AnswerNotPassed(fault="length")
        if told.kind == "events":
            guard.take(piece)
        yield piece


class _Passing:
    """What has gone to the browser."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def begin(self, told: Told) -> None:
        start: Message = {
            "type": "http.response.start", "status": told.status, "headers": list(told.headers),
        }  # fmt: skip
        self.begun = True
        await self._send(start)

    async def more(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
