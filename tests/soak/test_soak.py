"""Everything at once for an hour: senders, readers, inference. No error, flat memory, calm frames.

``XINGLIN_SOAK_MINUTES`` (default 60) sets how long. The first tenth warms up and is not judged.
The senders pause between series so that what they send in that time fits the disk.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sys
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from provisioning.dcmtk import dcmtk_program
from tests.bench.appliance import Client, Layout, make, process, storescu, until_web
from tests.bench.bench_store import until_listening, write_ct
from tests.bench.figure import percentile
from tests.bench.phantoms import phantom, renewed
from tests.bench.row_wado import ACCEPT, paths_of

MINUTES = float(os.environ.get("XINGLIN_SOAK_MINUTES", "60"))
SENDERS, READERS, SLICES = 4, 10, 60
SLICE_BYTES = 560_000  # sealed, with its rows in journal and views
#: Of the free disk; the rest keeps the appliance's watermarks away.
DISK_SHARE = 0.5
#: Worker processes load models and grow their pools at first; growth after the warm-up counts.
MOST_GROWTH_MIB_PER_HOUR = 60.0


@dataclass
class Seen:
    """What the threads saw; each appends only."""

    errors: list[str] = field(default_factory=list)
    frames_s: list[tuple[float, float]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)


def resident_mib(parent: int) -> dict[str, float]:
    """Return the resident set of the appliance's processes by role."""
    found = {}
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            line = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
            found[line[-2].decode()] = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return found


class Load:
    """The threads that load one appliance until told to stop."""

    def __init__(
        self, layout: Layout, work: Path, seen: Seen, makers: Executor, pause_s: float
    ) -> None:
        self.layout, self.work, self.seen, self.pause_s = layout, work, seen, pause_s
        self.makers = makers  # other processes: the readers' clocks must not wait for this one
        self.stop = threading.Event()

    def guarded(self, body, *arguments) -> threading.Thread:
        def run() -> None:
            try:
                while not self.stop.is_set():
                    body(*arguments)
            except Exception as error:  # noqa: BLE001 the test reports it
                self.seen.errors.append(f"{body.__name__}: {type(error).__name__}: {error}")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def send(self, number: int, seeds: random.Random) -> None:
        """Send a fresh series; a sender never repeats an instance."""
        folder = self.work / f"sender{number}"
        self.makers.submit(write_ct, folder, SLICES, seeds.randrange(1 << 30)).result()
        storescu(self.layout.dicom, sorted(folder.iterdir()))
        shutil.rmtree(folder)
        self.seen.sent.append(SLICES)
        self.stop.wait(self.pause_s)

    def scroll(self, client: Client, paths: list[str], order: random.Random) -> None:
        """Scroll through one series as a reader does, a step each 30 ms at most."""
        start = order.randrange(len(paths))
        for path in paths[start:] + paths[:start]:
            if self.stop.is_set():
                return
            started = time.perf_counter()
            data = client.get(f"/dicomweb{path}", ACCEPT)
            took = time.perf_counter() - started
            assert len(data) > 512 * 512 * 2
            self.seen.frames_s.append((time.monotonic(), took))
            self.stop.wait(max(0.0, 0.03 - took))

    def infer(self, files: list[Path], numbers: random.Random) -> None:
        """Send a chest CT under new UIDs, so that inference always has one to do."""
        folder = self.work / "inference"
        shutil.rmtree(folder, ignore_errors=True)
        self.makers.submit(renewed, files, folder, numbers.getrandbits(100)).result()
        storescu(self.layout.dicom, sorted(folder.iterdir()))
        self.stop.wait(60.0)


def pause_for(free_bytes: int, minutes: float) -> float:
    """Return seconds between a sender's series, so that all of them fit the disk; at least 1."""
    rounds = free_bytes * DISK_SHARE / (SENDERS * SLICES * SLICE_BYTES)
    return max(1.0, minutes * 60 / rounds)


def slope_mib_per_hour(samples: list[tuple[float, float]]) -> float:
    """Return the least-squares slope of (seconds, MiB)."""
    at, value = np.array(samples).T
    return float(np.polyfit(at - at[0], value, 1)[0] * 3600)


@pytest.mark.slow
@pytest.mark.timeout(int(MINUTES * 60) + 1800)
@pytest.mark.skipif(dcmtk_program("storescu") is None, reason="DCMTK's storescu is not installed")
def test_an_hour_of_everything_at_once(tmp_path, record_property):
    layout, seen = Layout.at(tmp_path / "box"), Seen()
    make(layout).close()
    shown = tmp_path / "shown"
    write_ct(shown, 100, 1)
    files = phantom("ct", 7)
    pause_s = pause_for(shutil.disk_usage(tmp_path).free, MINUTES)
    spawn = multiprocessing.get_context("spawn")
    # What makes the series stands for other machines: it takes what is left of this one.
    generator = ProcessPoolExecutor(1, spawn, initializer=os.nice, initargs=(15,))
    with generator as makers, process(layout) as appliance:
        until_listening(layout.dicom)
        until_web(layout.web)
        storescu(layout.dicom, sorted(shown.iterdir()))
        first = Client(layout.web).log_in()
        paths = paths_of(shown)
        load = Load(layout, tmp_path, seen, makers, pause_s)
        clients = [first.twin() for _ in range(READERS)]
        readers = [
            load.guarded(load.scroll, client, paths, random.Random(n))
            for n, client in enumerate(clients)
        ]
        idle_s = min(30.0, MINUTES * 6)
        time.sleep(idle_s)
        idle = percentile([took for _, took in seen.frames_s], 0.99)
        began = time.monotonic()
        senders = [load.guarded(load.send, n, random.Random(100 + n)) for n in range(SENDERS)]
        inference = load.guarded(load.infer, files, random.Random(7))
        while time.monotonic() - began < MINUTES * 60 and not seen.errors:
            seen.memory.append((time.monotonic(), resident_mib(appliance.pid)))
            load.stop.wait(min(10.0, MINUTES))
        load.stop.set()
        for thread in (*readers, *senders, inference):
            thread.join(120)
        errors = [*seen.errors, *dead_letters(first)]
        for client in (first, *clients):
            client.close()
    warm = began + MINUTES * 6
    busy = percentile([took for at, took in seen.frames_s if at > warm], 0.99)
    growth = {
        role: slope_mib_per_hour(
            [(at, m[role]) for at, m in seen.memory if at > warm and role in m]
        )
        for role in ("receiver", "web")
    }
    report = {
        "minutes": MINUTES, "pause_s": pause_s, "instances": sum(seen.sent),
        "frames": len(seen.frames_s),
        "frame_p99_idle_ms": 1000 * idle, "frame_p99_busy_ms": 1000 * busy,
        "growth_mib_per_hour": growth, "memory_mib": seen.memory[-1][1], "errors": errors[:5],
    }  # fmt: skip
    record_property("soak", json.dumps(report))
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    assert not errors, errors[:5]
    assert busy <= 3 * idle, report
    if MINUTES >= 10:  # a slope over less says nothing
        assert all(one < MOST_GROWTH_MIB_PER_HOUR for one in growth.values()), report


def dead_letters(client: Client) -> list[str]:
    """Return jobs that ended for good without success."""
    from_queue = client.json("/api/worklist?limit=200")["rows"]
    assert isinstance(from_queue, list)
    return [f"study {row['modality']} failed" for row in from_queue if row["ai"] == "failed"]
