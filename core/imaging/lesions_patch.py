"""What the lesion network sees of a candidate, and how its answer is read. Pure.

A bundle for the slot ``ct_lesions`` states both as data: the patch's window, edge and number of
voxels, and which class each column of the answer is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_errors import BundleNotForLesions
from core.imaging.lesions_field import Candidate, Field

PATCH_OP = "candidate_patch/2"
# Earlier bundles learnt with air beyond the scan's ends, where a cut vessel looks like a nodule.
AIR_PATCH_OP = "candidate_patch/1"
CLASSES_OP = "candidate_classes/1"
FALSE_KIND = "false"
RULES_LIMIT = 8.0
CHANNELS = 2


@dataclass(frozen=True, slots=True)
class PatchSpec:
    """A cube around a candidate's centre on the search grid.

    Attributes
    ----------
    side : int
        Voxels along each edge.
    edge_mm : float
        Voxel edge that the network was trained on; the search grid's is within a few percent.
    low_hu, high_hu : float
        Become 0 and 1; beyond is clipped.
    air_beyond : bool
        Beyond the grid there is air; else the last slice, row or column goes on.
    """

    side: int
    edge_mm: float
    low_hu: float
    high_hu: float
    air_beyond: bool = False

    def stated(self) -> dict[str, Any]:
        """Return the ``preprocessing`` of a bundle that was trained on such patches."""
        op = AIR_PATCH_OP if self.air_beyond else PATCH_OP
        return {"op": op, **{name: getattr(self, name) for name in NUMBERS}}


NUMBERS = ("side", "edge_mm", "low_hu", "high_hu")


def patch_spec(bundle: str, steps: dict[str, Any]) -> PatchSpec:
    """Read a bundle's ``preprocessing``.

    Raises
    ------
    BundleNotForLesions
    """
    numbers = {key: value for key, value in steps.items() if key != "op"}
    op = steps.get("op")
    if op not in (PATCH_OP, AIR_PATCH_OP) or numbers.keys() != set(NUMBERS):
        raise BundleNotForLesions(bundle=bundle, what="preprocessing")
    if not all(_is_number(value) for value in numbers.values()):
        raise BundleNotForLesions(bundle=bundle, what="preprocessing numbers")
    sides = {**numbers, "side": int(numbers["side"])}
    spec = PatchSpec(**sides, air_beyond=op == AIR_PATCH_OP)
    if not (8 <= spec.side <= 96 and 0.5 <= spec.edge_mm <= 3 and spec.low_hu < spec.high_hu):
        raise BundleNotForLesions(bundle=bundle, what="preprocessing range")
    return spec


@dataclass(frozen=True, slots=True)
class Answer:
    """How a network's answer is read.

    Attributes
    ----------
    output : str
        Name of the output.
    classes : tuple of str
        The kind of each column; exactly one is "false".
    rules_weight : float
        How much the log odds of the classical rules (within +-``RULES_LIMIT``) count beside the
        network's: 0 = the network alone. The two see different things: the rules measure, the
        network looks.
    """

    output: str
    classes: tuple[str, ...]
    rules_weight: float


def answer_of(bundle: str, steps: dict[str, Any], known: frozenset[str]) -> Answer:
    """Read a bundle's ``postprocessing``.

    Parameters
    ----------
    known : frozenset of str
        Kinds that exist.

    Raises
    ------
    BundleNotForLesions
    """
    names, weight = steps.get("classes"), steps.get("rules_weight", 0.0)
    allowed = {"op", "output", "classes"}
    if steps.get("op") != CLASSES_OP or steps.keys() - {"rules_weight"} != allowed:
        raise BundleNotForLesions(bundle=bundle, what="postprocessing")
    if not _is_number(weight) or not 0 <= weight <= 10:
        raise BundleNotForLesions(bundle=bundle, what="postprocessing rules_weight")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BundleNotForLesions(bundle=bundle, what="postprocessing classes")
    if names.count(FALSE_KIND) != 1 or len(set(names)) != len(names):
        raise BundleNotForLesions(bundle=bundle, what="postprocessing classes")
    if set(names) - known - {FALSE_KIND} or not isinstance(steps["output"], str):
        raise BundleNotForLesions(bundle=bundle, what="postprocessing kinds")
    return Answer(steps["output"], tuple(names), float(weight))


def patch_of(field: Field, candidate: Candidate, spec: PatchSpec) -> NDArray[np.float32]:
    """Return (2, side, side, side): density 0…1 and the candidate's mask."""
    corner = np.array([s.start for s in candidate.box])
    middle = np.rint(np.asarray(ndimage.center_of_mass(candidate.mask)) + corner).astype(int)
    out = np.zeros((CHANNELS, spec.side, spec.side, spec.side), dtype=np.float32)
    start = middle - spec.side // 2
    out[0] = _densities(field, start, spec)
    # The mask lies in its own box: the same cut, relative to it.
    inner, outer = _overlap(start - corner, spec.side, candidate.mask.shape)
    out[1][outer] = candidate.mask[inner]
    return out


def _densities(field: Field, start: NDArray[np.int_], spec: PatchSpec) -> NDArray[np.float32]:
    """Return the cube of densities that begins at a voxel of the field's grid."""
    voxels = field.grid.voxels
    if spec.air_beyond:
        out = np.zeros((spec.side,) * 3, dtype=np.float32)
        inner, outer = _overlap(start, spec.side, voxels.shape)
        out[outer] = (voxels[inner] - spec.low_hu) / (spec.high_hu - spec.low_hu)
    else:
        lines = [
            np.clip(np.arange(low, low + spec.side), 0, size - 1)
            for low, size in zip(start.tolist(), voxels.shape, strict=True)
        ]
        out = (voxels[np.ix_(*lines)] - spec.low_hu) / (spec.high_hu - spec.low_hu)
    return np.asarray(np.clip(out, 0.0, 1.0), dtype=np.float32)


def _overlap(
    start: NDArray[np.int_], side: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the slices of an array and of a cube that cover the same voxels."""
    inner, outer = [], []
    for low, size in zip(start.tolist(), shape, strict=True):
        a, b = max(0, low), max(0, min(size, low + side))
        b = max(a, b)
        inner.append(slice(a, b))
        outer.append(slice(min(a - low, side), min(a - low, side) + b - a))
    return tuple(inner), tuple(outer)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
