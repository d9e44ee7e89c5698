"""The portal under uvicorn, as one process of the hub."""

from __future__ import annotations

from pathlib import Path

import httpx
import uvicorn

from core.web.access import Passwords
from hub.api.app import PAGE, create_portal
from hub.api.context import Portal
from hub.registry.keys import PersonKeys
from hub.registry.oidc import Provider
from hub.registry.people import People
from hub.registry.sessions import Sessions
from hub.site import HubSite

_WEB = Path(__file__).resolve().parents[2] / "web"
_GRACE_S = 5


def portal_for(site: HubSite, client: httpx.Client) -> Portal:
    """Return the portal of an opened hub.

    Parameters
    ----------
    client : httpx.Client
        Reaches the identity provider, where there is one.
    """
    passwords = Passwords(site.outside.randomness)
    return Portal(
        site,
        People(site, passwords),
        Sessions(site, passwords),
        PersonKeys(site),
        Provider(site, client),
    )


def dist() -> Path:
    """Return the folder of the built page: its own, or the one shared with the appliance's."""
    own = _WEB / "dist-portal"
    return own if (own / PAGE).exists() else _WEB / "dist"


def server_for(portal: Portal) -> uvicorn.Server:
    """Return a server that is not started yet."""
    settings = portal.site.settings.portal
    config = uvicorn.Config(
        create_portal(portal, dist()),
        host=settings.host,
        port=settings.port,
        # Access logs would hold ids of consultations; the access journal is the record.
        access_log=False,
        log_level="warning",
        log_config=None,  # ours, set up at the start of the process
        server_header=False,
        ws="none",  # nothing of ours speaks it
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=settings.certificate or None,
        ssl_keyfile=settings.key or None,
    )
    return uvicorn.Server(config)
