"""PET quality rules against examinations spoilt in known steps: a table of docs/imaging/pet-ct.md.

    python -m tests.bench.pet_quality measure --out /tmp/pet.jsonl
    python -m tests.bench.pet_quality table /tmp/pet.jsonl

Digital patients 503-512; the limits were set beforehand, one of them with an eye on 501 and 502.
Patients differ: the whole uptake by a fifth (as livers do between people), the noise, and how the
PET lies by up to 2 mm. A run goes on where its file ends; the real case is added where
``XINGLIN_DATA`` is set.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.ndimage import gaussian_filter

from core.imaging.pet import PetSeries
from core.imaging.petct import fuse
from core.imaging.petct_space import Rigid, affine_of, rigid_of
from core.imaging.volume import Volume
from core.phantom.petct import PetCtPhantom, make_petct, small_petct
from tests.bench.petct import COARSE, uncorrected
from tests.bench.petct_cases import Case, acrin, digital, moved

SEEDS = tuple(range(503, 513))
Row = dict[str, object]
Metrics = dict[str, float]


@dataclass(frozen=True, eq=False)
class Patient:
    """A digital patient before noise, with what is its own."""

    phantom: PetCtPhantom
    case: Case
    noise: float
    rest: Rigid
    clean: np.ndarray
    dark: np.ndarray


@dataclass(frozen=True)
class Fault:
    """One way to spoil a PET; ``reject`` is the step that a physician would not read."""

    code: str
    score: Callable[[Metrics], float]
    steps: tuple[float, ...]
    reject: float
    spoil: Callable[[Patient, float], PetSeries]


def patient(seed: int) -> Patient:
    """Make one: uptake times 0.8-1.25, noise 0.05-0.18 at SUV 1, at rest up to 2 mm off."""
    phantom = make_petct(replace(small_petct(seed), noise=0.0))
    rng = np.random.default_rng([seed, 41])
    factor = np.float32(np.exp(rng.uniform(np.log(0.8), np.log(1.25))))
    case = digital(phantom, f"phantom {seed}")
    way = rng.normal(size=3)
    shift = way / np.linalg.norm(way) * rng.uniform(0.0, 2.0)
    rest = rigid_of((0.0, 0.0, 0.0), (shift[0], shift[1], shift[2]), case.centre_mm)
    clean = phantom.pet.voxels / phantom.spec.bq_per_suv * factor
    dark = uncorrected(phantom) / phantom.spec.bq_per_suv * factor
    noise = float(rng.uniform(0.05, 0.18))
    return Patient(phantom, case, noise, rest, clean, np.asarray(dark, np.float32))


def taken(one: Patient, suv: np.ndarray, noise: float, motion: Rigid | None = None) -> PetSeries:
    """Return the PET with noise that grows with the square root of the activity."""
    rng = np.random.default_rng([one.phantom.spec.seed, 42])
    grain = gaussian_filter(rng.standard_normal(suv.shape, dtype=np.float32), 0.8)
    grain /= grain.std()
    loud = np.maximum(suv + noise * np.sqrt(np.maximum(suv, 0.02)) * grain, 0.0)
    voxels = (loud * one.phantom.spec.bq_per_suv).astype(np.float32)
    series = replace(one.case.series, volume=replace(one.case.series.volume, voxels=voxels))
    return moved(series, one.rest if motion is None else motion.after(one.rest))


def _dark(one: Patient, share: float) -> PetSeries:
    """Leave out a share of the correction (in the exponent); 1 is none at all."""
    ratio = np.clip(one.dark / np.maximum(one.clean, 1e-6), 1e-3, 1.0)
    return taken(one, one.clean * ratio**share, one.noise)


def _dose(one: Patient, factor: float) -> PetSeries:
    """State a dose that is wrong by a factor, too high in every second patient."""
    series = taken(one, one.clean, one.noise)
    assert series.scale is not None
    wrong = factor if one.phantom.spec.seed % 2 else 1.0 / factor
    return replace(series, scale=replace(series.scale, per_unit=series.scale.per_unit * wrong))


def _way(one: Patient, size: float, turn: bool) -> Rigid:
    rng = np.random.default_rng([one.phantom.spec.seed, 43])
    way = rng.normal(size=3)
    x, y, z = way / np.linalg.norm(way) * size
    middle = one.case.centre_mm
    still = (0.0, 0.0, 0.0)
    return rigid_of((x, y, z), still, middle) if turn else rigid_of(still, (x, y, z), middle)


def _short(one: Patient, missing_mm: float) -> PetSeries:
    """End the PET below the apices."""
    series = taken(one, one.clean, one.noise)
    lungs_top = 120.0  # mm, about where the phantoms' apices lie
    heights = (
        affine_of(series.volume)[2, 3]
        + np.arange(series.volume.voxels.shape[0]) * series.volume.spacing_mm[0]
    )
    kept = int((heights < lungs_top - missing_mm).sum())
    return replace(series, volume=_first(series.volume, kept))


def _first(volume: Volume, slices: int) -> Volume:
    return replace(volume, voxels=np.ascontiguousarray(volume.voxels[:slices]))


def _of(name: str, sign: float = 1.0) -> Callable[[Metrics], float]:
    return lambda metrics: sign * metrics.get(name, float("-inf"))


def _liver_off(metrics: Metrics) -> float:
    """Distance of the liver from the middle of its limits, in logarithms."""
    return abs(float(np.log(metrics["liver_suv_mean"] / (1.0 * 4.5) ** 0.5)))


FAULTS: dict[str, Fault] = {
    "attenuation correction missing, share": Fault(
        "PT_LOOKS_UNCORRECTED", _of("lung_mediastinum_ratio"), (0.25, 0.5, 1.0), 1.0, _dark
    ),
    "noise at SUV 1": Fault(
        "PT_NOISE", _of("liver_cov"), (0.3, 0.6, 0.9), 0.9,
        lambda one, x: taken(one, one.clean, x),
    ),
    "dose wrong by a factor": Fault("PT_LIVER_ODD", _liver_off, (1.3, 1.8, 3.0), 3.0, _dose),
    "PET moved, mm": Fault(
        "PT_SHIFT", _of("pet_ct_shift_mm"), (4.0, 8.0, 15.0, 30.0), 15.0,
        lambda one, x: taken(one, one.clean, one.noise, _way(one, x, turn=False)),
    ),
    "PET turned, degrees": Fault(
        "PT_ROTATION", _of("pet_ct_rotation_deg"), (2.0, 4.0, 6.0, 10.0), 6.0,
        lambda one, x: taken(one, one.clean, one.noise, _way(one, x, turn=True)),
    ),
    "PET ends below the apices, mm": Fault(
        "PT_LUNGS_CUT", _of("lungs_covered_share", -1.0), (15.0, 30.0, 60.0), 60.0, _short
    ),
}  # fmt: skip


def cases(
    one: Patient, done: set[tuple[str, str, float]]
) -> Iterator[tuple[str, float, PetSeries]]:
    """Yield what is not measured yet: two untouched forms, then every fault at every step."""
    name = one.case.name
    for form, level in (("untouched", one.noise), ("untouched, half the counts", one.noise * 1.41)):
        if (name, form, 0.0) not in done:
            yield form, 0.0, taken(one, one.clean, level)
    for fault_name, fault in FAULTS.items():
        for step in fault.steps:
            if (name, fault_name, step) not in done:
                yield fault_name, step, fault.spoil(one, step)


def measure(out: Path, seeds: tuple[int, ...]) -> None:
    """Append every case that the file does not hold yet."""
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(row["case"], row["form"], row["step"]) for row in rows}
    with out.open("a", encoding="utf-8") as file:
        for seed in seeds:
            one = patient(seed)
            for form, step, series in cases(one, done):
                file.write(json.dumps(_row(one.case, form, step, series)) + "\n")
                file.flush()
        for part, form in (("PT_AC", "untouched"), ("PT_NAC", "attenuation correction missing")):
            real = acrin(part)
            if real is not None and (real.name, form, 0.0) not in done:
                file.write(json.dumps(_row(real, form, 0.0, real.series)) + "\n")


def _row(case: Case, form: str, step: float, series: PetSeries) -> Row:
    found = fuse(case.side, series, COARSE)
    return {
        "case": case.name,
        "form": form,
        "step": step,
        "metrics": {k: float(v) for k, v in found.qc.metrics.items()},
        "codes": {r.code: r.severity for r in found.qc.reasons},
        "status": found.status,
    }


def table(path: Path) -> Iterator[str]:
    """Yield the table as Markdown."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    good = [row for row in rows if str(row["form"]).startswith("untouched")]
    told = [row for row in good if "warn" in row["codes"].values()]
    wrong = [row for row in good if "reject" in row["codes"].values()]
    yield f"Untouched: {len(good)}, warned {len(told)}, rejected {len(wrong)}."
    yield from (f"  {row['case']}, {row['form']}: {row['codes']}" for row in told)
    yield ""
    yield "| fault | steps (**not readable**) | AUC | Spearman | told at each step | rejected |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, fault in FAULTS.items():
        mine = [row for row in rows if row["form"] == name]
        if mine:
            yield _line(name, fault, mine, good)


