"""A region on one machine: a real PACS (Orthanc), one appliance, studies sent as a modality would.

``python -m provisioning.demo [--studies DIR] [--once]``. Everything lives in a folder that
is made afresh; all ports are on the loopback address.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.demo_client import Appliance, Pacs
from provisioning.demo_input import prepare
from provisioning.demo_ports import free_ports
from provisioning.demo_send import send

_ROOT = Path(__file__).resolve().parents[1]
_NAMES = {"radiologist": "陈医师", "radiographer": "王技师", "device_it": "李工程师"}
_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one demo."""

    dicom: int
    dimse: int
    web: int
    pacs_dicom: int
    pacs_http: int


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 the demo speaks to a person


def settings_text(ports: Ports) -> str:
    """Return the demo appliance's settings."""
    return f"""# 演示设备 / the demo's appliance
hospital = "杏林示范县人民医院"

[dicom]
ae_title = "XINGLIN"
host = "127.0.0.1"
port = {ports.dicom}
dimse_port = {ports.dimse}

[web]
host = "127.0.0.1"
port = {ports.web}

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


def start_pacs(folder: Path, ports: Ports) -> subprocess.Popen[bytes]:
    """Start Orthanc with DICOMweb; TCP_NODELAY as every comparison needs it."""
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
    return subprocess.Popen(
        [program, str(path)], stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"}
    )


def start_appliance(
    folder: Path, ports: Ports, accounts: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Make the appliance's folder with its accounts and start it."""
    folder.mkdir(parents=True)
    settings = folder / "settings.toml"
    settings.write_text(settings_text(ports), encoding="utf-8")
    data = folder / "data"
    xinglin = [sys.executable, "-m", "core.cli", "edge"]
    subprocess.run(
        [*xinglin, "init", "--folder", str(data), "--settings", str(settings)],
        check=True, stdout=subprocess.DEVNULL, cwd=_ROOT,
    )  # fmt: skip
    for role, password in accounts.items():
        subprocess.run(
            [*xinglin, "user", "add", "--folder", str(data), "--role", role, "--name",
             _NAMES.get(role, role), "--keep", role],
            input=password.encode() + b"\n", check=True, cwd=_ROOT,
        )  # fmt: skip
    log = (folder / "appliance.log").open("wb")
    return subprocess.Popen(
        [sys.executable, "-m", "edge.main", str(data)], stdout=log, stderr=log, cwd=_ROOT
    )


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


def watch(appliance: Appliance, expected: int, stop: threading.Event, limit_s: float) -> list[str]:
    """Show progress until every study has a result and its delivery is settled.

    Returns
    -------
    list of str
        Opaque ids of the studies that were not settled when the time was up.
    """
    shown: dict[str, str] = {}
    quiet: dict[str, int] = {}
    ends = time.monotonic() + limit_s
    while not stop.is_set():
        rows, busy = appliance.worklist(), appliance.busy()
        for row in rows:
            line = (
                f"{row['modality']:<3} {row['patient_name']:<8} 图像 {row['instance_count']:>4}"
                f"  质控 {row['qc']:<7} AI {row['ai']:<14} 送达 {row['delivery']}"
            )
            if shown.get(row["study"]) != line:
                shown[row["study"]] = line
                say("  " + line)
            # Nothing to wait for and nothing in the queue, three looks long: it is over.
            over = appliance.ended(row) and row["study"] not in busy
            quiet[row["study"]] = quiet.get(row["study"], 0) + 1 if over else 0
        open_ = [r["study"] for r in rows if not appliance.settled(r) and quiet[r["study"]] < 3]
        if (len(rows) >= expected and not open_) or time.monotonic() > ends:
            return open_
        stop.wait(0.7)
    return []


def report(appliance: Appliance, pacs: Pacs, held: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what happened to each study, objects as the PACS itself lists them."""
    return {
        "studies": [appliance.outcome(row, pacs) for row in appliance.worklist()],
        "quarantine": held,
    }


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=Path)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--report", type=Path, default=Path("demo-report.json"))
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ports = Ports(*free_ports(5))
    accounts = {
        role: secrets.token_urlsafe(9) for role in ("radiologist", "radiographer", "device_it")
    }
    with tempfile.TemporaryDirectory(prefix="xinglin-demo-") as name:
        folder = Path(name)
        say("准备检查 / preparing the studies …")
        studies = prepare(options.studies, folder / "input", say)
        say("启动 PACS 与设备 / starting PACS and appliance …")
        pacs_process = start_pacs(folder / "pacs", ports)
        edge_process = start_appliance(folder / "edge", ports, accounts)
        with (
            running(pacs_process, "Orthanc", folder / "pacs" / "orthanc.log"),
            running(edge_process, "xinglin", folder / "edge" / "appliance.log"),
        ):
            pacs = Pacs(ports.pacs_http)
            appliance = Appliance(ports.web, "radiologist", accounts["radiologist"])
            pacs.wait(60, stop)
            appliance.wait(120, stop)
            address = f"http://127.0.0.1:{ports.web}/"
            say(f"网页 / page: {address}")
            for role, password in accounts.items():
                say(f"  用户 / user {role:<13} 口令 / password {password}")
            for study in studies:
                for complaint in send(study, ports.dicom):
                    say(f"  ! {complaint}")
            unsettled = watch(appliance, len(studies), stop, 300 + 300 * len(studies))
            found = report(appliance, pacs, appliance.quarantine())
            show(found)
            if options.once:
                options.report.write_text(
                    json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8"
                )
                say(f"→ {options.report}")
                if unsettled:
                    say(f"! {len(unsettled)} 份检查未完成 / studies not settled in time")
                    sys.exit(3)
            else:
                say(f"网页 / page: {address}    Ctrl-C 结束 / ends")
                while not stop.is_set():
                    time.sleep(0.2)


def show(found: dict[str, Any]) -> None:
    """Print what happened to each study."""
    for study in found["studies"]:
        objects = study["objects"]
        confirmed = sum(1 for one in objects if one["confirmed"])
        finding = (
            f"TB {study['tb']['score']:.2f} {'疑似' if study['tb']['positive'] else '阴性'}"
            if study.get("tb")
            else f"病灶 {len(study['lesions'])}"
            if study.get("lesions") is not None
            else "—"
        )
        qc = (study["qc"] or {}).get("verdict", "—")
        say(
            f"✓ {study['modality']:<3} …{study['study'][-12:]}  {study['status']:<14} 质控 {qc:<6}"
            f" {finding:<14} PACS {confirmed}/{len(objects)}"
        )
    for one in found["quarantine"]:
        say(f"! 隔离 / quarantine {one['code']} {one['message_zh']}")


if __name__ == "__main__":
    main()
