"""WADO-RS frames: the appliance's web server against Orthanc's DICOMweb plugin, same instances.

Clients are threads of one Python process with ``http.client``, one kept-alive connection each, so
that both servers meet the same client; rounds go by turns.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom

from provisioning.demo_ports import free_ports
from tests.bench.appliance import Client, Layout, make, process, until_web
from tests.bench.bench_store import ENVIRONMENT, ended, send, until_listening, write_ct
from tests.bench.figure import Figure, milliseconds, percentile

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
ACCEPT = 'multipart/related; type="application/octet-stream"'
Get = Callable[[str], bytes]


def paths_of(series: Path) -> list[str]:
    """Return the frame's path of each instance below the DICOMweb root."""
    found = []
    for file in sorted(series.iterdir()):
        one = pydicom.dcmread(file, stop_before_pixels=True)
        where = (one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
        found.append("/studies/{}/series/{}/instances/{}/frames/1".format(*where))
    return found


@contextlib.contextmanager
def ours(work: Path, series: list[Path]) -> Iterator[Callable[[], Get]]:
    layout = Layout.at(work / "box")
    make(layout).close()
    with process(layout, "receiver"):
        until_listening(layout.dicom)
        send(layout.dicom, series)
    with process(layout, "web"):
        until_web(layout.web)
        first = Client(layout.web).log_in()

        def connect() -> Get:
            client = first.twin()
            return lambda path: client.get(f"/dicomweb{path}", ACCEPT)

        yield connect


@contextlib.contextmanager
def orthanc(work: Path, series: list[Path]) -> Iterator[Callable[[], Get]]:
    work.mkdir(parents=True)
    dicom, web = free_ports(2)
    settings = work / "orthanc.json"
    configuration = {
        "StorageDirectory": str(work / "db"), "IndexDirectory": str(work / "db"),
        "DicomPort": dicom, "HttpPort": web, "DicomAet": "XINGLIN", "Plugins": [PLUGIN],
        "AuthenticationEnabled": False,
    }  # fmt: skip
    settings.write_text(json.dumps(configuration))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [shutil.which("Orthanc") or "/usr/sbin/Orthanc", str(settings)]
    with ended(subprocess.Popen(command, text=True, env=ENVIRONMENT, **quiet)):
        until_listening(dicom)
        send(dicom, series)

        def connect() -> Get:
            connection = http.client.HTTPConnection("127.0.0.1", web, timeout=60)

            def get(path: str) -> bytes:
                connection.request("GET", f"/dicom-web{path}", headers={"Accept": ACCEPT})
                answer = connection.getresponse()
                data = answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status} {data[:200]!r}")
                return data

            return get

        yield connect


def load(connect: Callable[[], Get], paths: list[str], clients: int, each: int) -> list[float]:
    """Return seconds of every request of so many clients at once."""
    seconds: list[list[float]] = [[] for _ in range(clients)]
    faults: list[BaseException] = []

    def client(number: int) -> None:
        try:
            get = connect()
            turn = itertools.cycle(
                paths[number * 7 % len(paths) :] + paths[: number * 7 % len(paths)]
            )
            get(next(turn))  # the connection, and the page cache
            for path in itertools.islice(turn, each):
                started = time.perf_counter()
                get(path)
                seconds[number].append(time.perf_counter() - started)
        except BaseException as error:  # noqa: BLE001 told to the caller below
            faults.append(error)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return [one for of_client in seconds for one in of_client]


def measure(work: Path, quick: bool) -> list[Figure]:
    instances, single, each, rounds = (20, 60, 8, 1) if quick else (100, 400, 40, 4)
    series = work / "series"
    write_ct(series, instances, 3)
    paths = paths_of(series)
    found: dict[tuple[str, int], list[list[float]]] = {}
    with ours(work, [series]) as mine, orthanc(work / "orthanc", [series]) as theirs:
        same_pixels(mine(), theirs(), paths[0])
        for connect in (mine, theirs):
            load(connect, paths, 1, len(paths))  # warm
        for _ in range(rounds):
            for name, connect in (("ours", mine), ("orthanc", theirs)):
                for clients, count in ((1, single), (16, each)):
                    seconds = load(connect, paths, clients, count)
                    found.setdefault((name, clients), []).append(seconds)
    data = f"512x512x16 bit, {instances} instances, {rounds} rounds by turns, page cache warm"
    return [_figure(found, clients, share, data) for clients in (1, 16) for share in (0.5, 0.99)]


def same_pixels(mine: Get, theirs: Get, path: str) -> None:
    """Both must give the same frame, else the comparison says nothing."""
    one, other = (get(path).partition(b"\r\n\r\n")[2][: 512 * 512 * 2] for get in (mine, theirs))
    if one != other:
        raise RuntimeError("the servers give different pixels")


def _figure(
    found: dict[tuple[str, int], list[list[float]]], clients: int, share: float, data: str
) -> Figure:
    pairs = [
        (percentile(mine, share), percentile(theirs, share))
        for mine, theirs in zip(found["ours", clients], found["orthanc", clients], strict=True)
    ]
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    mine, theirs = (1000 * statistics.median(p[n] for p in pairs) for n in (0, 1))
    flat = {
        name: milliseconds([s for seconds in found[name, clients] for s in seconds])
        for name in ("ours", "orthanc")
    }
    return Figure(
        row="wado", what=f"WADO-RS frame p{share * 100:.0f}, {clients} client{'s' * (clients > 1)}",
        target="≤ Orthanc DICOMweb", ok=ratio <= 1.0, ratio=ratio, data=data,
        reached=f"{mine:.2f} ms against {theirs:.2f} ms",
        detail={"p50_p99": flat, "load": os.getloadavg()[0]},
    )  # fmt: skip
