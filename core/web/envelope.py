"""Around every request: headers that let nothing else in, and a cap on what a form may send.

Plain ASGI, so that a stream is neither held back nor copied on its way.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web.errors import TooLarge

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What an interface answers is never a page; the page sets its own policy.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
FORM_BYTES = 64 * 1024
#: Told sizes above this are not even parsed as numbers.
_DIGITS = 10
_INTERFACES = ("/api", "/dicomweb")


def add_safe_headers(headers: MutableHeaders, path: str) -> None:
    """Set what is not set yet; answers of the interfaces are never kept by a cache."""
    for name, value in SAFE_HEADERS.items():
        headers.setdefault(name, value)
    if path.startswith(_INTERFACES):
        headers.setdefault("Cache-Control", "no-store")


class SafeHeaders:
    """Adds the headers to every answer of the application inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                add_safe_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self._app(scope, receive, with_headers)


class FormLimit:
    """Refuses bodies above a limit where no file is sent: they would be read into memory whole.

    Parameters
    ----------
    limit_of : callable
        The most bytes that a path takes; None where the route itself streams and counts.
    """

    def __init__(self, app: ASGIApp, limit_of: Callable[[str], int | None]) -> None:
        self._app = app
        self._limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        limit = self._limit_of(scope["path"]) if scope["type"] == "http" else None
        if limit is None:
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        if not (told.isascii() and told.isdigit() and len(told) < _DIGITS) or int(told) > limit:
            refusal = TooLarge(limit_kb=limit // 1024)
            await JSONResponse(refusal.as_json(), refusal.status)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise TooLarge(limit_kb=limit // 1024)
            return message

        await self._app(scope, counted, send)
