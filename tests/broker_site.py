"""A real mosquitto for tests, configured as the template says, and clients of every kind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

from sqlalchemy import insert

from core.records.clock import iso
from core.vault.certificates import broker_name
from core.web.broker import BrokerLink, BrokerSite, Ears
from edge.uplink.mqtt import NoticeListener
from edge.uplink.notices import awaited
from edge.uplink.status import notice_status
from hub.downlink.chain import append_event
from hub.registry.authority import open_authority
from hub.registry.broker_files import broker_folder, keep_broker_files, keep_publisher
from hub.store.tables import CONSULT, EVENT
from tests.sync_site import SyncBox, SyncSite, now_ms, until

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "provisioning" / "mqtt" / "mosquitto.conf.template"
WHY_NOT = "mosquitto is not installed"


def mosquitto() -> str | None:
    """Return the broker's program; Debian puts it where ordinary paths do not look."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def broker_toml(port: int) -> str:
    return f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\naddress = "127.0.0.1:{port}"\n'


class Broker:
    """One mosquitto on a port of this machine."""

    def __init__(self, site, port: int, folder: Path):
        self.port = port
        files = keep_broker_files(site, open_authority(site.folder, site.identity.id, site.outside))
        text = TEMPLATE.read_text(encoding="utf-8")
        text = text.replace("@FOLDER@", str(files)).replace("@PORT@", str(port))
        if os.geteuid() == 0:
            text += "user root\n"  # the tests' folders are root's own
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(text, encoding="utf-8")
        self._log = folder / "mosquitto.log"
        self.process: subprocess.Popen | None = None

    def start(self) -> Broker:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [mosquitto(), "-c", str(self._conf)], stdout=log, stderr=log
            )
        until(self._answers, what=f"broker: {self.log()}")
        return self

    def reload(self):
        """Have it read certificates, list and ACL anew, and wait until it has."""
        before = self.log().count("Reloading config")
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.log().count("Reloading config") > before, what="reload")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.log())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Peer:
    """A client with any certificate: what it heard, and a way to say anything."""

    def __init__(self, site: BrokerSite):
        self.heard: list[tuple[str, bytes]] = []
        self.open = threading.Event()
        self.ended = None
        self._out: list[tuple[str, bytes, threading.Event]] = []
        self._waits: list = []
        ears = Ears(self.open.set, lambda t, p: self.heard.append((t, p)), self._turn, 0.05)
        self.link = BrokerLink(site, ears, os.urandom(16).hex())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, topic: str, payload: bytes):
        """Publish, and wait for the broker's answer, whatever it says."""
        done = threading.Event()
        self._out.append((topic, payload, done))
        assert done.wait(20)

    def close(self):
        self.link.end()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self):
        self.ended = self.link.serve()

    def _turn(self, link):
        while self._out:
            topic, payload, done = self._out.pop(0)
            self._waits.append((link.say(topic, payload, 60), done))
        for info, done in self._waits:
            if info.answered:
                done.set()


def hub_peer(site: SyncSite, port: int, topic: str = "") -> Peer:
    """A client that shows the hub's certificate."""
    authority = open_authority(site.site.folder, site.site.identity.id, site.site.outside)
    hub = site.site.identity.id
    root = (broker_folder(site.site) / "region.crt").read_text()
    where = ("127.0.0.1", port, broker_name(hub), root)
    return Peer(BrokerSite(*where, keep_publisher(site.site, authority), topic))


def box_peer(box: SyncBox, port: int, topic: str) -> Peer:
    """A client that shows a box's certificate."""
    region = box.credentials.region()
    where = ("127.0.0.1", port, broker_name(region.hub), region.root)
    return Peer(BrokerSite(*where, box.credentials.device_file, topic))


class Listening:
    """A box's listener in a thread, and what it did."""

    def __init__(self, box: SyncBox, wake=None):
        self.box = box
        self.woken = 0
        self._wake = wake or (lambda: None)
        self.listener = NoticeListener(box.box, box.credentials, self._woken)
        self._thread = threading.Thread(target=self.listener.run)
        self._thread.start()

    def _woken(self):
        self.woken += 1
        self._wake()

    def state(self) -> str:
        return notice_status(self.box.box)["state"]

    def until_open(self) -> Listening:
        until(lambda: self.state() == "open", what=str(notice_status(self.box.box)))
        return self

    def awaited(self):
        return awaited(self.box.box)

    def ignored(self):
        return dict(self.listener._ignored)

    def close(self):
        self.listener.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()


def consult_row(site: SyncSite, hospital: str, consult: str, urgency="emergency", n: int = 1):
    """Have something happen in a consultation, as far as the chain shows it; return its seq."""
    now = now_ms()
    with site.site.database.write() as sql:
        if n == 1:
            sql.execute(
                insert(CONSULT).values(
                    id=consult, kind="consultation", hospital=hospital, urgency=urgency,
                    state="accepted", changed_at=now, folded="{}", events=1,
                )
            )  # fmt: skip
        sql.execute(
            insert(EVENT).values(
                consult=consult, seq=n, id=f"e_{consult[2:30]}{n:04d}", kind="opinion", actor="p_1",
                at=now, statement=b"{}", link="00" * 32,
            )
        )  # fmt: skip
        body = {"consult": consult, "seq": n, "statement": "", "link": "", "at": iso(now)}
        return append_event(site.site, sql, hospital, body)
