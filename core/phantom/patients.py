"""Digital patients: a build, its tubes, and lesions that fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.phantom import anatomy
from core.phantom.acquisition import Texture, texture_of
from core.phantom.anatomy import Build, build_of
from core.phantom.errors import LesionDoesNotFit
from core.phantom.lesion_shapes import Kind, LesionSpec, Shape, shape_of
from core.phantom.trees import Trees, trees_of

Case = Literal["normal", "tb", "nodules", "showcase", "miliary", "sequelae"]
Zone = tuple[float, float, float, float]  # side (-1 right, +1 left, 0 any), z low, z high, y above

UPPER: Zone = (0.0, 55.0, 105.0, -40.0)
ANY: Zone = (0.0, -70.0, 100.0, -60.0)


@dataclass(frozen=True)
class Patient:
    """Everything that is inside, before any scanner looks.

    Attributes
    ----------
    seed : int
    build : Build
    lesions : tuple of Shape
        Painted in this order; number in the label map = position + 1.
    """

    seed: int
    build: Build
    lesions: tuple[Shape, ...]

    @cached_property
    def trees(self) -> Trees:
        """Vessels, airways and clavicles (grown on first use, the same every time)."""
        return trees_of(self.build, self.seed)

    @cached_property
    def texture(self) -> Texture:
        """Structure noise of lung and soft tissue."""
        return texture_of(self.seed)

    @property
    def lung_z(self) -> tuple[float, float]:
        """Height of the lungs' lowest and highest point, mm."""
        axis = np.arange(-130.0, 131.0, 4.0)
        x, y = axis[None, :], axis[:, None]
        z = np.arange(-165.0, 130.0, 2.0)
        there = [bool((anatomy.lungs(self.build, x, y, h) < 0).any()) for h in z[:, None, None]]
        return float(z[np.argmax(there)]), float(z[len(z) - 1 - int(np.argmax(there[::-1]))])


@dataclass(frozen=True, slots=True)
class _Wish:
    kind: Kind
    radius: tuple[float, float]
    zone: Zone
    wall: tuple[float, float] = (0.0, 0.0)
    unevenness: float = 0.06
    fluid: bool = False
    suv: tuple[float, float] = (1.5, 4.0)


_SOLID = _Wish("solid_nodule", (3.5, 6.0), ANY)
_GROUND = _Wish("ground_glass_nodule", (5.0, 9.0), ANY, unevenness=0.1, suv=(0.8, 1.4))
_PART = _Wish("part_solid_nodule", (6.5, 9.5), ANY, unevenness=0.1, suv=(1.0, 2.2))
_THICK = _Wish("cavity", (15.0, 22.0), UPPER, (5.0, 7.5), 0.07, suv=(5.0, 9.0))
_THIN = _Wish("cavity", (10.0, 15.0), UPPER, (1.8, 2.6), 0.05, suv=(2.0, 3.5))
_PATCH = _Wish("consolidation", (20.0, 28.0), ANY, unevenness=0.2, suv=(4.0, 8.0))
_UPPER_PATCH = replace(_PATCH, zone=UPPER, radius=(18.0, 24.0))
_BUDS = _Wish("tree_in_bud", (11.0, 14.0), (0.0, 0.0, 95.0, -60.0), suv=(1.5, 3.0))
_CALCIUM = _Wish("calcification", (1.8, 3.2), ANY, suv=(0.5, 0.7))
_FLUID = _Wish("pleural_effusion", (0.0, 0.0), ANY, (16.0, 34.0), 0.0, suv=(0.9, 1.5))

_SCAR = _Wish("fibrosis", (14.0, 19.0), (0.0, 10.0, 95.0, -60.0), unevenness=0.1, suv=(0.8, 1.6))
# Stations 4R, 4L, 5 and 7 (IASLC map): where tuberculous nodes stand most often, LPS mm.
_STATIONS = ((-19.0, 14.0, 62.0), (17.0, 20.0, 62.0), (24.0, 6.0, 46.0), (4.0, 24.0, 8.0))

_WISHES: dict[Case, tuple[_Wish, ...]] = {
    "normal": (),
    "nodules": (_SOLID, _SOLID, _PART, _GROUND, _CALCIUM),
    "tb": (_THICK, _UPPER_PATCH, _BUDS, _BUDS, _SOLID, _CALCIUM),
    "showcase": (
        _FLUID, _PATCH, _THICK, replace(_THIN, fluid=True), _THIN, _BUDS, _PART, _GROUND, _SOLID,
        _SOLID, _CALCIUM,
    ),
    "miliary": (),
    "sequelae": (_SCAR, _CALCIUM),
}  # fmt: skip


