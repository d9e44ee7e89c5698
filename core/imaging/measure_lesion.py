"""Every number of one outlined lesion, from its outline and the densities alone.

The same function measures the AI's outline and a physician's, so that a number never depends on who
drew it. Array order (up, back, left).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask
from core.imaging.measure import (
    Axes,
    centroid,
    density_shares,
    density_statistics,
    recist_axes,
    shape_ratios,
)
from core.imaging.measure_cavity import Cavity, cavity_of
from core.imaging.measure_distance import Spacing
from core.imaging.measure_interval import Frame, intervals_of
from core.imaging.measure_margin import margin_of
from core.imaging.measure_occupancy import Occupancy, margin_voxels, occupancy
from core.imaging.measure_surface import Mesh, largest_diameter_mm, mesh_of

IN_PLANE_CROSS = ndimage.generate_binary_structure(2, 1)[None]
# Many small things under one outline have no edge that a share of a voxel could be told from.
AS_DRAWN = frozenset({"tree_in_bud", "miliary", "fibrosis", "pleural_thickening"})
HAZY = frozenset({"ground_glass_nodule", "part_solid_nodule"})
WITHOUT_MARGIN = AS_DRAWN | {"pleural_effusion", "lymph_node"}
# No blur that is usual in CT asks for more.
SCALES = (0.95, 1.2)
# A cavity's wall from this thickness on is called thick (teaching rule, stated with the number).
THICK_WALL_MM = 3.0


@dataclass(frozen=True)
class Measures:
    """What was measured.

    Attributes
    ----------
    index : (3,) float
        Centroid in voxels of the box.
    volume_ml, mean_hu : float
    axes : Axes
    extra, intervals, codes : dict
        As ``core.imaging.result.Lesion``.
    frame : Frame or None
        What the intervals' widths followed from.
    """

    index: NDArray[np.float64]
    volume_ml: float
    axes: Axes
    mean_hu: float
    extra: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    frame: Frame | None = None


def box_with_margin(
    box: tuple[slice, slice, slice], shape: tuple[int, ...], spacing_mm: Spacing
) -> tuple[slice, slice, slice]:
    """Return a lesion's box widened by what its measures need, kept inside the array."""
    parts = [
        slice(max(0, part.start - wide), min(n, part.stop + wide))
        for part, n, wide in zip(box, shape, margin_voxels(spacing_mm), strict=True)
    ]
    return (parts[0], parts[1], parts[2])


def measure_lesion(
    voxels: NDArray[Any], mask: Mask, taken: Mask | None, spacing_mm: Spacing, kind: str
) -> Measures:
    """Return the numbers of one lesion.

    Parameters
    ----------
    voxels : (up, back, left) int16 or float32
        Hounsfield units of the lesion's box with a margin (``box_with_margin``).
    mask : bool
        Outline, same shape, at least one voxel.
    taken : bool or None
        Voxels of other lesions.
    spacing_mm : (3,) float
    kind : str
        As ``Lesion.kind``; a cavity is measured as one if air is enclosed.
    """
    values = np.clip(np.nan_to_num(np.asarray(voxels, dtype=np.float32), nan=-1024.0), -1024, 3071)
    cavity = cavity_of(values, mask, taken, spacing_mm) if kind == "cavity" else None
    if cavity is not None:
        filled = cavity.whole
    elif kind in AS_DRAWN:
        filled = _drawn(mask)
    else:
        filled = occupancy(values, mask, taken, spacing_mm, hazy=kind in HAZY)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    volume_ml = max(float(filled.share.sum()) * voxel_ml, 0.0)
    inner = inner_voxels(mask)
    mesh = cavity.surface if cavity is not None else mesh_of(filled.share, spacing_mm)
    scale = _scale(volume_ml, mesh) if kind not in WITHOUT_MARGIN else 1.0
    axes = _scaled(recist_axes(filled.share, spacing_mm), scale)
    extra = density_shares(values[inner]) | density_statistics(values[inner])
    extra |= _surface_numbers(mesh, scale)
    codes: dict[str, str] = {}
    if mesh is not None and kind not in WITHOUT_MARGIN:
        margin = margin_of(filled, values, mesh, shape_ratios(mask, spacing_mm), spacing_mm)
        extra |= {
            "margin_sharpness_hu_per_mm": margin.sharpness_hu_per_mm,
            "margin_scale": float(margin.margin),
            "lobulation_scale": float(margin.lobulation),
        }
        if margin.spiculation is not None:
            extra["spiculation_scale"] = float(margin.spiculation)
        codes = {"margin": margin.margin_code, "shape": margin.shape}
    if cavity is not None:
        extra |= _cavity_numbers(cavity, values, voxel_ml, volume_ml)
        codes["wall"] = "thick" if extra["wall_mean_mm"] >= THICK_WALL_MM else "thin"
    mean = float(values[inner].mean(dtype=np.float64))
    found = Measures(centroid(filled.share), volume_ml, axes, mean, extra, {}, codes)
    return _with_intervals(found, filled, spacing_mm, kind)


