"""Geometry of a CT (or PET) series: order of slices, duplicates, gaps, tilt. Pure rules, no IO.

Everything follows from Image Position (Patient) and Image Orientation (Patient), DICOM PS3.3
C.7.6.2: instance numbers, file names and Slice Location are not believed. Coordinates are LPS
millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Two slices closer than this are the same place: below every real reconstruction interval.
SAME_PLACE_MM = 0.01
# Direction cosines are written with six digits by most makers; 0.1 degree is beyond their rounding.
SAME_DIRECTION_DEG = 0.1


@dataclass(frozen=True, eq=False)
class SeriesGeometry:
    """What the headers of one series say, one row per slice (or frame), in any order.

    Attributes
    ----------
    positions_mm : (n, 3) float
        Image Position (Patient) (0020,0032): centre of the first pixel.
    orientations : (n, 6) float
        Image Orientation (Patient) (0020,0037): cosines of the row, then of the column.
    pixel_spacing_mm : (2,) float
        Pixel Spacing (0028,0030): between rows, between columns.
    slice_thickness_mm : float or None
        Slice Thickness (0018,0050).
    kernel, kvp, gantry_tilt_deg
        (0018,1210), (0018,0060), (0018,1120) where known.
    uids : tuple of str
        SOP Instance UIDs, parallel to ``positions_mm``; empty where there are none.
    instance_numbers : tuple of int
        (0020,0013), parallel; empty where there are none. Only break ties between duplicates.
    image_type : tuple of str
        (0008,0008) of the first slice.
    patient_position, body_part, manufacturer : str
        (0018,5100), (0018,0015), (0008,0070), or "".
    age_years : float or None
        Of the patient at the study, where the header tells.
    placed : bool
        False where the file does not say how it lies in the patient (a NIfTI without qform and
        sform): sides and spacing are then a guess.
    """

    positions_mm: Floats
    orientations: Floats
    pixel_spacing_mm: tuple[float, float]
    slice_thickness_mm: float | None = None
    kernel: str = ""
    kvp: float | None = None
    gantry_tilt_deg: float | None = None
    uids: tuple[str, ...] = ()
    instance_numbers: tuple[int, ...] = ()
    image_type: tuple[str, ...] = ()
    patient_position: str = ""
    body_part: str = ""
    manufacturer: str = ""
    age_years: float | None = None
    placed: bool = True


@dataclass(frozen=True, eq=False)
class SliceOrder:
    """How the slices stand in space.

    Attributes
    ----------
    kept : tuple of int
        Indices into the series, one per place, ascending along the normal (row x column).
    duplicates : tuple of int
        Indices left out because another slice stands at the same place.
    other_orientation : tuple of int
        Indices left out because their plane is not the majority's.
    unplaced : tuple of int
        Indices left out because position or orientation is missing or not a number.
    gaps : tuple of (int, int)
        (index into ``kept`` before the gap, how many slices are missing there).
    spacing_mm : float
        Median distance of neighbours (along the stacking direction); 0 for a single slice.
    spacing_spread_mm : float
        Largest deviation of a step from the median, gaps excepted.
    shear_deg : float
        Angle between stacking direction and slice normal (a gantry tilt not resampled).
    tilt_deg : float
        Angle between slice normal and the nearest patient axis.
    offset_spread_mm : float
        Largest distance of a slice's origin from the straight line through all origins.
    spacing_mm3 : (3,) float
        Spacing (slice, row, column) for a ``Volume`` of the kept slices.
    origin_mm, direction
        Likewise; ``direction`` columns are unit vectors of the array axes (slice, row, column).
        With a shear the first column is the stacking direction, so that ``Volume.to_lps`` is right.
    """

    kept: tuple[int, ...]
    duplicates: tuple[int, ...]
    other_orientation: tuple[int, ...]
    unplaced: tuple[int, ...]
    gaps: tuple[tuple[int, int], ...]
    spacing_mm: float
    spacing_spread_mm: float
    shear_deg: float
    tilt_deg: float
    offset_spread_mm: float
    spacing_mm3: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: Floats

    @property
    def missing(self) -> int:
        """How many slices the gaps lack together."""
        return sum(count for _, count in self.gaps)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Distances between neighbours, judged."""

    gaps: tuple[tuple[int, int], ...]
    median_mm: float
    spread_mm: float


