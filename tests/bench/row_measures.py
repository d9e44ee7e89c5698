"""Measuring 100 lesions in one CT: every number of each, from a label map."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from core.imaging.remeasure import remeasure
from core.imaging.result import Lesion
from core.imaging.volume import Volume
from tests.bench.figure import Figure

SPACING_MM = (1.25, 0.74, 0.74)
COUNT = 100
KINDS = ("solid_nodule", "ground_glass_nodule", "part_solid_nodule", "cavity", "mass")


def measure(work: Path, quick: bool) -> list[Figure]:
    count = 10 if quick else COUNT
    volume, labels, lesions = scene(count)
    started = time.perf_counter()
    found = remeasure(volume, labels, lesions)
    took = time.perf_counter() - started
    numbers = sum(len(x.extra) + 4 for x in found)
    return [
        Figure(
            row="measures", what=f"measuring {count} lesions in one CT", target="≤ 5 s",
            ok=took <= 5.0 * count / COUNT, reached=f"{took:.2f} s ({numbers} numbers)",
            data=f"drawn lesions of 6 to 34 mm in {labels.shape[0]} slices, {os.cpu_count()} cores",
            detail={"seconds_per_lesion": took / count},
        )
    ]  # fmt: skip


def scene(count: int) -> tuple[Volume, np.ndarray, list[Lesion]]:
    """Return a volume of lung with drawn lesions, their label map and their records."""
    rng = np.random.default_rng(5)
    side = int(np.ceil(count ** (1 / 3)))
    edge = 46.0  # mm between centres
    shape = [int(side * edge / mm) + 8 for mm in SPACING_MM]
    voxels = rng.normal(-860, 18, shape).astype(np.float32)
    labels = np.zeros(shape, dtype=np.uint16)
    lesions = []
    axes = [np.arange(n) * mm for n, mm in zip(shape, SPACING_MM, strict=True)]
    for number in range(1, count + 1):
        kind = KINDS[number % len(KINDS)]
        cell = np.array(np.unravel_index(number - 1, (side, side, side)))
        centre = (cell + 0.5) * edge
        radius = 17.0 if kind == "mass" else float(rng.uniform(3.0, 9.0))
        box = tuple(
            slice(int((c - radius - 3) / mm), int((c + radius + 3) / mm) + 1)
            for c, mm in zip(centre, SPACING_MM, strict=True)
        )
        z, y, x = (a[part] - c for a, part, c in zip(axes, box, centre, strict=True))
        distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
        inside = np.clip((radius - distance) / 1.4 + 0.5, 0, 1)
        density = -600.0 if kind == "ground_glass_nodule" else 35.0
        voxels[box] += (density + 860.0) * inside
        if kind == "cavity":
            hollow = np.clip((0.55 * radius - distance) / 1.4 + 0.5, 0, 1)
            voxels[box] -= (35.0 + 950.0) * hollow
        labels[box][inside >= 0.5] = number
        lesions.append(Lesion(number, kind, (0, 0, 0), 0, 0, 0, 0, "right_upper_zone", 0.9))
    direction = np.eye(3)[:, ::-1]
    return Volume(voxels.astype(np.int16), SPACING_MM, (0.0, 0.0, 0.0), direction), labels, lesions
