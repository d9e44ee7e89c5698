"""PET-CT held against known motion and known uptake: the tables of docs/imaging/pet-ct.md.

    python -m tests.bench.petct poses --cases acrin --poses 12
    python -m tests.bench.petct poses --cases phantom --poses 2
    python -m tests.bench.petct uptake
    python -m tests.bench.petct quality
    python -m tests.bench.petct picture        # docs/images/imaging-petct.png, of the real case

``poses``: the PET's patient is moved by random motions of up to 20 mm and 5 degrees; what the
search finds is compared with the motion (on the real examination also with what it finds unmoved,
since nobody knows how the real patient lay). ``uptake``: SUV of lesions against the truth.
``quality``: each reason's metric over degradations.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter

from core.imaging.pet_rigid import AlignLimits
from core.imaging.petct import PetCtLimits, PetFindings, fuse
from core.imaging.petct_picture import fused_grid, planes_at, projection
from core.imaging.petct_space import Rigid, affine_of, resampled, still
from core.phantom import tissue
from core.phantom.petct import PetCtPhantom, make_petct, small_petct
from tests.bench.petct_cases import REPORT_SEEDS, Case, acrin, digital, moved, pose, series_of

# Quality needs no finer alignment than its limits; the real case is aligned in full.
COARSE = PetCtLimits(search=AlignLimits(shrink=(4, 2), smoothing_mm=(8.0, 4.0)))


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def cases(which: str) -> Iterator[Case]:
    """Yield the real examination or the digital patients."""
    if which == "acrin":
        real = acrin()
        if real is not None:
            yield real
        return
    for seed in REPORT_SEEDS:
        yield digital(make_petct(small_petct(seed)), f"phantom {seed}")


def poses(which: str, count: int) -> None:
    """Print how far the recovered motion is from the added one."""
    say(
        f"{'case':14s}{'added mm':>9}{'deg':>6}{'error mm':>10}{'deg':>6}{'own mm':>8}{'deg':>6}"
        f"{'used':>6}{'spread':>8}{'CPU s':>7}"
    )
    errors: list[tuple[float, float, float, float]] = []
    for case in cases(which):
        rng = np.random.default_rng([20, len(errors)])
        base = still(case.centre_mm).after(_found(fuse(case.side, case.series)))
        say(f"{case.name:14s}{0:9.1f}{0:6.1f}{base.length_mm:10.2f}{base.angle_deg:6.2f}")
        for _ in range(count):
            motion = pose(rng, case.centre_mm)
            before = process_time()
            found = fuse(case.side, moved(case.series, motion))
            spent = process_time() - before
            left = motion.inverse().after(_found(found))
            own = left.after(base.inverse())
            spread = found.alignment.spread_mm if found.alignment else float("nan")
            errors.append((left.length_mm, left.angle_deg, own.length_mm, own.angle_deg))
            say(
                f"{case.name:14s}{motion.length_mm:9.1f}{motion.angle_deg:6.1f}"
                f"{left.length_mm:10.2f}{left.angle_deg:6.2f}{own.length_mm:8.2f}"
                f"{own.angle_deg:6.2f}{found.refined!s:>6}{spread:8.2f}{spent:7.1f}"
            )
    table = np.array(errors)
    within = ((table[:, 0] <= 2.0) & (table[:, 1] <= 1.0)).mean()
    say(
        f"{len(errors)} poses: within 2 mm and 1 deg {within:.0%}; error median "
        f"{np.median(table[:, 0]):.2f} mm {np.median(table[:, 1]):.2f} deg, largest "
        f"{table[:, 0].max():.2f} mm {table[:, 1].max():.2f} deg; against own unmoved answer "
        f"largest {table[:, 2].max():.2f} mm {table[:, 3].max():.2f} deg"
    )


def _found(found: PetFindings) -> Rigid:
    assert found.alignment is not None
    return found.alignment.motion


def uptake() -> None:
    """Print SUV of each lesion against the digital patient's noise-free image."""
    say(
        f"{'phantom':10s}{'kind':22s}{'mm':>6}{'true max':>9}{'max':>7}{'peak':>7}{'liver':>7}"
        "  uptake"
    )
    shares = []
    for seed in REPORT_SEEDS:
        phantom = make_petct(small_petct(seed))
        found = fuse(digital(phantom, "").side, series_of(phantom, phantom.pet))
        liver = found.liver.mean if found.liver else float("nan")
        truth = {one.lesion: one for one in phantom.uptakes}
        for lesion in found.lesions or ():
            if lesion.id not in truth or "suv_max" not in lesion.extra:
                continue
            true, largest = truth[lesion.id].suv_max, lesion.extra["suv_max"]
            shares.append((lesion.long_axis_mm, truth[lesion.id].suv, largest / true - 1))
            say(
                f"{seed:<10d}{lesion.kind:22s}{lesion.long_axis_mm:6.1f}{true:9.2f}{largest:7.2f}"
                f"{lesion.extra['suv_peak']:7.2f}{liver:7.2f}  {lesion.codes['uptake']}"
            )
    table = np.array(shares)
    hot = (table[:, 0] >= 10) & (table[:, 1] >= 2.5)
    say(
        f"{len(table)} lesions; of {hot.sum()} with >= 10 mm and SUV >= 2.5: SUVmax error median "
        f"{np.median(table[hot, 2]):+.1%}, absolute median {np.median(abs(table[hot, 2])):.1%}, "
        f"90th percentile {np.percentile(abs(table[hot, 2]), 90):.1%}"
    )


