"""The CT lesion search held against phantoms with exact truth: the table of docs/imaging-ct.md.

    python -m tests.bench.ct_phantoms --seeds 21,22,23 --size small

Per kind and size: true lesions, hits, hits under the right name, median errors; per scan: findings,
fragments of true lesions, false candidates. Report only seeds the constants were not fitted on.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from time import process_time

import numpy as np

from core.imaging.ct import analyse_ct
from core.imaging.result import Lesion
from core.phantom.ct import make_ct
from core.phantom.patients import Case
from core.phantom.truth import LesionTruth
from tests.bench.ct_cases import (
    CASES,
    FITTING_SEEDS,
    REPORT_SEEDS,
    Match,
    geometry_of,
    match,
    spec_of,
)

Job = tuple[str, int, Case]
ROW = "{:26s}{:>6}{:>6}{:>7}{:>11}{:>11}{:>10}"


@dataclass(frozen=True)
class Outcome:
    """One scan's result."""

    job: Job
    match: Match
    cpu_s: float


def run(job: Job) -> Outcome:
    """Make, analyse and match one scan."""
    phantom = make_ct(spec_of(*job))
    before = process_time()
    found = analyse_ct(phantom.volume, geometry_of(phantom.volume))
    return Outcome(job, match(phantom, found), process_time() - before)


def size_class(true: LesionTruth) -> str:
    """Return the row's name: kind and size by the true long axis."""
    return f"{true.kind} {'>=' if true.long_axis_mm >= 10 else '<'} 10 mm"


def table(outcomes: list[Outcome]) -> list[str]:
    """Return the lines of both tables."""
    rows: dict[str, list[tuple[LesionTruth, Lesion | None]]] = defaultdict(list)
    for outcome in outcomes:
        for true, found in outcome.match.pairs:
            rows[size_class(true)].append((true, found))
    lines = [ROW.format("kind, size", "true", "hit", "named", "volume %", "long mm", "short mm")]
    for name in sorted(rows):
        hits = [(t, f) for t, f in rows[name] if f is not None]
        named = sum(t.kind == f.kind for t, f in hits)
        lines.append(ROW.format(name, len(rows[name]), len(hits), named, *_errors(hits)))
    lines.append("")
    lines.append(
        f"{'scan':26s}{'true':>6}{'hit':>6}{'parts':>7}{'false':>7}{'CPU s':>8}  false kinds"
    )
    for outcome in outcomes:
        hit = sum(found is not None for _, found in outcome.match.pairs)
        kinds = ", ".join(f"{x.kind} {x.long_axis_mm:.0f}" for x in outcome.match.false)
        lines.append(
            f"{' '.join(map(str, outcome.job)):26s}{len(outcome.match.pairs):>6}{hit:>6}"
            f"{len(outcome.match.fragments):>7}{len(outcome.match.false):>7}{outcome.cpu_s:>8.1f}"
            f"  {kinds}"
        )
    false = sum(len(o.match.false) for o in outcomes) / max(1, len(outcomes))
    parts = sum(len(o.match.fragments) for o in outcomes) / max(1, len(outcomes))
    lines.append(f"per scan: {false:.2f} false, {parts:.2f} fragments")
    return lines


def _errors(hits: list[tuple[LesionTruth, Lesion]]) -> tuple[str, str, str]:
    """Return median signed errors: volume in percent, axes in millimetres."""
    if not hits:
        return "-", "-", "-"
    volume = np.median([100 * (f.volume_ml / t.volume_ml - 1) for t, f in hits])
    long = np.median([f.long_axis_mm - t.long_axis_mm for t, f in hits])
    short = np.median([f.short_axis_mm - t.short_axis_mm for t, f in hits])
    return f"{volume:+.0f}", f"{long:+.1f}", f"{short:+.1f}"


def main(arguments: list[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, REPORT_SEEDS)))
    parser.add_argument("--size", choices=("small", "thick", "middle", "full"), default="small")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(arguments)
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    if set(seeds) & set(FITTING_SEEDS):
        sys.stderr.write("some of these seeds were fitted on: no figures to report\n")
    cases = [case for case in CASES if case in chosen.cases.split(",")]
    jobs = [(chosen.size, seed, case) for seed in seeds for case in cases]
    with ProcessPoolExecutor(chosen.processes) as pool:
        outcomes = list(pool.map(run, jobs))
    sys.stdout.write("\n".join(table(outcomes)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
