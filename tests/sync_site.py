"""A hub that syncs over loopback and boxes that have joined it; real clocks, real certificates."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert, select

from core.blobs.envelope import seal
from edge.store.box import Outside as BoxOutside
from edge.store.box import create_box
from edge.uplink.certificates import Credentials
from edge.uplink.join import join
from edge.uplink.process import Uplink, outbox_of, uplink_of
from hub.downlink.server import ServerTls, SyncParts, SyncServer
from hub.downlink.sink import PlainSink
from hub.downlink.uploads import Limits
from hub.site import HubSite
from hub.store.tables import BOX_ACCESS, OBJECT
from tests.enrol_cases import DAY, Region
from tests.hub_cases import make_hub

GB = 1 << 30


def now_ms() -> int:
    """The real clock: TLS looks at it."""
    return time.time_ns() // 1_000_000


def until(true, seconds: float = 20.0, what: str = ""):
    """Wait until a condition holds; return what it said."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = true()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


def sealed(size: int, n: int = 0) -> bytes:
    """Return a sealed object of about ``size`` bytes."""
    return seal(os.urandom(max(1, size)), bytes([n % 256]) * 32, os.urandom(32))


def tls_of(authority) -> ServerTls:
    """Return what the sync port shows."""
    signer = authority.server()
    key = signer.key.private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = b"".join(
        c.public_bytes(Encoding.PEM) for c in (signer.certificate, authority.issuing.certificate)
    )
    return ServerTls(key, chain, authority.root.public_bytes(Encoding.PEM))


class EventsToo(PlainSink):
    """Takes events and wraps as well, in the order they come, once per id: a stand-in consult."""

    def __init__(self, site):
        super().__init__(site)
        self.order: list[str] = []
        self.seen: dict[str, int] = {}
        self.after: list[str] = []

    def accept(self, sql, sender, item):
        if item.kind not in ("event", "wraps"):
            return super().accept(sql, sender, item)
        if item.id not in self.seen:
            self.seen[item.id] = len(self.seen) + 1
            self.order.append(item.id)
        return self.seen[item.id]

    def committed(self, sender, item, seq):
        self.after.append(item.id)


class StatisticsAndEvents(PlainSink):
    """For a hub in a process of its own: events are rows of the access table, once per id."""

    def accept(self, sql, sender, item):
        if item.kind not in ("event", "wraps"):
            return super().accept(sql, sender, item)
        known = select(BOX_ACCESS.c.at).where(BOX_ACCESS.c.id == item.id)
        if sql.execute(known).first() is None:
            sql.execute(
                insert(BOX_ACCESS).values(
                    id=item.id, node=sender.node, consult=item.consult, statement=item.statement,
                    at=now_ms(),
                )
            )  # fmt: skip
        return 1


class SyncSite:
    """One hub with its sync port in this process."""

    def __init__(
        self, folder: Path, url: str = "", limits: Limits | None = None, sink=EventsToo, more=""
    ):
        self.folder = folder
        url = url or f"sqlite:///{folder / 'hub.db'}"
        folder.mkdir(parents=True, exist_ok=True)
        site = make_hub(folder / "hub", url, now_ms, more)
        self.region = Region(site, now_ms, folder).serve()
        self.site: HubSite = self.region.site
        self.limits = limits or Limits(reserve=0)
        self.sink = sink(self.site)
        self.free = 100 * GB
        self.server: SyncServer | None = None
        self.port = 0

    def start(self, port: int = 0) -> SyncSite:
        """Serve; again on the same port after a stop."""
        parts = SyncParts(
            self.site, self.sink, lambda: tls_of(self.region.authority), lambda: self.free,
            self.limits, links=300,
        )  # fmt: skip
        self.server = SyncServer(parts)
        self.port = self.server.start("127.0.0.1", port or self.port)
        return self

    def stop(self):
        """End everything."""
        self.stop_sync()
        self.region.stop()
        self.site.close()

    def stop_sync(self):
        """End the sync port only."""
        if self.server is not None:
            self.server.stop(0.2)
            self.server = None

    def objects(self) -> set[str]:
        """Addresses the hub has for good."""
        with self.site.database.read() as sql:
            return {row.address for row in sql.execute(OBJECT.select())}


class SyncBox:
    """A box that has joined; its uplink runs in a thread."""

    def __init__(self, site: SyncSite, folder: Path, hospital: str = "", clock=now_ms, toml=""):
        self.box = create_box(folder, toml, BoxOutside(clock, os.urandom))
        join(self.box, site.region.address, site.region.invite(hospital).text())
        self.credentials = Credentials(folder / "uplink")
        self.connect_to(site.port)
        self.outbox = outbox_of(self.box)
        self.uplink: Uplink | None = None
        self._thread: threading.Thread | None = None

    @property
    def node(self) -> str:
        return self.box.identity.id

    def connect_to(self, port: int):
        """Have the box find the hub at a port of this machine: a proxy's, mostly."""
        region = self.credentials.region()
        self.credentials.keep_region(replace(region, sync_address=f"127.0.0.1:{port}"))

    def up(self) -> SyncBox:
        """Run the uplink."""
        self.uplink = uplink_of(self.box)
        self._thread = threading.Thread(target=self.uplink.run)
        self._thread.start()
        return self

    def down(self):
        """Stop the uplink."""
        if self.uplink is not None:
            self.uplink.stop()
            self._thread.join(20)
            assert not self._thread.is_alive()
            self.uplink = None

    def close(self):
        self.down()
        self.box.close()

    def empty(self) -> bool:
        """Whether nothing waits."""
        return self.outbox.backlog().items == 0


@contextmanager
def running(*parts):
    """Close what a test opened, in reverse order."""
    try:
        yield parts
    finally:
        for part in reversed(parts):
            part.stop() if isinstance(part, SyncSite) else part.close()


__all__ = ["DAY", "EventsToo", "SyncBox", "SyncSite", "now_ms", "running", "sealed", "until"]
