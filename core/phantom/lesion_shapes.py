"""Lesions as exact shapes: which material is at a point, and how dense that material is.

A shape answers with a small number per point: 0 outside, 1 … n its materials. Everything else
(volume, axes, density, anti-aliased painting) is measured from that one answer, so that truth and
picture cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.phantom import anatomy
from core.phantom.anatomy import Build
from core.phantom.errors import LesionNeedsBuild

Kind = Literal[
    "solid_nodule",
    "part_solid_nodule",
    "ground_glass_nodule",
    "mass",
    "cavity",
    "consolidation",
    "tree_in_bud",
    "calcification",
    "pleural_effusion",
    "fibrosis",
    "lymph_node",
    "pleural_thickening",
    "miliary",
]
KINDS: tuple[Kind, ...] = (
    "solid_nodule",
    "part_solid_nodule",
    "ground_glass_nodule",
    "mass",
    "cavity",
    "consolidation",
    "tree_in_bud",
    "calcification",
    "pleural_effusion",
    "fibrosis",
    "lymph_node",
    "pleural_thickening",
    "miliary",
)
# Their shape is the patient's own: the rib cage's inside, or both lungs.
OF_THE_BUILD: frozenset[Kind] = frozenset({"pleural_effusion", "pleural_thickening", "miliary"})
Array = NDArray[np.floating[Any]]
_WAVES = 9
_CREST = 2.3  # no wave of the surface is higher, in standard deviations


@dataclass(frozen=True, slots=True)
class LesionSpec:
    """What to put into a lung.

    Attributes
    ----------
    kind : Kind
    centre_mm : (3,) float
        LPS. For an effusion: (side·1, 0, 0) only the sign of x is read. For a pleural thickening: a
        point at the rib cage. For miliary disease: not read.
    radii_mm : (3,) float
        Semi-axes before the surface is made uneven. Miliary disease: least and greatest radius of
        a nodule, and nodules per millilitre of lung.
    wall_mm : float
        Cavities: nominal wall thickness. Effusions and thickenings: greatest depth of the layer.
    unevenness : float
        Amplitude of the surface's waves as a share of the radius, 0 = a perfect ellipsoid.
    fluid : bool
        A cavity with an air-fluid level.
    suv : float
        Standardised uptake value (g/ml) in PET-CT.
    seed : int
        Of the waves and the rotation.
    """

    kind: Kind
    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    wall_mm: float = 0.0
    unevenness: float = 0.06
    fluid: bool = False
    suv: float = 2.5
    seed: int = 0


# Hounsfield units by material number (index 1 …).
MATERIALS: dict[Kind, tuple[float, ...]] = {
    "solid_nodule": (35.0,),
    "part_solid_nodule": (-590.0, 25.0),
    "ground_glass_nodule": (-610.0,),
    "mass": (38.0, 8.0),
    "cavity": (42.0, -960.0, 14.0),
    "consolidation": (28.0, -900.0, -350.0),
    "tree_in_bud": (-20.0,),
    "calcification": (620.0,),
    "pleural_effusion": (9.0,),
    # Bands and bronchial walls; air in widened bronchi; shrunken lung between them.
    "fibrosis": (-40.0, -975.0, -660.0),
    "lymph_node": (38.0, 16.0),
    "pleural_thickening": (46.0,),
    "miliary": (10.0,),
}


@dataclass(frozen=True)
class Shape:
    """A lesion made ready to be asked about points.

    Attributes
    ----------
    spec : LesionSpec
    turn : (3, 3) ndarray
        Rotation of the ellipsoid.
    waves : (n, 4) ndarray
        Directions times frequency, and phase, of the uneven surface.
    twigs : (n, 8) ndarray
        Start, end, radii of the small branches (tree-in-bud, air bronchograms, fibrotic bands and
        bronchial walls); may be empty.
    lumens : (n, 8) ndarray
        The air inside walled branches (bronchiectasis); may be empty.
    """

    spec: LesionSpec
    turn: Array
    waves: Array
    twigs: Array = field(default_factory=lambda: np.zeros((0, 8)))
    lumens: Array = field(default_factory=lambda: np.zeros((0, 8)))

    @property
    def box_mm(self) -> tuple[Array, Array]:
        """LPS corners that hold the whole lesion."""
        centre = np.asarray(self.spec.centre_mm)
        if self.spec.kind == "pleural_effusion":
            side = np.sign(centre[0])
            low = np.array([4.0, -60.0, -165.0])
            high = np.array([142.0, 105.0, 80.0])
            if side < 0:
                low[0], high[0] = -142.0, -4.0
            return low, high
        if self.spec.kind == "miliary":
            return np.array([-145.0, -110.0, -165.0]), np.array([145.0, 110.0, 130.0])
        if self.spec.kind == "pleural_thickening":
            reach = float(max(self.spec.radii_mm)) + 1.0
            return centre - reach, centre + reach
        reach = float(max(self.spec.radii_mm)) * (1.0 + _CREST * self.spec.unevenness) + 1.0
        return centre - reach, centre + reach


def shape_of(spec: LesionSpec) -> Shape:
    """Return the shape that belongs to a specification (its randomness is in the seed)."""
    rng = np.random.default_rng([spec.seed, 3])
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    directions = rng.normal(size=(_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    frequency = rng.uniform(2.0, 6.5, size=(_WAVES, 1))
    phase = rng.uniform(0.0, 2.0 * np.pi, size=(_WAVES, 1))
    waves = np.hstack([directions * frequency, phase])
    twigs: Array = np.zeros((0, 8))
    lumens: Array = np.zeros((0, 8))
    if spec.kind == "tree_in_bud":
        twigs = _buds(spec, rng)
    elif spec.kind == "consolidation":
        twigs = _bronchogram(spec, rng)
    elif spec.kind == "fibrosis":
        twigs, lumens = _scars(spec, rng)
    return Shape(spec, turn, waves, twigs, lumens)


def _buds(spec: LesionSpec, rng: np.random.Generator) -> Array:
    """Return Y-shaped twigs that end in small buds, inside the ellipsoid's radii."""
    centre, radius = np.asarray(spec.centre_mm), np.asarray(spec.radii_mm)
    pieces: list[Array] = []
    for _ in range(22):
        offset = rng.normal(size=3)
        at = centre + 0.66 * radius * offset / np.linalg.norm(offset) * rng.uniform(0.2, 1.0)
        heading = rng.normal(size=3)
        heading /= np.linalg.norm(heading)
        fork = at + 2.6 * heading
        pieces.append(np.concatenate([at, fork, [0.8, 0.8]]))
        for _ in range(int(rng.integers(2, 4))):
            turn = heading + 0.9 * rng.normal(size=3)
            tip = fork + rng.uniform(2.2, 3.6) * turn / np.linalg.norm(turn)
            pieces.append(np.concatenate([fork, tip, [0.7, 0.9]]))
            pieces.append(np.concatenate([tip, tip + 0.01, np.full(2, rng.uniform(1.2, 1.9))]))
    return np.array(pieces)


