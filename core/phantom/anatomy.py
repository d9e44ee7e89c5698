"""The patient as implicit surfaces: every shape is a signed distance in millimetres.

Coordinates are DICOM patient coordinates (LPS, PS3.3 C.7.6.2.1.1): x grows to the patient's left,
y to the back, z to the head; the origin lies in the mid-chest, the carina near z = 42 mm. All
functions take broadcastable arrays and return an approximate distance that is negative inside, so
that one function serves slices, lesion boxes and fine measuring grids alike.

Sizes are those of an adult; the proportions vary with the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.floating[Any]]

# Half-width, half-depth and centre of the thoracic cavity by height (mm).
_CAGE_Z = np.array([-200.0, -150.0, -60.0, 0.0, 50.0, 90.0, 125.0, 170.0])
_CAGE_A = np.array([126.0, 129.0, 131.0, 126.0, 113.0, 96.0, 80.0, 70.0])
_CAGE_B = np.array([94.0, 94.0, 91.0, 86.0, 77.0, 65.0, 54.0, 50.0])
_CAGE_Y = np.array([0.0, 0.0, 0.0, 2.0, 6.0, 13.0, 20.0, 22.0])
_CAGE_POWER = 2.35
RIB_SPACING_MM = 23.0
RIB_TOP_MM = 128.0
RIB_LAYER_MM = 11.0


@dataclass(frozen=True, slots=True)
class Build:
    """What differs from patient to patient.

    Attributes
    ----------
    width, depth : float
        Scale of the thoracic cavity, 1 = average adult.
    fat_mm : float
        Subcutaneous fat thickness.
    heart : float
        Scale of the heart, 1 = cardiothoracic ratio of about 0.46.
    dome_right_mm, dome_left_mm : float
        Height (z) of the diaphragm domes.
    lung_hu : float
        Mean density of aerated lung.
    """

    width: float = 1.0
    depth: float = 1.0
    fat_mm: float = 12.0
    heart: float = 1.0
    dome_right_mm: float = -72.0
    dome_left_mm: float = -84.0
    lung_hu: float = -860.0


def build_of(seed: int) -> Build:
    """Return the build that belongs to a seed."""
    rng = np.random.default_rng([seed, 1])
    dome = float(rng.uniform(-80.0, -64.0))
    return Build(
        width=float(rng.uniform(0.94, 1.05)),
        depth=float(rng.uniform(0.94, 1.06)),
        fat_mm=float(rng.uniform(7.0, 18.0)),
        heart=float(rng.uniform(0.92, 1.06)),
        dome_right_mm=dome,
        dome_left_mm=dome - float(rng.uniform(8.0, 16.0)),
        lung_hu=float(rng.uniform(-875.0, -845.0)),
    )


def interpolated(z: F, at: list[float], values: list[float]) -> F:
    """Return a table's values at z as float32 (a float64 would slow everything it touches)."""
    return np.interp(z, at, values).astype(np.float32)


def _table(z: F, values: NDArray[np.float64]) -> F:
    return np.interp(z, _CAGE_Z, values).astype(np.float32)


def cage_axes(build: Build, z: F) -> tuple[F, F, F]:
    """Return half-width, half-depth and centre y of the thoracic cavity at height z."""
    return (
        _table(z, _CAGE_A) * np.float32(build.width),
        _table(z, _CAGE_B) * np.float32(build.depth),
        _table(z, _CAGE_Y),
    )


def cage(build: Build, x: F, y: F, z: F) -> F:
    """Return the distance to the inner surface of the rib cage (negative: in the cavity)."""
    a, b, centre = cage_axes(build, z)
    across = np.abs(x / a)
    along = np.abs((y - centre) / b)
    level = np.power(
        np.power(across, _CAGE_POWER) + np.power(along, _CAGE_POWER), 1.0 / _CAGE_POWER
    )
    radius = np.hypot(x, y - centre)
    # Along the ray from the centre the surface lies at radius / level.
    return np.asarray(radius - radius / np.maximum(level, 1e-3) - 50.0 * (level < 1e-3), np.float32)


def spine_y(build: Build, z: F) -> F:
    """Return y of the centre of the vertebral bodies."""
    _, b, centre = cage_axes(build, z)
    return (centre + b - 27.0).astype(np.float32)


def paraspinal(build: Build, x: F, y: F, z: F) -> F:
    """Return the distance to the column of spine and paraspinal tissue that lungs bend around."""
    shift = y - (spine_y(build, z) + 12.0)
    level = np.hypot(x / 27.0, shift / 33.0)
    return ((level - 1.0) * 27.0).astype(np.float32)


