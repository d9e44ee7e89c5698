"""The web application: routes, errors as JSON, the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.blobs.errors import BlobDamaged, BlobMissing
from core.errors import XinglinError
from core.vault.errors import KeyDestroyed
from core.web.errors import InputWrong, NotFound, Unexpected, WebRefusal
from core.web.page import page
from edge.api import audit, dicomweb, intake, ops, people, studies
from edge.api.context import Site
from edge.api.envelope import FormLimit, SafeHeaders, add_safe_headers
from edge.api.frames import Frames
from edge.intake.net.errors import OutOfResources, StoreRefused

_log = structlog.get_logger("web")


def create_app(site: Site, dist: Path) -> FastAPI:
    """Return the application of one appliance.

    Parameters
    ----------
    site : Site
    dist : Path
        The built page.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.stopping = asyncio.Event()
        yield
        app.state.stopping.set()

    app = FastAPI(
        title="Xinglin appliance", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life
    )
    app.state.site = site
    app.state.frames = Frames(site.box)
    for module in (dicomweb, people, studies, intake, ops, audit):  # frames are asked for most
        app.include_router(module.router)
    _answer_errors(app)
    app.add_middleware(FormLimit)
    app.add_middleware(SafeHeaders)
    for interface in ("/api", "/dicomweb"):
        app.mount(interface, _nowhere)  # else the page would answer for a misspelt path
    app.mount("/", page(dist, site.box.outside.randomness))
    return app


def status_of(error: XinglinError) -> int:
    """Return the HTTP status of a refusal: the caller's fault is 4xx, ours 5xx."""
    if isinstance(error, WebRefusal):
        return error.status
    if isinstance(error, OutOfResources):
        return 507
    if isinstance(error, StoreRefused):
        return 503
    return 500 if isinstance(error, BlobDamaged | BlobMissing) else 422


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise NotFound


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(XinglinError)
    async def refused(_request: Request, error: XinglinError) -> JSONResponse:
        if isinstance(error, KeyDestroyed):
            error = NotFound()
        return JSONResponse(error.as_json(), status_of(error))

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
        site: Site = request.app.state.site
        number = site.box.outside.randomness(4).hex()
        # The route's pattern, never the path: a path may hold a patient's identifiers.
        route = getattr(request.scope.get("route"), "path", "?")
        _log.error("request crashed", number=number, route=route, error=type(error).__name__)
        response = JSONResponse(Unexpected(number=number).as_json(), 500)
        add_safe_headers(response.headers, request.url.path)  # this answer passes no middleware
        return response
