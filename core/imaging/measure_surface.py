"""Surfaces of lesions: triangle mesh, its area and volume, sphericity, walls between two surfaces.

Meshes by marching cubes (Lewiner et al., J Graph Tools 8:1, 2003, in scikit-image) through the half
filled voxels. On a yes-or-no mask the numbers are those of the Image Biomarker Standardisation
Initiative (IBSI 1.0, arXiv:1612.07003, sections 3.1.1 to 3.1.8): mesh volume RNU0, surface area
C0JK, sphericity QCFX, maximum 3D diameter L0JK. Array order (up, back, left); millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, cKDTree
from skimage.measure import marching_cubes

from core.imaging.ct_grid import Hounsfield, Mask

Spacing = tuple[float, float, float]
Points = NDArray[np.float64]

HALF = 0.5
# A mesh of more voxels than this is made on averaged blocks: its triangles stay small beside it.
MOST_VOXELS = 200_000
MOST_PLACES = 4000
DIRECTIONS = 600
# As many at a time as stay in the processor's cache.
TOGETHER = 50


@dataclass(frozen=True)
class Mesh:
    """A closed triangle mesh.

    Attributes
    ----------
    points : (n, 3) float
        Corners, millimetres from the centre of the array's first voxel.
    faces : (m, 3) int
        Corners of each triangle.
    """

    points: Points
    faces: NDArray[np.int32]

    @property
    def area_mm2(self) -> float:
        """Sum of the triangles' areas."""
        a, b, c = (self.points[self.faces[:, k]] for k in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def volume_mm3(self) -> float:
        """Volume inside, by signed tetrahedra."""
        a, b, c = (self.points[self.faces[:, k]] for k in range(3))
        return abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6))

    @property
    def sphericity(self) -> float:
        """Area of the ball of the same volume over the area: 1 for a ball (IBSI QCFX)."""
        ball = float((36 * np.pi * self.volume_mm3**2) ** (1 / 3))
        return ball / self.area_mm2 if self.area_mm2 > 0 else 0.0

    @cached_property
    def hull(self) -> ConvexHull | None:
        """Convex hull of the corners; None for a flat mesh. Made once: it is asked for twice."""
        try:
            return ConvexHull(self.points)
        except QhullError:
            return None

    @property
    def centroids(self) -> Points:
        """Middle of each triangle."""
        return np.asarray(self.points[self.faces].mean(axis=1))

    @property
    def normals(self) -> Points:
        """Unit normal of each triangle, outwards; zero for a triangle without area."""
        a, b, c = (self.points[self.faces[:, k]] for k in range(3))
        raw = np.cross(b - a, c - a)
        signed = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        return np.asarray(np.sign(signed) * raw / np.maximum(length, 1e-12))


def mesh_of(share: Hounsfield, spacing_mm: Spacing) -> Mesh | None:
    """Return the surface where half of a voxel is filled; None where nothing is.

    ``share`` is (up, back, left), 0 empty to 1 full.
    """
    field, spacing, shift = _coarser(np.asarray(share, dtype=np.float32), spacing_mm)
    padded = np.pad(field, 1)
    if float(padded.max(initial=0.0)) <= HALF:
        return None
    points, faces, _, _ = marching_cubes(padded, HALF, spacing=spacing)
    at = np.asarray(points, dtype=np.float64) - np.asarray(spacing) + shift
    return Mesh(at, np.asarray(faces, dtype=np.int32))


