"""The picture of docs/imaging/dr-quality.md: one NIH radiograph, spoilt, with verdict and outline.

XINGLIN_DATA=… python -m tests.bench.dr_quality_picture docs/images/imaging-dr-qc.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage as ndi

from tests.bench.dr_degrade import FAULTS
from tests.bench.dr_quality import judged, network, pictures

_SIDE = 300
_PICTURE = "nih_normal/00003226_004.jpg"
_SHOWN = (
    ("as taken", None, 0.0),
    ("motion 15 px", "motion, px", 15.0),
    ("upper 20 % of the lungs cut off", "apices cut, share", 0.20),
    ("right edge 20 % cut off", "image right cut, share", 0.20),
    ("upside down", "turned 180", 180.0),
    ("grid lines", "grid lines, amplitude", 4.0),
    ("gain 1.6, saturated", "saturated high, gain", 1.6),
    ("mirrored", "mirrored", 1.0),
)


def panel(pixels: np.ndarray, title: str, by: object) -> Image.Image:
    """Return one picture with lung outline, title and coded reasons."""
    qc, lungs = judged(pixels, by)  # type: ignore[arg-type]  # what network() returned
    scale = _SIDE / max(pixels.shape)
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    grey = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize(size)
    # Few greys, so that a small palette keeps the outlines' colours.
    colour = np.stack([np.asarray(grey) // 8 * 8] * 3, -1).copy()
    mask = np.asarray(Image.fromarray(lungs.mask).resize(size, Image.Resampling.NEAREST))
    for label, ink in ((1, (255, 90, 90)), (2, (90, 255, 90))):
        side = mask == label
        colour[side & ~ndi.binary_erosion(side)] = ink
    canvas = Image.new("RGB", (_SIDE, _SIDE + 54), (20, 20, 20))
    canvas.paste(Image.fromarray(colour), ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2))
    draw = ImageDraw.Draw(canvas)
    draw.text((4, _SIDE + 2), f"{title}: {qc.verdict.upper()}", fill=(255, 255, 255))
    said = [r for r in qc.reasons if r.severity != "info"]
    for line, one in enumerate(said[:3]):
        value = "" if one.value is None else f" {one.value:.2f} ({one.limit:.2f})"
        ink = (255, 120, 120) if one.severity == "reject" else (255, 220, 120)
        draw.text((4, _SIDE + 15 + 12 * line), f"{one.code}{value}", fill=ink)
    return canvas


def main() -> None:
    by = network()
    pixels = dict(pictures("nih_normal", "report"))[_PICTURE]
    _, lungs = judged(pixels, by)
    panels = []
    for title, name, step in _SHOWN:
        rng = np.random.default_rng(0)
        spoilt = pixels if name is None else FAULTS[name].apply(pixels, step, lungs.mask, rng)
        panels.append(panel(np.asarray(spoilt, np.float32), title, by))
    sheet = Image.new("RGB", (4 * _SIDE, 2 * panels[0].height))
    for number, one in enumerate(panels):
        sheet.paste(one, (number % 4 * _SIDE, number // 4 * one.height))
    sheet.quantize(80).save(Path(sys.argv[1]), optimize=True)


if __name__ == "__main__":
    main()