def _line(name: str, fault: Fault, mine: list[Row], good: list[Row]) -> str:
    def score(row: Row) -> float:
        return fault.score(row["metrics"])  # type: ignore[arg-type]  # numbers by name

    at = {step: [row for row in mine if row["step"] == step] for step in fault.steps}
    pairs = np.subtract.outer([score(r) for r in at[fault.reject]], [score(r) for r in good])
    area = float((np.sum(pairs > 0) + 0.5 * np.sum(pairs == 0)) / pairs.size)
    ranks = []
    for case in sorted({str(row["case"]) for row in mine}):
        start = next(r for r in good if r["case"] == case and r["form"] == "untouched")
        way = [score(start)] + [score(r) for s in fault.steps for r in at[s] if r["case"] == case]
        constant = len(set(way)) == 1
        ranks.append(0.0 if constant else float(stats.spearmanr(range(len(way)), way).statistic))
    told, hard = (
        " / ".join(f"{_given(at[s], fault.code, how)}/{len(at[s])}" for s in fault.steps)
        for how in (("warn", "reject"), ("reject",))
    )
    steps = " / ".join(f"**{s:g}**" if s == fault.reject else f"{s:g}" for s in fault.steps)
    size = f"{len(at[fault.reject])} v {len(good)}"
    return (
        f"| {name} ({fault.code}) | {steps} | {area:.3f} ({size}) | {np.mean(ranks):.2f} "
        f"(worst {min(ranks):.2f}) | {told} | {hard} |"
    )


def _given(rows: list[Row], code: str, how: tuple[str, ...]) -> int:
    return sum(row["codes"].get(code) in how for row in rows)  # type: ignore[attr-defined]  # a dict


def main() -> None:
    """Measure, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--seeds", type=int, default=len(SEEDS), help="how many of the seeds")
    commands.add_parser("table").add_argument("file", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "measure":
        measure(chosen.out, SEEDS[: chosen.seeds])
    else:
        sys.stdout.write("\n".join(table(chosen.file)) + "\n")


if __name__ == "__main__":
    main()
