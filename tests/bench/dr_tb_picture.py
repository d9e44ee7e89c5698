"""The result picture of docs/imaging/dr-tb.md: heat map, lung fields, regions, zones.

    XINGLIN_DATA=… python -m tests.bench.dr_tb_picture OUT.png [MEMBER NUMBER …]

From TBX11K (CC BY 4.0; Liu et al., CVPR 2020). Left: as it was; right: as it is shown.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage as ndi

from core.imaging.dr import DrFindings
from core.imaging.volume import Radiograph
from edge.analyze.local_engines import LocalEngines
from federated.training.dr_data import data_folder, decode, told_members

_HEAT = np.array([255.0, 96.0, 0.0])
_LUNG = np.array([64.0, 220.0, 255.0])


def shown(pixels: NDArray[np.float32], found: DrFindings) -> Image.Image:
    """Return the radiograph beside itself with what was found."""
    grey = np.repeat(np.clip(pixels, 0, 255)[..., None], 3, 2)
    marked = grey.copy()
    if found.heat_map is not None:
        weight = 0.55 * found.heat_map[..., None]
        marked = marked * (1 - weight) + _HEAT * weight
    if found.lungs is not None:
        for side in (1, 2):
            lung = found.lungs.mask == side
            marked[ndi.binary_dilation(lung) ^ ndi.binary_erosion(lung)] = _LUNG
    picture = Image.fromarray(np.concatenate([grey, marked], 1).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    across = pixels.shape[1]
    for region in found.regions or ():
        top, left, bottom, right = region.box_px
        draw.rectangle((left + across, top, right + across, bottom), outline=(255, 220, 0))
    for number, line in enumerate(words_of(found)):
        draw.text((across + 6, 6 + 11 * number), line, fill=(255, 255, 255), stroke_width=1,
                  stroke_fill=(0, 0, 0))  # fmt: skip
    return picture


def words_of(found: DrFindings) -> list[str]:
    """Return the figures as lines of text."""
    tb, extent = found.tb, found.involvement
    if tb is None or tb.interval is None or extent is None:
        return [found.status]
    lines = [
        f"score {tb.score:.2f} ({tb.interval[0]:.2f}-{tb.interval[1]:.2f}), "
        f"threshold {tb.threshold:.2f}",
        f"affected {extent.affected_percent:.0f} %, cavity {extent.cavity.replace('_', ' ')}",
    ]
    if "timika" in tb.extra:
        lines.append(f"Timika {tb.extra['timika']:.0f}")
    if found.familiarity is not None and found.familiarity.outside:
        lines.append("outside what was taught")
    return lines


def main() -> None:
    out, numbers = Path(sys.argv[1]), [int(word) for word in sys.argv[2:]] or [0]
    rows = []
    cache = tempfile.TemporaryDirectory()
    engines = LocalEngines(Path(cache.name))
    for number in numbers:
        member = next(islice(told_members(data_folder(), "tbx11k_tb"), number, None))
        pixels = decode(member.encoded)
        found = engines.radiograph(Radiograph(pixels, bits_stored=8), override=False)
        assert isinstance(found, DrFindings)
        rows.append(np.asarray(shown(pixels, found)))
        sys.stdout.write(f"{number} {member.group} {words_of(found)}\n")
    whole = Image.fromarray(np.concatenate(rows))
    whole = whole.resize((whole.width * 5 // 8, whole.height * 5 // 8), Image.Resampling.LANCZOS)
    whole.quantize(160, dither=Image.Dither.NONE).save(out, optimize=True)
    cache.cleanup()


if __name__ == "__main__":
    main()