def mediastinum(x: F, y: F, z: F) -> F:
    """Return the distance to the mediastinal column between the lungs."""
    peak = interpolated(z, [-190, -40, 15, 45, 70, 100, 170], [19, 19, 27, 29, 31, 35, 40])
    middle = interpolated(z, [-190, 0, 60, 120], [26, 16, 8, 10])
    waist = np.exp(-np.square((y - middle) / 30.0))
    half = 5.0 + (peak - 5.0) * waist
    offset = interpolated(z, [-190, -20, 40, 170], [6, 6, 2, 0])
    return ((np.abs(x - offset) - half) * 0.9).astype(np.float32)


_HEART_CENTRE = (25.0, -20.0, -42.0)
_HEART_LONG = (0.7402, -0.4001, -0.5402)  # unit vector from base to apex


def heart(build: Build, x: F, y: F, z: F) -> F:
    """Return the distance to the heart: an egg whose apex points left, forward and down."""
    dx, dy, dz = x - _HEART_CENTRE[0], y - _HEART_CENTRE[1], z - _HEART_CENTRE[2]
    long = dx * _HEART_LONG[0] + dy * _HEART_LONG[1] + dz * _HEART_LONG[2]
    square = dx * dx + dy * dy + dz * dz - long * long
    # The base is blunter than the apex.
    girth = (47.0 - 0.10 * long) * build.heart
    level = np.sqrt(np.square(long / (64.0 * build.heart)) + square / (girth * girth))
    return ((level - 1.0) * 47.0).astype(np.float32)


def dome(build: Build, x: F, y: F) -> F:
    """Return the height z of the diaphragm under each point of the floor."""
    right = np.square((x + 62.0) / 72.0) + np.square((y + 8.0) / 92.0)
    left = np.square((x - 66.0) / 72.0) + np.square((y + 4.0) / 92.0)
    # The costophrenic recess is deepest at the back and the side, shallow in front.
    depth = 72.0 + 0.25 * y
    on_right = build.dome_right_mm - depth * np.power(right, 1.25)
    on_left = build.dome_left_mm - depth * np.power(left, 1.25)
    # Between the domes lies the central tendon that the heart rests on, a little lower.
    low = np.square((y + 12.0) / 84.0) + np.square(np.square(x / 62.0))
    saddle = build.dome_left_mm - 10.0 - depth * low
    return np.maximum(np.where(x < 0, on_right, on_left), saddle).astype(np.float32)


def apex(x: F, y: F) -> F:
    """Return the height z of the lung apex over each point."""
    side = np.abs(x) - 50.0
    return (124.0 - 58.0 * (np.square(side / 52.0) + np.square((y - 18.0) / 62.0))).astype(
        np.float32
    )


def fissures(x: F, y: F, z: F) -> tuple[F, F]:
    """Return the distances to the oblique and the horizontal fissure, positive above each.

    The horizontal one is only there in the right lung above the oblique one; elsewhere it is far.
    """
    oblique = (z - 62.0 + (82.0 - y) * 1.18 + 4.0 * np.cos(x / 25.0)) / 1.55
    horizontal = np.where(
        (x < 0) & (oblique > 0), (z - 4.0 + 0.42 * (y + 20.0) - 0.2 * (x + 70.0)) / 1.1, 99.0
    )
    return oblique, horizontal


def lungs(build: Build, x: F, y: F, z: F, wall: F | None = None) -> F:
    """Return the distance to both lungs together, without airways or vessels taken out.

    Parameters
    ----------
    wall : ndarray, optional
        :func:`cage` at the same points, where the caller has it already.
    """
    result = (cage(build, x, y, z) if wall is None else wall) + 1.5
    for inner in (
        -mediastinum(x, y, z),
        3.0 - heart(build, x, y, z),
        -paraspinal(build, x, y, z),
        (dome(build, x, y) - z) * 0.7,
        (z - apex(x, y)) * 0.7,
    ):
        result = np.maximum(result, inner)
    return np.asarray(result, dtype=np.float32)


def body(build: Build, x: F, y: F, z: F, wall: F) -> tuple[F, F]:
    """Return the distances to the skin and to the outer surface of the muscles.

    Parameters
    ----------
    wall : ndarray
        :func:`cage` at the same points.
    """
    lateral = np.abs(x) / (np.abs(x) + np.abs(y) * 0.9 + 1.0)
    back = np.clip(y / 80.0, 0.0, 1.0)
    high = np.clip((z - 30.0) / 90.0, 0.0, 1.0)
    muscle = RIB_LAYER_MM + 4.0 + 9.0 * back + 8.0 * high * (1.0 - back)
    muscle = muscle + lateral * (5.0 + 62.0 * high * high)
    shoulder = 150.0 + 56.0 * np.exp(-np.square(x / 66.0)) - 18.0 * np.square(x / 150.0)
    top = (z - shoulder) * 0.8
    # A shallow furrow over the spinous processes.
    furrow = 6.0 * np.exp(-np.square(x / 16.0)) * back
    skin = np.maximum(wall - muscle - build.fat_mm - 2.0 + furrow, top)
    return skin.astype(np.float32), np.maximum(wall - muscle, top + 6.0).astype(np.float32)
