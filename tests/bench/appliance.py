"""A real appliance for measurements: its folder, its processes, a logged-in client."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.web.people import People
from edge.intake.sink import JournalSink
from edge.store.box import Box, create_box, real_outside
from provisioning.dcmtk import need_dcmtk
from provisioning.demo_ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
USER, PASSWORD = "bench", "a long enough passphrase 7"


@dataclass(frozen=True)
class Layout:
    """Where one measured appliance lives and listens."""

    folder: Path
    receivers: int = 1
    dicom: int = 0
    dimse: int = 0
    web: int = 0
    extra: str = ""

    @staticmethod
    def at(folder: Path, receivers: int = 1, extra: str = "") -> Layout:
        dicom, dimse, web = free_ports(3)
        return Layout(folder, receivers, dicom, dimse, web, extra)

    def settings(self) -> str:
        return f"""
[dicom]
ae_title = "XINGLIN"
port = {self.dicom}
dimse_port = {self.dimse}
processes = {self.receivers}
[web]
port = {self.web}
[[peers]]
name = "modality"
ae_title = "STORESCU"
traits = ["modality"]
max_associations = 60
{self.extra}
"""


def make(layout: Layout) -> Box:
    """Create the folder with one account that may read, and return it opened."""
    box = create_box(layout.folder, layout.settings(), real_outside())
    people = People(box.database, box.outside.now_ms, box.outside.randomness)
    people.add(USER, USER, "radiologist", PASSWORD, must_change=False)
    return box


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "TCP_NODELAY": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


@contextlib.contextmanager
def process(layout: Layout, role: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run one process of the appliance (or, without a role, all of them) while the block runs."""
    command = [sys.executable, "-m", "edge.main", str(layout.folder), *([role] if role else [])]
    log = layout.folder.parent / f"{layout.folder.name}-{role or 'all'}.log"
    with log.open("wb") as out:
        running = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, env=environment())
    try:
        yield running
    finally:
        ended = running.poll()
        running.terminate()
        running.wait(60)
        if ended is not None:
            sys.stderr.write(
                f"{role or 'appliance'} ended by itself ({ended}):\n{log.read_text()}\n"
            )


@dataclass
class Client:
    """A logged-in browser, as far as HTTP goes; one connection, kept alive."""

    port: int
    cookie: str = ""
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def log_in(self) -> Client:
        body = json.dumps({"user": USER, "password": PASSWORD})
        self.connection.request("POST", "/api/login", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"login: {answer.status}")
        self.cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        return self

    def twin(self) -> Client:
        """Return another connection of the same log-in."""
        return Client(self.port, self.cookie)

    def get(self, path: str, accept: str = "*/*") -> bytes:
        headers = {"Cookie": self.cookie, "Accept": accept}
        try:
            self.connection.request("GET", path, headers=headers)
            answer = self.connection.getresponse()
        except ConnectionError:  # the server ends idle connections
            self.connection.close()
            self.connection.request("GET", path, headers=headers)
            answer = self.connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {data[:200]!r}")
        return data

    def close(self) -> None:
        self.connection.close()

    def json(self, path: str) -> dict[str, object]:
        value: dict[str, object] = json.loads(self.get(path))
        return value


def until_web(port: int, seconds: float = 180) -> None:
    """Wait until the page's server answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/api/me")
            connection.getresponse().read()
            connection.close()
            return
        connection.close()
        time.sleep(0.1)
    raise TimeoutError(port)


def storescu(port: int, files: list[Path]) -> None:
    """Send files on one association, as a modality would."""
    for at in range(0, len(files), 400):
        command = [
            need_dcmtk("storescu"),
            "-aec",
            "XINGLIN",
            "-pdu",
            "131072",
            "127.0.0.1",
            str(port),
        ]
        names = [str(file) for file in files[at : at + 400]]
        subprocess.run([*command, *names], check=True, env=environment())


def journal_sink(folder: Path) -> JournalSink:
    """Return the appliance's own sink on a box made for it (for ``receiver_process``)."""
    return JournalSink(make(Layout.at(folder / "box")), lambda: "ok")
