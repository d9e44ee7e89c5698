"""The truth that goes with a phantom: every lesion measured on its exact shape.

Volumes, axes and densities are integrated on a fine grid over the shape itself, not on the voxels
that were written: they are what a perfect measurement would give.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull, QhullError, cKDTree
from skimage.measure import marching_cubes

from core.phantom.anatomy import Build
from core.phantom.errors import LesionNeedsBuild
from core.phantom.lesion_shapes import MATERIALS, Shape, materials_at
from core.phantom.miliary import balls_of

_FINE_POINTS = 4e5


@dataclass(frozen=True, slots=True)
class LesionTruth:
    """One lesion, exactly.

    Attributes
    ----------
    id : int
        Value in the label map.
    kind : str
        As ``core.imaging.result.Lesion.kind``.
    centroid_mm : (3,) float
        LPS, of the whole lesion (a cavity with its lumen).
    volume_ml : float
        Whole lesion, lumen included.
    long_axis_mm, short_axis_mm : float
        Longest diameter in any axial plane and the width perpendicular to it there.
    mean_hu : float
        Over the whole lesion, before blur and noise.
    location : str
        Coded zone, as ``core.imaging.result.Lesion.location``.
    extra : dict
        ``wall_mean_mm``, ``wall_max_mm``, ``wall_volume_ml``, ``lumen_volume_ml``, ``wall_mean_hu``
        (cavities), ``solid_volume_ml`` (part-solid), ``suv`` (nominal uptake).
    """

    id: int
    kind: str
    centroid_mm: tuple[float, float, float]
    volume_ml: float
    long_axis_mm: float
    short_axis_mm: float
    mean_hu: float
    location: str
    extra: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain values, rounded to a hundredth of what anyone can measure."""
        return {
            "id": self.id,
            "kind": self.kind,
            "centroid_mm": [round(v, 3) for v in self.centroid_mm],
            "volume_ml": round(self.volume_ml, 5),
            "long_axis_mm": round(self.long_axis_mm, 3),
            "short_axis_mm": round(self.short_axis_mm, 3),
            "mean_hu": round(self.mean_hu, 2),
            "location": self.location,
            "extra": {name: round(value, 4) for name, value in self.extra.items()},
        }


@dataclass(frozen=True, slots=True)
class Truth:
    """What is really in a CT phantom.

    Attributes
    ----------
    lesions : tuple of LesionTruth
    label_map : (slice, row, column) uint8 ndarray
        Lesion id where the lesion fills at least half of the voxel, else 0.
    organs : (slice, row, column) uint8 ndarray
        Bits of :mod:`core.phantom.tissue` (lung right 1, lung left 2, airway 4, vessel 8, bone 16,
        heart 32, body 64, liver 128).
    noise_hu : float
        Standard deviation of the noise that was added.
    """

    lesions: tuple[LesionTruth, ...]
    label_map: NDArray[np.uint8]
    organs: NDArray[np.uint8]
    noise_hu: float

    def mask(self, *bits: int) -> NDArray[np.bool_]:
        """Return where any of the organ bits is set, (slice, row, column)."""
        return (self.organs & np.uint8(sum(bits))) != 0


def zone_of(kind: str, centroid_mm: tuple[float, float, float], lung_z: tuple[float, float]) -> str:
    """Return the coded zone: thirds of the lung's height, the pleural side, or the mediastinum.

    Parameters
    ----------
    lung_z : (low, high) float
        Height of the lung's base and apex, mm.
    """
    side = "right" if centroid_mm[0] < 0 else "left"
    if kind in ("pleural_effusion", "pleural_thickening"):
        return f"pleural_{side}"
    if kind == "lymph_node":
        return f"mediastinum_{side}"
    share = (centroid_mm[2] - lung_z[0]) / (lung_z[1] - lung_z[0])
    zone = "upper" if share > 2 / 3 else "middle" if share > 1 / 3 else "lower"
    return f"{side}_{zone}_zone"


def axes_mm(mask: NDArray[np.bool_], step_mm: float) -> tuple[float, float]:
    """Return the longest in-plane diameter over all slices and the width across it there.

    Parameters
    ----------
    mask : (slice, row, column) bool ndarray
        On an isotropic grid.
    """
    best = (0.0, 0.0)
    for plane in mask:
        points = np.argwhere(plane).astype(np.float64)
        if len(points) * step_mm * step_mm < best[0] ** 2 * 0.02 or len(points) == 0:
            continue
        best = max(best, _feret(points, step_mm))
    return best


def _feret(points: NDArray[np.float64], step_mm: float) -> tuple[float, float]:
    try:
        hull = points[ConvexHull(points).vertices]
    except QhullError:  # one line of points: it is its own hull
        hull = points
    delta = hull[:, None, :] - hull[None, :, :]
    square = np.einsum("ijk,ijk->ij", delta, delta)
    a, b = np.unravel_index(int(np.argmax(square)), square.shape)
    length = float(np.sqrt(square[a, b]))
    if length == 0.0:
        return step_mm, step_mm
    along = delta[a, b] / length
    width = hull @ np.array([-along[1], along[0]])
    return (length + 1.0) * step_mm, float(np.ptp(width) + 1.0) * step_mm


