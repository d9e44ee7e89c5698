"""Measures of lesions inserted into real lungs: real vessels, real noise, known truth.

    XINGLIN_DATA=... python -m tests.bench.ct_measures_real [--seeds 71,72]

LCTSC S1-103 (its in-plane spacing is a placeholder, 0.977 mm is assumed) and ACRIN-NSCLC-FDG-PET
042, slices of 3 mm and more. The candidate comes from the truth; nothing was fitted here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.imaging.ct_grid import bounding_box, patient_view
from core.phantom.insert import Inserted
from tests.bench.ct_inserts import RealScan, Wish, acrin, lctsc, with_lesions
from tests.bench.ct_measures_scenes import Patch, measured

MARGIN_MM = 16.0
LUMEN_HU = -750.0
WISHES = (
    Wish("solid_nodule", 4, (3.5, 8.0)),
    Wish("ground_glass_nodule", 4, (4.5, 9.0), unevenness=0.1),
    Wish("part_solid_nodule", 4, (5.0, 9.5), unevenness=0.1),
    Wish("cavity", 2, (8.0, 13.0), (2.2, 4.5)),
)


def patch_of(scan: RealScan, with_them: Inserted, number: int) -> Patch:
    """Return one lesion's part of the scan."""
    volume = with_them.volume
    inside = with_them.label_map == number
    margin = [int(np.ceil(MARGIN_MM / mm)) for mm in volume.spacing_mm]
    box = bounding_box(inside, (margin[0], margin[1], margin[2]))
    corner = volume.to_lps(np.array([float(part.start) for part in box]))
    part = replace(
        volume,
        voxels=volume.voxels[box],
        origin_mm=(float(corner[0]), float(corner[1]), float(corner[2])),
    )
    view = patient_view(part)
    labels = patient_view(replace(part, voxels=inside[box].astype(np.uint8))).voxels > 0
    return Patch(view, part, labels, np.asarray(view.voxels < LUMEN_HU))


def main(arguments: list[str]) -> int:
    """Insert, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="71,72")
    seeds = [int(seed) for seed in parser.parse_args(arguments).seeds.split(",")]
    folder = Path(os.environ["XINGLIN_DATA"])
    volumes, axes, lost = defaultdict(list), defaultdict(list), 0
    for scan in (lctsc(folder, "s1-103"), acrin(folder)):
        for seed in seeds:
            made = with_lesions(scan, WISHES, seed)
            for true in made.lesions:
                found = measured(patch_of(scan, made, true.id), true.kind)
                if found is None:
                    lost += 1
                    continue
                volumes[true.kind].append(100 * (found[0].volume_ml / true.volume_ml - 1))
                axes[true.kind].append(found[0].axes.long_mm - true.long_axis_mm)
    lines = [
        "| kind | lesions | volume %: median, 90 % within | within 5 % | within 25 % | "
        "long axis mm: median, 90 % within |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, errors in sorted(volumes.items()):
        volume, away = np.array(errors), np.array(axes[kind])
        lines.append(
            f"| {kind} | {len(volume)} | {np.median(volume):+.1f}, "
            f"{np.percentile(np.abs(volume), 90):.1f} | {100 * np.mean(np.abs(volume) <= 5):.0f} % "
            f"| {100 * np.mean(np.abs(volume) <= 25):.0f} % | {np.median(away):+.2f}, "
            f"{np.percentile(np.abs(away), 90):.2f} |"
        )
    sys.stdout.write("\n".join(lines) + f"\n{lost} without an outline\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
