"""From the last image of a radiograph stored to its quality verdict on the worklist.

A whole appliance runs; the clock starts when ``storescu`` has its answer and is gone.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.appliance import Client, Layout, make, process, storescu, until_web
from tests.bench.bench_store import until_listening
from tests.bench.figure import Figure
from tests.bench.phantoms import phantom


def rows_by_study(client: Client) -> dict[str, dict[str, object]]:
    rows = client.json("/api/worklist?limit=50")["rows"]
    assert isinstance(rows, list)
    return {row["study_uid"]: row for row in rows}


def measure(work: Path, quick: bool) -> list[Figure]:
    seeds = (31,) if quick else (31, 32, 33, 34, 35)
    files = [phantom("dr", seed)[0] for seed in seeds]
    layout = Layout.at(work / "box")
    make(layout).close()
    seconds = []
    with process(layout):
        until_listening(layout.dicom)
        until_web(layout.web)
        client = Client(layout.web).log_in()
        storescu(layout.dicom, [phantom("dr", 30)[0]])  # libraries load once, at the first image
        until_judged(client, 1)
        for number, file in enumerate(files, start=2):
            storescu(layout.dicom, [file])
            started = time.perf_counter()
            until_judged(client, number)
            seconds.append(time.perf_counter() - started)
    worst = max(seconds)
    return [
        Figure(
            row="dr", what="last DR image stored → QC verdict on the worklist", target="≤ 3 s",
            ok=worst <= 3.0, reached=f"{worst:.2f} s (slowest of {len(seconds)})",
            data=f"phantom DR, {files[0].stat().st_size // 1_000_000} MB each, polled each 50 ms",
            detail={"seconds": seconds},
        )
    ]  # fmt: skip


def until_judged(client: Client, count: int, patience_s: float = 120.0) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        rows = rows_by_study(client)
        judged = [row for row in rows.values() if row["qc"] not in ("pending", "none")]
        if len(judged) >= count:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{count} verdicts")
