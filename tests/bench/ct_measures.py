"""Measures of lesions held against digital truth: the tables of docs/imaging/ct-measures.md.

    python -m tests.bench.ct_measures --report       # seeds 34 to 45
    python -m tests.bench.ct_measures --fit          # coefficients of core.imaging.measure_interval

Every lesion is scanned twice (other noise, other place on the voxels, same patient). Fitting and
reporting take different patients: seeds 101 to 112 are for fitting, others for reporting.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from core.imaging.measure_interval import CLASSES, FORMS, Frame, intervals_of, parts_of
from core.phantom.lesion_shapes import Kind, LesionSpec
from core.phantom.patients import Patient, patient_of
from core.phantom.truth import LesionTruth
from tests.bench.ct_measures_scenes import Scan, measured, nodule_patient, scan_patch, scans, truths

FIT_SEEDS = tuple(range(101, 113))
REPORT_SEEDS = tuple(range(34, 46))
SPACINGS = ((1.15, 0.74, 0.74), (5.0, 0.75, 0.75))
SETS: dict[str, tuple[Kind, tuple[tuple[float, float], ...]]] = {
    "solid": ("solid_nodule", ((3.2, 0), (4.5, 0), (7, 0))),
    "ground glass": ("ground_glass_nodule", ((4.5, 0), (7.5, 0))),
    "part-solid": ("part_solid_nodule", ((6, 0), (9, 0))),
    "cavity": ("cavity", ((8, 2.2), (12, 4.5))),
    "consolidation": ("consolidation", ((13, 0),)),
}
COVERAGE = 0.95
FEW_PATIENTS = 1.25
TRUE_NAMES = {
    "volume_ml", "long_axis_mm", "short_axis_mm", "wall_mean_mm", "wall_max_mm", "lumen_volume_ml",
    "wall_volume_ml",
}  # fmt: skip


Job = tuple[str, int, bool]  # set, seed, whether the true outline is given


def patient(name: str, seed: int) -> Patient:
    """Return the patient of a set: its lesions at free places."""
    kind, sizes = SETS[name]
    radii = tuple(radius for radius, _ in sizes)
    bare = nodule_patient(seed * 7 + sorted(SETS).index(name), radii, kind)
    specs = tuple(
        LesionSpec(
            kind, shape.spec.centre_mm, shape.spec.radii_mm, wall, unevenness(kind),
            seed=shape.spec.seed,
        )
        for shape, (_, wall) in zip(bare.lesions, sizes, strict=True)
    )  # fmt: skip
    return patient_of(bare.seed, "normal", specs)


def unevenness(kind: Kind) -> float:
    """Return how uneven the surface of a kind is, as in the phantom's own cases."""
    return {"ground_glass_nodule": 0.1, "part_solid_nodule": 0.1, "consolidation": 0.2}.get(
        kind, 0.06
    )


def run(job: Job) -> list[dict[str, Any]]:
    """Return truth and both scans' measures of every lesion of one patient, at every spacing."""
    name, seed, given = job
    one = patient(name, seed)
    rows = []
    for number, true in enumerate(truths(one), start=1):
        for spacing in SPACINGS:
            chosen = scans(spacing, 2, seed * 100 + number)
            both = [_scanned(one, scan, true, given) for scan in chosen]
            rows.append(
                {
                    "set": name,
                    "kind": true.kind,
                    "seed": seed,
                    "spacing_mm": spacing,
                    "truth": _true_numbers(true),
                    "scans": [scan for scan in both if scan is not None],
                }
            )
    return rows


def _scanned(one: Patient, scan: Scan, true: LesionTruth, given: bool) -> dict[str, Any] | None:
    """Return one scan's measures; None where the outline found nothing."""
    found = measured(scan_patch(one, true.id, scan), true.kind, given)
    if found is None:
        return None
    measures, place = found
    frame = measures.frame
    assert frame is not None
    numbers = {
        "volume_ml": measures.volume_ml,
        "long_axis_mm": measures.axes.long_mm,
        "short_axis_mm": measures.axes.short_mm,
        "mean_hu": measures.mean_hu,
        **measures.extra,
    }
    return {
        "numbers": numbers,
        "frame": [frame.spacing_mm, frame.volume_ml, frame.contrast_hu, frame.noise_hu],
        "centre_mm": float(np.linalg.norm(place - np.asarray(true.centroid_mm))),
        "kernel": scan.kernel,
        "noise_hu": scan.noise_hu,
    }


def _true_numbers(true: LesionTruth) -> dict[str, float]:
    numbers = {
        "volume_ml": true.volume_ml,
        "long_axis_mm": true.long_axis_mm,
        "short_axis_mm": true.short_axis_mm,
        **true.extra,
    }
    return {name: value for name, value in numbers.items() if name in TRUE_NAMES}


