"""Follow-up of chest CT held against known deformations and changes: docs/imaging/follow-up.md.

    python -m tests.bench.ct_followup registration --seeds 41,42,43
    python -m tests.bench.ct_followup real            (with XINGLIN_DATA)
    python -m tests.bench.ct_followup strangers       (two people: must be refused)
    python -m tests.bench.ct_followup lesions --seeds 41,42,43,44
    python -m tests.bench.ct_followup rescan --seeds 45,46,47,48

``registration`` and ``real`` give the target registration error at vessels, ``lesions`` and
``rescan`` the whole chain on two scans: matching, changes named rightly, false changes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from time import process_time

import numpy as np

from core.imaging.ct import CtFindings, CtOptions, analyse_ct
from core.imaging.ct_grid import bounding_box, carry, cut_grid, patient_view
from core.imaging.followup import Examination, FollowUp, compare
from core.imaging.lungs import find_lungs
from core.imaging.register import LungImage, PointMap, frame_of, register_lungs
from core.imaging.register_quality import (
    RegistrationQuality,
    assess_registration,
    structured_places,
)
from core.imaging.volume import Volume
from core.phantom.ct import CtSpec
from tests.bench.ct_cases import geometry_of
from tests.followup_cases import (
    FITTING_SEEDS,
    REPORT_SEEDS,
    Deformation,
    Pair,
    deformation_of,
    make_pair,
    noisy,
    warp,
)

SCAN = CtSpec(rows=160, columns=160, slices=124, spacing_mm=(2.7, 2.34, 2.34), noise_hu=12.0)


def lung_image(volume: Volume, labels: np.ndarray | None = None) -> LungImage:
    """Return a scan's lungs as `find_lungs` has them, on 2 mm, cut with a margin."""
    view = patient_view(volume)
    whole = cut_grid(view, 2.0)
    lungs = find_lungs(whole).lungs
    lesions = np.zeros_like(lungs)
    if labels is not None:
        lesions = carry(patient_view(replace(volume, voxels=labels > 0)).voxels, whole.voxels.shape)
    box = bounding_box(lungs, (7, 7, 7))
    part = whole.cut(box)
    frame = frame_of(volume, view, part)
    return LungImage(part.voxels, (lungs | lesions)[box], lesions[box], whole.spacing_mm, frame)


@dataclass(frozen=True)
class Registered:
    """One registration held against the true map: errors in millimetres before and after."""

    name: str
    before: np.ndarray
    after: np.ndarray
    quality: RegistrationQuality
    cpu_s: float

    def line(self) -> str:
        """Return a row: median and 95 % before, after; the registration's own judgement."""
        a, b = np.percentile(self.before, [50, 95]), np.percentile(self.after, [50, 95])
        q = self.quality
        return (
            f"{self.name:26s}{a[0]:8.1f}{a[1]:8.1f}{b[0]:9.2f}{b[1]:8.2f}   dice {q.lung_dice:.3f}"
            f"  found {q.found_share:.2f}  residual {q.residual_median_mm:.2f} /"
            f" {q.residual_p95_mm:.2f}  CPU {self.cpu_s:.0f} s"
        )


def error_of(
    name: str, sides: tuple[LungImage, LungImage], truth: Deformation, prior_points: np.ndarray
) -> Registered:
    """Register (prior, current) and return the error at prior LPS points."""
    prior, current = sides
    start = process_time()
    points: PointMap = register_lungs(current, prior)
    spent = process_time() - start
    here = truth.to_current(prior_points)
    before = np.linalg.norm(here - prior_points, axis=1)
    after = np.linalg.norm(points.to_prior(here) - prior_points, axis=1)
    return Registered(name, before, after, assess_registration(current, prior, points), spent)


def phantom_registration(seed: int) -> Registered:
    """Return the error on a digital patient with changing lesions, at 1000 vessel voxels."""
    pair = make_pair(seed, SCAN)
    rng = np.random.default_rng(seed)
    vessels = np.argwhere(pair.vessels)
    index = vessels[rng.choice(len(vessels), 1000, replace=False)].astype(np.float64)
    sides = lung_image(pair.prior, pair.prior_labels), lung_image(pair.current, pair.current_labels)
    return error_of(f"phantom {seed}", sides, pair.deformation, pair.prior.to_lps(index))


