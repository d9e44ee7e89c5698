"""Two scans of one digital (or real) patient: a known smooth deformation, lesions that change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from core.imaging.volume import Volume
from core.phantom.acquisition import KERNELS, expose
from core.phantom.ct import CtPhantom, CtSpec, scan
from core.phantom.lesion_shapes import LesionSpec
from core.phantom.patients import patient_of

FITTING_SEEDS = tuple(range(301, 309))
REPORT_SEEDS = tuple(range(41, 61))


@dataclass(frozen=True)
class Deformation:
    """A smooth map of current LPS points to prior ones: pose, breath, and something irregular.

    Attributes
    ----------
    turn : (3, 3)
        Rotation about ``middle``.
    shift_mm : (3,)
    breath_mm : float
        How far the base moves along z against the apex; the chest deepens by a third of it.
    z_mm : (low, high)
        Base and apex.
    bumps : (n, 7)
        Centre, amplitude vector, sigma: Gaussian bumps.
    anchors : (n, 4)
        Centre (current) and radius: the map is a pure shift there, as dense lesions do not stretch.
    """

    turn: np.ndarray
    shift_mm: np.ndarray
    breath_mm: float
    z_mm: tuple[float, float]
    middle: np.ndarray
    bumps: np.ndarray
    anchors: np.ndarray

    def smooth(self, points: np.ndarray) -> np.ndarray:
        """Return the displacement without anchors, (n, 3)."""
        away = points - self.middle
        moved = away @ self.turn.T - away + self.shift_mm
        depth = np.clip((self.z_mm[1] - points[:, 2]) / (self.z_mm[1] - self.z_mm[0]), 0.0, 1.2)
        moved[:, 2] += self.breath_mm * depth**1.5
        moved[:, 1] += self.breath_mm / 3 * away[:, 1] / 100.0
        for bump in self.bumps:
            weight = np.exp(-0.5 * ((points - bump[:3]) ** 2).sum(axis=1) / bump[6] ** 2)
            moved += weight[:, None] * bump[3:6]
        return moved

    def to_prior(self, points: np.ndarray) -> np.ndarray:
        """Return prior LPS of (n, 3) current LPS."""
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        shift = self.smooth(points)
        for anchor in self.anchors:
            away = np.linalg.norm(points - anchor[:3], axis=1)
            near = away < anchor[3] + 22.0
            if near.any():
                ease = np.clip((away[near] - anchor[3] - 2.0) / 18.0, 0.0, 1.0)
                weight = (1 - ease * ease * (3 - 2 * ease))[:, None]
                own = self.smooth(anchor[None, :3])
                shift[near] += weight * (own - shift[near])
        return points + shift

    def to_current(self, points: np.ndarray) -> np.ndarray:
        """Return current LPS of (n, 3) prior LPS."""
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        here = points.copy()
        for _ in range(60):
            here -= 0.7 * (self.to_prior(here) - points)
        return here


def deformation_of(
    seed: int,
    z_mm: tuple[float, float],
    middle: np.ndarray,
    strength: float = 1.0,
    anchors: list[tuple[tuple[float, float, float], float]] | None = None,
) -> Deformation:
    """Return the deformation of a seed; ``anchors`` are (prior centre, radius) of what is rigid."""
    rng = np.random.default_rng([seed, 77])
    angles = np.deg2rad(rng.uniform(-4.0, 4.0, 3) * strength)
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [k for k in range(3) if k != axis]
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        turn = one @ turn
    shift = rng.uniform(-10.0, 10.0, 3) * strength
    breath = float(rng.choice([-1, 1]) * rng.uniform(6.0, 16.0)) * strength
    bumps = np.concatenate(
        [
            middle + rng.uniform(-1, 1, (8, 3)) * np.array([110.0, 70.0, 100.0]),
            rng.uniform(-4.0, 4.0, (8, 3)) * strength,
            rng.uniform(35.0, 60.0, (8, 1)),
        ],
        axis=1,
    )
    free = Deformation(turn, shift, breath, z_mm, middle, bumps, np.zeros((0, 4)))
    if not anchors:
        return free
    centres = free.to_current(np.array([centre for centre, _ in anchors]))
    fixed = np.concatenate([centres, np.array([[radius] for _, radius in anchors])], axis=1)
    return replace(free, anchors=fixed)


def warp(volume: Volume, deformation: Deformation, order: int, outside: float) -> Volume:
    """Return the volume as it looks after the deformation, on the same grid, slice by slice."""
    source = volume.voxels.astype(np.float32)
    if order > 1:
        source = ndimage.spline_filter(source, order=order).astype(np.float32)
    out = np.empty(source.shape, dtype=np.float32)
    inverse = np.linalg.inv(volume.direction)
    rows, columns = source.shape[1:]
    # The map is smooth: it is worked out at every fourth pixel and interpolated.
    grid_r, grid_c = np.arange(0, rows + 4, 4.0), np.arange(0, columns + 4, 4.0)
    full = np.meshgrid(np.arange(rows) / 4.0, np.arange(columns) / 4.0, indexing="ij")
    for k in range(source.shape[0]):
        coarse = np.stack(np.meshgrid([float(k)], grid_r, grid_c, indexing="ij"), axis=-1)
        points = volume.to_lps(coarse.reshape(-1, 3))
        there_mm = deformation.to_prior(points)
        there = (there_mm - np.asarray(volume.origin_mm)) @ inverse.T
        index = (there / np.asarray(volume.spacing_mm)).T.reshape(3, len(grid_r), len(grid_c))
        where = np.stack([ndimage.map_coordinates(i, full, order=1) for i in index])
        out[k] = ndimage.map_coordinates(
            source, where, order=order, prefilter=False, mode="constant", cval=outside
        )
        if order > 1:
            stretch = _stretch(deformation, points, there_mm)
            out[k] = _conserved(out[k], stretch.reshape(len(grid_r), len(grid_c)), full)
    return replace(volume, voxels=out)


def _stretch(deformation: Deformation, points: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return the determinant of the map's gradient at points."""
    steps = [(deformation.to_prior(points + 2.0 * e) - moved) / 2.0 for e in np.eye(3)]
    return np.linalg.det(np.stack(steps, axis=-1))