def fine_grid(
    shape: Shape, build: Build | None
) -> tuple[NDArray[np.uint8], list[NDArray[np.float64]], float]:
    """Return materials on an isotropic (z, y, x) grid over the lesion, its axes and its step."""
    low, high = shape.box_mm
    size = high - low
    step = max(0.22, float(np.prod(size) / _FINE_POINTS) ** (1.0 / 3.0))
    axes = [np.arange(float(low[k]) + step / 2, float(high[k]), step) for k in range(3)]
    fast = [axis.astype(np.float32) for axis in axes]
    x, y, z = fast[0][None, None, :], fast[1][None, :, None], fast[2][:, None, None]
    return materials_at(shape, build, x, y, z), axes, step


def measure(
    shape: Shape, build: Build | None, number: int, lung_z: tuple[float, float]
) -> LesionTruth:
    """Return the truth of one lesion, by integration over its shape (see ``materials_at``).

    Miliary disease is summed over its balls: its axes are those of a mean nodule.

    Raises
    ------
    LesionNeedsBuild
    """
    if shape.spec.kind == "miliary":
        if build is None:
            raise LesionNeedsBuild(kind=shape.spec.kind)
        return _miliary(shape, balls_of(shape.spec, build), number, lung_z)
    material, axes, step = fine_grid(shape, build)
    mask = material > 0
    count = int(mask.sum())
    cell_ml = step**3 / 1000.0
    shares = [mask.sum(axis=tuple(a for a in range(3) if a != k)) for k in range(3)]
    centroid = tuple(float(s @ axes[2 - k] / count) for k, s in enumerate(shares))[::-1]
    values = MATERIALS[shape.spec.kind]
    parts = np.bincount(material.ravel(), minlength=len(values) + 1)[1 : len(values) + 1]
    extra = _extra(shape, material, step)
    extra["suv"] = shape.spec.suv
    long_axis, short_axis = axes_mm(mask, step)
    at = (centroid[0], centroid[1], centroid[2])
    return LesionTruth(
        id=number,
        kind=shape.spec.kind,
        centroid_mm=at,
        volume_ml=count * cell_ml,
        long_axis_mm=long_axis,
        short_axis_mm=short_axis,
        mean_hu=float(parts @ np.asarray(values) / count),
        location=zone_of(shape.spec.kind, at, lung_z),
        extra=extra,
    )


def _miliary(
    shape: Shape, balls: NDArray[np.float64], number: int, lung_z: tuple[float, float]
) -> LesionTruth:
    volumes = 4.0 / 3.0 * np.pi * balls[:, 3] ** 3 / 1000.0
    at = balls[:, :3].mean(axis=0)
    centre = (float(at[0]), float(at[1]), float(at[2]))
    mean_mm = float(2.0 * balls[:, 3].mean())
    extra = {"count": float(len(balls)), "suv": shape.spec.suv}
    return LesionTruth(
        number, "miliary", centre, float(volumes.sum()), mean_mm, mean_mm,
        MATERIALS["miliary"][0], zone_of("miliary", centre, lung_z), extra,
    )  # fmt: skip


def _extra(shape: Shape, material: NDArray[np.uint8], step: float) -> dict[str, float]:
    cell_ml = step**3 / 1000.0
    if shape.spec.kind == "part_solid_nodule":
        return {"solid_volume_ml": float((material == 2).sum() * cell_ml)}
    if shape.spec.kind != "cavity":
        return {}
    hollow = material >= 2
    mean_mm, most_mm = _wall_mm(material > 0, hollow, step)
    return {
        "wall_mean_mm": mean_mm,
        "wall_max_mm": most_mm,
        "wall_volume_ml": float((material == 1).sum() * cell_ml),
        "lumen_volume_ml": float(hollow.sum() * cell_ml),
        "wall_mean_hu": MATERIALS["cavity"][0],
    }


def _wall_mm(
    whole: NDArray[np.bool_], hollow: NDArray[np.bool_], step: float
) -> tuple[float, float]:
    """Return mean and 98th percentile of the way from the lumen's surface to the nearest outside.

    Between smoothed surfaces: between voxel centres a wall comes out half a step too thin, and the
    staircase of a yes-or-no mask another tenth of a millimetre.
    """
    outer, _ = _surface(whole)
    corners, faces = _surface(hollow)
    a, b, c = (corners[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    local, _ = cKDTree(outer).query((a + b + c) / 3)
    order = np.argsort(local)
    summed = np.cumsum(area[order]) / area.sum()
    most = local[order[min(len(order) - 1, int(np.searchsorted(summed, 0.98)))]]
    return float((local * area).sum() / area.sum()) * step, float(most) * step


def _surface(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    soft = gaussian_filter(np.pad(mask, 3).astype(np.float32), 1.0)
    corners, faces, _, _ = marching_cubes(soft, min(0.5, 0.5 * float(soft.max())))
    return np.asarray(corners, dtype=np.float64), np.asarray(faces, dtype=np.int32)
