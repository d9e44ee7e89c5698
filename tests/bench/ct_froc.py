"""FROC of the CT lesion search: docs/imaging/ct-lesions.md.

    python -m tests.bench.ct_froc --set thin|thick|real --seeds 21,22 [--judge classical|network]

Sets: ``thin`` phantoms at 1.15 mm, ``thick`` phantoms at 5 mm, ``real`` LCTSC S1-103 and
ACRIN-NSCLC 042 (3 mm) with inserted lesions. What was fitted or trained on is never in them.
Detection is judged on the search grid; measures have their own table.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray

from core.imaging.ct_grid import carry, cut_grid, patient_view
from core.imaging.lesions import ClassicalJudge, Judge, Scored, Search, search_lesions, settle
from core.imaging.lesions_network import NetworkJudge
from core.imaging.lungs import find_lungs
from core.imaging.volume import Volume
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from core.phantom.anatomy import build_of
from core.phantom.ct import CtSpec, make_ct
from core.phantom.truth import LesionTruth
from tests.bench.ct_inserts import (
    COARSE,
    LARGE,
    SMALL,
    RealScan,
    acrin,
    lctsc,
    phantom_specs,
    with_lesions,
)
from tests.bench.froc import (
    RATES,
    FalseFind,
    Scan,
    Target,
    cpm,
    cpm_interval,
    sensitivities,
)

LEAST = 0.01
COARSE_EDGE_MM = 2.0


def thin_spec(seed: int) -> CtSpec:
    """Return 1.15 mm slices with 0.9 mm pixels, with lesions of 3 mm and more."""
    lesions = tuple(phantom_specs(build_of(seed), (*LARGE, *SMALL), seed))
    return CtSpec(
        seed=seed, case="normal", slices=252, rows=384, columns=384,
        spacing_mm=(1.15, 0.9, 0.9), slice_thickness_mm=1.25, noise_hu=18.0, lesions=lesions,
    )  # fmt: skip


def thick_spec(seed: int) -> CtSpec:
    """Return 5 mm slices with 0.9 mm pixels, with lesions of 10 mm and more."""
    lesions = tuple(phantom_specs(build_of(seed), COARSE, seed))
    return CtSpec(
        seed=seed, case="normal", slices=60, rows=384, columns=384, spacing_mm=(5.0, 0.9, 0.9),
        noise_hu=14.0, lesions=lesions,
    )  # fmt: skip


@dataclass(frozen=True)
class Searched:
    """A scan's candidates and its truth: the costly half, which any judge can then rate.

    ``to_lps`` (3, 4) takes an index of the search grid to LPS: ``[:, :3] @ index + [:, 3]``.
    """

    name: str
    search: Search
    to_lps: NDArray[np.float64]
    lesions: tuple[LesionTruth, ...]
    known: tuple[tuple[tuple[float, float, float], float], ...]
    labels: NDArray[np.bool_]
    seconds: float


def searched(
    name: str,
    volume: Volume,
    truth: tuple[tuple[LesionTruth, ...], NDArray[np.uint8]],
    known: tuple[tuple[tuple[float, float, float], float], ...] = (),
) -> Searched:
    """Search one scan; arrays that no judge needs are left out of the answer.

    So are whole-lung patterns, pleura and nodes: ``ct_diffuse`` is about them.
    """
    view = patient_view(volume)
    coarse = cut_grid(view, COARSE_EDGE_MM)
    lungs = find_lungs(coarse)
    before = process_time()
    search = search_lesions(view, coarse, lungs)
    seconds = process_time() - before
    grid = search.field.grid
    labels = patient_view(replace(volume, voxels=truth[1])).voxels[grid.box]
    none = np.zeros((0, 0, 0))
    light = replace(search.field, labels=none, lung=none, wide=none, medial_mm=none, hilum_mm=none)
    search = replace(
        search, field=light, patterns=[], coarse=replace(coarse, voxels=none), outside=[]
    )
    ends = grid.full_index(np.vstack([np.zeros(3), np.eye(3)]))
    places = volume.to_lps(view.source_index(ends))
    to_lps = np.column_stack([*(places[1:] - places[0]), places[0]])
    inside = carry(labels > 0, grid.voxels.shape)
    return Searched(name, search, to_lps, truth[0], known, inside, seconds)


def judged(scan: Searched, judge: Judge) -> Scan:
    """Rate a searched scan down to the lowest operating point and hold it against the truth."""
    before = process_time()
    found = settle(scan.search, judge, LEAST)
    seconds = scan.seconds + process_time() - before
    best = {t.id: (0.0, "") for t in scan.lesions}
    false = []
    for scored in found:
        centre = centre_of(scan.to_lps, scored)
        hit = hit_of(centre, scan.lesions)
        if hit is not None:
            best[hit] = max(best[hit], (scored.probability, scored.candidate.kind))
        elif not _known(centre, scan.known) and not fragment(scan.labels, scored):
            at = (float(centre[0]), float(centre[1]), float(centre[2]))
            false.append(FalseFind(scored.candidate.kind, scored.probability, at))
    targets = tuple(Target(t.kind, t.long_axis_mm, *best[t.id]) for t in scan.lesions)
    return Scan(scan.name, targets, tuple(false), seconds)


def centre_of(to_lps: NDArray[np.float64], scored: Scored) -> NDArray[np.float64]:
    """Return a candidate's centre, LPS millimetres."""
    corner = np.array([s.start for s in scored.candidate.box])
    index = np.argwhere(scored.candidate.mask).mean(axis=0) + corner
    return np.asarray(to_lps[:, :3] @ index + to_lps[:, 3])


