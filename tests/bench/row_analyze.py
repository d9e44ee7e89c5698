"""`xinglin analyze` by itself: a 300-slice CT in a process of its own, and radiographs after load.

Memory is the process's peak resident set; the CT's seconds are the whole command's, start included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.appliance import ROOT
from tests.bench.figure import Figure
from tests.bench.phantoms import phantom

_MOST_S, _MOST_BYTES, _MOST_DR_S = 60.0, 4 << 30, 1.5
_RADIOGRAPHS = 5

# Run apart, so that the peak is the analysis' own; prints seconds per radiograph as JSON.
_DR = """
import json, sys, time
from pathlib import Path
from pydicom import dcmread
from core.imaging.reading import read_radiograph
from edge.analyze.local_engines import LocalEngines
engines = LocalEngines(Path(sys.argv[1]))
seconds = []
for path in sys.argv[2:]:
    begun = time.perf_counter()
    found = engines.radiograph(read_radiograph(dcmread(path)), override=True)
    seconds.append(time.perf_counter() - begun)
    assert found.status == "ok", found.status
print(json.dumps(seconds))
"""


def measure(work: Path, quick: bool) -> list[Figure]:
    return [_ct(work, quick), _dr(work, quick)]


def _ct(work: Path, quick: bool) -> Figure:
    size = "small" if quick else "full"
    files = phantom("ct", 7, size)
    command = [sys.executable, "-m", "core.cli", "analyze", "--json", str(files[0].parent)]
    said = work / "said.json"
    begun = time.perf_counter()
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, cwd=ROOT, env=_environment())
        _, status, usage = os.wait4(process.pid, 0)  # its own and its workers' peak, no other's
    took = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, "analyze failed"
    peak = usage.ru_maxrss * 1024
    (line,) = said.read_text(encoding="utf-8").splitlines()
    result: dict[str, Any] = json.loads(line)
    stages = ", ".join(f"{name.removeprefix('analyse.')} {s:.1f}"
                       for name, s in result["seconds"].items() if s >= 0.05)  # fmt: skip
    ok = took <= _MOST_S and peak <= _MOST_BYTES and result["status"] == "ok"
    return Figure(
        "analyze", f"{len(files)}-slice CT, `xinglin analyze`, 2 threads", "≤ 60 s, ≤ 4 GB RSS",
        f"{took:.1f} s, {peak / 1e9:.2f} GB ({stages} s)", ok, f"phantom CT ({size})", None,
        {"seconds": result["seconds"], "peak_bytes": peak, "wall_s": took},
    )  # fmt: skip


def _dr(work: Path, quick: bool) -> Figure:
    seeds = range(7, 7 + (2 if quick else _RADIOGRAPHS) + 1)
    files = [str(phantom("dr", seed, "small" if quick else "full")[0]) for seed in seeds]
    command = [sys.executable, "-c", _DR, str(work), *files]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT, env=_environment())
    seconds: list[float] = json.loads(done.stdout)[1:]  # the first loads the models
    slowest = max(seconds)
    return Figure(
        "analyze", "DR, analyze after load: median / slowest", "≤ 1.5 s",
        f"{median(seconds):.2f} / {slowest:.2f} s", slowest <= _MOST_DR_S,
        f"{len(seconds)} phantom DR", None, {"seconds": seconds},
    )  # fmt: skip


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "2"}
