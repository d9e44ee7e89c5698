"""Which picture stands for a study in the list, and how it is drawn. Pure.

CT: the slice on which the most probable lesion is largest, else the middle slice, in the lung
window. Radiograph: itself. PET-CT: the coronal maximum of the uptake, dark on white as usual.
Nothing is drawn on it: the list must not decide before the reader has looked.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset

from core.imaging.volume import Volume
from edge.report.key_images import LUNG_WINDOW_HU, windowed

EDGE_PX: Final = 192
Kind = Literal["ct_lesion", "ct_middle", "radiograph", "mip", "image"]
_QUALITY = 82
_BODY_HU, _BODY_SHARE = -500.0, 0.02
_FILM: Final = ("DX", "CR", "DR")


@dataclass(frozen=True, slots=True)
class Picked:
    """What stands for a study.

    Attributes
    ----------
    kind : {"ct_lesion", "ct_middle", "radiograph", "mip", "image"}
    series_uid, sop_instance : str
        ``sop_instance`` is "" for a projection of a whole series.
    frame : int
        From 1.
    number, count : int
        Which image of how many in its series, from 1; 0 where that is not known.
    lesion : int
        Id of the lesion that chose the slice, 0 for none.
    """

    kind: Kind
    series_uid: str
    sop_instance: str = ""
    frame: int = 1
    number: int = 0
    count: int = 0
    lesion: int = 0


@dataclass(frozen=True, slots=True)
class Shot:
    """One image of a study as its row says: enough to choose without reading pixels."""

    sop_instance: str
    series_uid: str
    modality: str
    number: int
    frames: int
    position: tuple[float, ...] = ()
    orientation: tuple[float, ...] = ()
    pixels: int = 0


def picked(
    shots: Sequence[Shot], result: Mapping[str, Any] | None, outlines: Mapping[str, Any]
) -> Picked | None:
    """Return the picture of a study; None where it has no image.

    Parameters
    ----------
    shots : sequence of Shot
    result : mapping or None
        The newest AI result in its public form.
    outlines : mapping of "<SOP Instance UID>/<frame>" to outlines
        Of that result; {} where there are none.
    """
    if not shots:
        return None
    modalities = {one.modality for one in shots}
    if "PT" in modalities:
        aligned = ((result or {}).get("pet") or {}).get("series_uid")
        return Picked("mip", aligned or _largest(shots, "PT")[0].series_uid)
    if lesion := _of_lesion(shots, result, outlines):
        return lesion
    if "CT" in modalities:
        return _middle_of(_largest(shots, "CT"), "ct_middle")
    films = [one for one in shots if one.modality in _FILM]
    if films:
        chosen = ((result or {}).get("series") or {}).get("sop_uid")
        film = next((one for one in films if one.sop_instance == chosen), _broadest(films))
        return Picked("radiograph", film.series_uid, film.sop_instance)
    return _middle_of(_largest(shots, shots[0].modality), "image")


def _of_lesion(
    shots: Sequence[Shot], result: Mapping[str, Any] | None, outlines: Mapping[str, Any]
) -> Picked | None:
    """The slice on which the most probable lesion covers most."""
    lesions = (result or {}).get("lesions") or []
    by_uid = {one.sop_instance: one for one in shots}
    for lesion in sorted(lesions, key=lambda one: (-one["probability"], one["id"])):
        areas = {
            key: sum(_area(line["points"]) for line in lines if line["lesion"] == lesion["id"])
            for key, lines in outlines.items()
            if key.partition("/")[0] in by_uid
        }
        if areas and max(areas.values()) > 0:
            uid, _, frame = max(areas, key=lambda key: areas[key]).partition("/")
            series = _stacked([o for o in shots if o.series_uid == by_uid[uid].series_uid])
            place = [one.sop_instance for one in series].index(uid)
            return Picked(
                "ct_lesion", by_uid[uid].series_uid, uid, int(frame or 1), place + 1, len(series),
                int(lesion["id"]),
            )  # fmt: skip
    return None


def _middle_of(series: Sequence[Shot], kind: Kind) -> Picked:
    stacked = _stacked(series)
    at = len(stacked) // 2
    one = stacked[at]
    if len(stacked) == 1 and one.frames > 1:
        return Picked(kind, one.series_uid, one.sop_instance, one.frames // 2 + 1,
                      one.frames // 2 + 1, one.frames)  # fmt: skip
    return Picked(kind, one.series_uid, one.sop_instance, 1, at + 1, len(stacked))


def _largest(shots: Sequence[Shot], modality: str) -> list[Shot]:
    """Return the series of a modality with most frames; the first by UID of equal ones."""
    series: dict[str, list[Shot]] = {}
    for one in shots:
        if one.modality == modality:
            series.setdefault(one.series_uid, []).append(one)
    return max(
        (series[uid] for uid in sorted(series)), key=lambda some: sum(one.frames for one in some)
    )


def _broadest(films: Sequence[Shot]) -> Shot:
    return min(films, key=lambda one: (-one.pixels, one.number, one.sop_instance))


def _stacked(series: Sequence[Shot]) -> list[Shot]:
    """Return a series from its first slice to its last, by place where it has one."""
    if all(len(one.position) == 3 and len(one.orientation) == 6 for one in series):
        row, column = np.split(np.array(series[0].orientation), 2)
        normal = np.cross(row, column)
        return sorted(series, key=lambda one: float(np.dot(normal, one.position)))
    return sorted(series, key=lambda one: (one.number, one.sop_instance))


def _area(points: Sequence[Sequence[float]]) -> float:
    """Return a closed outline's area in pixels (shoelace formula)."""
    if len(points) < 3:
        return 0.0
    x, y = np.array(points, np.float64).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def body_box(values: NDArray[Any]) -> tuple[slice, slice]:
    """Return the rows and columns of the body in Hounsfield units (row, column).

    The body is where a fiftieth of a row or column is denser than -500 HU; without one the whole
    slice stays.
    """
    dense = values > _BODY_HU
    rows = np.flatnonzero(dense.mean(axis=1) > _BODY_SHARE)
    columns = np.flatnonzero(dense.mean(axis=0) > _BODY_SHARE)
    if not (rows.size and columns.size):
        return slice(0, values.shape[0]), slice(0, values.shape[1])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def in_lung_window(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return Hounsfield units (row, column) for display, cut to the body: air is no use."""
    return windowed(values[body_box(values)], *LUNG_WINDOW_HU)


def modality_values(dataset: Dataset, pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return stored values (row, column) rescaled by the image's own slope and intercept."""
    slope = float(dataset.get("RescaleSlope") or 1)
    return pixels.astype(np.float32) * slope + float(dataset.get("RescaleIntercept") or 0)


def in_file_window(dataset: Dataset, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return stored values (row, column) for display in the file's own window.

    Where the file states none, between the 0.5th and 99.5th percentile.
    """
    values = modality_values(dataset, pixels)
    low, high = _window(dataset, values)
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        scaled = 255 - scaled
    return np.rint(scaled).astype(np.uint8)


def _window(dataset: Dataset, values: NDArray[np.float32]) -> tuple[float, float]:
    centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if centre is not None and width is not None:
        first = [float(v[0]) if hasattr(v, "append") else float(v) for v in (centre, width)]
        if first[1] > 0:
            return first[0] - first[1] / 2, first[0] + first[1] / 2
    low, high = np.percentile(values, (0.5, 99.5))
    return float(low), float(high)


def radiograph_shown(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a radiograph (row, column), dense anatomy high, between its 1st and 99th per cent."""
    sample = pixels[:: max(1, pixels.shape[0] // 512), :: max(1, pixels.shape[1] // 512)]
    low, high = (float(x) for x in np.percentile(sample, (1, 99)))
    return windowed(pixels, low, high)


def coronal_mip(pet: Volume) -> tuple[NDArray[np.uint8], float]:
    """Return the coronal maximum of a PET and the height of a pixel over its width.

    Head up, uptake dark; the top of the scale is the 99.5th percentile of the picture, so that a
    full bladder does not make all else white.
    """
    flat = np.nan_to_num(pet.voxels.max(axis=1), nan=0.0)
    top = float(np.percentile(flat, 99.5)) or 1.0
    shown = 255 - windowed(flat, 0.0, top)
    if pet.direction[2, 0] >= 0:  # slices ascend towards the head: the last one is on top
        shown = shown[::-1]
    return shown, pet.spacing_mm[0] / pet.spacing_mm[2]


def thumbnail(pixels: NDArray[np.uint8], row_to_column: float = 1.0) -> bytes:
    """Return a picture (row, column) as WebP whose longer side is 192 pixels, never enlarged.

    Parameters
    ----------
    row_to_column : float
        Height of a pixel over its width, 1 for square pixels.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    height = max(1, round(image.height * row_to_column))
    scale = min(1.0, EDGE_PX / max(image.width, height))
    size = max(1, round(image.width * scale)), max(1, round(height * scale))
    out = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0).save(
        out, "WEBP", quality=_QUALITY, method=4
    )
    return out.getvalue()
