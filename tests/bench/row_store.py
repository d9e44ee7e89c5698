"""C-STORE instances per second: the appliance's real receiver against Orthanc, by turns.

Ours is ``edge.main FOLDER receiver`` on a box made for it: bytes encrypted and synced, record,
worklist view and search rows committed before success. Orthanc runs with its defaults.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.bench.appliance import Layout, make, process
from tests.bench.bench_store import Server, orthanc, send, until_listening, write_ct
from tests.bench.figure import Figure

TARGETS = {1: 1.0, 4: 1.5}


@contextlib.contextmanager
def receiver(folder: Path, processes: int) -> Iterator[Server]:
    layout = Layout.at(folder / "box", processes)
    make(layout).close()
    with process(layout, "receiver") as running:
        until_listening(layout.dicom)
        yield Server(layout.dicom, running.pid)


def measure(work: Path, quick: bool) -> list[Figure]:
    one_count, four_count, rounds = (80, 40, 1) if quick else (300, 150, 3)
    series = [work / "series" / str(n) for n in range(4)]
    for n, folder in enumerate(series):
        write_ct(folder, four_count, n)
    write_ct(work / "series" / "one", one_count, 9)
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}

    def record(name: str, server: Server) -> None:
        before = server.cpu_s()
        rates.setdefault(f"{name}/1", []).append(send(server.port, [work / "series" / "one"]))
        rates.setdefault(f"{name}/4", []).append(send(server.port, series))
        costs.setdefault(name, []).append(
            1000 * (server.cpu_s() - before) / (one_count + 4 * four_count)
        )

    for number in range(rounds):
        # A fresh store each round: Orthanc would answer a known instance without writing it.
        for processes in (1, 2):
            place = work / f"ours{processes}-{number}"
            place.mkdir()
            with receiver(place, processes) as server:
                record(f"ours, {processes} process{'es' * (processes - 1)}", server)
            shutil.rmtree(place)
        with orthanc(work / f"orthanc-{number}") as server:
            record("orthanc", server)
        shutil.rmtree(work / f"orthanc-{number}")
    data = f"CT 512x512x16 bit, 526 kB, {one_count} / 4 x {four_count}, median of {rounds}"
    detail = {"instances_per_s": rates, "server_cpu_ms_per_instance": costs}
    return [
        _figure(name, count, rates, data, detail) for name in list(costs)[:2] for count in (1, 4)
    ]


def _figure(
    name: str, count: int, rates: dict[str, list[float]], data: str, detail: dict[str, object]
) -> Figure:
    # The rounds' own ratios, so that a change of load between rounds does not count.
    pairs = list(zip(rates[f"{name}/{count}"], rates[f"orthanc/{count}"], strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    mine, theirs = (statistics.median(p[n] for p in pairs) for n in (0, 1))
    return Figure(
        row="store", what=f"C-STORE, {count} association{'s' * (count > 1)} ({name})",
        target=f"≥ {TARGETS[count]} × Orthanc", ok=ratio >= TARGETS[count], ratio=ratio, data=data,
        reached=f"{mine:.0f}/s against {theirs:.0f}/s", detail=detail if count == 1 else {},
    )  # fmt: skip
