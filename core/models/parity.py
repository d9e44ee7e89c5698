"""Parity: does an engine give the golden outputs within the stated tolerance? Pure comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.models.bundle import Arrays, Bundle
from core.models.engine import Engine


@dataclass(frozen=True, slots=True)
class Parity:
    """Result of a comparison.

    Attributes
    ----------
    passed : bool
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


def compare(got: list[Arrays], expected: list[Arrays], tolerance: float) -> Parity:
    """Compare outputs case by case; a missing output, another shape or NaN is an infinite error."""
    worst: dict[str, float] = {}
    for have, want in zip(got, expected, strict=True):
        for name, array in want.items():
            worst[name] = max(worst.get(name, 0.0), _distance(have, name, array))
    passed = bool(worst) and all(error <= tolerance for error in worst.values())
    return Parity(passed, worst, tolerance, len(expected))


def check_parity(engine: Engine, bundle: Bundle, precision: str = "fp32") -> Parity:
    """Run the golden set through `engine` and compare within the bundle's own tolerance."""
    table = bundle.metadata.tolerance
    cases = [bundle.golden.case(index) for index in range(bundle.golden.cases)]
    got = [engine.infer(inputs) for inputs, _ in cases]
    return compare(got, [want for _, want in cases], table.get(precision, table["fp32"]))


def _distance(have: Arrays, name: str, want: np.ndarray) -> float:
    array = have.get(name)
    if array is None or array.shape != want.shape or not np.isfinite(array).all():
        return float("inf")
    size = max(1.0, float(np.abs(want).max()))
    return float(np.abs(array.astype(np.float64) - want).max()) / size
