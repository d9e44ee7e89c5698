"""Training lesions: noise-warped metaballs, painted into scans. Shares nothing with the phantoms.

The test lesions (``core.phantom``) are ellipsoids with waves on their surface, sampled on
sub-voxels. These are fields of Gaussian balls (Blinn, ACM Trans Graphics 1:235, 1982) in a space
that smooth noise has bent, turned to occupancy by a soft step and blurred as a whole. A network
that finds the ones has therefore not learnt the others' drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

F = NDArray[np.float32]
KINDS = (
    "solid_nodule",
    "part_solid_nodule",
    "ground_glass_nodule",
    "cavity",
    "consolidation",
    "tree_in_bud",
    "calcification",
)
# Smallest and largest radius (mm) that is drawn for a kind.
RADII_MM: dict[str, tuple[float, float]] = {
    "solid_nodule": (1.8, 12.0),
    "part_solid_nodule": (4.0, 14.0),
    "ground_glass_nodule": (3.5, 16.0),
    "cavity": (6.0, 19.0),
    "consolidation": (9.0, 24.0),
    "tree_in_bud": (7.0, 15.0),
    "calcification": (1.5, 5.0),
}
STEP_MM = 0.75


@dataclass(frozen=True)
class Sample:
    """A lesion on its own grid (0.75 mm), before any scanner.

    Attributes
    ----------
    cover : (up, back, left) float32
        0…1, how much of a point is lesion that replaces the lung.
    hu : (up, back, left) float32
        Density of what replaces it.
    haze_hu : (up, back, left) float32
        What is added to the lung where it is not replaced.
    inside : (up, back, left) bool
        The lesion's extent, a lumen included.
    """

    cover: F
    hu: F
    haze_hu: F
    inside: NDArray[np.bool_]


def draw(kind: str, radius_mm: float, rng: np.random.Generator) -> Sample:
    """Return a lesion of a kind; ``radius_mm`` is about half of its long axis."""
    n = int(np.ceil(radius_mm * 1.7 / STEP_MM)) + 3
    axes = _bent((2 * n + 1,) * 3, radius_mm, rng)
    if kind == "tree_in_bud":
        return _buds(axes, radius_mm, rng)
    field = _metaballs(axes, radius_mm, rng)
    depth = _depth_mm(field)
    solid = _step(depth)
    if kind == "solid_nodule" and radius_mm > 4 and rng.random() < 0.35:
        solid = np.maximum(solid, _spikes(axes, radius_mm, rng))
    zero = np.zeros_like(solid)
    if kind in ("solid_nodule", "calcification"):
        low, high = (-30.0, 90.0) if kind == "solid_nodule" else (220.0, 1000.0)
        level = np.full_like(solid, rng.uniform(low, high))
        return Sample(solid, level, zero, depth > 0)
    if kind in ("ground_glass_nodule", "part_solid_nodule"):
        return _hazy(kind, depth, radius_mm, rng)
    if kind == "cavity":
        return _hollow(depth, solid, radius_mm, rng)
    return _consolidated(depth, solid, rng)


def _bent(shape: tuple[int, ...], radius_mm: float, rng: np.random.Generator) -> list[F]:
    """Return coordinates (mm, origin in the middle) of a space that noise has bent."""
    strength = rng.uniform(0.1, 0.3) * radius_mm
    out = []
    for k in range(3):
        line = (np.arange(shape[k]) - shape[k] // 2) * STEP_MM
        straight = line.reshape([-1 if a == k else 1 for a in range(3)])
        noise = ndimage.gaussian_filter(
            rng.standard_normal(shape, dtype=np.float32), 0.45 * radius_mm / STEP_MM
        )
        noise *= strength / max(float(noise.std()), 1e-6)
        out.append((straight + noise).astype(np.float32))
    return out


def _metaballs(axes: list[F], radius_mm: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return where the summed Gaussian balls reach their level."""
    total = np.zeros_like(axes[0])
    count = int(rng.integers(1, 6))
    for index in range(count):
        centre = rng.normal(0.0, 0.32 * radius_mm, 3) if index else np.zeros(3)
        width = radius_mm * (0.85 if count == 1 else rng.uniform(0.4, 0.75))
        stretch = rng.uniform(0.75, 1.0, 3)
        square = sum(((a - c) / (width * s)) ** 2 for a, c, s in zip(axes, centre, stretch,
                                                                     strict=True))  # fmt: skip
        total += np.exp(-0.5 * square * 1.39).astype(np.float32)
    return np.asarray(total > 0.5)


def _depth_mm(inside: NDArray[np.bool_]) -> F:
    """Return the signed distance to the surface, positive inside."""
    within = ndimage.distance_transform_edt(inside, sampling=STEP_MM)
    without = ndimage.distance_transform_edt(~inside, sampling=STEP_MM)
    return np.asarray(within - without, dtype=np.float32)


def _step(depth: F, soft_mm: float = 0.5) -> F:
    return np.asarray(1 / (1 + np.exp(-np.clip(depth / soft_mm, -20, 20))), dtype=np.float32)


