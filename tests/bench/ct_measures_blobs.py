"""Ground glass of another make: overlapping balls, which no smooth surface describes exactly.

    python -m tests.bench.ct_measures_blobs [--seeds 34,35,36]

The phantom's nodules are wavy ellipsoids, which suits an outline that is one smooth surface seen
from the middle. Here a lesion is the union of four to six balls of a third to two thirds of its
size, blended into the same patients' lungs (vessels run through it); nothing was fitted on them.
Where more than a quarter of it would lie in vessels or the mediastinum it is left out.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.imaging.ct_grid import patient_view
from core.imaging.volume import Volume
from core.phantom.acquisition import KERNELS, expose
from core.phantom.lesion_shapes import LesionSpec
from core.phantom.patients import Patient, patient_of
from tests.bench.ct_measures import REPORT_SEEDS, SPACINGS
from tests.bench.ct_measures_scenes import (
    MARGIN_MM,
    Patch,
    Scan,
    axes_between_voxels,
    measured,
    nodule_patient,
    rendered,
    scans,
)

HAZE_HU = -610.0
RADII_MM = (4.5, 6.0, 7.5, 9.0)
FINE_MM = 0.25
PARTS = 3
# More of it than this in vessels or the mediastinum: nobody could outline it.
MOST_HIDDEN = 0.25
VESSEL_HU = -400.0

Balls = NDArray[np.float64]  # (n, 4): LPS centre, radius, mm


def balls_of(spec: LesionSpec, seed: int) -> Balls:
    """Return the balls of one lesion: their union reaches about as far as the nodule would."""
    rng = np.random.default_rng([seed, 55])
    size, middle = float(spec.radii_mm[0]), np.asarray(spec.centre_mm)
    balls = [np.array([*middle, 0.62 * size])]
    for _ in range(int(rng.integers(3, 6))):
        way = rng.normal(size=3)
        radius = size * rng.uniform(0.35, 0.6)
        at = middle + way / np.linalg.norm(way) * (size - radius) * rng.uniform(0.75, 1.1)
        balls.append(np.array([*at, radius]))
    return np.array(balls)


def inside(balls: Balls, axes: list[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return (z, y, x) which points lie in any ball; ``axes`` are x, y, z in mm."""
    x, y, z = axes
    out = np.zeros((len(z), len(y), len(x)), dtype=bool)
    for cx, cy, cz, radius in balls:
        square = (x - cx) ** 2 + ((y - cy) ** 2)[:, None] + ((z - cz) ** 2)[:, None, None]
        out |= square <= radius**2
    return out


def truth_of(balls: Balls) -> tuple[float, float]:
    """Return volume (ml) and long axis (mm)."""
    low, high = (balls[:, :3] - balls[:, 3:]).min(axis=0), (balls[:, :3] + balls[:, 3:]).max(axis=0)
    axes = [np.arange(a, b + FINE_MM, FINE_MM) for a, b in zip(low, high, strict=True)]
    mask = inside(balls, axes)
    return float(mask.sum()) * FINE_MM**3 / 1000, axes_between_voxels(mask, FINE_MM)[0]


def patch_of(patient: Patient, balls: Balls, scan: Scan, number: int) -> Patch:
    """Return the scanned patch of one lesion."""
    rng = np.random.default_rng([patient.seed, number, scan.rescan, 9])
    low, high = (balls[:, :3] - balls[:, 3:]).min(axis=0), (balls[:, :3] + balls[:, 3:]).max(axis=0)
    step = np.asarray(scan.spacing_mm[::-1])
    start = low - MARGIN_MM - rng.uniform(0, 1, 3) * step
    axes = [np.arange(a, b + MARGIN_MM, s) for a, b, s in zip(start, high, step, strict=True)]
    lung, _ = rendered(patient, axes, scan.spacing_mm[0])
    offsets = (np.arange(PARTS) + 0.5) / PARTS - 0.5
    fine = [(a[:, None] + offsets * s).ravel() for a, s in zip(axes, step, strict=True)]
    sizes = [len(a) for a in axes[::-1]]
    split = inside(balls, fine).reshape(sizes[0], PARTS, sizes[1], PARTS, sizes[2], PARTS)
    share = split.mean(axis=(1, 3, 5))
    hu = lung + share * np.maximum(HAZE_HU - lung, 0.0)
    kernel = KERNELS[scan.kernel]
    image = np.stack(
        [
            expose(plane.astype(np.float32), kernel, scan.noise_hu, scan.spacing_mm[2], rng)
            for plane in hu
        ]
    )
    direction = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    origin = (float(axes[0][0]), float(axes[1][0]), float(axes[2][0]))
    volume = Volume(image.astype(np.int16), scan.spacing_mm, origin, direction)
    return Patch(patient_view(volume), volume, share >= 0.5, np.zeros(share.shape, dtype=bool))


def run(seed: int) -> list[dict[str, Any]]:
    """Return the errors of every lesion of one patient, at every spacing, scanned twice."""
    planned = nodule_patient(seed * 7 + 6, RADII_MM, "ground_glass_nodule")
    bare = patient_of(planned.seed, "normal", ())
    rows = []
    for number, shape in enumerate(planned.lesions, start=1):
        balls = balls_of(shape.spec, seed * 100 + number)
        volume_ml, long_mm = truth_of(balls)
        for spacing in SPACINGS:
            for scan in scans(spacing, 2, seed * 100 + number):
                patch = patch_of(bare, balls, scan, number)
                hidden = float((patch.view.voxels[patch.inside] > VESSEL_HU).mean())
                if hidden > MOST_HIDDEN:
                    continue
                for given in (False, True):
                    found = measured(patch, "ground_glass_nodule", given)
                    if found is None:
                        continue
                    rows.append(
                        {
                            "spacing": spacing, "given": given, "seed": seed,
                            "volume": 100 * (found[0].volume_ml / volume_ml - 1),
                            "long": found[0].axes.long_mm - long_mm,
                        }
                    )  # fmt: skip
    return rows


def main(arguments: list[str]) -> int:
    """Scan, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(str(seed) for seed in REPORT_SEEDS))
    seeds = [int(seed) for seed in parser.parse_args(arguments).seeds.split(",")]
    rows = [row for seed in seeds for row in run(seed)]
    lines = [
        "| outline | slices mm | scans | volume %: median, 90 % within | within 5 % | "
        "within 25 % | long axis mm: median, 90 % within | within a voxel |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for given in (False, True):
        for spacing in SPACINGS:
            group = [r for r in rows if r["given"] == given and r["spacing"] == spacing]
            volume = np.array([r["volume"] for r in group])
            away = np.array([r["long"] for r in group])
            lines.append(
                f"| {'given' if given else 'found'} | {spacing[0]} | {len(group)} | "
                f"{np.median(volume):+.1f}, {np.percentile(np.abs(volume), 90):.1f} | "
                f"{100 * np.mean(np.abs(volume) <= 5):.0f} % | "
                f"{100 * np.mean(np.abs(volume) <= 25):.0f} % | "
                f"{np.median(away):+.2f}, {np.percentile(np.abs(away), 90):.2f} | "
                f"{100 * np.mean(np.abs(away) <= spacing[2]):.0f} % |"
            )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