def order_slices(geometry: SeriesGeometry) -> SliceOrder:
    """Sort the slices along their normal and say what is wrong with their places.

    Never raises on strange geometry: what cannot be placed is listed in ``unplaced``, and with
    nothing placed ``kept`` is empty and the direction is the identity.
    """
    positions = np.asarray(geometry.positions_mm, dtype=np.float64).reshape(-1, 3)
    planes = np.asarray(geometry.orientations, dtype=np.float64).reshape(-1, 6)
    usable = _usable(positions, planes)
    unplaced = tuple(int(i) for i in np.flatnonzero(~usable))
    if not usable.any():
        return _nothing_placed(geometry, unplaced)
    axes = _majority_axes(planes[usable])
    same = usable & (_angles_deg(planes, axes) <= SAME_DIRECTION_DEG)
    other = tuple(int(i) for i in np.flatnonzero(usable & ~same))
    positions = np.where(usable[:, None], positions, 0.0)
    along = positions @ axes[:, 0]
    kept, duplicates = _distinct(np.flatnonzero(same), along, geometry.instance_numbers)
    places = positions[list(kept)]
    stacking = _stacking(places, axes[:, 0])
    steps = _judge_steps(along[list(kept)] / max(float(stacking @ axes[:, 0]), 1e-6))
    direction = axes.copy()
    direction[:, 0] = stacking
    thickness = geometry.slice_thickness_mm or 1.0
    rows_mm, columns_mm = geometry.pixel_spacing_mm
    origin = places[0]
    return SliceOrder(
        kept=kept,
        duplicates=duplicates,
        other_orientation=other,
        unplaced=unplaced,
        gaps=steps.gaps,
        spacing_mm=steps.median_mm,
        spacing_spread_mm=steps.spread_mm,
        shear_deg=_degrees(float(stacking @ axes[:, 0])),
        tilt_deg=_degrees(float(np.abs(axes[:, 0]).max())),
        offset_spread_mm=_off_line(places, stacking),
        spacing_mm3=(steps.median_mm or float(thickness), float(rows_mm), float(columns_mm)),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=direction,
    )


def geometry_of_grid(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    direction: Floats | None = None,
) -> SeriesGeometry:
    """Return the geometry of a volume that has no headers (NIfTI, phantom).

    ``shape`` and ``spacing_mm`` are (slice, row, column); ``direction`` as in ``Volume``.
    """
    axes = np.eye(3)[:, ::-1] if direction is None else np.asarray(direction, dtype=np.float64)
    steps = np.arange(shape[0])[:, None] * spacing_mm[0] * axes[:, 0]
    orientation = np.concatenate([axes[:, 2], axes[:, 1]])
    return SeriesGeometry(
        positions_mm=np.asarray(origin_mm) + steps,
        orientations=np.tile(orientation, (shape[0], 1)),
        pixel_spacing_mm=(spacing_mm[1], spacing_mm[2]),
        slice_thickness_mm=spacing_mm[0],
    )


def _usable(positions: Floats, planes: Floats) -> NDArray[np.bool_]:
    """Finite positions, and cosines that are unit vectors at right angles (to 1 %)."""
    finite = np.isfinite(positions).all(axis=1) & np.isfinite(planes).all(axis=1)
    finite &= (np.abs(positions) < 1e5).all(axis=1)  # a hostile position must not overflow
    safe = np.clip(np.where(np.isfinite(planes), planes, 0.0), -2.0, 2.0)
    rows, columns = safe[:, :3], safe[:, 3:]
    unit = np.abs((rows**2).sum(axis=1) - 1) < 0.02
    unit &= np.abs((columns**2).sum(axis=1) - 1) < 0.02
    square = np.abs((rows * columns).sum(axis=1)) < 0.01
    return np.asarray(finite & unit & square, dtype=np.bool_)


