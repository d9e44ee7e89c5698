"""Lung fields against outlines on twelve real radiographs: a table of docs/imaging/dr-quality.md.

    XINGLIN_DATA=… python -m tests.bench.dr_lungs

The outlines (dr_outlines.json, fractions of width and height) were drawn by a non-radiologist
before any network was trained; no picture of them trained it. Projections and digital patients are
judged by the training command itself and stand in the bundle's card.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core.imaging.dr_lungs import LungFields, lung_fields
from federated.training.dr_data import data_folder, decode
from tests.bench.dr_quality import network


def outlined(entry: dict[str, object], shape: tuple[int, int]) -> np.ndarray:
    """Return the drawn lungs as a mask: 1 right, 2 left."""
    rows, columns = shape
    picture = Image.new("L", (columns, rows))
    draw = ImageDraw.Draw(picture)
    for label, side in ((1, "right"), (2, "left")):
        draw.polygon([(x * columns, y * rows) for x, y in entry[side]], fill=label)  # type: ignore[union-attr]  # pairs
    return np.asarray(picture)


def overlap(found: LungFields, truth: np.ndarray) -> float:
    """Return the Dice overlap, sides told apart."""
    both = sum(int(((found.mask == k) & (truth == k)).sum()) for k in (1, 2))
    return 2.0 * both / (int((found.mask > 0).sum()) + int((truth > 0).sum()))


def main() -> None:
    by = network()
    entries = json.loads((Path(__file__).parent / "dr_outlines.json").read_text())["outlines"]
    sys.stdout.write("| picture | network | confidence | template |\n| --- | --- | --- | --- |\n")
    scores = []
    for entry in entries:
        with zipfile.ZipFile(data_folder() / entry["archive"]) as held:
            pixels = decode(held.read(entry["member"]))
        truth = outlined(entry, pixels.shape)
        network_found, template_found = lung_fields(pixels, network=by), lung_fields(pixels)
        pair = overlap(network_found, truth), overlap(template_found, truth)
        scores.append(pair)
        name = Path(entry["member"]).stem
        sure = network_found.confidence
        sys.stdout.write(f"| {name} | {pair[0]:.3f} | {sure:.2f} | {pair[1]:.3f} |\n")
    table = np.array(scores)
    for name, row in (("mean", table.mean(0)), ("worst", table.min(0))):
        sys.stdout.write(f"| {name} | {row[0]:.3f} | | {row[1]:.3f} |\n")


if __name__ == "__main__":
    main()