def largest_diameter_mm(mesh: Mesh) -> float:
    """Return the longest distance between two corners of a mesh (IBSI L0JK).

    The two corners furthest apart along each of many directions are compared: within 1e-3 of the
    longest of all, and much faster for meshes of thousands of corners.
    """
    hull = mesh.hull
    points = mesh.points if hull is None else mesh.points[hull.vertices]
    longest = 0.0
    for some in np.split(_directions(DIRECTIONS), DIRECTIONS // TOGETHER):
        # Not a matrix product: for three terms its threads cost more than they bring.
        along = np.einsum("ik,jk->ij", some, points)
        ends = points[along.argmax(axis=1)] - points[along.argmin(axis=1)]
        longest = max(longest, float(np.linalg.norm(ends, axis=1).max()))
    return longest


def _directions(count: int) -> Points:
    """Return unit vectors spread evenly over half a sphere (Fibonacci's spiral)."""
    number = np.arange(count) + 0.5
    height = number / count
    angle = np.pi * (1 + 5**0.5) * number
    width = np.sqrt(1 - height**2)
    return np.stack([height, width * np.cos(angle), width * np.sin(angle)], axis=1)


def solidity(mesh: Mesh) -> float:
    """Return volume over that of the convex hull: 1 for a convex body."""
    hull = mesh.hull
    if hull is None or hull.volume <= 0:
        return 1.0
    return float(min(1.0, mesh.volume_mm3 / hull.volume))


@dataclass(frozen=True, slots=True)
class Wall:
    """Thickness of a cavity's wall, millimetres: thinnest, mean and thickest place."""

    least_mm: float
    mean_mm: float
    most_mm: float


def wall_of(lumen: Mesh, outside: Mesh) -> Wall:
    """Return the wall between the lumen's surface and the lesion's outer surface.

    Local thickness is the distance from a place on the inner surface to the nearest place outside.
    Thinnest and thickest are the 2nd and 98th percentile by area, so that one attached vessel or
    one noisy voxel does not decide.
    """
    some = lumen.faces[:: max(1, len(lumen.faces) // MOST_PLACES)]
    a, b, c = (lumen.points[some[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    local, _ = cKDTree(_dense(outside)).query((a + b + c) / 3)
    order = np.argsort(local)
    summed = np.cumsum(area[order]) / max(float(area.sum()), 1e-12)
    last = len(order) - 1
    low, high = (local[order[min(last, int(at))]] for at in np.searchsorted(summed, (0.02, 0.98)))
    return Wall(float(low), float((local * area).sum() / max(area.sum(), 1e-12)), float(high))


def _dense(mesh: Mesh) -> Points:
    """Return corners and middles: close enough together that a nearest one is the nearest place."""
    return np.concatenate([mesh.points, mesh.centroids])


def _coarser(
    share: Hounsfield, spacing_mm: Spacing
) -> tuple[Hounsfield, Spacing, NDArray[np.float64]]:
    """Average blocks until the field is small enough; return the first block's centre as well."""
    spacing, shift = list(spacing_mm), np.zeros(3)
    while share.size > MOST_VOXELS:
        axis = int(np.argmin(spacing))
        if share.shape[axis] < 4:
            break
        if share.shape[axis] % 2:
            pad = [(0, 1 if k == axis else 0) for k in range(3)]
            share = np.pad(share, pad)
        even = [slice(0, None, 2) if k == axis else slice(None) for k in range(3)]
        odd = [slice(1, None, 2) if k == axis else slice(None) for k in range(3)]
        share = np.asarray((share[tuple(even)] + share[tuple(odd)]) / 2, dtype=np.float32)
        shift[axis] += spacing[axis] / 2
        spacing[axis] *= 2
    return share, (spacing[0], spacing[1], spacing[2]), shift


def lumen_of(values: Hounsfield, mask: Mask, level_hu: float) -> Mask:
    """Return the air inside a cavity: what is darker than a level and not open to the outside.

    Pockets smaller than a tenth of the largest are left to the wall.
    """
    filled = np.zeros_like(mask)
    for index, plane in enumerate(mask):
        filled[index] = ndimage.binary_fill_holes(plane)
    dark = filled & (values <= level_hu)
    deep = ndimage.binary_erosion(filled, structure=np.ones((1, 3, 3), dtype=bool))
    labels, count = ndimage.label(dark & deep)
    if not count:
        return np.zeros_like(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = np.flatnonzero(sizes >= 0.1 * sizes.max())
    return np.asarray(np.isin(labels, keep[keep > 0]))
