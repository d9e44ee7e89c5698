"""C-STORE throughput: our receiver against Orthanc with its defaults, same disk, same run.

    python -m tests.bench.bench_store [--sink module:factory] [--folder DIR] [--rounds 3]

The client is DCMTK's ``storescu``; ``TCP_NODELAY=1`` is set for it and for Orthanc, for without it
Orthanc looks ten times slower than it is. Prints one JSON object: instances per second (median of
the rounds, ours and Orthanc's by turns) and the ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from provisioning.dcmtk import need_dcmtk

ENVIRONMENT = os.environ | {"TCP_NODELAY": "1"}
ROOT = Path(__file__).resolve().parents[2]


def write_ct(folder: Path, count: int, seed: int) -> None:
    """Write a CT series, 512 x 512 x 16 bit, noise over a disc."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:512, :512]
    disc = np.where((x - 256) ** 2 + (y - 256) ** 2 < 200**2, 40, -1000)
    study, series = generate_uid(), generate_uid()
    for number in range(count):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
        ds.PatientName, ds.PatientID, ds.Modality = "Bench^Store", f"B{seed}", "CT"
        ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260101", "120000", "1"
        ds.InstanceNumber = number + 1
        ds.ImagePositionPatient = [0.0, 0.0, float(number)]
        ds.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        ds.PixelSpacing, ds.SliceThickness = [0.7, 0.7], 1.0
        ds.Rows = ds.Columns = 512
        ds.BitsAllocated = ds.BitsStored = 16
        ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 1, 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.RescaleIntercept, ds.RescaleSlope = 0, 1
        pixels = (disc + rng.normal(0, 15, (512, 512))).astype("<i2")
        ds.PixelData = pixels.tobytes()
        ds.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)


@dataclass(frozen=True)
class Server:
    """A running server: its port and its process."""

    port: int
    process: int

    def cpu_s(self) -> float:
        """Return user and system seconds of the process and the children it runs."""
        return sum(_cpu_s(p) for p in (self.process, *_children(self.process)))


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that ended meanwhile
            found += [int(one) for one in (task / "children").read_text().split()]
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def ours(folder: Path, options: argparse.Namespace, processes: int) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.receiver_process", "--port", str(port)]
    command += ["--folder", str(folder), "--sink", options.sink, "--processes", str(processes)]
    with ended(
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield Server(port, process.pid)


@contextlib.contextmanager
def orthanc(folder: Path) -> Iterator[Server]:
    folder.mkdir(parents=True)
    port, web = free_port(), free_port()
    settings = folder / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "db"),
                "IndexDirectory": str(folder / "db"),
                "DicomPort": port,
                "HttpPort": web,
                "DicomAet": "XINGLIN",
            }
        )
    )
    with ended(
        subprocess.Popen(
            ["Orthanc", str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env=ENVIRONMENT,
        )
    ) as process:
        until_listening(port)
        yield Server(port, process.pid)


def until_listening(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(port)


def send(port: int, folders: list[Path]) -> float:
    """Send each folder on an association of its own; return instances per second."""
    command = [
        need_dcmtk("storescu"),
        "-aec",
        "XINGLIN",
        "-pdu",
        "131072",
        "+sd",
        "127.0.0.1",
        str(port),
    ]
    count = sum(len(list(f.iterdir())) for f in folders)
    started = time.perf_counter()
    senders = [subprocess.Popen([*command, str(f)], env=ENVIRONMENT) for f in folders]
    codes = [s.wait() for s in senders]
    seconds = time.perf_counter() - started
    if any(codes):
        raise RuntimeError(f"storescu failed: {codes}")
    return count / seconds


def measure(work: Path, options: argparse.Namespace) -> dict[str, object]:
    series = [work / "series" / str(n) for n in range(4)]
    for n, folder in enumerate(series):
        write_ct(folder, options.instances // 2, n)
    one = work / "series" / "one"
    write_ct(one, options.instances, 9)
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}

    def record(name: str, server: Server) -> None:
        before = server.cpu_s()
        rates.setdefault(f"{name}_1", []).append(send(server.port, [one]))
        rates.setdefault(f"{name}_4", []).append(send(server.port, series))
        count = options.instances + 4 * (options.instances // 2)
        costs.setdefault(name, []).append(1000 * (server.cpu_s() - before) / count)

    for number in range(options.rounds):
        # A fresh store each round: Orthanc would answer a known instance without writing it.
        for count in options.processes:
            folder = work / f"ours{count}-{number}"
            folder.mkdir()
            with ours(folder, options, count) as server:
                record(f"ours_p{count}", server)
            shutil.rmtree(folder)
        with orthanc(work / f"orthanc-{number}") as server:
            record("orthanc", server)
        shutil.rmtree(work / f"orthanc-{number}")
    medians = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    first = f"ours_p{options.processes[0]}"
    return {
        "what": "C-STORE, CT 512x512x16 bit, instances per second, median of the rounds",
        "sink": options.sink,
        "rounds": options.rounds,
        "instances_per_second": medians,
        "server_cpu_ms_per_instance": {
            name: round(statistics.median(values), 2) for name, values in costs.items()
        },
        "load_average": os.getloadavg(),
        "all": {name: [round(v, 1) for v in values] for name, values in rates.items()},
        "ratio_1_association": round(medians[f"{first}_1"] / medians["orthanc_1"], 2),
        "ratio_4_associations": round(medians[f"{first}_4"] / medians["orthanc_4"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sink", default="edge.intake.net.sink_files:file_sink")
    parser.add_argument("--folder", type=Path, default=None, help="where both stores write")
    parser.add_argument("--instances", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-store-", dir=options.folder) as work:
        sys.stdout.write(json.dumps(measure(Path(work), options), indent=2) + "\n")


if __name__ == "__main__":
    main()
