"""Run the web application under uvicorn until told to stop."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from core.web.people import People
from edge.api.app import create_app
from edge.api.context import Site
from edge.intake.sink import JournalSink
from edge.processes import queue_of, tier_source
from edge.store.box import Box

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"


def site_for(box: Box) -> Site:
    """Return the site of an opened box."""
    tier = tier_source(box)
    people = People(box.database, box.outside.now_ms, box.outside.randomness)
    return Site(box, people, queue_of(box), JournalSink(box, tier), tier)


def serve(box: Box) -> None:
    """Serve until SIGTERM."""
    web = box.settings.web
    config = uvicorn.Config(
        create_app(site_for(box), DIST),
        host=web.host,
        port=web.port,
        # Access logs would hold study identifiers; the access journal is the record.
        access_log=False,
        log_level="warning",
        log_config=None,  # ours, set up at the start of the process
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=web.certificate or None,
        ssl_keyfile=web.key or None,
    )
    uvicorn.Server(config).run()
