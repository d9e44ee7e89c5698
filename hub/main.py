"""One process of a hub: the portal, the boxes' two ports, the clock.

``python -m hub.main FOLDER`` is what the system service runs; ``xinglin hub serve`` is the same.
Processes hold nothing that another could not take over: any number may serve one database, and any
of them may be killed.
"""

from __future__ import annotations

import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import httpx
import structlog
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding

from core.web.logs import set_up_logs
from core.web.ready import tell_manager
from hub.api.app import create_portal
from hub.api.relayed import RelayParts, relay_server
from hub.api.serve import dist, portal_for, server_for
from hub.consult.sink import ConsultSink
from hub.consult.timers import EVERY_S, Escalations
from hub.downlink import enrol_server
from hub.downlink.mqtt import notifier_of
from hub.downlink.server import ServerTls, SyncParts, SyncServer
from hub.downlink.sink import EventSink
from hub.downlink.uploads import Limits
from hub.heads import EVERY_S as HEADS_EVERY_S
from hub.heads import keep_own_heads
from hub.outside import real_outside
from hub.registry.authority import Authority, open_authority, pem_pair
from hub.registry.ca_errors import AuthorityMissing
from hub.registry.devices import Devices
from hub.site import HubSite, create_hub
from hub.timers import Task, Timers, housekeeping

_log = structlog.get_logger("hub")
_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a process listens, where that differs from the settings; 0 is any free port."""

    portal: int | None = None
    sync: int | None = None
    enrol: int | None = None
    relay: int | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a running process listens; 0 where the hub has no authority yet, or no such port."""

    portal: int
    sync: int
    enrol: int
    relay: int = 0


class HubProcess:
    """Everything that one process runs; made, started, stopped."""

    def __init__(self, site: HubSite, sink: EventSink) -> None:
        self._site = site
        self._sink = sink
        self._client = httpx.Client()
        portal = portal_for(site, self._client)
        self._web = server_for(portal)
        self._web_thread: threading.Thread | None = None
        self._portal = portal
        self._relay: uvicorn.Server | None = None
        self._relay_thread: threading.Thread | None = None
        escalate = Task("escalations", EVERY_S, Escalations(site).look)
        heads = Task("heads", HEADS_EVERY_S, lambda: keep_own_heads(site))
        self._timers = Timers((*housekeeping(site, portal.sessions.sweep), escalate, heads))
        self._sync: SyncServer | None = None
        self._enrol: grpc.Server | None = None
        self._notifier = notifier_of(site)

    def start(self) -> Bound:
        """Bind every port and begin to serve.

        Raises
        ------
        OSError, RuntimeError
            If an address is taken.
        """
        settings = self._site.settings
        listening = _listen(settings.portal.host, settings.portal.port)
        sync, enrol, relay = self._start_boxes()
        self._web_thread = threading.Thread(
            target=self._web.run, args=([listening],), name="portal", daemon=True
        )
        self._web_thread.start()
        self._timers.start()
        if self._notifier is not None:
            self._notifier.start()
        return Bound(listening.getsockname()[1], sync, enrol, relay)

    def is_alive(self) -> bool:
        """Say whether the portal still serves; where it does not the process is of no use."""
        relay = self._relay_thread is None or self._relay_thread.is_alive()
        return relay and self._web_thread is not None and self._web_thread.is_alive()

    def is_ready(self) -> bool:
        """Say whether the portal takes requests."""
        return self._web.started and (self._relay is None or self._relay.started)

    def stop(self) -> None:
        """Take nothing new, finish what runs, end."""
        self._web.should_exit = True
        if self._relay is not None:
            self._relay.should_exit = True
        if self._enrol is not None:
            self._enrol.stop(_GRACE_S)
        if self._sync is not None:
            self._sync.stop(_GRACE_S)
        if self._web_thread is not None:
            self._web_thread.join()
        if self._relay_thread is not None:
            self._relay_thread.join()
        self._timers.stop()
        if self._notifier is not None:
            self._notifier.stop()
        self._client.close()

    def _start_boxes(self) -> tuple[int, int, int]:
        site = self._site
        try:
            authority = open_authority(site.folder, site.identity.id, site.outside)
        except AuthorityMissing:
            _log.warning("no certificate authority: boxes can neither join nor connect")
            return 0, 0, 0
        self._sync = SyncServer(
            SyncParts(
                site,
                self._sink,
                tls=lambda: _tls(authority),
                free=lambda: shutil.disk_usage(site.folder).free,
                limits=Limits(quota=site.settings.sync.quota_bytes),
            )
        )
        sync = self._sync.start(site.settings.sync.host, site.settings.sync.port)
        self._enrol, enrol = enrol_server.start(site, authority)
        return sync, enrol, self._start_relay(authority)

    def _start_relay(self, authority: Authority) -> int:
        """Serve the portal's interface to boxes, where the settings name a port."""
        settings = self._site.settings.relay
        if not settings.port:
            return 0
        listening = _listen(settings.host, settings.port)
        parts = RelayParts(
            create_portal(self._portal, dist()), Devices(self._site), self._site.outside.now_ms,
            tls=lambda: _tls(authority),
        )  # fmt: skip
        self._relay = relay_server(parts)
        self._relay_thread = threading.Thread(
            target=self._relay.run, args=([listening],), name="relay", daemon=True
        )
        self._relay_thread.start()
        return int(listening.getsockname()[1])


def serve(
    folder: Path,
    stop: threading.Event,
    ports: Ports = Ports(),
    tell: Callable[[Bound], None] = lambda _: None,
) -> None:
    """Run one process of a hub until told to stop.

    Parameters
    ----------
    tell : callable
        Called once with the ports when all of them serve.
    """
    site = at_ports(create_hub(folder, "", real_outside()), ports)
    process = HubProcess(site, ConsultSink(site))
    try:
        bound = process.start()
        while not process.is_ready() and process.is_alive():
            stop.wait(0.02)
        _log.info("ready", portal=bound.portal, sync=bound.sync, enrol=bound.enrol)
        tell_manager("READY=1")
        tell(bound)
        while not stop.wait(0.5):
            if not process.is_alive():
                raise SystemExit(1)  # the service manager starts us again
    finally:
        tell_manager("STOPPING=1")
        process.stop()
        site.close()


def at_ports(site: HubSite, ports: Ports) -> HubSite:
    """Return the hub with other ports than its settings say."""
    settings = site.settings
    for name in ("portal", "sync", "enrol", "relay"):
        port = getattr(ports, name)
        if port is not None:
            section = replace(getattr(settings, name), port=port)
            settings = replace(settings, **{name: section})
    return replace(site, settings=settings)


def until_told() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


def _tls(authority: Authority) -> ServerTls:
    server = authority.server()
    key, own = pem_pair(server)
    issuing = authority.issuing.certificate.public_bytes(Encoding.PEM)
    return ServerTls(key, own + issuing, authority.root.public_bytes(Encoding.PEM))


def main() -> None:
    """Entry of ``python -m hub.main FOLDER``."""
    set_up_logs()
    serve(Path(sys.argv[1]), until_told())


if __name__ == "__main__":
    main()
