"""Contrast phase of phantoms whose vessels and heart were filled, and of the real scans.

XINGLIN_DATA=… python -m tests.bench.ct_quality_phase
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.ct_qc_values import contrast_phase, value_metrics
from core.imaging.lungs import find_lungs
from core.imaging.volume import Volume
from core.phantom.ct import CtSpec, grid_of, make_ct
from core.phantom.tissue import BONE, HEART
from core.phantom.tubes import Ink, Slab, paint_tubes
from tests.bench.ct_inserts import acrin, lctsc

SEEDS = (23,)
# Density of the great vessels and of the mixed heart, HU.
FILLINGS = {"none": (44.0, 42.0), "arterial": (320.0, 220.0), "venous": (150.0, 140.0)}


def phantoms() -> Iterator[tuple[str, str, Volume]]:
    """Yield name, true phase and volume."""
    for seed in SEEDS:
        spec = CtSpec(seed=seed, case="normal", slices=164, rows=256, columns=256,
                      spacing_mm=(2.0, 1.5, 1.5), noise_hu=15.0)  # fmt: skip
        made = make_ct(spec)
        where = grid_of(spec)
        for phase, (vessels, heart) in FILLINGS.items():
            hu = made.volume.voxels.astype(np.float32)
            inside = (made.truth.organs & HEART) > 0
            hu[inside] += np.float32(heart - 42.0)
            slab = Slab(hu, made.truth.organs.copy(), where.x, where.y, where.z, 0.0)
            if phase != "none":
                paint_tubes(slab, made.patient.trees.great, Ink(vessels, 0, 1.5, BONE))
            yield f"phantom {seed}", phase, replace(made.volume, voxels=hu.round().astype(np.int16))


def real() -> Iterator[tuple[str, str, Volume]]:
    """Yield the three real scans; none of them was given contrast medium."""
    folder = Path(os.environ["XINGLIN_DATA"])
    for scan in (lctsc(folder, "s1-101"), lctsc(folder, "s1-103"), acrin(folder)):
        yield scan.name, "none", scan.volume


def main() -> None:
    """Print one line per scan."""
    for name, phase, volume in (*phantoms(), *real()):
        view = patient_view(volume)
        grid = cut_grid(view, 2.0)
        found = value_metrics(view, grid, find_lungs(grid))
        numbers = ", ".join(
            f"{k} {found.get(k, float('nan')):.0f}" for k in ("aorta_hu", "heart_hu")
        )
        sys.stdout.write(f"{name}: true {phase}, told {contrast_phase(found)} ({numbers})\n")


if __name__ == "__main__":
    main()
