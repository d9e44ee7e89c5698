"""Margin and shape of a lesion: sharpness, lobulation, spiculation, class of shape.

The scales run from 1 to 5 and are named after those of the LIDC readers (margin: 1 poorly defined,
5 sharp; lobulation and spiculation: 1 none, 5 marked). They are computed from the definitions
below, not learned from readers, and were never held against LIDC readings: the limits are ours.

* margin: width of the edge (10 % to 90 % of the contrast) along the outward normal, median over the
  surface.
* lobulation: 1 - volume / volume of the convex hull.
* spiculation: strands that leave the surface and reach 3 mm out. A vessel that enters is a strand
  too, so a few of them mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield
from core.imaging.measure_distance import Spacing, distance_to
from core.imaging.measure_occupancy import Occupancy
from core.imaging.measure_surface import Mesh, solidity

PROFILE_MM = np.arange(-3.0, 3.01, 0.5)
MOST_PROFILES = 1500
# Across a thick slice the edge is the slice's, not the lesion's.
THICK_SLICE_MM = 2.0
EDGE_WIDTH_MM = (2.0, 3.0, 4.5, 7.0)
HULL_LACK = (0.08, 0.14, 0.20, 0.28)
STRANDS = (2, 4, 6, 9)
STRAND_MM = (1.5, 3.0)
STRAND_WIDTH_MM = 5.0
STRAND_CONTRAST = 0.4
# Standard deviations of the voxel cloud: shortest over longest.
ROUND_RATIO, OVAL_RATIO = 0.75, 0.45


@dataclass(frozen=True, slots=True)
class Margin:
    """How a lesion ends, and what form it has.

    Attributes
    ----------
    sharpness_hu_per_mm : float
        Steepest slope along the outward normal, median over the surface.
    edge_width_mm : float
        0.8 contrast / sharpness: the 10 % to 90 % width of a straight edge.
    margin, lobulation : int
        1 to 5, see the module's definitions.
    spiculation : int or None
        Likewise; None where slices are too thick to show a strand.
    strands : int
    margin_code, shape : str
        ``smooth``, ``lobulated``, ``spiculated``, ``poorly_defined``; ``round``, ``oval``,
        ``elongated``, ``lobulated``, ``irregular``.
    """

    sharpness_hu_per_mm: float
    edge_width_mm: float
    margin: int
    lobulation: int
    spiculation: int | None
    strands: int
    margin_code: str
    shape: str


def margin_of(
    found: Occupancy,
    voxels: Hounsfield,
    mesh: Mesh,
    ratios: tuple[float, float],
    spacing_mm: Spacing,
) -> Margin:
    """Return margin and shape.

    Parameters
    ----------
    found : Occupancy
    voxels : float32
        Hounsfield units of the same box.
    mesh : Mesh
        The lesion's outer surface, in the box's millimetres.
    ratios : (middle, shortest) over longest extent, of the voxel cloud
    spacing_mm : (3,) float
    """
    slope = sharpness(found, voxels, mesh, spacing_mm)
    width = 0.8 * abs(found.contrast_hu) / slope if slope > 0 else float("inf")
    lack = 1 - solidity(mesh)
    seen = spacing_mm[0] <= THICK_SLICE_MM
    count = strands(found, voxels, spacing_mm) if seen else 0
    sharp = 5 - int(np.searchsorted(EDGE_WIDTH_MM, width))
    lobed = 1 + int(np.searchsorted(HULL_LACK, lack))
    spiky = 1 + int(np.searchsorted(STRANDS, count))
    return Margin(
        sharpness_hu_per_mm=slope,
        edge_width_mm=width,
        margin=sharp,
        lobulation=lobed,
        spiculation=spiky if seen else None,
        strands=count,
        margin_code=_margin_code(sharp, lobed, spiky),
        shape=_shape(lobed, ratios),
    )


def sharpness(found: Occupancy, voxels: Hounsfield, mesh: Mesh, spacing_mm: Spacing) -> float:
    """Return the steepest slope across the edge, HU/mm, median over the free surface.

    Places where other dense tissue lies within 3 mm outside are left out; 0 where none is free.
    """
    if np.isnan(found.contrast_hu):
        return 0.0
    step = max(1, len(mesh.faces) // MOST_PROFILES)
    places, normals = mesh.centroids[::step], mesh.normals[::step]
    if spacing_mm[0] > THICK_SLICE_MM:
        level = np.abs(normals[:, 0]) < 0.5
        places, normals = places[level], normals[level]
    if not len(places):
        return 0.0
    points = places[:, None, :] + PROFILE_MM[None, :, None] * normals[:, None, :]
    index = points / np.asarray(spacing_mm)
    at = np.moveaxis(index, -1, 0)
    lines = ndimage.map_coordinates(voxels, at, order=1, mode="nearest")
    if found.foreign.any():
        other = found.foreign.astype(np.float32)
        blocked = ndimage.map_coordinates(other, at, order=1, mode="nearest").max(axis=1)
        lines = lines[blocked < 0.2]
    if not len(lines):
        return 0.0
    fall = -np.diff(lines, axis=1) * np.sign(found.contrast_hu) / (PROFILE_MM[1] - PROFILE_MM[0])
    return max(0.0, float(np.median(fall.max(axis=1))))


def strands(found: Occupancy, voxels: Hounsfield, spacing_mm: Spacing) -> int:
    """Return how many thin dense strands leave the lesion and reach 3 mm out."""
    if np.isnan(found.contrast_hu) or found.contrast_hu <= 0:
        return 0
    away = distance_to(found.mask, STRAND_MM[1], spacing_mm)
    dense = voxels > found.outer_hu + STRAND_CONTRAST * found.contrast_hu
    joined, _ = ndimage.label(found.mask | (dense & (away <= STRAND_MM[1])))
    own = np.unique(joined[found.mask])
    shell = (away > STRAND_MM[0]) & (away <= STRAND_MM[1]) & np.isin(joined, own[own > 0])
    parts, _ = ndimage.label(shell, structure=np.ones((3, 3, 3), dtype=bool))
    count = 0
    for index, box in enumerate(ndimage.find_objects(parts), start=1):
        size = [(s.stop - s.start) * mm for s, mm in zip(box, spacing_mm, strict=True)]
        reach = float(away[box][parts[box] == index].max())
        count += sorted(size)[1] <= STRAND_WIDTH_MM and reach > STRAND_MM[1] - max(spacing_mm[1:])
    return count


def _margin_code(sharp: int, lobed: int, spiky: int) -> str:
    if spiky >= 4:
        return "spiculated"
    if sharp <= 2:
        return "poorly_defined"
    return "lobulated" if lobed >= 3 else "smooth"


def _shape(lobed: int, ratios: tuple[float, float]) -> str:
    if lobed >= 4:
        return "irregular"
    if lobed == 3:
        return "lobulated"
    if ratios[1] >= ROUND_RATIO:
        return "round"
    return "oval" if ratios[1] >= OVAL_RATIO else "elongated"
