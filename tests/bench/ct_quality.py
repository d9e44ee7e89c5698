"""CT quality rules against scans spoilt in known steps: the tables of docs/imaging/ct-quality.md.

    XINGLIN_DATA=… python -m tests.bench.ct_quality measure --half report --out report.jsonl
    python -m tests.bench.ct_quality table report.jsonl

Limits are fitted on ``--half fit`` (LCTSC S1-101, phantom seed 101) and reported on the other
(LCTSC S1-103, ACRIN 042, phantoms 21, 24, 25, 26; the last three with fine pixels and noise that
went through ramp and kernel). A run goes on where its file ends. With ``--draws`` beyond one,
places and directions are drawn again at the step that a radiologist would reject.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any, Literal

import numpy as np
from scipy import stats

from core.imaging.ct_grid import Grid, PatientView, carry, cut_grid, patient_view
from core.imaging.ct_qc import assess_ct
from core.imaging.ct_qc_field import field_metrics
from core.imaging.ct_qc_metal import metal_metrics
from core.imaging.ct_qc_motion import motion_metrics
from core.imaging.ct_qc_values import value_metrics
from core.imaging.geometry import geometry_of_grid
from core.imaging.lungs import LungMap, find_lungs, lung_height
from core.imaging.volume import Volume
from core.phantom.ct import CtSpec, make_ct
from tests.bench import ct_degrade as spoil
from tests.bench.ct_inserts import acrin, lctsc

Half = Literal["fit", "report"]
Metrics = Mapping[str, float]
Key = tuple[str, str, float, int]
Row = dict[str, Any]
REAL: dict[Half, tuple[str, ...]] = {"fit": ("s1-101",), "report": ("s1-103", "acrin-042")}
SEEDS: dict[Half, tuple[int, ...]] = {"fit": (101, 102), "report": (21, 24, 25, 26)}
# (slices, columns, (slice, row, column) mm, noise in blood, HU); others are as seed 21.
FINE: dict[int, tuple[int, int, tuple[float, float, float], float]] = {
    24: (130, 512, (2.5, 0.70, 0.70), 14.0),
    25: (110, 448, (3.0, 0.80, 0.80), 22.0),
    26: (110, 400, (3.0, 0.98, 0.98), 30.0),
    102: (110, 448, (3.0, 0.80, 0.80), 18.0),
}
# Pixels that can hold the frequencies of a sharp kernel (its noise peaks near 0.5 per mm).
FINE_PIXEL_MM = 1.0


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan with the lungs found in it."""

    name: str
    volume: Volume
    grid: Grid
    lungs: LungMap

    @property
    def levels(self) -> tuple[int, int]:
        """Slices of the volume (ascending towards the head) that hold lung."""
        low, high = lung_height(self.lungs.labels) or (0, len(self.lungs.labels))
        ratio = len(self.volume.voxels) / len(self.lungs.labels)
        return int(low * ratio), int(high * ratio)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to spoil a scan.

    Attributes
    ----------
    codes : tuple of str
        Reasons that tell it.
    score : callable
        Metrics to the number that the AUC is of; larger is worse.
    steps : tuple of float
        Rising severity; ``reject`` is the index of the step that a radiologist would reject.
    spoil : callable
        (scan, step, rng) to the spoilt volume.
    parts : tuple of str
        What is measured again on the spoilt scan: values, motion, metal, field, lungs.
    """

    codes: tuple[str, ...]
    score: Callable[[Metrics], float]
    steps: tuple[float, ...]
    reject: int
    spoil: Callable[[Scan, float, np.random.Generator], Volume]
    parts: tuple[str, ...] = ("values",)


def _off(metrics: Metrics) -> float:
    """Largest distance of air, fat and unenhanced blood from what they are, in warn limits."""
    parts = [abs(metrics.get("air_hu", -1000.0) + 1000.0) / 60.0]
    if "fat_hu" in metrics:
        parts.append(abs(metrics["fat_hu"] + 100.0) / 40.0)
    if metrics.get("aorta_hu", 999.0) < 90.0:
        parts.append(abs(metrics["aorta_hu"] - 45.0) / 40.0)
    if "tissue_hu" in metrics:
        parts.append(abs(metrics["tissue_hu"] - 20.0) / 120.0)
    return max(parts)


def _of(name: str, absent: float = 0.0) -> Callable[[Metrics], float]:
    return lambda metrics: metrics.get(name, absent)


def _jump(scan: Scan, way_mm: float, rng: np.random.Generator) -> Volume:
    low, high = scan.levels
    return spoil.breathed(scan.volume, int(low + rng.uniform(0.25, 0.7) * (high - low)), way_mm)


def _lost(scan: Scan, count: float, rng: np.random.Generator) -> Volume:
    low, high = scan.levels
    return spoil.without(scan.volume, int(low + rng.uniform(0.25, 0.7) * (high - low)), int(count))


def _motion(scan: Scan, way_mm: float, rng: np.random.Generator) -> Volume:
    low, high = scan.levels
    first = int(low + rng.uniform(0.0, 0.4) * (high - low))
    return spoil.moved(scan.volume, (first, first + (high - low) * 6 // 10), way_mm, rng)


def _metal(scan: Scan, radius_mm: float, rng: np.random.Generator) -> Volume:
    low, high = scan.levels
    level = int(low + rng.uniform(0.4, 0.7) * (high - low))
    ratio = len(scan.lungs.body) / len(scan.volume.voxels)
    rows, columns = np.nonzero(scan.lungs.body[int(level * ratio)])
    step = [m / n for m, n in zip(scan.volume.voxels.shape[1:], scan.lungs.body.shape[1:],
                                  strict=True)]  # fmt: skip
    # Two rods beside the spine, 36 mm apart, as fixation leaves them.
    row = int((rows.min() + 0.72 * np.ptp(rows)) * step[0])
    middle = int((columns.mean() + rng.uniform(-6, 6)) * step[1])
    apart = round(18.0 / scan.volume.spacing_mm[2])
    centres = ((row, middle - apart), (row, middle + apart))
    return spoil.with_metal(scan.volume, (level, level + 2), centres, radius_mm, rng)


def _narrow(scan: Scan, cut_mm: float, rng: np.random.Generator) -> Volume:
    """Cut from the widest place of the body inwards, unequally from both sides."""
    columns = np.flatnonzero(scan.lungs.body.any(axis=(0, 1)))
    step = scan.volume.voxels.shape[2] / scan.lungs.body.shape[2]
    low, high = columns[0] * step, scan.volume.voxels.shape[2] - (columns[-1] + 1) * step
    share = rng.uniform(0.3, 0.7)
    cut = cut_mm / scan.volume.spacing_mm[2] * 2
    return spoil.cropped(scan.volume, (int(low + share * cut), int(high + (1 - share) * cut)))


def _side(scan: Scan, cut_mm: float, rng: np.random.Generator) -> Volume:
    """Cut into one lung from its side."""
    columns = np.flatnonzero(scan.lungs.lungs.any(axis=(0, 1)))
    step = scan.volume.voxels.shape[2] / scan.lungs.body.shape[2]
    cut = cut_mm / scan.volume.spacing_mm[2]
    if rng.random() < 0.5:
        return spoil.cropped(scan.volume, (int(columns[0] * step + cut), 0))
    high = scan.volume.voxels.shape[2] - (columns[-1] + 1) * step
    return spoil.cropped(scan.volume, (0, int(high + cut)))


def _apex(scan: Scan, cut_mm: float, rng: np.random.Generator) -> Volume:
    top = scan.levels[1] - round(cut_mm / scan.volume.spacing_mm[0])
    return spoil.shortened(scan.volume, (0, top))


def _base(scan: Scan, cut_mm: float, rng: np.random.Generator) -> Volume:
    low = scan.levels[0] + round(cut_mm / scan.volume.spacing_mm[0])
    return spoil.shortened(scan.volume, (low, len(scan.volume.voxels)))


HU_CODES = ("CT_HU_AIR_OFF", "CT_HU_FAT_OFF", "CT_HU_BLOOD_OFF", "CT_HU_TISSUE_OFF")
FAULTS: dict[str, Fault] = {
    "noise in air, SD added, HU": Fault(
        ("CT_NOISE_HIGH",), _of("noise_hu"), (20, 50, 120), 2,
        lambda s, x, g: spoil.noisy(s.volume, x, g)),
    "noise in blood, SD added, HU": Fault(
        ("CT_NOISE_HIGH", "CT_NOISE_BLOOD_HIGH"), _of("aorta_noise_hu"), (20, 50, 120), 2,
        lambda s, x, g: spoil.noisy(s.volume, x, g)),
    "CT numbers offset, HU": Fault(
        HU_CODES, _off, (30, 60, 120), 2,
        lambda s, x, g: spoil.rescaled(s.volume, 1.0, x * (1 if g.random() < 0.5 else -1))),
    "CT numbers slope, %": Fault(
        HU_CODES, _off, (2, 4, 8), 2,
        lambda s, x, g: spoil.rescaled(s.volume, 1 + x / 100 * (1 if g.random() < 0.5 else -1), 0)),
    "sharp kernel, SD of its noise, HU": Fault(
        ("CT_KERNEL_SHARP",), _of("noise_frequency_per_mm"), (10, 30, 60), 2,
        lambda s, x, g: spoil.sharpened(spoil.noisy(s.volume, x, g, 2.0), 0.5)),
    "smooth kernel, σ, mm": Fault(
        ("CT_KERNEL_SMOOTH", "CT_BLUR"), _of("edge_width_mm"), (0.7, 1.4, 2.5), 2,
        lambda s, x, g: spoil.smoothed(s.volume, x), ("values", "motion")),
    "breath between slices, mm": Fault(
        ("CT_SLICE_JUMP",), _of("slice_jump_mm"), (4, 8, 15), 2, _jump, ("motion",)),
    "slices lost, places closed up": Fault(
        ("CT_SLICE_JUMP",), _of("slice_jump_mm"), (1, 3, 6), 2, _lost, ("motion",)),
    "motion in the plane, mm": Fault(
        ("CT_MOTION", "CT_BLUR"), _of("air_streak_hu"), (4, 8, 14), 2, _motion, ("motion",)),
    "two metal rods, radius, mm": Fault(
        ("CT_METAL_STREAK",), _of("streak_hu"), (1.5, 3, 5), 2, _metal, ("metal",)),
    "field narrower, mm a side": Fault(
        ("CT_FOV_CUT", "CT_LUNG_CUT"), _of("outline_cut_share"), (5, 20, 45), 2, _narrow,
        ("field",)),
    "lung cut at one side, mm": Fault(
        ("CT_LUNG_CUT",), _of("lung_cut_mm"), (4, 10, 25), 2, _side, ("field",)),
    "apex not covered, mm": Fault(
        ("CT_APEX_CUT",), _of("ct_apex_cut_share"), (10, 25, 50), 2, _apex, ("lungs",)),
    "base not covered, mm": Fault(
        ("CT_BASE_CUT",), _of("ct_base_cut_share"), (10, 25, 50), 2, _base, ("lungs",)),
}  # fmt: skip
# Another row of the same spoilt scans.
SAME = {"noise in blood, SD added, HU": "noise in air, SD added, HU"}


ASKEW = "laid askew by 4°"
EVERYTHING = ("values", "motion", "metal", "field", "lungs")


def measure(volume: Volume, lungs: LungMap, parts: tuple[str, ...]) -> Row:
    """Return metrics, codes with severity, verdict and CPU seconds of one volume.

    ``lungs`` are those of the untouched scan, cut as the volume was.
    """
    view = patient_view(volume)
    needs = {"values", "field", "lungs"} & set(parts)
    grid = cut_grid(view, 2.0) if needs else _hollow(view)
    shape = grid.voxels.shape
    lungs = LungMap(carry(lungs.labels, shape), carry(lungs.body, shape))
    start = process_time()
    measured: dict[str, float] = {}
    if "field" in parts:
        measured |= field_metrics(grid, lungs)
    if "metal" in parts:
        measured |= metal_metrics(view, lungs)
    if "values" in parts:
        measured |= value_metrics(view, grid, lungs)
    if "motion" in parts:
        measured |= motion_metrics(view, grid, lungs)
    took = process_time() - start
    judged = (grid, lungs) if needs else (None, None)
    geometry = geometry_of_grid(
        volume.voxels.shape, volume.spacing_mm, volume.origin_mm, volume.direction
    )
    qc = assess_ct(geometry, *judged, None, measured)
    return {
        "metrics": {k: float(v) for k, v in qc.metrics.items() if np.isfinite(v)},
        "codes": {r.code: r.severity for r in qc.reasons},
        "verdict": qc.verdict,
        "seconds": took,
    }


def _hollow(view: PatientView) -> Grid:
    """Return the grid's frame without its values, for what reads full resolution alone."""
    sizes = [n * mm for n, mm in zip(view.voxels.shape, view.spacing_mm, strict=True)]
    shape = tuple(max(1, round(size / 2.0)) for size in sizes)
    spacing = tuple(size / n for size, n in zip(sizes, shape, strict=True))
    box = tuple(slice(0, n) for n in view.voxels.shape)
    values = np.broadcast_to(np.float32(-1000.0), shape)
    return Grid(values, (spacing[0], spacing[1], spacing[2]), (box[0], box[1], box[2]))