def uncorrected(phantom: PetCtPhantom) -> np.ndarray:
    """Return a PET as it looks without attenuation correction (depth in water, narrow beam)."""
    ct = phantom.ct
    water = np.clip(1.0 + ct.volume.voxels.astype(np.float32) / 1000.0, 0.0, 2.0)
    body = (ct.truth.organs & np.uint8(tissue.BODY)) > 0
    deep = distance_transform_edt(body, sampling=ct.volume.spacing_mm)
    # Depth counts by the density around: the way out of a lung is mostly air.
    dense = gaussian_filter(np.where(body, water, 0.0), [12.0 / mm for mm in ct.volume.spacing_mm])
    factor = np.exp(-0.0096 * 2.0 * deep * dense).astype(np.float32)
    place = (affine_of(phantom.pet), phantom.pet.voxels.shape)
    carried = resampled(factor, affine_of(ct.volume), place)
    return np.asarray(phantom.pet.voxels * np.where(carried > 0, carried, 1.0), dtype=np.float32)


def quality() -> None:
    """Print each reason's metric and whether it was given, over degradations."""
    say(f"{'phantom':10s}{'step':18s}{'ratio':>7}{'cov':>7}{'liver':>7}{'shift':>7}  reasons")
    for seed in REPORT_SEEDS[:2]:
        phantom = make_petct(small_petct(seed))
        case = digital(phantom, f"{seed}")
        plain = case.series
        dark = replace(plain, volume=replace(plain.volume, voxels=uncorrected(phantom)))
        steps = [("untouched", plain), ("no attenuation", dark)]
        for noise in (0.3, 0.8):
            loud = make_petct(replace(small_petct(seed), noise=noise))
            steps.append((f"noise {noise}", series_of(loud, loud.pet)))
        for factor in (0.4, 2.5):
            assert plain.scale is not None
            scale = replace(plain.scale, per_unit=plain.scale.per_unit * factor)
            steps.append((f"dose / {factor}", replace(plain, scale=scale)))
        for shift in (5.0, 10.0, 30.0):
            motion = Rigid(np.eye(3), case.centre_mm, np.array([0.6, 0.0, 0.8]) * shift)
            steps.append((f"moved {shift:.0f} mm", moved(plain, motion)))
        for name, series in steps:
            _row(f"{seed}", name, fuse(case.side, series, COARSE))
    for part in ("PT_AC", "PT_NAC"):
        real = acrin(part)
        if real is not None:
            _row("ACRIN-042", part, fuse(real.side, real.series))


def _row(case: str, step: str, found: PetFindings) -> None:
    m = found.qc.metrics
    numbers = [
        m.get(name, float("nan"))
        for name in ("lung_mediastinum_ratio", "liver_cov", "liver_suv_mean", "pet_ct_shift_mm")
    ]
    codes = ", ".join(f"{r.code}({r.severity})" for r in found.qc.reasons)
    say(f"{case:10s}{step:18s}" + "".join(f"{x:7.2f}" for x in numbers) + f"  {codes}")


def picture(path: Path) -> None:
    """Write the fused axial and coronal planes through the real case's hottest assessed focus."""
    case = next(cases("acrin"))
    found = fuse(case.side, case.series)
    uptake_volume = found.suv_volume
    assert uptake_volume is not None
    assert found.foci is not None
    focus = next(one for one in found.foci if one.assessed)
    grid = fused_grid(case.side.volume, uptake_volume, found.motion, 10.0)
    shown = planes_at(grid, focus.centroid_mm)
    rows = np.flatnonzero((grid.uptake > 0.2).any(axis=(0, 2)))
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    upper = np.concatenate([shown.axial_ct[part], shown.axial[part]], axis=1)
    lower = np.concatenate([shown.coronal, projection(grid)], axis=1)
    whole = Image.fromarray(np.concatenate([upper, lower], axis=0))
    size = (whole.width * 8 // 5, whole.height * 8 // 5)
    small = whole.resize(size, Image.Resampling.BICUBIC)
    small.quantize(200, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    say(f"{path}: F{focus.id} SUVmax {focus.uptake.suv_max:.1f}, {path.stat().st_size} bytes")


def main(arguments: list[str]) -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("poses", "uptake", "quality", "picture"))
    parser.add_argument("--cases", choices=("acrin", "phantom"), default="acrin")
    parser.add_argument("--poses", type=int, default=12)
    chosen = parser.parse_args(arguments)
    if chosen.what == "poses":
        poses(chosen.cases, chosen.poses)
    else:
        actions: dict[str, Callable[[], None]] = {
            "uptake": uptake,
            "quality": quality,
            "picture": partial(picture, Path("docs/images/imaging-petct.png")),
        }
        actions[chosen.what]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
