"""Free-response ROC and the competition performance metric. Pure.

CPM: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false candidates per scan (LUNA16; Setio,
Med Image Anal 42:1, 2017). A candidate hits a lesion where its centre lies within half the lesion's
long axis. A candidate that lies mostly inside a lesion without being its hit is a fragment: it
counts neither way. Each lesion counts once, with its likeliest hit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class Target:
    """One true lesion with the probability of its likeliest hit; 0 where nothing hit it."""

    kind: str
    long_axis_mm: float
    probability: float
    named: str = ""


@dataclass(frozen=True, slots=True)
class FalseFind:
    """A candidate that is nothing."""

    kind: str
    probability: float
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Scan:
    """One scan's answers."""

    name: str
    targets: tuple[Target, ...]
    false: tuple[FalseFind, ...]
    seconds: float = 0.0

    def sized(self, least_mm: float, most_mm: float = float("inf")) -> Scan:
        """Return the scan with the targets of a size only; the false candidates stay."""
        kept = tuple(t for t in self.targets if least_mm <= t.long_axis_mm < most_mm)
        return Scan(self.name, kept, self.false, self.seconds)


def sensitivities(scans: Sequence[Scan], rates: Sequence[float] = RATES) -> NDArray[np.float64]:
    """Return the sensitivity at each number of false candidates per scan.

    The best threshold that keeps the rate decides (candidates of equal probability fall together).
    """
    hits = np.array([t.probability for scan in scans for t in scan.targets])
    false = np.sort([f.probability for scan in scans for f in scan.false])[::-1]
    found = []
    for rate in rates:
        allowed = int(np.floor(rate * len(scans) + 1e-9))
        # Strictly above the first false candidate that is no longer allowed.
        limit = float(false[allowed]) if allowed < len(false) else 0.0
        found.append(float((hits > limit).mean()) if len(hits) else float("nan"))
    return np.asarray(found)


def cpm(scans: Sequence[Scan]) -> float:
    """Return the competition performance metric."""
    return float(sensitivities(scans).mean())


def cpm_interval(scans: Sequence[Scan], seed: int = 0, rounds: int = 1000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval: scans are drawn again, then the lesions within each."""
    rng = np.random.default_rng([seed, 21])
    values = []
    for _ in range(rounds):
        drawn = [scans[i] for i in rng.integers(0, len(scans), len(scans))]
        values.append(cpm([_redrawn(scan, rng) for scan in drawn]))
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def _redrawn(scan: Scan, rng: np.random.Generator) -> Scan:
    count = len(scan.targets)
    targets = tuple(scan.targets[i] for i in rng.integers(0, count, count)) if count else ()
    return Scan(scan.name, targets, scan.false, scan.seconds)