def lungs_of(scan: Scan, volume: Volume) -> LungMap:
    """Cut the untouched scan's lungs as the volume was cut out of the scan."""
    away = (np.asarray(volume.origin_mm) - np.asarray(scan.volume.origin_mm)) @ np.asarray(
        scan.volume.direction
    )
    box = []
    for k in range(3):
        whole, part = scan.volume.voxels.shape[k], volume.voxels.shape[k]
        mm = scan.volume.spacing_mm[k]
        first = max(0, round(float(away[k]) / mm))
        last = min(whole, first + round(part * volume.spacing_mm[k] / mm))
        ratio = scan.lungs.labels.shape[k] / whole
        box.append(slice(round(first * ratio), max(round(last * ratio), round(first * ratio) + 1)))
    cut = (box[0], box[1], box[2])
    return LungMap(scan.lungs.labels[cut], scan.lungs.body[cut])


def scans(half: Half, named: str = "") -> Iterator[Scan]:
    """Yield the half's scans, real ones cut to the body with 50 pixels in front, 12 around.

    Only those whose name holds ``named``.
    """
    for name in (one for one in REAL[half] if named in one):
        folder = Path(os.environ["XINGLIN_DATA"])
        real = acrin(folder) if name == "acrin-042" else lctsc(folder, name)
        yield scan_of(name, trimmed(real.volume))
    for seed in (one for one in SEEDS[half] if named in f"phantom {one}"):
        yield scan_of(f"phantom {seed}", _phantom_volume(seed))