def _bronchogram(spec: LesionSpec, rng: np.random.Generator) -> Array:
    """Return air-filled bronchi fanning out through a consolidation, away from the hilum."""
    centre, radius = np.asarray(spec.centre_mm), float(min(spec.radii_mm))
    hilum = np.array([np.sign(centre[0]) * 35.0, 20.0, 15.0])
    heading = (centre - hilum) / np.linalg.norm(centre - hilum)
    start = centre - 0.9 * radius * heading
    pieces: list[Array] = []
    for _ in range(4):
        turn = heading + 0.45 * rng.normal(size=3)
        turn /= np.linalg.norm(turn)
        fork = start + 0.7 * radius * turn
        pieces.append(np.concatenate([start, fork, [2.0, 1.5]]))
        for _ in range(2):
            bend = turn + 0.5 * rng.normal(size=3)
            tip = fork + 0.55 * radius * bend / np.linalg.norm(bend)
            pieces.append(np.concatenate([fork, tip, [1.4, 0.9]]))
    return np.array(pieces)


def _scars(spec: LesionSpec, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return bands that pull towards one point with walls of widened bronchi, and their air."""
    centre, radius = np.asarray(spec.centre_mm), 0.95 * float(min(spec.radii_mm))
    knot = centre + 0.25 * radius * rng.normal(size=3)
    solid: list[Array] = []
    air: list[Array] = []
    for _ in range(16):
        way = rng.normal(size=3)
        way /= np.linalg.norm(way)
        start = centre + radius * rng.uniform(0.6, 1.0) * way
        bend = 0.5 * (start + knot) + 0.12 * radius * rng.normal(size=3)
        thick = rng.uniform(0.7, 1.4)
        solid.append(np.concatenate([start, bend, [0.6 * thick, thick]]))
        solid.append(np.concatenate([bend, knot, [thick, thick]]))
    for _ in range(5):
        way = rng.normal(size=3)
        way /= np.linalg.norm(way)
        at = centre + 0.35 * radius * rng.normal(size=3)
        calibre, wall = rng.uniform(2.2, 3.8), rng.uniform(1.0, 1.6)
        ends = np.concatenate([at - 0.45 * radius * way, at + 0.45 * radius * way])
        solid.append(np.concatenate([ends, np.full(2, calibre + wall)]))
        air.append(np.concatenate([ends, np.full(2, calibre)]))
    return np.array(solid), np.array(air)


def _level(shape: Shape, x: Array, y: Array, z: Array) -> tuple[list[Array], Array]:
    """Return the coordinates along the axes, in radii, and their length (1 = smooth surface)."""
    centre, radii = shape.spec.centre_mm, shape.spec.radii_mm
    dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
    turn = shape.turn.astype(np.float32)
    axes = [(turn[0, k] * dx + turn[1, k] * dy + turn[2, k] * dz) / radii[k] for k in range(3)]
    return axes, np.sqrt(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2)


def _waved(shape: Shape, axes: list[Array], level: Array) -> tuple[Array, Array]:
    """Return the level (1 on the uneven surface) and the local radius in millimetres."""
    spec = shape.spec
    safe = np.maximum(level, 1e-3)
    unit = [(axis / safe).astype(np.float32) for axis in axes]
    # Length of the unit direction in millimetres: the smooth radius that way.
    square = sum(np.square(u * r) for u, r in zip(unit, spec.radii_mm, strict=True))
    local = np.sqrt(square)
    wave = np.zeros(level.shape, dtype=np.float32)
    for a, b, c, phase in shape.waves.astype(np.float32):
        wave += np.cos(a * unit[0] + b * unit[1] + c * unit[2] + phase)
    unit_wave = np.clip(wave * np.float32(np.sqrt(2.0 / _WAVES)), -_CREST, _CREST)
    swell = 1.0 + spec.unevenness * unit_wave
    return level / swell, local * swell


def _in_twigs(twigs: Array, x: Array, y: Array, z: Array) -> NDArray[np.bool_]:
    """Return which points lie in any twig; grids are only visited near each twig."""
    inside = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=bool)
    grid = inside.ndim == 3 and x.shape[:2] == (1, 1) and y.shape[2] == z.shape[2] == 1
    for piece in twigs.astype(np.float32):
        if not grid:
            _mark_twig(inside, piece, x, y, z)
            continue
        reach = max(piece[6], piece[7])
        columns = _near(x[0, 0], piece[[0, 3]], reach)
        rows = _near(y[0, :, 0], piece[[1, 4]], reach)
        part = (slice(None), rows, columns)
        inside[part] |= _in_twig(
            piece, x[:, :, columns], y[:, rows], z[:, rows] if z.shape[1] > 1 else z
        )
    return inside


def _mark_twig(inside: NDArray[np.bool_], piece: Array, x: Array, y: Array, z: Array) -> None:
    """Mark single points, looking closely only within the ball around the twig."""
    middle = 0.5 * (piece[:3] + piece[3:6])
    reach = 0.5 * np.sqrt(((piece[3:6] - piece[:3]) ** 2).sum()) + max(piece[6], piece[7])
    square = np.square(x - middle[0]) + np.square(y - middle[1]) + np.square(z - middle[2])
    near = np.nonzero(square <= reach * reach)
    px, py, pz = (np.broadcast_to(v, inside.shape)[near] for v in (x, y, z))
    inside[near] |= _in_twig(piece, px, py, pz)


def _near(axis: Array, ends: Array, reach: float) -> slice:
    low, high = np.searchsorted(axis, [ends.min() - reach, ends.max() + reach])
    return slice(int(low), int(high))


def _in_twig(piece: Array, x: Array, y: Array, z: Array) -> NDArray[np.bool_]:
    start, axis = piece[:3], piece[3:6] - piece[:3]
    dx, dy, dz = x - start[0], y - start[1], z - start[2]
    along = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / (axis @ axis), 0.0, 1.0)
    radius = piece[6] + along * (piece[7] - piece[6])
    ex, ey, ez = dx - along * axis[0], dy - along * axis[1], dz - along * axis[2]
    inside: NDArray[np.bool_] = ex * ex + ey * ey + ez * ez <= radius * radius
    return inside


def _effusion(build: Build, spec: LesionSpec, x: Array, y: Array, z: Array) -> NDArray[np.bool_]:
    """Free fluid lying behind and below: a crescent on the wall, deepest at the base."""
    wall = anatomy.cage(build, x, y, z)
    side = np.sign(spec.centre_mm[0])
    top = spec.centre_mm[2]
    low = np.clip((top - z) / 120.0, 0.0, 1.0)
    back = np.clip((y + 25.0) / 70.0, 0.0, 1.0)
    depth = spec.wall_mm * np.sqrt(low) * back
    over_dome = (z - anatomy.dome(build, x, y)) * 0.7
    behind = np.maximum(anatomy.paraspinal(build, x, y, z), 0.0)
    near = np.minimum(np.minimum(-wall, over_dome * 1.4), behind + 4.0) - 1.5
    return (near < depth) & (depth > 0.5) & (np.sign(x) == side)


def _rind(build: Build, spec: LesionSpec, x: Array, y: Array, z: Array) -> NDArray[np.bool_]:
    """A lens of tissue on the inside of the rib cage."""
    square = sum(
        np.square((v - c) / r) for v, c, r in zip((x, y, z), spec.centre_mm, spec.radii_mm,
                                                  strict=True)
    )  # fmt: skip
    depth = spec.wall_mm * np.sqrt(np.clip(1.0 - square, 0.0, 1.0))
    inward = -anatomy.cage(build, x, y, z) - 1.5
    return (inward < depth) & (depth > 0.5)


def materials_at(
    shape: Shape, build: Build | None, x: Array, y: Array, z: Array
) -> NDArray[np.uint8]:
    """Return the material number (0 = not this lesion) at broadcastable LPS points.

    Lesions end where the lung ends: chest wall, mediastinum and diaphragm are never replaced.
    Without a build the whole shape is answered (its place is then the caller's care); an effusion
    has no shape without one.

    Raises
    ------
    LesionNeedsBuild
    """
    spec = shape.spec
    if spec.kind in OF_THE_BUILD:
        if build is None or spec.kind == "miliary":
            raise LesionNeedsBuild(kind=spec.kind)
        layer = _effusion if spec.kind == "pleural_effusion" else _rind
        result = layer(build, spec, x, y, z).astype(np.uint8)
    elif spec.kind == "tree_in_bud":
        result = _in_twigs(shape.twigs, x, y, z).astype(np.uint8)
    else:
        result = _solid(shape, x, y, z)
    if build is None:
        return result
    side = -1.0 if spec.kind == "lymph_node" else 1.0  # nodes end where the lung begins
    found = np.nonzero(result)
    px, py, pz = (np.broadcast_to(v, result.shape)[found] for v in (x, y, z))
    result[found] *= side * anatomy.lungs(build, px, py, pz) < 0
    return result


def _solid(shape: Shape, x: Array, y: Array, z: Array) -> NDArray[np.uint8]:
    """Return the material of every star-shaped kind."""
    spec = shape.spec
    axes, smooth = _level(shape, x, y, z)
    result = np.zeros(smooth.shape, dtype=np.uint8)
    # The surface never swells beyond this: points further out need no closer look.
    near = smooth < 1.0 + spec.unevenness * _CREST
    level, local = _waved(shape, [axis[near] for axis in axes], smooth[near])
    depth = (1.0 - level) * local
    part = (level <= 1.0).astype(np.uint8)
    if spec.kind == "cavity":
        lumen = depth > spec.wall_mm
        part[lumen] = 2
        if spec.fluid:
            pool = spec.centre_mm[1] + 0.3 * spec.radii_mm[1]
            part[lumen & (np.broadcast_to(y, smooth.shape)[near] > pool)] = 3
    elif spec.kind == "part_solid_nodule":
        part[level <= 0.52] = 2
    elif spec.kind == "mass" or (spec.kind == "lymph_node" and max(spec.radii_mm) > 8.0):
        part[level <= 0.45] = 2
    elif spec.kind == "fibrosis":
        part[:] = np.where(level <= 0.85, 3, 0)
    elif spec.kind == "consolidation":
        part[(depth < 4.0) & (part > 0)] = 3  # a margin of ground glass
    result[near] = part
    if spec.kind == "consolidation":
        result[_in_twigs(shape.twigs, x, y, z) & (result == 1)] = 2
    elif spec.kind == "fibrosis":
        result[_in_twigs(shape.twigs, x, y, z)] = 1
        result[_in_twigs(shape.lumens, x, y, z)] = 2
    return result
