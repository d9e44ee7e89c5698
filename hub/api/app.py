"""The portal's web application: routes, errors as JSON, the experts' page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError

from core.consult.errors import ConsultRefusal
from core.errors import XinglinError
from core.vault.errors import KeyDestroyed
from core.web.answers import answer_errors, nowhere
from core.web.envelope import FORM_BYTES, FormLimit, SafeHeaders
from core.web.errors import WebRefusal
from core.web.page import page
from hub.api import account, audit, consults, devices, events, objects, registry, statistics
from hub.api.context import Portal
from hub.api.desk import Desk
from hub.downlink.errors import HubBusy
from hub.errors import DatabaseDown, ObjectMissing, ObjectStoreDown

_log = structlog.get_logger("portal")
PAGE = "portal.html"
#: A signed statement with a sealed part inside, and room around it.
_STATEMENT_BYTES = 512 * 1024


def create_portal(portal: Portal, dist: Path) -> FastAPI:
    """Return the application of one hub.

    Parameters
    ----------
    portal : Portal
    dist : Path
        The built page.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.stopping = asyncio.Event()
        yield
        app.state.stopping.set()

    app = FastAPI(
        title="Xinglin hub", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life
    )
    app.state.portal = portal
    app.state.desk = Desk(portal)
    for module in (account, registry, devices, audit, consults, objects, events, statistics):
        app.include_router(module.router)
    answer_errors(app, shown, portal.site.outside.randomness)
    for kind in (OperationalError, InterfaceError):
        app.add_exception_handler(kind, _database_down)
    app.add_middleware(FormLimit, limit_of=limit_of)
    app.add_middleware(SafeHeaders)
    app.mount("/api", nowhere)  # else the page would answer for a misspelt path
    app.mount("/", page(dist, portal.site.outside.randomness, PAGE, "hub"))
    return app


def _database_down(_request: Request, error: Exception) -> JSONResponse:
    # By its type only: the text of a database's error quotes the values of the statement.
    _log.error("database refused", error=type(error).__name__)
    return JSONResponse(DatabaseDown().as_json(), 503)


def limit_of(path: str) -> int:
    """Return the most bytes that a path takes."""
    return _STATEMENT_BYTES if path.startswith("/api/consults/") else FORM_BYTES


def shown(error: XinglinError) -> tuple[XinglinError, int]:
    """Return what is said of a refusal and its HTTP status: the caller's fault is 4xx, ours 5xx."""
    if isinstance(error, WebRefusal):
        return error, error.status
    if isinstance(error, ObjectMissing | KeyDestroyed):
        return error, 404
    if isinstance(error, ConsultRefusal):
        return error, 409  # it was possible once, or may become so: the page reads again
    return error, 503 if isinstance(error, ObjectStoreDown | HubBusy) else 422
