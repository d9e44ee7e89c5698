"""The picture of docs/imaging/ct-quality.md: one scan spoilt in four ways, with what was told.

    XINGLIN_DATA=… python -m tests.bench.ct_quality_picture docs/images/imaging-ct-qc.png

LCTSC S1-101 (TCIA, CC BY 3.0).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.imaging.ct_grid import patient_view
from core.imaging.ct_qc_aorta import find_aorta
from tests.bench.ct_degrade import cropped, moved, noisy, with_metal
from tests.bench.ct_inserts import lctsc
from tests.bench.ct_quality import EVERYTHING, Row, Scan, lungs_of, measure, scan_of, trimmed

LEVEL = 62
PLACES = ((340, 224), (340, 262))
WINDOW = (-1050.0, 350.0)
HEIGHT = 216
TOLD = {
    "CT_MOTION": "air_streak_hu", "CT_NOISE_HIGH": "noise_hu", "CT_METAL_STREAK": "streak_hu",
    "CT_LUNG_CUT": "lung_cut_mm", "CT_FOV_CUT": "outline_cut_share",
}  # fmt: skip


def panel(plane: NDArray[np.int16], title: str, lines: list[str]) -> Image.Image:
    """Return a slice with its title and what was told of it."""
    low, high = WINDOW
    rows = np.flatnonzero((plane[:-100] > -300).sum(axis=1) > 40)
    plane = plane[max(0, int(rows[0]) - 40) : int(rows[-1]) - 12]  # without the table
    grey = np.clip((plane.astype(np.float32) - low) / (high - low) * 255, 0, 255)
    image = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    image = image.resize((round(image.width * HEIGHT / image.height), HEIGHT))
    board = Image.new("RGB", (430, HEIGHT + 64), "black")
    board.paste(image, ((430 - image.width) // 2, 20))
    pen = ImageDraw.Draw(board)
    pen.text((6, 4), title, fill="white")
    for k, line in enumerate(lines[:3]):
        pen.text((6, HEIGHT + 23 + 13 * k), line, fill=(255, 190, 60))
    return board


def lines_of(row: Row) -> list[str]:
    """Return the reasons with metric and value, worst first."""
    codes = sorted(row["codes"].items(), key=lambda item: item[1] != "reject")
    return [
        f"{code} ({severity}): {TOLD[code]} = {row['metrics'][TOLD[code]]:.2f}"
        for code, severity in codes
        if code in TOLD and severity != "info"
    ] or [f"verdict: {row['verdict']}"]


def panels(scan: Scan) -> list[Image.Image]:
    """Return six panels: untouched, its aorta, motion, metal, narrow field, noise."""
    volume, rng = scan.volume, np.random.default_rng(4)
    low, high = scan.levels
    spoilt = {
        "motion of 8 mm during the rotation": moved(volume, (low, high), 8.0, rng),
        "two metal rods of 5 mm radius": with_metal(volume, (LEVEL, LEVEL + 2), PLACES, 5.0, rng),
        "field of view 50 mm too narrow a side": cropped(volume, (62, 62)),
        "noise of 120 HU": noisy(volume, 120.0, rng),
    }
    plain = measure(volume, scan.lungs, EVERYTHING)
    numbers = plain["metrics"]
    found = [panel(volume.voxels[LEVEL], "untouched", lines_of(plain)), _aorta(scan, numbers)]
    for title, changed in spoilt.items():
        row = measure(changed, lungs_of(scan, changed), EVERYTHING)
        found.append(panel(changed.voxels[LEVEL], title, lines_of(row)))
    return found


def _aorta(scan: Scan, numbers: dict[str, float]) -> Image.Image:
    """Show where blood is measured."""
    view = patient_view(scan.volume)
    aorta = find_aorta(scan.grid, scan.lungs)
    assert aorta is not None
    at = scan.grid.full_index(aorta.centres)
    _, row, column = at[int(np.abs(at[:, 0] - LEVEL).argmin())]
    plane = view.voxels[LEVEL].copy()
    y, x = np.ogrid[: plane.shape[0], : plane.shape[1]]
    away = np.hypot((y - row) * view.spacing_mm[1], (x - column) * view.spacing_mm[2])
    plane[(away > 6.0) & (away < 7.5)] = 3000
    text = ", ".join(
        f"{name} = {numbers[name]:.0f}" for name in ("aorta_hu", "aorta_noise_hu", "fat_hu")
    )
    return panel(plane, "blood: disc of 6 mm in the descending aorta", [text])


def main() -> None:
    """Write the picture to the path given."""
    scan = scan_of("s1-101", trimmed(lctsc(Path(os.environ["XINGLIN_DATA"]), "s1-101").volume))
    found = panels(scan)
    width, height = found[0].size
    sheet = Image.new("RGB", (3 * width, 2 * height))
    for k, one in enumerate(found):
        sheet.paste(one, (k % 3 * width, k // 3 * height))
    sheet.quantize(32).save(sys.argv[1], optimize=True)


if __name__ == "__main__":
    main()
