"""Key pictures of a result: display-ready pixels with the outlines to draw on them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage import measure

from core.imaging.result import Lesion
from edge.report.seg import tracking_id

LUNG_WINDOW_HU: Final = (-1350.0, 150.0)  # centre -600, width 1500
KEY_IMAGES_MAX: Final = 3
MARGIN_MM: Final = 35.0
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

    @property
    def ratio(self) -> float:
        """Height over width as it is shown."""
        rows, columns = self.pixels.shape
        return rows * self.row_to_column / columns


# A page's lesions -> the pictures of that page
PicturesFor = Callable[[Sequence[Lesion]], Sequence[KeyImage]]


def no_pictures(_: Sequence[Lesion]) -> Sequence[KeyImage]:
    """Return nothing: a page of text."""
    return ()


def windowed(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Return values mapped linearly from low…high to 0…255, clipped."""
    scaled = (values.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class CtPictures:
    """The analysed CT as pictures are taken from it.

    Attributes
    ----------
    voxels : (slice, row, column)
        Hounsfield units.
    spacing_mm : (3,) float
        Along (slice, row, column).
    label_map : (slice, row, column) unsigned integer or None
        Voxel value = ``Lesion.id``.
    lungs : (slice, row, column) unsigned integer or None
        Not 0 in the lungs; the picture is cut to their surroundings.
    """

    voxels: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    label_map: NDArray[Any] | None = None
    lungs: NDArray[Any] | None = None


def ct_key_images(
    ct: CtPictures, lesions: Sequence[Lesion], focus: Sequence[Lesion] | None = None
) -> tuple[KeyImage, ...]:
    """Return up to three axial slices in the lung window, every lesion on them outlined.

    Parameters
    ----------
    ct : CtPictures
    lesions : sequence of Lesion
        All of the study; the position in order of id is the colour.
    focus : sequence of Lesion or None
        Those that choose the slices, the largest first, each its widest one; ``None``: all.
        No lesion: the middle slice of the lungs, without outline.
    """
    count = ct.voxels.shape[0]
    if count == 0:
        return ()
    box = _chest_box(ct)
    if ct.label_map is None or not lesions:
        return (_slice_image(ct, (), _middle(ct), box),)
    found = find_objects(ct.label_map)
    chosen: list[int] = []
    for lesion in sorted(focus or lesions, key=lambda lesion: (-lesion.long_axis_mm, lesion.id)):
        where = found[lesion.id - 1] if 0 < lesion.id <= len(found) else None
        if where is not None:
            areas = np.count_nonzero(ct.label_map[where] == lesion.id, axis=(1, 2))
            index = int(where[0].start + areas.argmax())
            chosen += [index] if index not in chosen else []
        if len(chosen) == KEY_IMAGES_MAX:
            break
    return tuple(_slice_image(ct, lesions, index, box) for index in sorted(chosen))


def _middle(ct: CtPictures) -> int:
    if ct.lungs is None or not ct.lungs.any():
        return ct.voxels.shape[0] // 2
    return int(np.median(np.flatnonzero(ct.lungs.any(axis=(1, 2)))))


def _chest_box(ct: CtPictures) -> tuple[slice, slice]:
    """Rows and columns of the lungs with 35 mm around them; the whole slice without lungs."""
    rows, columns = ct.voxels.shape[1:]
    if ct.lungs is None or not ct.lungs.any():
        return slice(0, rows), slice(0, columns)
    plane: NDArray[np.bool_] = np.asarray(ct.lungs.any(axis=0), dtype=np.bool_)
    cuts = []
    for axis, length, spacing in ((1, rows, ct.spacing_mm[1]), (0, columns, ct.spacing_mm[2])):
        held = np.flatnonzero(plane.any(axis=axis))
        margin = round(MARGIN_MM / spacing)
        cuts.append(slice(max(0, int(held[0]) - margin), min(length, int(held[-1]) + margin + 1)))
    return cuts[0], cuts[1]


def _slice_image(
    ct: CtPictures, lesions: Sequence[Lesion], index: int, box: tuple[slice, slice]
) -> KeyImage:
    lines: list[Line] = []
    if ct.label_map is not None:
        for number, lesion in enumerate(sorted(lesions, key=lambda lesion: lesion.id)):
            mask = ct.label_map[index][box] == lesion.id
            if mask.any():
                lines += _outlines(mask, number, tracking_id(lesion))
    count = ct.voxels.shape[0]
    return KeyImage(
        pixels=windowed(ct.voxels[index][box], *LUNG_WINDOW_HU),
        lines=tuple(lines),
        caption_zh=f"第 {index + 1} / {count} 层，肺窗",
        caption_en=f"slice {index + 1} of {count}, lung window",
        row_to_column=ct.spacing_mm[1] / ct.spacing_mm[2],
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
