"""Every refusal as JSON with its number; a defect of ours as a number for the log."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import XinglinError
from core.web.envelope import add_safe_headers
from core.web.errors import InputWrong, NotFound, Unexpected

_log = structlog.get_logger("web")


async def nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer for a misspelt path of an interface, which must not get the page: NotFound."""
    raise NotFound


def answer_errors(
    app: FastAPI,
    shown: Callable[[XinglinError], tuple[XinglinError, int]],
    randomness: Callable[[int], bytes],
) -> None:
    """Set how an application answers what its routes raise.

    Parameters
    ----------
    shown : callable
        What is said of a refusal, and the HTTP status.
    randomness : callable
        For the numbers of defects.
    """

    @app.exception_handler(XinglinError)
    async def refused(_request: Request, error: XinglinError) -> JSONResponse:
        said, status = shown(error)
        return JSONResponse(said.as_json(), status)

    @app.exception_handler(RequestValidationError)
    async def malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        return JSONResponse(InputWrong(field=field[:80]).as_json(), 422)

    @app.exception_handler(HTTPException)
    async def unfit(_request: Request, error: HTTPException) -> JSONResponse:
        known = error.status_code in (404, 405)
        refusal = NotFound() if known else InputWrong(field="body")
        return JSONResponse(refusal.as_json(), error.status_code, headers=error.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody reads it

    @app.exception_handler(Exception)
    async def crashed(request: Request, error: Exception) -> JSONResponse:
        number = randomness(4).hex()
        # The route's pattern, never the path: a path may hold a patient's identifiers.
        route = getattr(request.scope.get("route"), "path", "?")
        _log.error("request crashed", number=number, route=route, error=type(error).__name__)
        response = JSONResponse(Unexpected(number=number).as_json(), 500)
        add_safe_headers(response.headers, request.url.path)  # this answer passes no middleware
        return response
