"""DCMTK's tools against the query service."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from edge.intake.dimse.ports import DimseSettings, Peer
from edge.intake.dimse.service import DimsePorts, start_service
from provisioning.dcmtk import dcmtk_program, need_dcmtk
from tests.dimse_fakes import Answers, Log, MemoryArchive, Steps, file_of, make_instance

pytestmark = pytest.mark.skipif(
    dcmtk_program("findscu") is None, reason="DCMTK is not installed (Debian package dcmtk)"
)


@pytest.fixture(scope="module")
def storescp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    folder = tmp_path_factory.mktemp("received")
    port = _free_port()
    process = subprocess.Popen(
        [need_dcmtk("storescp"), "+xa", "-aet", "DST", "-od", str(folder), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(port)
    yield port, folder
    process.terminate()
    process.wait()


@pytest.fixture
def destination(storescp: tuple[int, Path]) -> tuple[int, Path]:
    for file in storescp[1].iterdir():
        file.unlink()
    return storescp


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    run = threading.Event()
    for _ in range(200):
        echo = [need_dcmtk("echoscu"), "-aec", "DST", "127.0.0.1", str(port)]
        if subprocess.run(echo, capture_output=True, check=False).returncode == 0:
            return
        run.wait(0.05)
    raise AssertionError("storescp did not start")


@pytest.fixture(scope="module")
def archive() -> MemoryArchive:
    held = MemoryArchive()
    for number in (1, 2, 3):
        held.add(file_of(make_instance("P1", "ZHANG^SAN=张^三", "1.2.1", "1.2.1.1", number)))
    held.add(file_of(make_instance("P2", "区^𠮷", "1.2.2", "1.2.2.1", 1)))
    return held


@pytest.fixture(scope="module")
def port(archive: MemoryArchive, storescp: tuple[int, Path]) -> Iterator[int]:
    peers = {"DST": Peer("DST", "127.0.0.1", storescp[0])}
    service = start_service(
        DimseSettings("XINGLIN", peers=peers),
        DimsePorts(archive, Steps(), Answers(), Log()),
    )
    yield service.port
    service.stop()


def run(tool: str, port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need_dcmtk(tool), *arguments, "-aec", "XINGLIN", "127.0.0.1", str(port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_echo(port):
    assert run("echoscu", port).returncode == 0


@pytest.mark.parametrize(
    ("model", "level", "key", "files"),
    [
        ("-S", "STUDY", "PatientName=zhangsan", 1),
        ("-S", "STUDY", "PatientName=ou*", 1),
        ("-S", "STUDY", "StudyInstanceUID=1.2.1\\1.2.2", 2),
        ("-P", "PATIENT", "PatientID=P*", 2),
        ("-S", "SERIES", "StudyInstanceUID=1.2.1", 1),
        ("-S", "IMAGE", "SeriesInstanceUID=1.2.1.1", 3),
        ("-S", "STUDY", "PatientName=nobody", 0),
    ],
)
def test_findscu(port, tmp_path, model, level, key, files):
    out = tmp_path / "found"
    out.mkdir()
    keys = [f"QueryRetrieveLevel={level}", key, "EthnicGroup"]
    keys += [] if key.startswith("PatientName") else ["PatientName"]
    arguments = [a for k in keys for a in ("-k", k)]
    done = run("findscu", port, model, "-X", "-od", str(out), *arguments)
    assert done.returncode == 0, done.stderr
    answers = [dcmread(p, force=True) for p in sorted(out.iterdir())]
    assert len(answers) == files
    for answer in answers:
        assert answer.SpecificCharacterSet == "ISO_IR 192"
        assert str(answer.PatientName) in ("ZHANG^SAN=张^三", "区^𠮷")


def test_getscu(port, archive, tmp_path):
    out = tmp_path / "got"
    out.mkdir()
    done = run(
        "getscu", port, "-S", "+B", "-od", str(out),
        "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = {str(dcmread(p, force=True).SOPInstanceUID) for p in out.iterdir()}
    assert names == {"1.2.1.1.1", "1.2.1.1.2", "1.2.1.1.3"}


LEVELS = [
    ("-P", "PATIENT", ["PatientID=P1"], 3),
    ("-S", "STUDY", ["StudyInstanceUID=1.2.1"], 3),
    ("-P", "STUDY", ["PatientID=P1", "StudyInstanceUID=1.2.1"], 3),
    ("-P", "STUDY", ["PatientID=P2", "StudyInstanceUID=1.2.1"], 0),
    ("-S", "SERIES", ["StudyInstanceUID=1.2.1", "SeriesInstanceUID=1.2.1.1"], 3),
    (
        "-S",
        "IMAGE",
        ["StudyInstanceUID=1.2.1", "SeriesInstanceUID=1.2.1.1", "SOPInstanceUID=1.2.1.1.2"],
        1,
    ),
]


@pytest.mark.parametrize(("model", "level", "keys", "count"), LEVELS)
def test_movescu(port, destination, model, level, keys, count):
    arguments = [a for k in [f"QueryRetrieveLevel={level}", *keys] for a in ("-k", k)]
    done = run("movescu", port, model, "-aem", "DST", *arguments)
    assert done.returncode == 0, done.stderr
    assert len(list(destination[1].iterdir())) == count


@pytest.mark.parametrize(("model", "level", "keys", "count"), LEVELS)
def test_getscu_at_every_level(port, tmp_path, model, level, keys, count):
    arguments = [a for k in [f"QueryRetrieveLevel={level}", *keys] for a in ("-k", k)]
    done = run("getscu", port, model, "-od", str(tmp_path), *arguments)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == count


def test_movescu_to_a_stranger(port, destination):
    done = run(
        "movescu", port, "-S", "-aem", "NOBODY",
        "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1",
    )  # fmt: skip
    assert done.returncode != 0
    assert "MoveDestinationUnknown" in done.stdout + done.stderr
    assert list(destination[1].iterdir()) == []