def fit(rows: list[dict[str, Any]]) -> dict[str, dict[str, tuple[float, ...]]]:
    """Return the coefficients by class and number.

    Squared errors against truth and between the two scans are explained by the squared parts
    (non-negative least squares, each weighted by the size of what it explains), and the whole is
    then widened until 95 % of both lie inside.
    """
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for chosen in dict.fromkeys(CLASSES.values()):
        found[chosen] = {}
        for name in FORMS:
            pairs = list(_errors(rows, chosen, name))
            if len(pairs) < 12:
                continue
            parts = np.array([p for _, p in pairs]) ** 2
            error = np.array([e for e, _ in pairs])
            # The few largest must not decide the form: the widening takes care of them.
            square = np.minimum(error, np.percentile(error, 90)) ** 2
            weight = 1 / np.maximum(parts @ np.full(parts.shape[1], square.mean()), 1e-12)
            scale = parts.max(axis=0) + 1e-12
            solved, _ = nnls(parts / scale * weight[:, None], square * weight)
            base = np.sqrt(np.maximum(parts @ (solved / scale), 1e-12))
            # Few patients do not show the whole spread of how vessels lie: a quarter is added.
            level = conformal_level(sum(CLASSES.get(row["kind"]) == chosen for row in rows))
            widened = FEW_PATIENTS * float(np.quantile(error / base, level))
            found[chosen][name] = tuple(float(widened * w**0.5) for w in solved / scale)
    return found


def conformal_level(count: int) -> float:
    """Return the quantile of ``count`` cases to take so that a new one is inside as often as said.

    Split conformal prediction (Lei et al., J Am Stat Assoc 113:1094, 2018). The scans of one lesion
    at one slice distance count as one case: they err together.
    """
    return min(1.0, COVERAGE * (count + 1) / count)


def _errors(
    rows: list[dict[str, Any]], chosen: str, name: str
) -> Iterator[tuple[float, tuple[float, ...]]]:
    """Return every error with its parts: each scan against truth, and one against the other."""
    for row in rows:
        if CLASSES.get(row["kind"]) != chosen:
            continue
        for scan, other in _pairs(row, name):
            value = scan["numbers"][name]
            parts = parts_of(name, value, Frame(row["kind"], *scan["frame"]))
            yield _away(name, value, other["numbers"][name]), parts
            if name in row["truth"]:
                yield _away(name, value, row["truth"][name]), parts