def _conserved(plane: np.ndarray, stretch: np.ndarray, full: list[np.ndarray]) -> np.ndarray:
    """Return a slice with the density of lung changed as air comes and goes: mass is kept."""
    factor = ndimage.map_coordinates(stretch, full, order=1, mode="nearest")
    share = np.clip((-400.0 - plane) / 200.0, 0.0, 1.0)  # soft tissue does not breathe
    return plane + share * (factor - 1.0) * (plane + 1000.0)


def noisy(volume: Volume, spec: CtSpec, seed: int) -> Volume:
    """Return a noise-free scan with the scanner's noise on it, int16."""
    rng = np.random.default_rng([seed, 78])
    kernel = replace(KERNELS[spec.kernel], blur_mm=0.0)
    voxels = np.stack(
        [expose(plane, kernel, spec.noise_hu, spec.spacing_mm[2], rng) for plane in volume.voxels]
    )
    return replace(volume, voxels=voxels.astype(np.int16))


@dataclass(frozen=True)
class Pair:
    """Two scans with their truth.

    Attributes
    ----------
    prior : CtPhantom
    current : Volume
    after : tuple of LesionSpec
        The current scan's lesions before the deformation.
    current_labels : (slice, row, column) uint8
        True lesions of the current scan: id = position in ``fates`` + 1 (as in ``prior_labels``).
    fates : tuple of (name, volume ratio)
        stable, grown, shrunk, new, resolved, and V2 / V1.
    """

    prior: Volume
    current: Volume
    prior_labels: np.ndarray
    current_labels: np.ndarray
    vessels: np.ndarray
    fates: tuple[tuple[str, float], ...]
    kinds: tuple[str, ...]
    deformation: Deformation
    seed: int = 0
    after: tuple[LesionSpec, ...] = ()


FATES = ("stable", "grown", "shrunk", "new", "resolved", "stable")


def scaled(spec: LesionSpec, factor: float) -> LesionSpec:
    """Return a lesion with every length times a factor."""
    radii = tuple(r * factor for r in spec.radii_mm)
    return replace(spec, radii_mm=radii, wall_mm=spec.wall_mm * factor)


def make_pair(
    seed: int, spec: CtSpec, fates: tuple[str, ...] | None = None, strength: float = 1.0,
    ratio: float = 1.8, source: str = "showcase",
) -> Pair:  # fmt: skip
    """Return two scans of a seed's patient; lesions take turns through ``fates``.

    Parameters
    ----------
    ratio : float
        Volume of a grown lesion over its earlier volume; a shrunk one is the inverse.
    """
    fates = fates or FATES
    rng = np.random.default_rng([seed, 79])
    placed = [s.spec for s in patient_of(seed, source).lesions if s.spec.kind != "pleural_effusion"]
    turns = [fates[k % len(fates)] for k in rng.permutation(len(placed))]
    change = {"stable": 1.0, "grown": ratio, "shrunk": 1 / ratio, "new": np.inf, "resolved": 0.0}
    before = [(k, s) for k, s in enumerate(placed) if turns[k] != "new"]
    after = [
        (k, scaled(s, change[turns[k]] ** (1 / 3)) if turns[k] in ("grown", "shrunk") else s)
        for k, s in enumerate(placed)
        if turns[k] != "resolved"
    ]
    quiet = replace(spec, seed=seed, case="normal", noise_hu=0.0)
    prior, current = (_scan(seed, quiet, [s for _, s in side]) for side in (before, after))
    low, high = prior.patient.lung_z
    anchors = [(s.centre_mm, max(s.radii_mm) * 1.2) for _, s in after]
    middle = np.array([0.0, 5.0, (low + high) / 2])
    deformation = deformation_of(seed, (low, high), middle, strength, anchors)
    labels = warp(replace(current.volume, voxels=current.truth.label_map), deformation, 0, 0.0)
    moved = warp(current.volume, deformation, 3, -1000.0)
    return Pair(
        prior=noisy(prior.volume, spec, 2 * seed),
        current=noisy(moved, spec, 2 * seed + 1),
        prior_labels=_renumbered(prior.truth.label_map, [k for k, _ in before]),
        current_labels=_renumbered(labels.voxels.astype(np.uint8), [k for k, _ in after]),
        vessels=prior.truth.mask(8) & prior.truth.mask(1, 2),
        fates=tuple((t, float(change[t])) for t in turns),
        kinds=tuple(s.kind for s in placed),
        deformation=deformation,
        seed=seed,
        after=tuple(s for _, s in after),
    )


def _scan(seed: int, spec: CtSpec, lesions: list[LesionSpec]) -> CtPhantom:
    return scan(patient_of(seed, "normal", tuple(lesions)), spec)


def _renumbered(labels: np.ndarray, places: list[int]) -> np.ndarray:
    table = np.zeros(256, dtype=np.uint8)
    table[1 : len(places) + 1] = np.array(places, dtype=np.uint8) + 1
    return table[labels]
