"""Orthanc in a process of its own, as a PACS that takes what the appliance sends."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from edge.report.delivery import PeerSettings

needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None, reason="needs Orthanc (Debian package orthanc)"
)


@dataclass(frozen=True)
class Orthanc:
    """A running one and where it listens; ``listener_port`` is where it sends commitments."""

    http_port: int
    dicom_port: int
    listener_port: int

    def ask(self, path: str, body: object | None = None) -> object:
        """Ask its REST interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}",
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def peer(self) -> PeerSettings:
        """Return it as a destination."""
        return PeerSettings(
            "orthanc", "127.0.0.1", self.dicom_port, "ORTHANC", commitment_wait_s=10.0
        )

    def kept(self, uid: str) -> Dataset:
        """Return an instance as it lies there."""
        url = f"http://127.0.0.1:{self.http_port}/instances/{self.instance(uid)['ID']}/file"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return dcmread(io.BytesIO(answer.read()))

    def instance(self, uid: str) -> dict:
        """Return what it says of an instance; fails where it has not exactly one."""
        found = self.ask(
            "/tools/find",
            {"Level": "Instance", "Query": {"SOPInstanceUID": uid}, "Expand": True},
        )
        assert isinstance(found, list)
        assert len(found) == 1
        return found[0]


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


def wait_until_ready(orthanc: Orthanc, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            orthanc.ask("/system")
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, "Orthanc ended at once"
            assert time.monotonic() < deadline, "Orthanc did not answer in a minute"
            time.sleep(0.05)
        else:
            return


@contextmanager
def running_orthanc(folder: Path) -> Iterator[Orthanc]:
    """Yield an Orthanc that keeps its data in a folder."""
    http_port, dicom_port, listener_port = free_ports(3)
    settings = {
        "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"),
        "HttpPort": http_port, "DicomPort": dicom_port, "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "Plugins": [],
        "DicomModalities": {"xinglin": ["XINGLIN", "127.0.0.1", listener_port]},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    node = Orthanc(http_port, dicom_port, listener_port)
    try:
        wait_until_ready(node, process)
        yield node
    finally:
        process.terminate()
        process.wait(timeout=30)