def inner_voxels(mask: Mask) -> Mask:
    """Return the voxels one in from the edge in their slice: partial volume stays out.

    All of them where fewer than eight are inner.
    """
    inner = np.asarray(ndimage.binary_erosion(mask, structure=IN_PLANE_CROSS))
    return inner if int(inner.sum()) >= 8 else mask


def _drawn(mask: Mask) -> Occupancy:
    nan = float("nan")
    return Occupancy(mask.astype(np.float32), mask, np.zeros_like(mask), nan, nan, nan)


def _scale(volume_ml: float, mesh: Mesh | None) -> float:
    """Return by how much a surface must grow to hold the volume.

    Blur and thick slices draw the half-way surface of a convex body inwards, but leave the sum of
    its shares as it is: the sum says how far.
    """
    inside = 0.0 if mesh is None else mesh.volume_mm3 / 1000.0
    if inside <= 0:
        return 1.0
    return float(np.clip((volume_ml / inside) ** (1 / 3), *SCALES))


def _scaled(axes: Axes, scale: float) -> Axes:
    return Axes(axes.long_mm * scale, axes.short_mm * scale, axes.level)


def _surface_numbers(mesh: Mesh | None, scale: float) -> Mapping[str, float]:
    if mesh is None:
        return {}
    return {
        "surface_cm2": mesh.area_mm2 * scale**2 / 100.0,
        "sphericity": mesh.sphericity,
        "largest_diameter_mm": largest_diameter_mm(mesh) * scale,
    }


def _cavity_numbers(
    cavity: Cavity, values: Hounsfield, voxel_ml: float, volume_ml: float
) -> dict[str, float]:
    lumen_ml = max(0.0, float(cavity.lumen.sum()) * voxel_ml)
    wall = cavity.whole.mask & ~cavity.lumen_mask
    return {
        "wall_min_mm": cavity.wall.least_mm,
        "wall_mean_mm": cavity.wall.mean_mm,
        "wall_max_mm": cavity.wall.most_mm,
        "wall_volume_ml": max(0.0, volume_ml - lumen_ml),
        "lumen_volume_ml": lumen_ml,
        "wall_mean_hu": float(values[inner_voxels(wall)].mean(dtype=np.float64)),
    }


def _with_intervals(found: Measures, filled: Occupancy, spacing_mm: Spacing, kind: str) -> Measures:
    numbers = {
        "volume_ml": found.volume_ml,
        "long_axis_mm": found.axes.long_mm,
        "short_axis_mm": found.axes.short_mm,
        "mean_hu": found.mean_hu,
        **found.extra,
    }
    frame = Frame(kind, spacing_mm, found.volume_ml, filled.contrast_hu, filled.noise_hu)
    return Measures(
        found.index,
        found.volume_ml,
        found.axes,
        found.mean_hu,
        found.extra,
        intervals_of(numbers, frame),
        found.codes,
        frame,
    )