def patient_of(seed: int, case: Case = "showcase", extra: tuple[LesionSpec, ...] = ()) -> Patient:
    """Return the patient that belongs to a seed.

    Parameters
    ----------
    case : {"normal", "tb", "nodules", "showcase"}
        Which lesions to place; "showcase" has every kind.
    extra : tuple of LesionSpec
        Lesions at given places, painted after the placed ones.

    Raises
    ------
    LesionDoesNotFit
        No free place was found.
    """
    build = build_of(seed)
    rng = np.random.default_rng([seed, 5])
    shapes: list[Shape] = []
    for number, wish in enumerate(_WISHES[case]):
        shapes.append(shape_of(_place(build, wish, shapes, rng, seed * 100 + number)))
    shapes.extend(shape_of(spec) for spec in _of_case(build, case, seed))
    shapes.extend(shape_of(spec) for spec in extra)
    return Patient(seed, build, tuple(shapes))


def _of_case(build: Build, case: Case, seed: int) -> list[LesionSpec]:
    """Return the lesions whose place is their own: miliary, nodes, thickened pleura."""
    rng = np.random.default_rng([seed, 7])
    if case == "miliary":
        density = float(rng.uniform(0.5, 1.4))
        return [LesionSpec("miliary", (0.0, 0.0, 0.0), (0.6, 1.4, density), seed=seed)]
    if case != "sequelae":
        return []
    specs = []
    for number, at in enumerate(rng.permutation(np.array(_STATIONS))[:2]):
        radius = float(rng.uniform(6.5, 9.5))
        radii = (
            radius,
            radius * float(rng.uniform(0.8, 1.0)),
            radius * float(rng.uniform(0.9, 1.2)),
        )
        place = (float(at[0]), float(at[1]), float(at[2]))
        number_of_its_own = seed * 100 + 60 + number
        specs.append(LesionSpec("lymph_node", place, radii, suv=3.0, seed=number_of_its_own))
    side, height = float(rng.choice([-1.0, 1.0])), float(rng.uniform(-30.0, 30.0))
    across, _, middle = (float(v) for v in anatomy.cage_axes(build, np.asarray(height)))
    turn = float(rng.uniform(0.15, 0.9))  # from the flank towards the back
    at = (side * across * np.cos(turn), middle + 0.75 * across * np.sin(turn), height)
    specs.append(
        LesionSpec("pleural_thickening", (float(at[0]), float(at[1]), height), (42.0, 42.0, 38.0),
                   float(rng.uniform(7.0, 12.0)), 0.0, seed=seed * 100 + 70)
    )  # fmt: skip
    return specs


def _place(
    build: Build, wish: _Wish, others: list[Shape], rng: np.random.Generator, seed: int
) -> LesionSpec:
    """Return a specification at a free place in the lung."""
    radius = float(rng.uniform(*wish.radius))
    wall = float(rng.uniform(*wish.wall))
    radii = (radius, radius * float(rng.uniform(0.8, 1.0)), radius * float(rng.uniform(0.8, 1.0)))
    suv = float(rng.uniform(*wish.suv))
    if wish.kind == "pleural_effusion":
        side = float(rng.choice([-1.0, 1.0]))
        at = (side * 70.0, 60.0, float(rng.uniform(-20.0, 30.0)))
        return LesionSpec(wish.kind, at, (1.0, 1.0, 1.0), wall, 0.0, False, suv, seed)
    # Large lesions may touch the pleura, small ones are kept clear of it.
    clear = radius * 1.25 + 2.0 if radius < 15.0 else radius * 0.6
    fluid_side = [s for s in others if s.spec.kind == "pleural_effusion"]
    for _ in range(400):
        point = _point(build, wish.zone, rng, clear)
        if point is None:
            continue
        if fluid_side and _near_fluid(fluid_side[0], point, radius):
            continue
        if all(_apart(point, radius, other) for other in others):
            at = (float(point[0]), float(point[1]), float(point[2]))
            return LesionSpec(wish.kind, at, radii, wall, wish.unevenness, wish.fluid, suv, seed)
    raise LesionDoesNotFit(kind=wish.kind)


def _point(
    build: Build, zone: Zone, rng: np.random.Generator, clear: float
) -> NDArray[np.float64] | None:
    side = zone[0] or float(rng.choice([-1.0, 1.0]))
    point = np.array(
        [side * rng.uniform(30.0, 120.0), rng.uniform(zone[3], 75.0), rng.uniform(zone[1], zone[2])]
    )
    depth = -float(anatomy.lungs(build, *(np.asarray(v) for v in point)))
    hilum = np.array([side * 36.0, 18.0, 14.0])
    if depth < clear or np.linalg.norm(point - hilum) < 26.0 + clear:
        return None
    return point


def _near_fluid(fluid: Shape, point: NDArray[np.float64], radius: float) -> bool:
    same = np.sign(fluid.spec.centre_mm[0]) == np.sign(point[0])
    low = point[2] - radius < fluid.spec.centre_mm[2] + 5.0
    return bool(same and low and point[1] + radius > -40.0)


def _apart(point: NDArray[np.float64], radius: float, other: Shape) -> bool:
    if other.spec.kind == "pleural_effusion":
        return True
    gap = float(np.linalg.norm(point - np.asarray(other.spec.centre_mm)))
    return gap > 1.25 * (radius + max(other.spec.radii_mm)) + 4.0
