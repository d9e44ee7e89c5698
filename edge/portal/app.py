"""The portal as a box serves it: the page of this appliance's own release, the hub's interface.

This process opens no database and none of the keys that data are sealed with, only the device
certificate's: what the hub answers is handled where nothing of the hospital's can be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.web.envelope import SafeHeaders
from core.web.errors import WebRefusal
from core.web.page import PORTAL
from core.web.release import read_release, released_page
from core.web.release_signature import publisher_key
from edge.portal.line import HubLine
from edge.portal.relay import Relay
from edge.store.settings import Appliance, parse

_log = structlog.get_logger("portal")
#: The build that stands beside this code, as the hospital's own page.
DIST = Path(__file__).resolve().parents[2] / "web" / "dist"
_GRACE_S = 5
_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PortalParts:
    """What the portal is made of.

    Attributes
    ----------
    dist : Path
        The built page.
    """

    settings: Appliance
    dist: Path
    line: HubLine
    randomness: Callable[[int], bytes]


class PortalApp:
    """Page and relay under one origin; where the page is not as released, neither."""

    def __init__(self, page: ASGIApp, relay: ASGIApp, line: HubLine) -> None:
        self._page = page
        self._relay = relay
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        wanted = self._relay if path == "/api" or path.startswith("/api/") else self._page
        await wanted(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._line.close()
        await send({"type": "lifespan.shutdown.complete"})


def create_portal_app(parts: PortalParts) -> ASGIApp:
    """Return the application; every answer says that it is not to be framed, guessed at or kept."""
    web = parts.settings.web
    try:
        named = parts.settings.portal.release_key
        release = read_release(parts.dist, publisher_key(named) if named else None)
        served_by = f"box {parts.settings.hospital}".strip()
        page: ASGIApp = released_page(release, parts.randomness, PORTAL, served_by)
        relay: ASGIApp = Relay(parts.line, secure=bool(web.certificate))
    except WebRefusal as refusal:
        _log.error("the page is not served", code=f"E{refusal.code}", **refusal.facts)
        page = relay = Refused(refusal)
    return SafeHeaders(PortalApp(page, relay, parts.line))


@dataclass(frozen=True, slots=True)
class Refused:
    """Says of everything why it is not served."""

    refusal: WebRefusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        said, status = self.refusal, self.refusal.status
        text = f"{said.sentence('zh')} / {said.sentence('en')} (E{said.code})\n"
        plain = PlainTextResponse(text, status, headers={"Cache-Control": "no-store"})
        api = scope["path"].startswith("/api")
        await (JSONResponse(said.as_json(), status) if api else plain)(scope, receive, send)


def portal_server(parts: PortalParts) -> uvicorn.Server:
    """Return a server that is not started yet."""
    portal, web = parts.settings.portal, parts.settings.web
    config = uvicorn.Config(
        create_portal_app(parts),
        host=portal.host,
        port=portal.port,
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        ws="none",
        proxy_headers=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=web.certificate or None,
        ssl_keyfile=web.key or None,
    )
    return uvicorn.Server(config)


def serve_portal(folder: Path, randomness: Callable[[int], bytes]) -> None:
    """Serve the portal of an appliance's folder until told to stop; opens no database."""
    settings = parse((folder / "appliance.toml").read_text(encoding="utf-8"))
    line = HubLine(folder / "uplink")
    portal_server(PortalParts(settings, DIST, line, randomness)).run()
