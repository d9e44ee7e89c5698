"""Parity: does an engine give the golden outputs within the stated tolerance? Pure comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.models.bundle import Arrays, Bundle
from core.models.engine import Engine

LEAST_DICE = 0.999
#: Slots whose outputs are shares that are cut to masks.
MASK_SLOTS = frozenset({"ct_lungs", "dr_lungs"})


@dataclass(frozen=True, slots=True)
class Parity:
    """Result of a comparison.

    Attributes
    ----------
    passed : bool
    dice : dict
        Smallest Dice coefficient by output over all cases, at 0.5, of a segmentation's outputs.
    worst : dict
        Largest |difference| by output over all cases; where an expected output goes beyond 1, as a
        share of its largest magnitude.
    tolerance : float
    cases : int
    """

    passed: bool
    worst: dict[str, float]
    tolerance: float
    cases: int
    dice: dict[str, float] = field(default_factory=dict)


def compare(
    got: list[Arrays],
    expected: list[Arrays],
    tolerance: float,
    masks: bool = False,
    of_output: Mapping[str, float] | None = None,
) -> Parity:
    """Compare outputs case by case; a missing output, another shape or NaN is an infinite error.

    With ``masks`` the outputs are shares of 0...1 that are cut at 0.5: then it is the cut that has
    to agree (Dice at least 0.999 in every case), for a share near one half may differ by more than
    a score may. ``of_output`` states another tolerance for some outputs by name, say a heat map.
    """
    limits = of_output or {}
    worst: dict[str, float] = {}
    dice: dict[str, float] = {}
    for have, want in zip(got, expected, strict=True):
        for name, array in want.items():
            error = _distance(have, name, array)
            worst[name] = max(worst.get(name, 0.0), error)
            if masks:
                alike = _dice(have[name], array) if np.isfinite(error) else 0.0
                dice[name] = min(dice.get(name, 1.0), alike)
    if masks:
        passed = bool(dice) and all(alike >= LEAST_DICE for alike in dice.values())
    else:
        passed = bool(worst) and all(
            error <= limits.get(name, tolerance) for name, error in worst.items()
        )
    return Parity(passed, worst, tolerance, len(expected), dice)


def check_parity(engine: Engine, bundle: Bundle, precision: str = "fp32") -> Parity:
    """Run the golden set through `engine` and compare within the bundle's own tolerance."""
    table = bundle.metadata.tolerance
    cases = [bundle.golden.case(index) for index in range(bundle.golden.cases)]
    got = [engine.infer(inputs) for inputs, _ in cases]
    masks = bundle.metadata.slot in MASK_SLOTS
    tolerance = table.get(precision, table["fp32"])
    begin = f"{precision}."
    of_output = {key.removeprefix(begin): v for key, v in table.items() if key.startswith(begin)}
    return compare(got, [want for _, want in cases], tolerance, masks, of_output)


def _distance(have: Arrays, name: str, want: np.ndarray) -> float:
    array = have.get(name)
    if array is None or array.shape != want.shape or not np.isfinite(array).all():
        return float("inf")
    size = max(1.0, float(np.abs(want).max()))
    return float(np.abs(array.astype(np.float64) - want).max()) / size


def _dice(have: np.ndarray, want: np.ndarray) -> float:
    """Return twice the overlap over the sum, at 0.5; 1 where both are empty."""
    a, b = have >= 0.5, want >= 0.5
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 1.0