def _spikes(axes: list[F], radius_mm: float, rng: np.random.Generator) -> F:
    """Return thin rays out of the middle."""
    out = np.zeros_like(axes[0])
    for _ in range(int(rng.integers(4, 12))):
        way = rng.normal(size=3)
        way /= np.linalg.norm(way)
        along = sum(a * w for a, w in zip(axes, way, strict=True))
        square = sum(a * a for a in axes) - along * along
        reach = rng.uniform(1.2, 1.6) * radius_mm
        ray = np.exp(-square / (2 * 0.6**2)) * (along > 0) * (along < reach)
        out = np.maximum(out, ray.astype(np.float32))
    return out


def _hazy(kind: str, depth: F, radius_mm: float, rng: np.random.Generator) -> Sample:
    texture = ndimage.gaussian_filter(
        rng.standard_normal(depth.shape, dtype=np.float32), rng.uniform(1.0, 2.5)
    )
    texture /= max(float(texture.std()), 1e-6)
    haze = _step(depth, rng.uniform(0.4, 1.6)) * rng.uniform(150, 420) * (1 + 0.15 * texture)
    cover = np.zeros_like(depth)
    if kind == "part_solid_nodule":
        core = float(depth.max()) * rng.uniform(0.35, 0.65)
        shift = [int(s) for s in rng.integers(-1, 2, 3) * max(1, int(0.15 * radius_mm / STEP_MM))]
        cover = _step(np.roll(depth, shift, (0, 1, 2)) - core)
    level = np.full_like(depth, rng.uniform(-40, 70))
    return Sample(cover, level, np.maximum(haze, 0), depth > 0)


def _hollow(depth: F, solid: F, radius_mm: float, rng: np.random.Generator) -> Sample:
    """A wall of uneven thickness around air, with or without a pool of fluid."""
    most = float(depth.max())
    wall = min(rng.uniform(1.3, 7.0), 0.6 * most)
    noise = ndimage.gaussian_filter(rng.standard_normal(depth.shape, dtype=np.float32), 4)
    noise *= 0.25 * wall / max(float(noise.std()), 1e-6)
    air = _step(depth - wall - noise)
    level = np.full_like(depth, rng.uniform(-10, 80)) * (1 - air) + air * rng.uniform(-1000, -900)
    if rng.random() < 0.25:
        back = np.arange(depth.shape[1])[None, :, None] > depth.shape[1] // 2 + 0.3 * radius_mm
        level = np.where(back & (air > 0.5), np.float32(10.0), level)
    return Sample(solid, level.astype(np.float32), np.zeros_like(depth), depth > 0)


def _consolidated(depth: F, solid: F, rng: np.random.Generator) -> Sample:
    """Dense lung with air left in noise-shaped tubes and a hazy margin."""
    one, two = (
        ndimage.gaussian_filter(rng.standard_normal(depth.shape, dtype=np.float32), 5)
        for _ in range(2)
    )
    # Where two smooth fields are both near zero runs a line: a bronchus.
    line = (one / one.std()) ** 2 + (two / two.std()) ** 2
    air = np.exp(-line / (2 * rng.uniform(0.08, 0.16) ** 2)) * (depth > 2)
    level = rng.uniform(-30, 60) * (1 - air) - 900 * air
    haze = _step(depth + rng.uniform(1.0, 4.0), 1.2) * rng.uniform(200, 450)
    return Sample(solid, level.astype(np.float32), haze.astype(np.float32), depth > -1)


def _buds(axes: list[F], radius_mm: float, rng: np.random.Generator) -> Sample:
    """Forking random walks that end in knobs."""
    cover = np.zeros_like(axes[0])
    for _ in range(int(rng.integers(8, 22))):
        at = rng.normal(0, 0.45 * radius_mm, 3)
        way = rng.normal(size=3)
        for _ in range(int(rng.integers(4, 9))):
            way = way + 0.7 * rng.normal(size=3)
            at = at + 1.1 * way / np.linalg.norm(way)
            _dot(cover, axes, at, rng.uniform(0.6, 0.9))
        _dot(cover, axes, at, rng.uniform(1.0, 1.9))
    near = ndimage.gaussian_filter((cover > 0.5).astype(np.float32), 3)
    level = np.full_like(cover, rng.uniform(-120, 40))
    return Sample(np.clip(cover, 0, 1), level, np.zeros_like(cover), near > 0.04)


def _dot(cover: F, axes: list[F], at: NDArray[np.float64], radius_mm: float) -> None:
    middle = [n // 2 for n in cover.shape]
    reach = int(np.ceil(3 * radius_mm / STEP_MM)) + 4
    place = [round(m + a / STEP_MM) for m, a in zip(middle, at, strict=True)]
    box = tuple(slice(max(0, p - reach), max(0, p + reach + 1)) for p in place)
    square = sum((a[box] - c) ** 2 for a, c in zip(axes, at, strict=True))
    np.maximum(cover[box], np.exp(-square / (2 * radius_mm**2)) * 1.2, out=cover[box])
