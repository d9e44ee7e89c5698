"""The demo's hub: its folder, hospitals, people with working log-ins, codes for the boxes."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyotp
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from provisioning.demo_client import wait_for
from provisioning.demo_county import ROOT, running, xinglin
from provisioning.demo_ports import free_ports

PROVINCE = "杏林省立医院"


@dataclass
class Expert:
    """Somebody with a log-in at the hub; the second factor is set up at the first sign-in."""

    user: str
    name: str
    role: str
    department: str
    title: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    passphrase: str = field(default_factory=lambda: secrets.token_urlsafe(15))
    otp_secret: str = ""
    id: str = ""

    def code(self, steps: int = 0) -> str:
        """Return the one-time code of this moment, or of some half minutes from it."""
        return str(pyotp.TOTP(self.otp_secret).at(int(time.time()) + 30 * steps))


class Hub:
    """A hub in a folder.

    Parameters
    ----------
    host : str
        Name under which a browser opens the portal.
    """

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder / "data"
        self.portal, self.sync, self.enrol, self.relay = free_ports(4)
        self.address = f"http://{host}:{self.portal}/"
        self.log = folder / "hub.log"
        self._root_key = folder / "root.key"
        self._hospitals: dict[str, str] = {}
        self.people = [
            Expert("liu", "刘主任", "expert", "imaging", "chief"),
            Expert("zhou", "周教授", "expert", "respiratory", "chief"),
            Expert("xie", "谢协调", "coordinator", "imaging", ""),
            Expert("admin", "何管理", "hub_admin", "", ""),
        ]

    def make(self) -> None:
        """Make the folder, the experts' hospital and the accounts."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        settings = self.folder.parent / "hub.toml"
        settings.write_text(
            f'region = "杏林示范区"\naddress = "127.0.0.1"\n'
            f"[portal]\nport = {self.portal}\n[sync]\nport = {self.sync}\n"
            f"[enrol]\nport = {self.enrol}\n[relay]\nport = {self.relay}\n",
            encoding="utf-8",
        )
        self._xinglin("init", "--settings", str(settings), "--root-key", str(self._root_key))
        # The province's hospital has no box here: its recovery key is made by itself, on paper.
        recovery = X25519PrivateKey.generate().public_key().public_bytes_raw().hex()
        told = self._xinglin("hospital", PROVINCE, "--recovery-public", recovery)
        hospital = json.loads(told)["id"]
        for one in self.people:
            one.id = self._add(one, hospital)

    def add_own_expert(self, county: str, user: str, name: str) -> Expert:
        """Add an expert of a county's own hospital, who works through its box; return the log-in.

        The county was invited before.
        """
        one = Expert(user, name, "expert", "respiratory", "attending")
        one.id = self._add(one, self._hospitals[county])
        self._set_up_second_factor(one)
        self.people.append(one)
        return one

    def invite(self, hospital: str) -> str:
        """Return a one-time code for a hospital's box; the hospital is added first."""
        self._hospitals[hospital] = json.loads(self._xinglin("hospital", hospital))["id"]
        return str(json.loads(self._xinglin("invite", hospital, "--json"))["code"])

    @property
    def boxes(self) -> str:
        """Where a box joins."""
        return f"127.0.0.1:{self.enrol}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the hub's process for a block."""
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "hub.main", str(self.folder)]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
            with running(process, "hub", self.log):
                yield

    def wait(self, seconds: float) -> None:
        """Wait until the portal answers."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.portal}") as client:
            wait_for(client, "/api/about", seconds, threading.Event())

    def set_up_second_factors(self) -> None:
        """Sign everybody in once and set the second factor up, as each would on the page."""
        for one in self.people:
            self._set_up_second_factor(one)

    def _set_up_second_factor(self, one: Expert) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.portal}") as client:
            login = {"user": one.user, "password": one.password}
            me = client.post("/api/login", json=login).raise_for_status().json()
            client.headers["X-CSRF-Token"] = me["csrf"]
            offered = client.post("/api/me/otp").raise_for_status().json()
            one.otp_secret = offered["secret"]
            # The present code stays unused.
            body = {"secret": one.otp_secret, "otp": one.code(-1)}
            client.put("/api/me/otp", json=body).raise_for_status()

    def _add(self, one: Expert, hospital: str) -> str:
        made = self._xinglin(
            "user", "add", one.user, "--role", one.role, "--name", one.name,
            "--hospital", hospital, "--department", one.department, "--title", one.title,
            "--keep", said=one.password,
        )  # fmt: skip
        return str(json.loads(made)["id"])

    def _xinglin(self, *arguments: str, said: str = "") -> str:
        return xinglin("hub", *arguments, folder=self.folder, said=said)