def real_volume(name: str) -> Volume:
    """Return an LCTSC case (CC BY 3.0) with in-plane pixels averaged two by two."""
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    folder = Path(os.environ["XINGLIN_DATA"]) / "ct"
    image = sitk.ReadImage(str(folder / f"lctsc-test-{name}_ct.nii.gz"))
    voxels = sitk.GetArrayFromImage(image).astype(np.float32)
    small = voxels.reshape(len(voxels), 256, 2, 256, 2).mean(axis=(2, 4))
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1]
    return Volume(small, (3.0, 1.954, 1.954), image.GetOrigin(), direction)


def real_pair(name: str, seed: int) -> tuple[Volume, Volume, Deformation]:
    """Return a real scan, and the same deformed with noise of its own."""
    volume = real_volume(name)
    corners = volume.to_lps(np.array([[0.0, 0, 0], [n - 1.0 for n in volume.voxels.shape]]))
    low, high = sorted(corners[:, 2].tolist())
    truth = deformation_of(seed, (low, high), corners.mean(axis=0))
    moved = warp(volume, truth, 3, -1000.0)
    spec = CtSpec(noise_hu=15.0, spacing_mm=volume.spacing_mm)
    return replace(volume, voxels=volume.voxels.astype(np.int16)), noisy(moved, spec, seed), truth


def real_registration(name: str, seed: int) -> Registered:
    """Return the error on a deformed real scan, at its structured places (vessel forks)."""
    prior, current, truth = real_pair(name, seed)
    sides = lung_image(prior), lung_image(current)
    places = structured_places(sides[0].voxels, sides[0].lungs, sides[0].spacing_mm, 300)
    points = sides[0].frame.to_lps(places * np.asarray(sides[0].spacing_mm))
    return error_of(f"LCTSC {name}, seed {seed}", sides, truth, points)


def strangers(seeds: list[int]) -> list[tuple[str, RegistrationQuality]]:
    """Return the quality of registrations of two different people: none may look comparable."""
    scans = {f"phantom {s}": make_pair(s, SCAN, ("stable",), 0.0).prior for s in seeds[:3]}
    if os.environ.get("XINGLIN_DATA"):
        scans |= {f"LCTSC {n}": real_volume(n) for n in ("s1-101", "s1-103")}
    sides = {name: lung_image(scan) for name, scan in scans.items()}
    names = list(sides)
    out = []
    for a, b in [*pairwise(names), (names[-1], names[0])]:
        points = register_lungs(sides[b], sides[a])
        out.append((f"{a} / {b}", assess_registration(sides[b], sides[a], points)))
    return out


def owners(found: CtFindings, labels: np.ndarray) -> dict[int, int]:
    """Return lesion id -> true lesion that it lies on (a fifth of it at least), 0 for none."""
    assert found.label_map is not None
    out = {}
    for lesion in found.lesions or ():
        counts = np.bincount(labels[found.label_map == lesion.id], minlength=2)
        best = int(counts[1:].argmax()) + 1
        out[lesion.id] = best if counts[best] >= 0.2 * counts.sum() else 0
    return out


@dataclass(frozen=True)
class Chain:
    """The whole chain on one pair."""

    seed: int
    pair: Pair
    found: FollowUp
    owned: tuple[dict[int, int], dict[int, int]]
    counts: tuple[int, int]
    cpu_s: float
    error_mm: np.ndarray


def chain(pair: Pair) -> Chain:
    """Analyse both scans, compare; what quality control would refuse is analysed all the same."""
    options = CtOptions(override=True)
    scans = [analyse_ct(v, geometry_of(v), options=options) for v in (pair.prior, pair.current)]
    refused = [r.code for one in scans for r in one.qc.reasons if r.severity == "reject"]
    if refused:
        show([f"seed {pair.seed}: quality control would have refused: {refused}"])
    start = process_time()
    found = compare(Examination(scans[0], pair.prior), Examination(scans[1], pair.current))
    spent = process_time() - start
    error = np.zeros((2, 1))
    if found.points is not None:
        rng = np.random.default_rng(pair.seed)
        vessels = np.argwhere(pair.vessels)
        index = vessels[rng.choice(len(vessels), 1000, replace=False)].astype(np.float64)
        there = pair.prior.to_lps(index)
        here = pair.deformation.to_current(there)
        moved = found.points.to_prior(here)
        error = np.stack([np.linalg.norm(p - there, axis=1) for p in (here, moved)])
    owned = owners(scans[0], pair.prior_labels), owners(scans[1], pair.current_labels)
    return Chain(pair.seed, pair, found, owned, (len(owned[0]), len(owned[1])), spent, error)


