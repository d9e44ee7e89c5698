"""What one comparison of two large scans takes: docs/imaging/joining.md.

    XINGLIN_DATA=… python -m tests.bench.joining_memory

LCTSC S1-101 (CC BY 3.0) with its slices repeated to 300 × 512 × 512, against itself with new noise;
30 boxes stand for lesions. This is no follow-up of a patient: it measures memory and time alone.
"""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import process_time

import numpy as np

from core.imaging.ct import CtFindings
from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.followup import Examination, compare
from core.imaging.followup_picture import change_pictures
from core.imaging.lungs import find_lungs, refine
from core.imaging.result import Lesion, QcResult
from core.imaging.volume import Volume

SLICES = 300


def large_scan() -> Volume:
    """Return the real scan with its slices repeated."""
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    path = Path(os.environ["XINGLIN_DATA"]) / "ct" / "lctsc-test-s1-101_ct.nii.gz"
    image = sitk.ReadImage(str(path))
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    times = -(-SLICES // len(voxels))
    x, y, z = image.GetSpacing()
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1].copy()
    whole = np.repeat(voxels, times, axis=0)[:SLICES]
    return Volume(whole, (z / times, y, x), image.GetOrigin(), direction)


def analysed(volume: Volume, count: int = 30) -> CtFindings:
    """Return lungs and boxes in them as if they had been found."""
    view = patient_view(volume)
    coarse = cut_grid(view, 2.0)
    lungs = view.restore(refine(view, coarse, find_lungs(coarse).labels)).copy()
    places = np.argwhere(lungs[::8, ::8, ::8] == 1) * 8
    chosen = np.random.default_rng(1).choice(len(places), count, replace=False)
    labels = np.zeros(volume.voxels.shape, np.uint16)
    lesions = []
    for number, place in enumerate(places[chosen], start=1):
        box = tuple(slice(max(0, k - r), k + r) for k, r in zip(place, (4, 6, 6), strict=True))
        labels[box] = number
        x, y, z = volume.to_lps(place.astype(np.float64))
        centre = (float(x), float(y), float(z))
        lesions.append(
            Lesion(number, "solid_nodule", centre, 0.5, 12.0, 12.0, 0.0, "right_upper_zone", 0.9)
        )
    return CtFindings(QcResult("pass"), "ok", tuple(lesions), labels, lungs)


def peak_gb() -> float:
    """Return the process's largest memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Compare, draw, and print what it took."""
    volume = large_scan()
    noise = np.random.default_rng(2).normal(0, 12, volume.voxels.shape).astype(np.int16)
    other = replace(volume, voxels=volume.voxels + noise)
    del noise
    own, there = analysed(volume), analysed(other)
    before, start = peak_gb(), process_time()
    prior = Examination(own, volume, b"x", "M", date(2026, 1, 1))
    current = Examination(there, other, b"x", "M", date(2026, 3, 1))
    found = compare(prior, current)
    pictures = change_pictures(prior, current, found)
    sys.stdout.write(
        f"{volume.voxels.shape}: {found.status}, {len(pictures)} pictures,"
        f" CPU {process_time() - start:.1f} s; peak {before:.2f} GB with both scans and their"
        f" results, {peak_gb():.2f} GB after\n"
    )


if __name__ == "__main__":
    main()