def _pairs(row: dict[str, Any], name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each scan with the other one, where both have the number."""
    if len(row["scans"]) == 2 and all(name in scan["numbers"] for scan in row["scans"]):
        first, second = row["scans"]
        yield first, second
        yield second, first


def _away(name: str, value: float, other: float) -> float:
    if FORMS[name] == "relative":
        value, other = max(value, 1e-6), max(other, 1e-6)
        return max(value / other, other / value) - 1
    return abs(value - other)


def accuracy_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of errors against truth, by set and slice distance."""
    lines = [
        "| set | slices mm | scans | volume %: median, 90 % within | within 5 % | within 25 % | "
        "long axis mm: median, 90 % within | within a voxel | centre within 1 mm | "
        "wall mean mm: median, 90 % within |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, slice_mm), group in _grouped(rows, lambda row: (row["set"], row["spacing_mm"][0])):
        volume = _signed(group, "volume_ml", relative=True)
        long_mm = _signed(group, "long_axis_mm")
        wall = _signed(group, "wall_mean_mm")
        centre = np.array([scan["centre_mm"] for row in group for scan in row["scans"]])
        pixel = group[0]["spacing_mm"][2]
        lines.append(
            f"| {name} | {slice_mm} | {len(volume)} | {np.median(volume):+.1f}, "
            f"{np.percentile(np.abs(volume), 90):.1f} | {_share(np.abs(volume) <= 5)} | "
            f"{_share(np.abs(volume) <= 25)} | {np.median(long_mm):+.2f}, "
            f"{np.percentile(np.abs(long_mm), 90):.2f} | {_share(np.abs(long_mm) <= pixel)} | "
            f"{_share(centre <= 1)} | "
            + (
                f"{np.median(wall):+.2f}, {np.percentile(np.abs(wall), 90):.2f}"
                if len(wall)
                else "–"
            )
            + " |"
        )
    return lines


def coverage_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return how often an interval holds the truth, and how often a second scan."""
    lines = [
        "| class | number | scans | half-width: median | holds the truth | holds the second scan |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    pooled: tuple[list[bool], list[bool]] = ([], [])
    for (chosen,), group in _grouped(rows, lambda row: (CLASSES.get(row["kind"], "–"),)):
        for name, form in FORMS.items():
            true, again, width = [], [], []
            for row in group:
                for scan, other in _pairs(row, name):
                    value = scan["numbers"][name]
                    frame = Frame(row["kind"], *scan["frame"])
                    found = intervals_of({name: value}, frame)
                    if name not in found:
                        continue
                    low, high = found[name]
                    again.append(low <= other["numbers"][name] <= high)
                    width.append(high / value - 1 if form == "relative" else high - value)
                    if name in row["truth"]:
                        true.append(low <= row["truth"][name] <= high)
            if not again:
                continue
            pooled[0].extend(true)
            pooled[1].extend(again)
            unit = {"relative": "%", "length": "mm", "density": "HU", "pure": ""}[form]
            half = np.median(width) * (100 if form == "relative" else 1)
            lines.append(
                f"| {chosen} | {name} | {len(again)} | {half:.2f} {unit} | "
                f"{_share(np.array(true)) if true else '–'} | {_share(np.array(again))} |"
            )
    lines.append(f"| all | all | | | {_share(pooled[0])} | {_share(pooled[1])} |")
    return lines


def kinds_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return by set and slice distance how often volume and long axis hold the truth."""
    lines = [
        "| set | slices mm | scans | volume: half-width, holds the truth | "
        "long axis: half-width, holds the truth | all numbers hold the truth |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for (name, slice_mm), group in _grouped(rows, lambda row: (row["set"], row["spacing_mm"][0])):
        held: dict[str, list[bool]] = defaultdict(list)
        wide: dict[str, list[float]] = defaultdict(list)
        for row in group:
            for scan in row["scans"]:
                frame = Frame(row["kind"], *scan["frame"])
                found = intervals_of(scan["numbers"], frame)
                for number in row["truth"].keys() & found.keys():
                    low, high = found[number]
                    value = scan["numbers"][number]
                    held[number].append(low <= row["truth"][number] <= high)
                    relative = FORMS[number] == "relative"
                    wide[number].append(100 * (high / value - 1) if relative else high - value)
        lines.append(
            f"| {name} | {slice_mm} | {len(held['volume_ml'])} | "
            f"{np.median(wide['volume_ml']):.0f} %, {_share(held['volume_ml'])} | "
            f"{np.median(wide['long_axis_mm']):.1f} mm, {_share(held['long_axis_mm'])} | "
            f"{_share([hit for hits in held.values() for hit in hits])} |"
        )
    return lines


def _grouped(
    rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return sorted(groups.items())


def _signed(rows: list[dict[str, Any]], name: str, relative: bool = False) -> Any:
    out = []
    for row in rows:
        for scan in row["scans"]:
            if name in row["truth"] and name in scan["numbers"]:
                value, true = scan["numbers"][name], row["truth"][name]
                out.append(100 * (value / true - 1) if relative else value - true)
    return np.array(out)


def _share(hits: Any) -> str:
    return f"{100 * float(np.mean(hits)):.0f} %"


def main(arguments: list[str]) -> int:
    """Scan, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--given", action="store_true", help="measure the true outline")
    parser.add_argument("--seeds", default="")
    parser.add_argument("--rows", type=Path, help="keep the measures here, or read them")
    parser.add_argument("--processes", type=int, default=1)
    chosen = parser.parse_args(arguments)
    default = FIT_SEEDS if chosen.fit else REPORT_SEEDS
    seeds = [int(s) for s in chosen.seeds.split(",")] if chosen.seeds else list(default)
    rows: list[dict[str, Any]] = []
    if chosen.rows and chosen.rows.exists():
        rows = [row for row in json.loads(chosen.rows.read_text()) if row["seed"] in seeds]
    else:
        wanted = [(name, seed, chosen.given) for seed in seeds for name in chosen.sets.split(",")]
        with ProcessPoolExecutor(chosen.processes) as pool:
            for found in pool.map(run, wanted):
                rows += found
                if chosen.rows:
                    chosen.rows.write_text(json.dumps(rows))
    missed = sum(2 - len(row["scans"]) for row in rows)
    sys.stdout.write(f"{len(rows)} lesions scanned twice; {missed} scans without an outline\n")
    if chosen.fit:
        for name, numbers in fit(rows).items():
            sys.stdout.write(f'    "{name}": {{\n')
            for number, weights in numbers.items():
                four = ", ".join(f"{w:.4g}" for w in weights)
                sys.stdout.write(f'        "{number}": ({four}),\n')
            sys.stdout.write("    },\n")
    else:
        tables = [*accuracy_table(rows), "", *coverage_table(rows), "", *kinds_table(rows)]
        sys.stdout.write("\n".join(tables) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
