"""Great vessels, trachea, and the branching trees that fill the lungs.

A tree is grown towards points scattered in the lung: the points are halved again and again, and a
branch runs from each fork towards the middle of its share. Radii follow Murray's law (the cube of
the parent is the sum of the cubes of its children), which gives the calibres of real lungs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.phantom import anatomy
from core.phantom.anatomy import Build
from core.phantom.tubes import Tubes, join, path

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trees:
    """All tubes of one patient.

    Attributes
    ----------
    great : Tubes
        Aorta, caval veins, pulmonary trunk, oesophagus: in the mediastinum.
    vessels : Tubes
        Pulmonary arteries and veins inside the lungs.
    airways : Tubes
        Trachea and bronchi, radius of the lumen.
    clavicles : Tubes
    """

    great: Tubes
    vessels: Tubes
    airways: Tubes
    clavicles: Tubes


_LUNG_TARGETS = 640
_AIRWAY_TARGETS = 130
_SMALLEST_MM = 0.42


def lung_points(build: Build, side: int, count: int, rng: np.random.Generator) -> Points:
    """Return ``count`` points in one lung (side -1 = right), at least 2.5 mm under its surface."""
    found: list[Points] = []
    have = 0
    while have < count:
        x = side * rng.uniform(4.0, 135.0, 4 * count)
        y = rng.uniform(-95.0, 95.0, 4 * count)
        z = rng.uniform(-155.0, 125.0, 4 * count)
        keep = anatomy.lungs(build, x, y, z) < -2.5
        found.append(np.stack([x, y, z], axis=1)[keep])
        have += int(keep.sum())
    return np.concatenate(found)[:count]


def _halve(points: Points, node: Points) -> tuple[Points, Points]:
    """Split a cloud by the plane through the node and its centre that separates it best."""
    middle = points.mean(axis=0)
    spread = points - middle
    forward = middle - node
    forward = forward / max(float(np.linalg.norm(forward)), 1e-6)
    spread = spread - np.outer(spread @ forward, forward) * 0.75
    _, vectors = np.linalg.eigh(spread.T @ spread)
    along = spread @ vectors[:, -1]
    cut = np.median(along)
    return points[along <= cut], points[along > cut]


def grow(root: tuple[float, float, float], targets: Points, root_mm: float, depth: int) -> Tubes:
    """Return a tree from a root towards all targets.

    Parameters
    ----------
    root_mm : float
        Radius at the root; a branch that serves n of N targets has radius root·(n/N)^(1/3).
    depth : int
        Forks along any path at most.
    """
    total = len(targets)
    pieces: list[tuple[Points, Points, float, float]] = []
    pending = [(np.asarray(root, dtype=np.float64), targets, root_mm, 0)]
    while pending:
        node, cloud, radius, level = pending.pop()
        if len(cloud) == 1 or level == depth:
            if len(cloud) == 1:
                pieces.append((node, cloud[0], radius, max(0.6 * radius, 0.35)))
            continue
        for part in _halve(cloud, node):
            if len(part) == 0:
                continue
            share = 0.34 if len(part) > 2 else 0.55
            tip = node + share * (part.mean(axis=0) - node)
            thin = max(root_mm * (len(part) / total) ** (1.0 / 3.0), _SMALLEST_MM)
            pieces.append((node, tip, min(radius, thin * 1.08), thin))
            pending.append((tip, part, thin, level + 1))
    return Tubes(
        np.array([p[0] for p in pieces]),
        np.array([p[1] for p in pieces]),
        np.array([p[2] for p in pieces]),
        np.array([p[3] for p in pieces]),
    )


def _great_vessels() -> Tubes:
    return join(
        path(
            [(6, -14, -22), (-17, -24, 8), (-19, -24, 38), (-12, -14, 62), (4, 6, 72), (20, 26, 64),
             (29, 44, 40), (29, 52, 0), (24, 54, -60), (14, 54, -130), (6, 54, -200)],
            [15, 16, 15.5, 15, 14, 13.5, 13, 12.5, 12, 11.5, 11],
        ),
        path([(-27, -16, 96), (-30, -14, 60), (-29, -12, 10)], [7.5, 9, 10]),
        path([(-20, 8, -60), (-22, 12, -130), (-22, 18, -200)], [11, 12, 12]),
        path([(18, -34, -12), (16, -28, 18), (14, -18, 28)], [14, 14.5, 13]),
        path([(14, -18, 28), (-12, -4, 24), (-38, 4, 20)], [12, 11, 9.5]),
        path([(14, -18, 28), (32, 2, 34), (42, 18, 30), (46, 24, 14)], [12, 11, 10, 8.5]),
        path([(-8, 2, -6), (12, 14, -6)], [20, 20]),
        path([(-13, -10, 66), (-20, 0, 110), (-28, 4, 165)], [6.5, 6, 5]),
        path([(0, 0, 72), (12, 8, 120), (18, 6, 165)], [4.5, 4, 3.5]),
        path([(14, 14, 70), (26, 16, 112), (52, 4, 134)], [5.5, 5, 4.5]),
        path([(34, -26, 112), (8, -32, 96), (-24, -20, 84)], [6.5, 6.5, 7]),
        path([(-27, -16, 96), (-34, -16, 130)], [7, 6]),
    )  # fmt: skip


def _trachea() -> Tubes:
    return join(
        path([(0, 0, 175), (0, 10, 110), (3, 21, 43)], [9.0, 8.6, 8.4]),
        path([(3, 21, 43), (-14, 23, 30), (-28, 23, 18)], [7.0, 6.8, 6.4]),
        path([(3, 21, 43), (22, 26, 26), (39, 28, 12)], [6.2, 5.9, 5.6]),
    )


def _clavicles(build: Build) -> Tubes:
    sides = []
    for side in (-1.0, 1.0):
        points = [(20.0, -50.0, 103.0), (62.0, -54.0, 114.0), (104.0, -36.0, 121.0),
                  (142.0, -10.0, 118.0)]  # fmt: skip
        scaled = [(side * x * build.width, y * build.depth, z) for x, y, z in points]
        sides.append(path(scaled, [8.0, 5.5, 5.5, 6.0]))
    return join(*sides)


def trees_of(build: Build, seed: int) -> Trees:
    """Return every tube of the patient that belongs to a build and a seed."""
    vessels: list[Tubes] = []
    airways = [_trachea()]
    for number, side in enumerate((-1, 1)):
        rng = np.random.default_rng([seed, 2, number])
        arteries = lung_points(build, side, _LUNG_TARGETS, rng)
        veins = lung_points(build, side, _LUNG_TARGETS, rng)
        hilum = (-38.0, 4.0, 20.0) if side < 0 else (46.0, 24.0, 14.0)
        venous = (-26.0, 6.0, -8.0) if side < 0 else (30.0, 12.0, -8.0)
        bronchus = (-28.0, 23.0, 18.0) if side < 0 else (39.0, 28.0, 12.0)
        vessels.append(grow(hilum, arteries, 8.2, 14))
        vessels.append(grow(venous, veins, 7.0, 14))
        # Bronchi run beside the arteries: they grow towards neighbours of the same points.
        near = arteries[:_AIRWAY_TARGETS] + np.array([2.5 * side, 2.0, 1.0])
        airways.append(grow(bronchus, near, 5.4, 6))
    return Trees(_great_vessels(), join(*vessels), join(*airways), _clavicles(build))
