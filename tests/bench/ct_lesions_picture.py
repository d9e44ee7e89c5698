"""Picture of the lesion search: docs/images/imaging-ct-lesions.png.

    python -m tests.bench.ct_lesions_picture --cache FOLDER --out docs/images/imaging-ct-lesions.png

Upper row: LCTSC S1-103 (CC BY 3.0) with inserted lesions; lower row: a phantom. Green: found, and
true; red: found, and nothing; yellow: missed. On the search grid of 1.5 mm. FOLDER is that of
``ct_froc --cache``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from core.imaging.lesions import Judge, Scored, settle
from tests.bench.ct_froc import Searched, centre_of, fragment, hit_of, judge_of, scan_of

SCALE = 3
WINDOW = (-1000.0, 250.0)
TRUE, FALSE, MISSED = (70, 220, 90), (255, 70, 60), (255, 210, 0)


def panel(scan: Searched, found: list[Scored], level: int) -> Image.Image:
    """Return one axial slice of the search grid with outlines and names."""
    voxels = scan.search.field.grid.voxels[level]
    low, high = WINDOW
    grey = (np.clip((voxels - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(grey).resize(
        (grey.shape[1] * SCALE, grey.shape[0] * SCALE), Image.Resampling.BICUBIC
    )
    picture = image.convert("RGB")
    missed = scan.labels[level].copy()
    for scored in found:
        box = scored.candidate.box
        if box[0].start <= level < box[0].stop:
            _outline(picture, _plane(scored, level, voxels.shape), _colour(scan, scored), scored)
        missed[box[1], box[2]] &= ~_in_box(scored, level)
    labels, count = ndimage.label(scan.labels[level])
    for index in range(1, count + 1):
        part = labels == index
        if (missed & part).sum() == part.sum():
            _outline(picture, part, MISSED, None)
    return picture


def _in_box(scored: Scored, level: int) -> NDArray[np.bool_]:
    box = scored.candidate.box
    inside = box[0].start <= level < box[0].stop
    shape = scored.candidate.mask.shape[1:]
    return scored.candidate.mask[level - box[0].start] if inside else np.zeros(shape, bool)


def _plane(scored: Scored, level: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    plane = np.zeros(shape, bool)
    box = scored.candidate.box
    plane[box[1], box[2]] = _in_box(scored, level)
    return plane


def _colour(scan: Searched, scored: Scored) -> tuple[int, int, int]:
    true = hit_of(centre_of(scan.to_lps, scored), scan.lesions) is not None
    return TRUE if true or fragment(scan.labels, scored) else FALSE


def _outline(
    picture: Image.Image,
    plane: NDArray[np.bool_],
    colour: tuple[int, int, int],
    scored: Scored | None,
) -> None:
    large = plane.repeat(SCALE, 0).repeat(SCALE, 1)
    edge = ndimage.binary_dilation(large, iterations=2) & ~ndimage.binary_dilation(large)
    pixels = np.asarray(picture).copy()
    pixels[edge] = colour
    picture.paste(Image.fromarray(pixels))
    if scored is None:
        return
    rows, columns = np.nonzero(large)
    if len(rows):
        text = f"{scored.candidate.kind.replace('_', ' ')} {scored.probability:.2f}"
        at = (max(2, int(columns.mean()) - 40), max(2, int(rows.min()) - 14))
        ImageDraw.Draw(picture).text(at, text, fill=colour)


def levels_of(scan: Searched, count: int) -> list[int]:
    """Return the slices with most lesions, well apart."""
    spans = np.array([len(np.unique(ndimage.label(level)[0])) - 1 for level in scan.labels])
    areas = scan.labels.sum(axis=(1, 2))
    chosen: list[int] = []
    for level in np.lexsort((-areas, -spans)).tolist():
        if all(abs(level - other) > 12 for other in chosen):
            chosen.append(level)
        if len(chosen) == count:
            break
    return chosen


def row_of(scan: Searched, judge: Judge, count: int) -> Image.Image:
    """Return panels side by side."""
    found = settle(scan.search, judge)
    panels = [panel(scan, found, level) for level in levels_of(scan, count)]
    width = sum(p.width for p in panels)
    row = Image.new("RGB", (width, max(p.height for p in panels)))
    at = 0
    for one in panels:
        row.paste(one, (at, 0))
        at += one.width
    return row


def main(arguments: list[str]) -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judge", choices=("classical", "network"), default="network")
    parser.add_argument("--phantom", default="thin")
    parser.add_argument("--seed", type=int, default=22)
    chosen = parser.parse_args(arguments)
    folder, judge = Path(os.environ.get("XINGLIN_DATA", "")), judge_of(chosen.judge)
    rows = [row_of(scan_of(name, chosen.seed, folder, chosen.cache), judge, 2)
            for name in ("s1-103", chosen.phantom)]  # fmt: skip
    width = max(row.width for row in rows)
    whole = Image.new("RGB", (width, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height
    small = whole.resize((1000, round(whole.height * 1000 / width)), Image.Resampling.LANCZOS)
    palette = Image.new("P", (1, 1))
    greys = [v for level in range(0, 256, 6) for v in (level, level, level)]
    tints = [int(c * share) for colour in (TRUE, FALSE, MISSED) for share in (0.5, 0.75, 1)
             for c in colour]  # fmt: skip
    palette.putpalette(greys + tints)
    small.quantize(palette=palette, dither=Image.Dither.NONE).save(chosen.out, optimize=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