def hit_of(centre: NDArray[np.float64], lesions: tuple[LesionTruth, ...]) -> int | None:
    """Return the nearest lesion whose half long axis the centre lies within."""
    away = {t.id: float(np.linalg.norm(centre - t.centroid_mm)) / (t.long_axis_mm / 2)
            for t in lesions}  # fmt: skip
    nearest = min(away, key=lambda i: away[i], default=None)
    return nearest if nearest is not None and away[nearest] <= 1.0 else None


def _known(
    centre: NDArray[np.float64], known: tuple[tuple[tuple[float, float, float], float], ...]
) -> bool:
    return any(float(np.linalg.norm(centre - at)) <= radius for at, radius in known)


def fragment(inside: NDArray[np.bool_], scored: Scored) -> bool:
    """Return whether a candidate lies mostly inside true lesions."""
    candidate = scored.candidate
    return bool(inside[candidate.box][candidate.mask].mean() >= 0.5)


def scan_of(name: str, seed: int, folder: Path, cache: Path | None) -> Searched:
    """Return one searched scan: ``thin``, ``thick``, ``s1-103`` or ``acrin-042``."""
    kept = cache / f"{name}_{seed}.pkl" if cache else None
    if kept is not None and kept.exists():
        found: Searched = pickle.loads(kept.read_bytes())
        return found
    if name in ("thin", "thick"):
        phantom = make_ct(thin_spec(seed) if name == "thin" else thick_spec(seed))
        truth = (phantom.truth.lesions, phantom.truth.label_map)
        found = searched(f"{name} {seed}", phantom.volume, truth)
    else:
        scan: RealScan = acrin(folder) if name == "acrin-042" else lctsc(folder, name)
        inserted = with_lesions(scan, (*LARGE, *SMALL[:1]), seed)
        truth = (inserted.lesions, inserted.label_map)
        found = searched(f"{name} {seed}", inserted.volume, truth, scan.known)
    if kept is not None:
        kept.write_bytes(pickle.dumps(found))
    return found


def table(scans: list[Scan], least_mm: float) -> list[str]:
    """Return the lines: CPM, sensitivity per rate, per kind at one false candidate, misses."""
    sized = [s.sized(least_mm) for s in scans]
    values = sensitivities(sized)
    low, high = cpm_interval(sized)
    count = sum(len(s.targets) for s in sized)
    lines = [
        f"{len(scans)} scans, {count} lesions >= {least_mm:g} mm: "
        f"CPM {cpm(sized):.3f} ({low:.3f} to {high:.3f})",
        "  FP/scan     " + "".join(f"{r:>8.3g}" for r in RATES),
        "  sensitivity " + "".join(f"{v:>8.3f}" for v in values),
        f"  search: {np.median([s.seconds for s in scans]):.1f} s CPU per scan (median)",
    ]
    limits = _limits(sized)
    rows = defaultdict(list)
    for scan in scans:
        for t in scan.targets:
            size = ">= 10" if t.long_axis_mm >= 10 else ">= 6" if t.long_axis_mm >= 6 else "< 6"
            rows[f"{t.kind} {size} mm"].append(t)
    for name in sorted(rows):
        at = [np.mean([t.probability > limit for t in rows[name]]) for limit in limits]
        right = [t.named == t.kind for t in rows[name] if t.probability > limits[1]]
        lines.append(
            f"  {name:32s}{len(rows[name]):>4}  at 1 FP {at[0]:.2f}  at 4 FP {at[1]:.2f}"
            f"  kind right {np.mean(right) if right else float('nan'):.2f}"
        )
    for scan in sized:
        for t in scan.targets:
            if t.probability <= limits[1]:
                lines.append(
                    f"  missed at 4 FP: {scan.name} {t.kind} {t.long_axis_mm:.1f} mm "
                    f"p={t.probability:.3f}"
                )
    for scan in scans:
        kinds = defaultdict(int)
        for f in scan.false:
            if f.probability >= 0.5:
                kinds[f.kind] += 1
        lines.append(f"  false at 0.5: {scan.name} {dict(kinds)}")
    return lines


def _limits(scans: list[Scan]) -> tuple[float, float]:
    """Return the probabilities that leave one and four false candidates per scan."""
    false = np.sort([f.probability for s in scans for f in s.false])[::-1]
    found = [float(false[rate * len(scans)]) if rate * len(scans) < len(false) else 0.0
             for rate in (1, 4)]  # fmt: skip
    return found[0], found[1]


def main(arguments: list[str]) -> int:
    """Print the table of one set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=("thin", "thick", "real"), default="thin")
    parser.add_argument("--seeds", default="21,22,23")
    parser.add_argument("--judge", choices=("classical", "network"), default="classical")
    parser.add_argument("--cache", type=Path, help="folder to keep searched scans in")
    chosen = parser.parse_args(arguments)
    folder = Path(os.environ.get("XINGLIN_DATA", ""))
    names = ("s1-103", "acrin-042") if chosen.set == "real" else (chosen.set,)
    judge = judge_of(chosen.judge)
    scans = []
    for seed in (int(s) for s in chosen.seeds.split(",")):
        for name in names:
            scans.append(judged(scan_of(name, seed, folder, chosen.cache), judge))
            sys.stderr.write(f"{scans[-1].name} {scans[-1].seconds:.1f} s\n")
    least = 10.0 if chosen.set == "thick" else 6.0
    sys.stdout.write("\n".join(table(scans, least)) + "\n")
    if chosen.set == "thin":
        small = [s.sized(3.0, 6.0) for s in scans]
        sys.stdout.write(f"3 to 6 mm: CPM {cpm(small):.3f}\n")
    return 0


def judge_of(name: str) -> Judge:
    """Return the judge of a name; the network is the bundle that comes with the product."""
    if name == "classical":
        return ClassicalJudge()
    bundle = load(shipped("ct_lesions"))
    return NetworkJudge(open_onnx(bundle, 1), bundle)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
