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

PATCH_OP = "candidate_patch/1"
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
    """

    side: int
    edge_mm: float
    low_hu: float
    high_hu: float


def patch_spec(bundle: str, steps: dict[str, Any]) -> PatchSpec:
    """Read a bundle's ``preprocessing``.

    Raises
    ------
    BundleNotForLesions
    """
    numbers = {key: value for key, value in steps.items() if key != "op"}
    if steps.get("op") != PATCH_OP or numbers.keys() != set(PatchSpec.__dataclass_fields__):
        raise BundleNotForLesions(bundle=bundle, what="preprocessing")
    if not all(_is_number(value) for value in numbers.values()):
        raise BundleNotForLesions(bundle=bundle, what="preprocessing numbers")
    spec = PatchSpec(**{**numbers, "side": int(numbers["side"])})
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
    """Return (2, side, side, side): density 0…1 and the candidate's mask; air beyond the grid."""
    corner = np.array([s.start for s in candidate.box])
    middle = np.rint(np.asarray(ndimage.center_of_mass(candidate.mask)) + corner).astype(int)
    out = np.zeros((CHANNELS, spec.side, spec.side, spec.side), dtype=np.float32)
    start = middle - spec.side // 2
    voxels = field.grid.voxels
    inner, outer = _overlap(start, spec.side, voxels.shape)
    values = (voxels[inner] - spec.low_hu) / (spec.high_hu - spec.low_hu)
    out[0][outer] = np.clip(values, 0.0, 1.0)
    # The mask lies in its own box: the same cut, relative to it.
    inner, outer = _overlap(start - corner, spec.side, candidate.mask.shape)
    out[1][outer] = candidate.mask[inner]
    return out


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
