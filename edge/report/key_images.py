"""Key pictures of a result: display-ready pixels with the outlines to draw on them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from core.imaging.result import Lesion
from edge.report.seg import tracking_id

LUNG_WINDOW_HU: Final = (-1350.0, 150.0)  # centre -600, width 1500
KEY_IMAGES_MAX: Final = 3
HEAT_LEVELS: Final = (0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Line:
    """One closed or open outline; points (n, 2) float as (column, row), pixel centres."""

    points: NDArray[np.float64]
    colour: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class KeyImage:
    """One picture of the page.

    Attributes
    ----------
    pixels : (row, column) uint8
        Windowed for display, dense anatomy bright.
    lines : tuple of Line
    caption_zh, caption_en : str
    row_to_column : float
        Height of a pixel over its width, 1 for square pixels.
    axial : bool
        A CT slice; a radiograph is drawn tall, its text beside it.
    """

    pixels: NDArray[np.uint8]
    lines: tuple[Line, ...]
    caption_zh: str
    caption_en: str
    row_to_column: float = 1.0
    axial: bool = False


def windowed(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Return values mapped linearly from low…high to 0…255, clipped."""
    scaled = (values.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def ct_key_images(
    voxels: NDArray[Any],
    label_map: NDArray[Any] | None,
    lesions: Sequence[Lesion],
    spacing_mm: tuple[float, float, float],
) -> tuple[KeyImage, ...]:
    """Return up to three axial slices in the lung window, every lesion on them outlined.

    Parameters
    ----------
    voxels : (slice, row, column)
        Hounsfield units.
    label_map : (slice, row, column) unsigned integer or None
        Voxel value = ``Lesion.id``.
    lesions : sequence of Lesion
        Each largest lesion chooses its widest slice; none: the middle slice, without outline.
    spacing_mm : (3,) float
        Along (slice, row, column).
    """
    count = voxels.shape[0]
    if count == 0:
        return ()
    if label_map is None or not lesions:
        return (_slice_image(voxels, None, lesions, count // 2, spacing_mm),)
    chosen: list[int] = []
    for lesion in sorted(lesions, key=lambda lesion: (-lesion.long_axis_mm, lesion.id)):
        areas = np.count_nonzero(label_map == lesion.id, axis=(1, 2))
        index = int(areas.argmax())
        if areas[index] and index not in chosen:
            chosen.append(index)
        if len(chosen) == KEY_IMAGES_MAX:
            break
    return tuple(
        _slice_image(voxels, label_map, lesions, index, spacing_mm) for index in sorted(chosen)
    )


def _slice_image(
    voxels: NDArray[Any],
    label_map: NDArray[Any] | None,
    lesions: Sequence[Lesion],
    index: int,
    spacing_mm: tuple[float, float, float],
) -> KeyImage:
    lines: list[Line] = []
    if label_map is not None:
        for number, lesion in enumerate(sorted(lesions, key=lambda lesion: lesion.id)):
            mask = label_map[index] == lesion.id
            if mask.any():
                lines += _outlines(mask, number, tracking_id(lesion))
    return KeyImage(
        pixels=windowed(voxels[index], *LUNG_WINDOW_HU),
        lines=tuple(lines),
        caption_zh=f"第 {index + 1} / {voxels.shape[0]} 层，肺窗",
        caption_en=f"slice {index + 1} of {voxels.shape[0]}, lung window",
        row_to_column=spacing_mm[1] / spacing_mm[2],
        axial=True,
    )


def _outlines(mask: NDArray[np.bool_], colour: int, label: str) -> list[Line]:
    """Padded, so that an outline at the picture's edge is closed."""
    contours = measure.find_contours(np.pad(mask.astype(np.float32), 1), 0.5)
    contours.sort(key=len, reverse=True)
    return [
        Line(contour[:, ::-1] - 1.0, colour, label if position == 0 else "")
        for position, contour in enumerate(contours)
    ]


def radiograph_key_image(
    pixels: NDArray[Any], heat_map: NDArray[Any] | None, row_to_column: float = 1.0
) -> KeyImage:
    """Return the radiograph with the contours of its heat map.

    Parameters
    ----------
    pixels : (row, column)
        Dense anatomy HIGH; windowed between its 1st and 99th percentile.
    heat_map : (row, column) float 0…1 or None
        May be coarser than the image; contours at half and three quarters of full strength.
    row_to_column : float
        Pixel height over width.
    """
    sample = pixels[:: max(1, pixels.shape[0] // 512), :: max(1, pixels.shape[1] // 512)]
    low, high = (float(x) for x in np.percentile(sample, (1, 99)))
    lines: list[Line] = []
    if heat_map is not None:
        scale = np.array([pixels.shape[1] / heat_map.shape[1], pixels.shape[0] / heat_map.shape[0]])
        for colour, level in enumerate(HEAT_LEVELS):
            padded = np.pad(heat_map.astype(np.float32), 1)
            for contour in measure.find_contours(padded, level):
                points = (contour[:, ::-1] - 0.5) * scale - 0.5
                lines.append(Line(points, colour, ""))
    return KeyImage(
        pixels=windowed(pixels, low, high),
        lines=tuple(lines),
        caption_zh="轮廓：热图 0.50（外）与 0.75（内），仅供定位" if lines else "未显示热图",
        caption_en="contours: heat map at 0.50 (outer) and 0.75 (inner), a guide to the place only"
        if lines
        else "no heat map shown",
        row_to_column=row_to_column,
    )
