"""One county of the demo: a real PACS (Orthanc) and one appliance, on loopback ports."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioning.demo_client import Appliance, Pacs
from provisioning.demo_ports import free_ports

ROOT = Path(__file__).resolve().parents[1]
_NAMES = {"radiologist": "陈医师", "radiographer": "王技师", "device_it": "李工程师"}
_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one county."""

    dicom: int
    dimse: int
    web: int
    pacs_dicom: int
    pacs_http: int
    portal: int


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 the demo speaks to a person


def settings_text(hospital: str, ports: Ports) -> str:
    """Return a demo appliance's settings."""
    return f"""# 演示设备 / the demo's appliance
hospital = "{hospital}"

[dicom]
ae_title = "XINGLIN"
host = "127.0.0.1"
port = {ports.dicom}
dimse_port = {ports.dimse}

[web]
host = "127.0.0.1"
port = {ports.web}

[portal]
port = {ports.portal}

[[peers]]
name = "modality"
ae_title = "MODALITY"
networks = ["127.0.0.0/8"]
traits = ["modality"]

[[peers]]
name = "pacs"
ae_title = "ORTHANC"
host = "127.0.0.1"
port = {ports.pacs_dicom}
networks = ["127.0.0.0/8"]
traits = ["pacs", "may-correct", "may-query"]

[delivery]
destination = "pacs"
forward = true
before_review = true
"""


class County:
    """A hospital of the demo: its folder, its processes, its users.

    Parameters
    ----------
    name : str
        The hospital's.
    host : str
        Name under which a browser opens its page: cookies know no ports, so each has its own.
    """

    def __init__(self, folder: Path, name: str, host: str) -> None:
        self.folder = folder
        self.name = name
        self.data = folder / "edge" / "data"
        self.ports = Ports(*free_ports(6))
        self.address = f"http://{host}:{self.ports.web}/"
        #: The experts' page as this appliance serves it to the hospital's own.
        self.portal = f"http://{host}:{self.ports.portal}/"
        self.accounts = {role: secrets.token_urlsafe(9) for role in _NAMES}
        self.pacs = Pacs(self.ports.pacs_http)
        self.appliance = Appliance(self.ports.web, "radiologist", self.accounts["radiologist"])

    def make(self) -> None:
        """Make the appliance's folder with its accounts and its recovery key on a sheet."""
        (self.folder / "edge").mkdir(parents=True)
        settings = self.folder / "edge" / "settings.toml"
        settings.write_text(settings_text(self.name, self.ports), encoding="utf-8")
        self._xinglin("edge", "init", "--settings", str(settings))
        for role, password in self.accounts.items():
            self._xinglin("edge", "user", "add", "--role", role, "--name", _NAMES[role], "--keep",
                          role, said=password)  # fmt: skip
        sheet = self._xinglin("backup", "key")
        (self.folder / "recovery-key.txt").write_text(sheet, encoding="utf-8")

    def join(self, hub: str, code: str) -> None:
        """Join the region with a one-time code."""
        self._xinglin("edge", "join", hub, "-", said=code)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run PACS and appliance for a block."""
        pacs, edge = self._start_pacs(), self._start_appliance()
        logs = self.folder / "pacs" / "orthanc.log", self.folder / "edge" / "appliance.log"
        with running(pacs, "Orthanc", logs[0]), running(edge, "xinglin", logs[1]):
            yield

    def _start_pacs(self) -> subprocess.Popen[bytes]:
        """Start Orthanc with DICOMweb; TCP_NODELAY as every comparison needs it."""
        folder, ports = self.folder / "pacs", self.ports
        folder.mkdir(parents=True)
        configuration = {
            "Name": "PACS",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": ports.pacs_http,
            "DicomPort": ports.pacs_dicom,
            "DicomAet": "ORTHANC",
            "DicomCheckCalledAet": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomModalities": {"xinglin": ["XINGLIN", "127.0.0.1", ports.dicom]},
            "Plugins": [_PLUGIN] if Path(_PLUGIN).exists() else [],
        }
        path = folder / "orthanc.json"
        path.write_text(json.dumps(configuration), encoding="utf-8")
        program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        log = (folder / "orthanc.log").open("wb")
        environment = {**os.environ, "TCP_NODELAY": "1"}
        return subprocess.Popen([program, str(path)], stdout=log, stderr=log, env=environment)

    def _start_appliance(self) -> subprocess.Popen[bytes]:
        log = (self.folder / "edge" / "appliance.log").open("wb")
        command = [sys.executable, "-m", "edge.main", str(self.data)]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)

    def _xinglin(self, *arguments: str, said: str = "") -> str:
        return xinglin(*arguments, folder=self.data, said=said)


def xinglin(*arguments: str, folder: Path, said: str = "") -> str:
    """Run a command of ours on a folder, as an operator would; return what it printed."""
    variable = "XINGLIN_HUB_FOLDER" if arguments[0] == "hub" else "XINGLIN_FOLDER"
    done = subprocess.run(
        [sys.executable, "-m", "core.cli", *arguments],
        input=said + "\n", capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, variable: str(folder)},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"xinglin {' '.join(arguments[:3])}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def running(process: subprocess.Popen[bytes], name: str, log: Path) -> Iterator[None]:
    """End a process with the block; say so if it had ended by itself."""
    try:
        yield
    finally:
        if process.poll() not in (None, 0):
            say(f"! {name} 意外结束 / ended by itself: {log}")
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
