"""Orthanc against the query service: it queries, moves, and commits in both directions."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from edge.intake.dimse.commitment import request_commitment
from edge.intake.dimse.ports import DimseSettings, Peer, Reference
from edge.intake.dimse.service import DimsePorts, start_service
from tests.dimse_fakes import CT, Answers, Log, MemoryArchive, Steps, file_of, make_instance

ORTHANC = shutil.which("Orthanc")
pytestmark = pytest.mark.skipif(ORTHANC is None, reason="Orthanc is not installed (Debian package)")


@dataclass
class Pair:
    pacs: httpx.Client
    pacs_port: int
    answers: Answers
    port: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("orthanc")
    http, dicom = free_port(), free_port()
    archive, answers = MemoryArchive(), Answers()
    for number in (1, 2, 3):
        archive.add(file_of(make_instance("P1", "ZHANG^SAN=张^三", "1.2.1", "1.2.1.1", number)))
    archive.add(file_of(make_instance("P2", "区^𠮷", "1.2.2", "1.2.2.1", 1)))
    peers = {"ORTHANC": Peer("ORTHANC", "127.0.0.1", dicom)}
    service = start_service(
        DimseSettings("XINGLIN", peers=peers), DimsePorts(archive, Steps(), answers, Log())
    )
    process = start_orthanc(folder, http, dicom, service.port)
    with httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=30) as client:
        wait_for(client)
        yield Pair(client, dicom, answers, service.port)
    process.terminate()
    process.wait()
    service.stop()


def start_orthanc(folder: Path, http: int, dicom: int, ours: int) -> subprocess.Popen[bytes]:
    settings = {
        "Name": "PACS", "HttpPort": http, "DicomPort": dicom, "DicomAet": "ORTHANC",
        "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"),
        "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "Plugins": [],
        "DefaultEncoding": "Utf8",
        "DicomModalities": {"XINGLIN": ["XINGLIN", "127.0.0.1", ours]},
    }  # fmt: skip
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    assert ORTHANC is not None
    return subprocess.Popen(
        [ORTHANC, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for(client: httpx.Client) -> None:
    pause = threading.Event()
    for _ in range(300):
        try:
            client.get("/system").raise_for_status()
        except httpx.TransportError:
            pause.wait(0.1)
        else:
            return
    raise AssertionError("Orthanc did not start")


def job_done(client: httpx.Client, path: str, key: str, states: set[str]) -> dict[str, object]:
    pause = threading.Event()
    for _ in range(200):
        answer = client.get(path)
        if answer.status_code == 200 and answer.json()[key] in states:
            return dict(answer.json())
        pause.wait(0.1)
    raise AssertionError(answer.text)


def test_echo(pair):
    pair.pacs.post("/modalities/XINGLIN/echo", content="{}").raise_for_status()


@pytest.mark.parametrize(
    ("name", "uids"), [("zhangsan", {"1.2.1"}), ("张*", {"1.2.1"}), ("ou*", {"1.2.2"})]
)
def test_orthanc_finds_our_studies(pair, name, uids):
    body = {"Level": "Study", "Query": {"PatientName": name, "StudyInstanceUID": ""}}
    query = pair.pacs.post("/modalities/XINGLIN/query", json=body).raise_for_status().json()["ID"]
    answers = pair.pacs.get(f"/queries/{query}/answers?expand&simplify").json()
    assert {a["StudyInstanceUID"] for a in answers} == uids
    assert {a["PatientName"] for a in answers} <= {"ZHANG^SAN=张^三", "区^𠮷"}


def test_orthanc_moves_our_study_to_itself_and_commits_to_it(pair):
    body = {"Level": "Study", "Query": {"StudyInstanceUID": "1.2.1"}}
    query = pair.pacs.post("/modalities/XINGLIN/query", json=body).json()["ID"]
    moved = pair.pacs.post(f"/queries/{query}/retrieve", json={"TargetAet": "ORTHANC"})
    moved.raise_for_status()
    found = pair.pacs.post(
        "/tools/find", json={"Level": "Instance", "Query": {"StudyInstanceUID": "1.2.1"}}
    ).json()
    assert len(found) == 3

    pair.answers.known = "1.5.77"
    peer = Peer("ORTHANC", "127.0.0.1", pair.pacs_port)
    asked = [Reference(CT, "1.2.1.1.1"), Reference(CT, "9.9.9")]
    answer = request_commitment(peer, asked, "1.5.77", ae_title="XINGLIN", wait_s=1)
    if answer is None:
        # Orthanc answers on an association of its own, with reversed roles.
        assert pair.answers.arrived.wait(20)
        (answer,) = pair.answers.taken
    assert answer.committed == (Reference(CT, "1.2.1.1.1"),)
    assert set(answer.failed) == {"9.9.9"}


@pytest.mark.parametrize(("uid", "status"), [("1.2.1.1.2", "Success"), ("9.9", "Failure")])
def test_we_commit_to_orthanc(pair, uid, status):
    body = {"DicomInstances": [[CT, uid]]}
    asked = pair.pacs.post("/modalities/XINGLIN/storage-commitment", json=body).raise_for_status()
    path = asked.json()["Path"]
    assert job_done(pair.pacs, path, "Status", {"Success", "Failure"})["Status"] == status
