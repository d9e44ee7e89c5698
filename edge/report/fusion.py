"""Fused pictures of a PET-CT as Secondary Capture: one page per hot focus, colour burnt in.

Colour Secondary Capture is what every PACS viewer shows; a PET resampled to the CT's grid would
need a viewer that fuses, and would pass derived values off as measured ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from core.imaging.petct_picture import FusedGrid, Rgb, fused_grid, planes_at, projection
from core.imaging.petct_result import FDG_NOTE, SITES, motion_of
from core.imaging.volume import Volume
from edge.report.case import CaseResult
from edge.report.context import ResultContext, check_sources, statement_en, statement_zh
from edge.report.page import HEIGHT, MARGIN, WIDTH, Canvas, FontFiles
from edge.report.sc import CaptureSeries, capture

SERIES: Final = CaptureSeries("fusion", 9104, "PET-CT 融合图 / PET-CT fused key images (research)")
PAGES_MAX: Final = 6
TOP_SUV: Final = 10.0
_PICTURE: Final = 468
_TOP: Final = 96
_MUTED: Final = (158, 168, 180)


@dataclass(frozen=True, slots=True)
class _Page:
    """What one page shows."""

    title: str
    below: tuple[str, ...]
    pictures: tuple[Rgb, ...]


def write_fusion(
    context: ResultContext,
    case: CaseResult,
    images: tuple[Volume, Volume],
    pet: dict[str, Any],
    fonts: FontFiles | None = None,
) -> tuple[Dataset, ...]:
    """Write the fused pictures of one study; nothing where PET and CT were not brought together.

    Parameters
    ----------
    context : ResultContext
        ``sources``: the CT's.
    case : CaseResult
    images : (Volume, Volume)
        The CT, and the PET in its own units.
    pet : dict
        What the PET added, in its public form (``core.imaging.petct_result``).
    fonts : FontFiles or None
        ``None``: Debian's ``fonts-noto-cjk``.

    Raises
    ------
    NoSourceImages, SourceIncomplete, MixedSources, FontMissing
    """
    check_sources(context.sources)
    motion = motion_of(pet)
    if motion is None:
        return ()
    ct, activity = images
    scale = None if pet["suv"] is None else float(pet["suv"]["per_unit"])
    top = None if scale is None else TOP_SUV / scale
    grid = fused_grid(ct, activity, motion, top)
    return tuple(
        capture(context, case.digest, (_drawn(page, context, fonts or FontFiles()), number), SERIES)
        for number, page in enumerate(_pages(grid, pet), start=1)
    )


def _pages(grid: FusedGrid, pet: dict[str, Any]) -> Iterator[_Page]:
    foci = [focus for focus in pet["foci"] or () if focus["assessed"]][:PAGES_MAX]
    whole = projection(grid)
    if not foci:
        middle = grid.affine @ np.array([*(np.array(grid.hu.shape) / 2.0), 1.0])
        point = (float(middle[0]), float(middle[1]), float(middle[2]))
        yield _Page("PET-CT 融合 · fused", _scale(pet), _six(grid, point, whole))
    for focus in foci:
        x, y, z = (float(mm) for mm in focus["centroid_mm"])
        yield _Page(_title(focus), _scale(pet), _six(grid, (x, y, z), whole))


def _title(focus: dict[str, Any]) -> str:
    site = SITES[focus["site"]]
    lesion = f" · L{focus['lesion']}" if focus["lesion"] else ""
    return f"F{focus['id']}{lesion} · {site.zh} {site.en} · SUVmax {focus['suv_max']:.1f}"


def _scale(pet: dict[str, Any]) -> tuple[str, ...]:
    if pet["suv"] is not None:
        scale = f"SUVbw 0-{TOP_SUV:g} g/ml"
    else:
        scale = "无 SUV，仅作对位 · no SUV: places only"
    used = pet["alignment"]["used"]
    how = "已配准 aligned" if used else "设备几何 scanner geometry"
    return (f"{scale} · {how}", f"{FDG_NOTE.zh} {FDG_NOTE.en}")


def _six(grid: FusedGrid, point: tuple[float, float, float], whole: Rgb) -> tuple[Rgb, ...]:
    shown = planes_at(grid, point)
    return shown.axial_ct, shown.axial_pet, shown.axial, shown.coronal_ct, whole, shown.coronal


def _drawn(page: _Page, context: ResultContext, fonts: FontFiles) -> NDArray[np.uint8]:
    canvas = Canvas(fonts)
    canvas.bold((MARGIN, 14), page.title, 30)
    canvas.text((MARGIN, 56), f"{statement_zh(context)} {statement_en(context)}", 18, _MUTED)
    for number, picture in enumerate(page.pictures):
        left = MARGIN + (number % 3) * (_PICTURE + 12)
        top = _TOP + (number // 3) * (_PICTURE + 10)
        canvas.image.paste(_fitted(picture), (left, top))
    for number, line in enumerate(_lines(canvas, page.below)):
        canvas.text((MARGIN, _TOP + 2 * (_PICTURE + 10) + 2 + 21 * number), line, 16, _MUTED)
    return np.asarray(canvas.image, dtype=np.uint8)[:HEIGHT]


def _lines(canvas: Canvas, texts: Sequence[str]) -> list[str]:
    return [line for one in texts for line in canvas.wrapped(one, 16, WIDTH - 2 * MARGIN)]


def _fitted(picture: Rgb) -> Image.Image:
    """Return the picture as large as its square allows, centred on black."""
    image = Image.fromarray(picture)
    scale = _PICTURE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("RGB", (_PICTURE, _PICTURE))
    resized = image.resize(size, Image.Resampling.BILINEAR)
    square.paste(resized, ((_PICTURE - size[0]) // 2, (_PICTURE - size[1]) // 2))
    return square
