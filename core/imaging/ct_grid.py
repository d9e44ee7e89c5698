"""Working grids of a CT: patient-ordered view, isotropic resampling and the way back.

All methods downstream see arrays ordered (towards the head, towards the back, towards the left),
whatever way the patient lay: the direction matrix decides, not Patient Position (DICOM PS3.3
C.7.6.2.1.1 against C.7.3.1.1.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.volume import Volume

Mask = NDArray[np.bool_]
Hounsfield = NDArray[np.float32]


@dataclass(frozen=True)
class PatientView:
    """A volume seen in patient order; ``voxels`` is a view, nothing is copied.

    Attributes
    ----------
    voxels : (up, back, left) ndarray
        Same values as the source, axes permuted and flipped.
    spacing_mm : (3,) float
        Along (up, back, left).
    order : (3,) int
        Source axis that each patient axis was taken from.
    flips : (3,) bool
        Which patient axes run against their source axis.
    oblique_deg : float
        Largest angle between an array axis and its patient axis.
    """

    voxels: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    oblique_deg: float

    def restore(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a patient-ordered array of the view's shape in the source's axis order."""
        unflipped = array[tuple(slice(None, None, -1 if f else 1) for f in self.flips)]
        return unflipped.transpose(np.argsort(self.order))

    def source_index(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (..., 3) fractional source indices for patient-ordered ones."""
        sizes = np.asarray(self.voxels.shape, dtype=np.float64)
        straight = np.where(self.flips, sizes - 1 - index, index)
        return np.asarray(straight[..., np.argsort(self.order)])


def patient_view(volume: Volume) -> PatientView:
    """Return the volume ordered towards head, back and left by its direction matrix."""
    # Rows: patient axes up (z), back (y), left (x); columns: array axes.
    cosines = np.asarray(volume.direction, dtype=np.float64)[[2, 1, 0]]
    best = max(permutations(range(3)), key=lambda p: sum(abs(cosines[k, p[k]]) for k in range(3)))
    order = (best[0], best[1], best[2])
    along = [float(cosines[k, order[k]]) for k in range(3)]
    flips = (along[0] < 0, along[1] < 0, along[2] < 0)
    turned = volume.voxels.transpose(order)
    turned = turned[tuple(slice(None, None, -1 if f else 1) for f in flips)]
    spacing = tuple(float(volume.spacing_mm[axis]) for axis in order)
    worst = float(np.degrees(np.arccos(np.clip(min(abs(c) for c in along), 0.0, 1.0))))
    return PatientView(turned, (spacing[0], spacing[1], spacing[2]), order, flips, worst)


@dataclass(frozen=True)
class Grid:
    """A box cut from a patient view and resampled to (nearly) cubic voxels.

    Attributes
    ----------
    voxels : (up, back, left) float32 ndarray
        Hounsfield units.
    spacing_mm : (3,) float
        Exact; within a few percent of the asked-for edge.
    box : (3,) of slice
        Where the box lies in the patient view.
    """

    voxels: Hounsfield
    spacing_mm: tuple[float, float, float]
    box: tuple[slice, slice, slice]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, millilitre."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def steps(self, length_mm: float) -> tuple[float, float, float]:
        """Return a length in voxels per axis."""
        a, b, c = self.spacing_mm
        return (length_mm / a, length_mm / b, length_mm / c)

    def full_index(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (..., 3) patient-view indices (fractional) of grid indices."""
        fine = np.array([s.stop - s.start for s in self.box], dtype=np.float64)
        start = np.array([s.start for s in self.box], dtype=np.float64)
        ratio = fine / np.asarray(self.voxels.shape)
        return np.asarray((np.asarray(index) + 0.5) * ratio - 0.5 + start)

    def cut(self, box: tuple[slice, slice, slice]) -> Grid:
        """Return the part of the grid in a box of its own voxels."""
        parts = []
        for part, whole, coarse in zip(box, self.box, self.voxels.shape, strict=True):
            ratio = (whole.stop - whole.start) / coarse
            low, high = (
                whole.start + round(part.start * ratio),
                whole.start + round(part.stop * ratio),
            )
            low = min(low, whole.stop - 1)
            parts.append(slice(low, max(high, low + 1)))
        return Grid(self.voxels[box], self.spacing_mm, (parts[0], parts[1], parts[2]))

    def enlarge(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return grid labels on the voxels of ``box`` in the patient view (nearest)."""
        fine = tuple(part.stop - part.start for part in self.box)
        return carry(labels, fine)


def carry(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring an array to another grid over the same box, nearest neighbour."""
    out = array
    for axis, fine in enumerate(shape):
        coarse = array.shape[axis]
        index = ((np.arange(fine) + 0.5) * coarse / fine).astype(np.intp)
        out = np.take(out, np.minimum(index, coarse - 1), axis=axis)
    return out


def cut_grid(
    view: PatientView, edge_mm: float, box: tuple[slice, slice, slice] | None = None
) -> Grid:
    """Resample a box of the view to voxels of about ``edge_mm``.

    Blocks are averaged first (anti-aliasing), then interpolated linearly. Values are clipped to
    -1024…3071 HU and what is not a number becomes air.
    """
    box = box or tuple(slice(0, n) for n in view.voxels.shape)  # type: ignore[assignment]  # three
    assert box is not None
    part = view.voxels[box]
    factors = tuple(max(1, int(edge_mm / mm + 0.01)) for mm in view.spacing_mm)
    small = _block_mean(part, (factors[0], factors[1], factors[2]))
    sizes = [part.shape[k] * view.spacing_mm[k] for k in range(3)]
    shape = tuple(max(1, round(size / edge_mm)) for size in sizes)
    if small.shape != shape:
        zoom = [n / m for n, m in zip(shape, small.shape, strict=True)]
        small = ndimage.zoom(small, zoom, order=1, mode="nearest", grid_mode=True)
    spacing = tuple(size / n for size, n in zip(sizes, small.shape, strict=True))
    return Grid(small, (spacing[0], spacing[1], spacing[2]), box)


def _block_mean(part: NDArray[Any], factors: tuple[int, int, int]) -> Hounsfield:
    """Average blocks, slab by slab so that no full-size float copy is ever held."""
    step, rows, columns = factors
    count = -(-part.shape[0] // step)
    shape = (count, -(-part.shape[1] // rows), -(-part.shape[2] // columns))
    out = np.empty(shape, dtype=np.float32)
    pad = ((0, shape[1] * rows - part.shape[1]), (0, shape[2] * columns - part.shape[2]))
    for k in range(count):
        slab = part[k * step : (k + 1) * step].astype(np.float32).mean(axis=0)
        slab = np.nan_to_num(slab, nan=-1024.0, posinf=3071.0, neginf=-1024.0)
        slab = np.pad(np.clip(slab, -1024, 3071), pad, mode="edge")
        out[k] = slab.reshape(shape[1], rows, shape[2], columns).mean(axis=(1, 3))
    return out


def bounding_box(
    mask: Mask, margin: tuple[int, int, int] = (0, 0, 0)
) -> tuple[slice, slice, slice]:
    """Return the box around the true voxels, widened by a margin; the whole array if none."""
    parts: list[slice] = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        low, high = (int(hits[0]), int(hits[-1]) + 1) if len(hits) else (0, mask.shape[axis])
        parts.append(slice(max(0, low - margin[axis]), min(mask.shape[axis], high + margin[axis])))
    return (parts[0], parts[1], parts[2])


def dilate(mask: Mask, radius_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Dilate with a true ball (Euclidean distance between centres), for any voxel shape."""
    out = mask.copy()
    if mask.any():
        margin = _reach(radius_mm, spacing_mm)
        box = bounding_box(mask, margin)
        out[box] = _within(mask[box], radius_mm, spacing_mm)
    return out


def erode(mask: Mask, radius_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Erode with a true ball; beyond the array's edge counts as inside."""
    out = np.zeros_like(mask)
    if mask.any():
        box = bounding_box(mask, _reach(radius_mm, spacing_mm))
        out[box] = ~_within(~mask[box], radius_mm, spacing_mm)
    return out


def _reach(radius_mm: float, spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    up, back, left = (int(radius_mm / mm) + 1 for mm in spacing_mm)
    return up, back, left


# Beyond this many voxels a ball has more rows than a distance transform costs.
_LARGEST_BALL = 9


def _within(mask: Mask, radius_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Return where a true voxel's centre lies within a radius.

    The ball is laid row by row: every row of the mask is widened once for each length of run that
    the ball has (van Herk's running maximum), and the widened rows are laid over each other. The
    result is that of a distance transform, at a tenth of its time for balls of a few voxels.
    """
    most = max(int(radius_mm / mm) for mm in spacing_mm)
    if most > _LARGEST_BALL:
        far = ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= radius_mm
        return np.asarray(far if mask.any() else mask, dtype=np.bool_)
    out = np.zeros_like(mask)
    rows = np.ascontiguousarray(mask).view(np.uint8)
    for run, offsets in _ball(radius_mm, spacing_mm).items():
        wide = rows
        if run:
            size = 2 * run + 1
            wide = ndimage.maximum_filter1d(rows, size, axis=2, mode="constant", cval=0)
        for up, back in offsets:
            to_up, from_up = _shift(up, mask.shape[0])
            to_back, from_back = _shift(back, mask.shape[1])
            out[to_up, to_back] |= wide[from_up, from_back].view(np.bool_)
    return out


def _ball(
    radius_mm: float, spacing_mm: tuple[float, float, float]
) -> dict[int, list[tuple[int, int]]]:
    """Return the ball's rows: (up, back) offsets by half the length of the run that lies there."""
    squared = radius_mm * radius_mm * (1 + 1e-9)  # as far as the radius is within it
    reach = [int(radius_mm * (1 + 1e-9) / mm) for mm in spacing_mm]
    found: dict[int, list[tuple[int, int]]] = {}
    for up in range(-reach[0], reach[0] + 1):
        for back in range(-reach[1], reach[1] + 1):
            left = squared - (up * spacing_mm[0]) ** 2 - (back * spacing_mm[1]) ** 2
            if left >= 0:
                found.setdefault(int(left**0.5 / spacing_mm[2]), []).append((up, back))
    return found


def _shift(by: int, length: int) -> tuple[slice, slice]:
    """Return (target, source) along one axis for a shift; both empty beyond the array."""
    by = max(-length, min(length, by))
    return slice(max(0, by), length + min(0, by)), slice(max(0, -by), length - max(0, by))


def close(mask: Mask, radius_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Close with a true ball, padded so that the array's edge does not bite."""
    if not mask.any():
        return mask.copy()
    pads = [int(np.ceil(radius_mm / mm)) + 1 for mm in spacing_mm]
    box = bounding_box(mask)
    cut = np.pad(mask[box], [(p, p) for p in pads])
    grown = dilate(cut, radius_mm, spacing_mm)
    shrunk = erode(grown, radius_mm, spacing_mm)
    out = mask.copy()
    out[box] |= shrunk[tuple(slice(p, n - p) for p, n in zip(pads, cut.shape, strict=True))]
    return out


def opened(mask: Mask, radius_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Open with a true ball."""
    return dilate(erode(mask, radius_mm, spacing_mm), radius_mm, spacing_mm) & mask
