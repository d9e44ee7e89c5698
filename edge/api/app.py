"""The web application: routes, errors as JSON, the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from core.blobs.errors import BlobDamaged, BlobMissing
from core.consult.errors import ConsultRefusal, NotYourPart
from core.errors import XinglinError
from core.vault.errors import KeyDestroyed
from core.web.answers import answer_errors, nowhere
from core.web.envelope import FormLimit, SafeHeaders
from core.web.errors import NotFound, WebRefusal
from core.web.page import page
from edge.api import (
    audit,
    consult,
    dicomweb,
    habits,
    intake,
    joined,
    measurements,
    ops,
    people,
    presets,
    priors,
    quality,
    region,
    reports,
    review,
    room,
    screening,
    sending,
    solids,
    studies,
    thumbnails,
    township,
)
from edge.api.context import Site
from edge.api.envelope import limit_of
from edge.api.frames import Frames
from edge.consult.errors import ConsultBoxRefusal
from edge.intake.net.errors import OutOfResources, StoreRefused
from edge.report.physician.errors import ReportRefusal


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
    app.state.region = region.RegionParts(site.box)
    app.state.desks = consult.Desks(site)
    app.state.measurer = review.Measurer(site)
    for module in (
        dicomweb, people, studies, priors, joined, review, intake, ops, audit, region, consult,
        sending, township,
    ):  # fmt: skip
        app.include_router(module.router)  # frames first: they are asked for most
    for module in (habits, presets, screening, thumbnails):
        app.include_router(module.router)
    app.include_router(reports.router)
    app.include_router(measurements.router)
    app.include_router(quality.router)
    app.include_router(room.router)
    app.include_router(solids.router)
    answer_errors(app, shown, site.box.outside.randomness)
    app.add_middleware(FormLimit, limit_of=limit_of)
    app.add_middleware(SafeHeaders)
    for interface in ("/api", "/dicomweb"):
        app.mount(interface, nowhere)  # else the page would answer for a misspelt path
    app.mount("/", page(dist, site.box.outside.randomness))
    return app


def shown(error: XinglinError) -> tuple[XinglinError, int]:
    """Return what is said of a refusal and its HTTP status: the caller's fault is 4xx, ours 5xx."""
    if isinstance(error, KeyDestroyed):
        error = NotFound()
    if isinstance(error, WebRefusal):
        return error, error.status
    if isinstance(error, ConsultBoxRefusal):
        return error, error.status
    if isinstance(error, ReportRefusal):
        return error, error.status
    if isinstance(error, ConsultRefusal):
        return error, 403 if isinstance(error, NotYourPart) else 409
    if isinstance(error, OutOfResources):
        return error, 507
    if isinstance(error, StoreRefused):
        return error, 503
    return error, 500 if isinstance(error, BlobDamaged | BlobMissing) else 422