def _majority_axes(planes: Floats) -> Floats:
    """Return the axes (columns: normal, row index, column index) that most slices share."""
    rounded = np.round(planes, 2)
    _, first, counts = np.unique(rounded, axis=0, return_index=True, return_counts=True)
    plane = planes[first[int(np.argmax(counts))]]
    along_row = plane[:3] / np.linalg.norm(plane[:3])
    along_column = plane[3:] - (plane[3:] @ along_row) * along_row
    along_column /= np.linalg.norm(along_column)
    return np.stack([np.cross(along_row, along_column), along_column, along_row], axis=1)


def _angles_deg(planes: Floats, axes: Floats) -> Floats:
    """Return the larger of the row's and the column's angle to the reference axes, degrees."""
    safe = np.where(np.isfinite(planes), planes, 0.0)
    # Chords, not arc cosines: near zero the cosine has no digits left.
    safe = np.clip(safe, -2.0, 2.0)
    row = np.linalg.norm(safe[:, :3] - axes[:, 2], axis=1)
    column = np.linalg.norm(safe[:, 3:] - axes[:, 1], axis=1)
    chord = np.clip(np.maximum(row, column) / 2, 0, 1)
    return np.asarray(np.degrees(2 * np.arcsin(chord)))


def _distinct(
    indices: NDArray[np.intp], along: Floats, numbers: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sort by place; of slices at one place the lowest instance number is kept."""
    ties = np.asarray(numbers) if len(numbers) == len(along) else np.arange(len(along))
    ordered = indices[np.lexsort((ties[indices], np.round(along[indices] / SAME_PLACE_MM)))]
    kept: list[int] = []
    duplicates: list[int] = []
    for index in ordered:
        if kept and abs(along[index] - along[kept[-1]]) <= SAME_PLACE_MM:
            duplicates.append(int(index))
        else:
            kept.append(int(index))
    return tuple(kept), tuple(duplicates)


def _stacking(places: Floats, normal: Floats) -> Floats:
    """Return the unit vector from slice to slice; the normal for fewer than two slices."""
    way = places[-1] - places[0]
    length = float(np.linalg.norm(way))
    if length < SAME_PLACE_MM:
        return normal
    unit = np.asarray(way / length)
    # Below the rounding of the header the normal is the better estimate.
    return normal if _degrees(float(unit @ normal)) < SAME_DIRECTION_DEG else unit


def _judge_steps(along: Floats) -> _Steps:
    """Find steps of 1.5 medians or more: slices are missing there."""
    steps = np.diff(along)
    if not len(steps):
        return _Steps((), 0.0, 0.0)
    median = float(np.median(steps))
    counts = np.round(steps / median).astype(int)
    is_gap = steps > 1.5 * median
    gaps = tuple((int(i), max(int(counts[i]) - 1, 1)) for i in np.flatnonzero(is_gap))
    rest = steps[~is_gap]
    spread = float(np.abs(rest - median).max()) if len(rest) else 0.0
    return _Steps(gaps, median, spread)


def _off_line(places: Floats, stacking: Floats) -> float:
    """Return the largest distance from the line through the first origin, millimetres."""
    relative = places - places[0]
    across = relative - np.outer(relative @ stacking, stacking)
    return float(np.linalg.norm(across, axis=1).max())


def _degrees(cosine: float) -> float:
    return float(np.degrees(np.arccos(min(1.0, abs(cosine)))))


def _nothing_placed(geometry: SeriesGeometry, unplaced: tuple[int, ...]) -> SliceOrder:
    rows_mm, columns_mm = geometry.pixel_spacing_mm
    thickness = geometry.slice_thickness_mm or 1.0
    return SliceOrder(
        kept=(),
        duplicates=(),
        other_orientation=(),
        unplaced=unplaced,
        gaps=(),
        spacing_mm=0.0,
        spacing_spread_mm=0.0,
        shear_deg=0.0,
        tilt_deg=0.0,
        offset_spread_mm=0.0,
        spacing_mm3=(float(thickness), float(rows_mm), float(columns_mm)),
        origin_mm=(0.0, 0.0, 0.0),
        direction=np.eye(3)[:, ::-1].copy(),
    )