EXPECTED = {
    "stable": "within_repeatability",
    "grown": "growth",
    "shrunk": "regression",
    "new": "new",
    "resolved": "resolved",
}


def judged(run: Chain) -> Counter[str]:
    """Return counts: matched pairs, verdicts by fate, false changes, findings that are nothing."""
    out: Counter[str] = Counter()
    assert run.found.changes is not None
    for change in run.found.changes:
        old = {run.owned[0][k] for k in change.prior_ids}
        new = {run.owned[1][k] for k in change.current_ids}
        true = (old | new) - {0}
        if old and new:
            out["pairs"] += 1
            out["pairs right"] += old == new
        if len(true) == 1:
            fate = run.pair.fates[true.pop() - 1][0]
            out[f"{fate}: {change.verdict}"] += 1
        elif not true:
            out[f"nothing: {change.verdict}"] += 1
    both = set(run.owned[0].values()) & set(run.owned[1].values()) - {0}
    out["lesions seen in both"] += len(both)
    return out


def told(run: Chain) -> list[str]:
    """Return a line for each true lesion that was seen in both scans."""
    lines = []
    for change in run.found.changes or ():
        true = {run.owned[0][k] for k in change.prior_ids} & {
            run.owned[1][k] for k in change.current_ids
        } - {0}
        for one in sorted(true):
            before, after = change.volume_prior_ml or 0.0, change.volume_current_ml or 0.0
            lines.append(
                f"  {run.pair.kinds[one - 1]} {run.pair.fates[one - 1][0]}: {change.verdict}"
                f" {before:.2f} -> {after:.2f} ml by {change.rule}"
            )
    return lines


def show(lines: list[str]) -> None:
    """Print at once."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def run_chain(seeds: list[int], fates: tuple[str, ...] | None) -> None:
    """Print the table of the whole chain."""
    total: Counter[str] = Counter()
    for seed in seeds:
        run = chain(make_pair(seed, SCAN, fates))
        if run.found.changes is None:
            show([f"seed {seed}: {run.found.status} {run.found.reasons[0].code}"])
            total["refused"] += 1
            continue
        counts = judged(run)
        total += counts
        a, b = np.percentile(run.error_mm, [50, 95], axis=1).T
        show(told(run))
        show([f"vessels: {a[0]:.1f} / {a[1]:.1f} mm before, {b[0]:.2f} / {b[1]:.2f} mm after"])
        show(
            [
                f"seed {seed}: findings {run.counts}, {dict(sorted(counts.items()))},"
                f" CPU {run.cpu_s:.0f} s"
            ]
        )
    show([f"{name:40s}{count:5d}" for name, count in sorted(total.items())])


def main(arguments: list[str]) -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("registration", "real", "strangers", "lesions", "rescan"))
    parser.add_argument("--seeds", default=",".join(map(str, REPORT_SEEDS[:4])))
    chosen = parser.parse_args(arguments)
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    if set(seeds) & set(FITTING_SEEDS):
        sys.stderr.write("some of these seeds were fitted on: no figures to report\n")
    if chosen.what == "strangers":
        show([f"{name:36s}{quality.as_json()}" for name, quality in strangers(seeds)])
    elif chosen.what == "lesions":
        run_chain(seeds, None)
    elif chosen.what == "rescan":
        run_chain(seeds, ("stable",))
    else:
        show([f"{'':26s}{'before':>8}{'95 %':>8}{'after':>9}{'95 %':>8}"])
        runs = []
        for seed in seeds:
            names = ("s1-101", "s1-103") if chosen.what == "real" else ("",)
            for name in names:
                one = real_registration(name, seed) if name else phantom_registration(seed)
                runs.append(one)
                show([one.line()])
        after = np.percentile(np.concatenate([r.after for r in runs]), [50, 95])
        show([f"all: median {after[0]:.2f} mm, 95 % {after[1]:.2f} mm"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
