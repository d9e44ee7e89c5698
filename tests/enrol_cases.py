"""A hub that enrols over loopback, and boxes that join it; each with a clock the test moves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from core.vault.enrolment import Join, prove, sign
from core.vault.identity import NodeIdentity
from edge.store.box import Outside as BoxOutside
from edge.store.box import create_box
from edge.uplink.certificates import Credentials
from edge.uplink.renew import Renewer
from hub.downlink.enrol_server import enrol_port, start
from hub.registry.authority import RootKeyFile, create_authority
from hub.registry.enrol import AskedJoin
from hub.registry.hospitals import add_hospital
from hub.registry.invites import invite
from tests.hub_cases import HubClock

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ELSEWHERE = "203.0.113.9"


class Region:
    """An opened hub with its authority; serves the enrolment port where a test asks for it."""

    def __init__(self, site, clock, folder: Path):
        # Port 0: the system picks one, and each hub says which it got.
        enrol = replace(site.settings.enrol, port=0)
        self.site = replace(site, settings=replace(site.settings, enrol=enrol))
        self.clock = clock
        self.root_key = RootKeyFile(folder / "kept apart" / "root.key")
        self.authority = create_authority(
            site.folder, site.identity.id, "测试", self.root_key, site.outside
        )
        self.hospital = add_hospital(self.site, "甲县医院")
        self.port = enrol_port(self.site, self.authority)
        self.server, self.address = None, ""

    def serve(self):
        """Start the enrolment port."""
        self.server, port = start(self.site, self.authority)
        self.address = f"127.0.0.1:{port}"
        return self

    def invite(self, hospital: str = "", life_ms: int = DAY):
        """Return a fresh code."""
        return invite(
            self.site, self.authority.pin, hospital or self.hospital, life_ms, "tester"
        ).code

    def stop(self):
        """End the port."""
        if self.server is not None:
            self.server.stop(None).wait()


class BoxSite:
    """A box with its own clock, its certificates and what renews them."""

    def __init__(self, folder: Path, clock):
        self.clock = clock
        self.box = create_box(folder, "", BoxOutside(clock, os.urandom))
        self.credentials = Credentials(folder / "uplink")
        self.renewer = Renewer(self.box, self.credentials)


def box_at(folder: Path, clock=None, at: int | None = None) -> BoxSite:
    """Return a new box; its clock is the hub's, or one of its own."""
    return BoxSite(folder, clock if clock is not None else HubClock(at or 1_800_000_000_000))


def asked_join(identity: NodeIdentity, code, csr: bytes, now: int, **changed) -> AskedJoin:
    """Return a well-made join of a node; fields may be changed before it is proved and signed."""
    fields = {
        "invite": code.invite, "csr": csr,
        "sign_public": identity.key.public_key().public_bytes_raw(),
        "seal_public": bytes(range(1, 33)), "recovery_public": b"", "software": "test",
        "nonce": os.urandom(16), "at_ms": now, **changed,
    }  # fmt: skip
    join = Join(**fields)
    return AskedJoin(join, prove(code.secret, join), sign(identity.key, join), ELSEWHERE)
