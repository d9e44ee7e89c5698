"""Figures of merit with their intervals. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def auc(truth: NDArray[np.bool_], scores: Floats) -> float:
    """Area under the ROC curve (Mann-Whitney, ties count half)."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def threshold_at_sensitivity(truth: NDArray[np.bool_], scores: Floats, wanted: float) -> float:
    """Return the highest threshold at which at least `wanted` of the positives are at or above."""
    positives = np.sort(scores[truth])[::-1]
    needed = int(np.ceil(wanted * len(positives) - 1e-9))
    return float(positives[needed - 1])


def sensitivity(truth: NDArray[np.bool_], scores: Floats, threshold: float) -> float:
    return float((scores[truth] >= threshold).mean())


def specificity(truth: NDArray[np.bool_], scores: Floats, threshold: float) -> float:
    return float((scores[~truth] < threshold).mean())


def bootstrap_auc(
    truth: NDArray[np.bool_], scores: Floats, seed: int, rounds: int = 2000
) -> Interval:
    """AUC with its percentile interval, resampling patients within each class."""
    generator = np.random.default_rng(seed)
    positives, negatives = scores[truth], scores[~truth]
    values = []
    for _ in range(rounds):
        p = generator.choice(positives, len(positives))
        n = generator.choice(negatives, len(negatives))
        labels = np.r_[np.ones(len(p), bool), np.zeros(len(n), bool)]
        values.append(auc(labels, np.r_[p, n]))
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(auc(truth, scores), float(low), float(high))


def share_interval(hits: NDArray[np.bool_]) -> Interval:
    """A proportion with its Wilson 95 % interval."""
    n, z = len(hits), 1.959964
    p = float(hits.mean())
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(p, float(centre - reach), float(centre + reach))