def _phantom_volume(seed: int) -> Volume:
    if seed not in FINE:
        return make_ct(_phantom(seed)).volume
    slices, columns, spacing, noise = FINE[seed]
    spec = CtSpec(seed=seed, case="tb", slices=slices, rows=columns, columns=columns,
                  spacing_mm=spacing, noise_hu=0.0)  # fmt: skip
    return spoil.noisy(make_ct(spec).volume, noise, np.random.default_rng([seed, 8]))


def _phantom(seed: int) -> CtSpec:
    return CtSpec(
        seed=seed, case="tb", slices=164, rows=256, columns=256, spacing_mm=(2.0, 1.5, 1.5),
        noise_hu=15.0,
    )  # fmt: skip


def scan_of(name: str, volume: Volume) -> Scan:
    grid = cut_grid(patient_view(volume), 2.0)
    return Scan(name, volume, grid, find_lungs(grid))


def trimmed(volume: Volume) -> Volume:
    body = volume.voxels[::8, ::4, ::4] > -300
    rows, columns = (np.flatnonzero(body.sum(axis=0).any(axis=k)) for k in (1, 0))
    box = [
        slice(max(0, int(at[0]) * 4 - front), int(at[-1]) * 4 + 16)
        for at, front in ((rows, 50), (columns, 12))
    ]
    origin = volume.to_lps((0.0, float(box[0].start), float(box[1].start)))
    return replace(
        volume,
        voxels=np.ascontiguousarray(volume.voxels[:, box[0], box[1]]),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def untouched(scan: Scan) -> dict[str, Callable[[], Volume]]:
    """Return acceptable forms of a scan: as it is, less dose, a worn calibration, thick slices."""
    whole = scan.volume
    if scan.name == "phantom 21":
        return {"as it is": lambda: whole}
    return {
        "as it is": lambda: whole,
        ASKEW: lambda: spoil.askew(whole, 4.0),
        "noise +10 HU": lambda: spoil.noisy(whole, 10.0, np.random.default_rng(9)),
        "offset +12 HU": lambda: spoil.rescaled(whole, 1.0, 12.0),
        "slices twice as thick": lambda: spoil.thickened(whole, 2),
    }


def run(half: Half, out: Path, only: str, draws: int, named: str = "") -> None:
    """Measure every case of a half that the file does not hold yet."""
    done = {_key(row) for row in _rows(out)} if out.exists() else set()
    with out.open("a") as file:
        for scan in scans(half, named):
            for key, volume, parts in _cases(scan, only, draws, done):
                # A patient who lies otherwise has his lungs elsewhere.
                again = key[1] == ASKEW
                lungs = scan_of(scan.name, volume).lungs if again else lungs_of(scan, volume)
                row = dict(zip(("scan", "form", "step", "draw"), key, strict=True))
                file.write(json.dumps(row | measure(volume, lungs, parts)) + "\n")
                file.flush()


def _cases(
    scan: Scan, only: str, draws: int, done: set[Key]
) -> Iterator[tuple[Key, Volume, tuple[str, ...]]]:
    """Yield what is to be measured of a scan, untouched forms first."""
    for form, make in untouched(scan).items():
        key = (scan.name, form, 0.0, 0)
        if key not in done:
            yield key, make(), EVERYTHING
    for name, fault in FAULTS.items():
        for step in fault.steps:
            for draw in range(draws if step == fault.steps[fault.reject] else 1):
                key = (scan.name, name, float(step), draw)
                if name not in SAME and only in name and key not in done:
                    # One place and direction per draw, whatever the step: only severity changes.
                    rng = np.random.default_rng([draw, len(name), sum(scan.name.encode())])
                    yield key, fault.spoil(scan, step, rng), fault.parts


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _key(row: Row) -> Key:
    return row["scan"], row["form"], row["step"], row["draw"]


def auc(bad: list[float], good: list[float]) -> float:
    """Return the share of (bad, good) pairs that the score puts in order; ties count half."""
    pairs = np.subtract.outer(bad, good)
    return float((np.sum(pairs > 0) + 0.5 * np.sum(pairs == 0)) / pairs.size)


# Judged with the grid at hand; everything else follows from the numbers alone.
WITH_GRID = ("CT_HU_TISSUE_OFF", "CT_APEX_CUT", "CT_BASE_CUT", "CT_ONE_LUNG", "CT_NO_LUNG",
             "CT_SMALL_LUNGS", "CT_THICKNESS_UNFIT", "CT_COVERAGE_SHORT")  # fmt: skip


def judged(row: Row) -> Row:
    """Judge a row's numbers by the limits of today."""
    spacing = row["metrics"]["spacing_mm"]
    nowhere = geometry_of_grid((200, 512, 512), (spacing, 0.7, 0.7))
    found = assess_ct(nowhere, None, None, None, row["metrics"])
    codes = {r.code: r.severity for r in found.reasons}
    codes |= {code: how for code, how in row["codes"].items() if code in WITH_GRID}
    verdict = next((v for v in ("reject", "warn") if v in codes.values()), "pass")
    return row | {"codes": codes, "verdict": verdict}


def table(path: Path) -> str:
    """Return the tables as Markdown."""
    rows = [judged(row) for row in _rows(path)]
    good = [row for row in rows if row["step"] == 0.0]
    lines = ["| scan | form | verdict | reasons |", "| --- | --- | --- | --- |"]
    for row in good:
        told = ", ".join(f"{c} ({s})" for c, s in row["codes"].items() if s != "info")
        lines.append(f"| {row['scan']} | {row['form']} | {row['verdict']} | {told or '–'} |")
    wrong = sum(row["verdict"] == "reject" for row in good)
    lines += ["", f"Rejected untouched: {wrong} of {len(good)}.", ""]
    lines += [
        "| fault | steps (**a radiologist rejects**) | AUC | Spearman | told (warn or reject) at "
        "each step | rejected at each step |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    fine = [row for row in rows if row["scan"] not in COARSE_SCANS]
    for name, fault in FAULTS.items():
        line = _fault_line(name, fault, rows, good)
        if line:
            lines.append(line)
        if line and fault.codes == ("CT_KERNEL_SHARP",):
            sharp = [row for row in fine if row["step"] == 0.0]
            label = f"| {name}, pixels of {FINE_PIXEL_MM:g} mm or less |"
            lines.append(_fault_line(name, fault, fine, sharp).replace(f"| {name} |", label, 1))
    return "\n".join(lines)


#: Their pixels are wider than FINE_PIXEL_MM.
COARSE_SCANS = ("phantom 21", "phantom 101")


def _fault_line(name: str, fault: Fault, rows: list[Row], good: list[Row]) -> str:
    mine = [row for row in rows if row["form"] == SAME.get(name, name)]
    if not mine:
        return ""
    score: Callable[[Row], float] = lambda row: fault.score(row["metrics"])  # noqa: E731 short and local
    at = {step: [row for row in mine if row["step"] == step] for step in map(float, fault.steps)}
    rejected = float(fault.steps[fault.reject])
    area = auc([score(r) for r in at[rejected]], [score(r) for r in good])
    ranks = []
    for scan in {row["scan"] for row in mine}:
        start = next(row for row in good if row["scan"] == scan and row["form"] == "as it is")
        way = [score(start)] + [
            score(row)
            for step in at
            for row in at[step]
            if row["scan"] == scan and row["draw"] == 0
        ]
        constant = len(set(way)) == 1
        ranks.append(0.0 if constant else float(stats.spearmanr(range(len(way)), way).statistic))
    told = " / ".join(_share(at[s], fault.codes, ("warn", "reject")) for s in at)
    hard = " / ".join(_share(at[s], fault.codes, ("reject",)) for s in at)
    steps = " / ".join(f"**{s:g}**" if s == rejected else f"{s:g}" for s in at)
    return (
        f"| {name} | {steps} | {area:.3f} ({len(at[rejected])} v {len(good)}) | "
        f"{np.mean(ranks):.2f} (worst {min(ranks):.2f}) | {told} | {hard} |"
    )


def _share(rows: list[Row], codes: tuple[str, ...], how: tuple[str, ...]) -> str:
    hit = [any(row["codes"].get(code) in how for code in codes) for row in rows]
    return f"{sum(hit)}/{len(hit)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure")
    one.add_argument("--half", choices=("fit", "report"), required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--only", default="", help="faults whose name holds this")
    one.add_argument("--draws", type=int, default=1)
    one.add_argument("--scans", default="", help="scans whose name holds this")
    commands.add_parser("table").add_argument("file", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "measure":
        run(chosen.half, chosen.out, chosen.only, chosen.draws, chosen.scans)
    else:
        sys.stdout.write(table(chosen.file) + "\n")


if __name__ == "__main__":
    main()
