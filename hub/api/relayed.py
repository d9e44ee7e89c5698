"""What boxes pass on for the experts of their own hospital: a port of its own, mutual TLS.

The page is the box's; here only its interface is served, and of that neither sign-in by an identity
provider, which leads elsewhere, nor the region's administration. The certificate is looked up byte
for byte, as on the boxes' link, so that a revoked box is out within fifteen seconds. Where a person
sits is not told: a box could state any address, and the limits on failed sign-ins count by it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.errors import XinglinError
from core.web.errors import NotFound
from hub.downlink.server import ServerTls
from hub.errors import DatabaseDown
from hub.registry.devices import CACHE_MS, Caller, Devices

_log = structlog.get_logger("relay")
#: In a request's state: the certificate that was shown, and the box that it is.
PEER, BOX = "peer", "box"
_MOST_KNOWN = 1000
_FRESH_S = 3600.0
_GRACE_S = 5
#: A box keeps a connection for the next request a little shorter than this.
_KEEP_ALIVE_S = 30


class BoxProtocol(HttpToolsProtocol):
    """HTTP that knows which certificate the other side showed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it likewise
        """Keep the certificate for every request of the connection."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        self.app_state = {**self.app_state, PEER: der or b""}


class FromBoxes:
    """Lets boxes of the region through to the interface, and says to it which box it is.

    Parameters
    ----------
    app : ASGI application
        The portal.
    devices : Devices
    now_ms : callable
    """

    def __init__(self, app: ASGIApp, devices: Devices, now_ms: Callable[[], int]) -> None:
        self._app = app
        self._devices = devices
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[int, Caller]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of a box."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            state = scope.get("state", {})
            box = await run_in_threadpool(self.admit, state.get(PEER, b""))
            if not is_offered(scope["path"]):
                raise NotFound
        except XinglinError as refusal:
            status = 404 if isinstance(refusal, NotFound) else 403
            await JSONResponse(refusal.as_json(), status)(scope, receive, send)
            return
        except SQLAlchemyError as error:
            _log.error("database refused", error=type(error).__name__)
            await JSONResponse(DatabaseDown().as_json(), 503)(scope, receive, send)
            return
        inner = {**scope, "state": {**state, BOX: box}, "client": (f"box:{box.node[:16]}", 0)}
        await self._app(inner, receive, self._watched(box, send))

    def admit(self, der: bytes) -> Caller:
        """Return the box that shows a certificate, as known at most fifteen seconds ago.

        Raises
        ------
        CertificateUnknown, CertificateRevoked, CertificateExpired, NodeRevoked
        """
        now = self._now_ms()
        with self._lock:
            kept = self._known.get(der)
        if kept is not None and 0 <= now - kept[0] < CACHE_MS:
            return kept[1]
        box = self._devices.admit(der)
        with self._lock:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[der] = (now, box)
        return box

    def _watched(self, box: Caller, send: Send) -> Send:
        """Return a ``send`` that ends a long answer once its box was revoked."""
        looked = self._now_ms()

        async def watched(message: Message) -> None:
            nonlocal looked
            if not 0 <= self._now_ms() - looked < CACHE_MS:
                await run_in_threadpool(self._devices.check, box.node)
                looked = self._now_ms()
            await send(message)

        return watched


def is_offered(path: str) -> bool:
    """Say whether a path is served to boxes; pure."""
    return path.startswith("/api/") and not path.startswith(("/api/oidc/", "/api/admin/"))


@dataclass(frozen=True, slots=True)
class RelayParts:
    """What the port is made of; ``tls`` gives the present key and certificate."""

    app: ASGIApp
    devices: Devices
    now_ms: Callable[[], int]
    tls: Callable[[], ServerTls]


def relay_server(parts: RelayParts) -> uvicorn.Server:
    """Return a server that is not started yet; it is run on a socket that listens."""
    config = uvicorn.Config(
        FromBoxes(parts.app, parts.devices, parts.now_ms),
        http=BoxProtocol,
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        ws="none",
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_context_factory=lambda *_: context_of(parts.tls),
    )
    return uvicorn.Server(config)


def context_of(tls: Callable[[], ServerTls]) -> ssl.SSLContext:
    """Return a context that demands a certificate of the region and shows a fresh one of ours.

    Our own certificate lives for a month; each handshake may find a newer one.
    """
    made = [(time.monotonic(), _loaded(tls()))]

    def newest(wrapped: Any, _name: Any, _context: Any) -> None:
        if time.monotonic() - made[0][0] > _FRESH_S:
            made[0] = (time.monotonic(), _loaded(tls()))
        wrapped.context = made[0][1]

    listening = _loaded(tls())
    listening.sni_callback = newest
    return listening


def _loaded(tls: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=tls.root.decode())
    # OpenSSL's door for a key is a file: this one is nowhere but in memory.
    memory = os.memfd_create("tls")
    try:
        os.write(memory, tls.key + tls.chain)
        context.load_cert_chain(f"/proc/self/fd/{memory}")
    finally:
        os.close(memory)
    return context
