"""How sure a score is, and whether the image is like those that were taught.

Interval: heads fitted on resampled patients, each with its own calibration from the patients that
its sample left out. Their spread says for which images a score would move had other patients of the
same source been taught. How many spreads hold that other score in 95 % of images is measured on
thirds that share no patient, and checked on other thirds than it was measured on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federated.training.fitting import (
    Company,
    Features,
    Floats,
    Lesson,
    fit_linear,
    laid_out,
    platt,
)
from federated.training.network import Novelty

MEMBERS = 12
AXES = 24
#: Of left-out images of the taught sources, this share is called familiar.
FAMILIAR_SHARE = 0.975


@dataclass(frozen=True)
class Member:
    """One resampled head: decision and calibration."""

    flat: NDArray[np.float32]

    def log_odds(self, features: Features) -> Floats:
        """Return (image,) calibrated log odds."""
        n = len(features.cells)
        uneven = np.abs(features.cells - features.mirrored)
        rows = np.concatenate([features.cells.reshape(n, -1), uneven.reshape(n, -1)], 1)
        odds: Floats = rows @ self.flat[:-1].astype(np.float64) + float(self.flat[-1])
        return odds


def resampled_heads(
    lesson: Lesson,
    groups: NDArray[np.str_],
    seed: int,
    company: Company | None,
    count: int = MEMBERS,
) -> tuple[Member, ...]:
    """Fit `count` heads on patients drawn with replacement within each class."""
    draw = np.random.default_rng(seed)
    return tuple(_resampled(lesson, groups, draw, company) for _ in range(count))


def _resampled(
    lesson: Lesson, groups: NDArray[np.str_], draw: np.random.Generator, company: Company | None
) -> Member:
    chosen, left_out = _drawn(lesson.truth, groups, draw)
    while len(np.unique(lesson.truth[left_out])) < 2:
        chosen, left_out = _drawn(lesson.truth, groups, draw)
    model = fit_linear(lesson.take(chosen), company)
    slope, offset = platt(model.decide(lesson.features.take(left_out)), lesson.truth[left_out])
    return Member(laid_out(model).flat(slope, offset).astype(np.float32))


def _drawn(
    truth: NDArray[np.bool_], groups: NDArray[np.str_], draw: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the images of patients drawn with replacement, and of those never drawn."""
    chosen: list[int] = []
    for label in (False, True):
        patients = np.unique(groups[truth == label])
        for patient in draw.choice(patients, len(patients)):
            chosen += np.flatnonzero((groups == patient) & (truth == label)).tolist()
    drawn = np.array(chosen, np.intp)
    return drawn, np.setdiff1d(np.arange(len(groups)), drawn)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the interval held the score of a head taught on other patients.

    Attributes
    ----------
    reach : float
        Half width of the interval in spreads, measured on the first splits.
    covered : float
        Share of looks (image and split), on the other splits.
    width : float
        Median width, in score.
    looks : int
    """

    reach: float
    covered: float
    width: float
    looks: int


def check_interval(
    lesson: Lesson, groups: NDArray[np.str_], company: Company | None, splits: int = 3
) -> Coverage:
    """Measure the interval's reach on `splits` divisions of the patients, check it on as many."""
    set_on = _looks(lesson, groups, 0, company, splits)
    reach = float(np.quantile(np.abs(set_on.shift) / set_on.spread, 0.95))
    seen = _looks(lesson, groups, 1, company, splits)
    low, high = seen.centre - reach * seen.spread, seen.centre + reach * seen.spread
    return Coverage(
        round(reach, 3),
        float((np.abs(seen.shift) <= reach * seen.spread).mean()),
        float(np.median(_sigmoid(high) - _sigmoid(low))),
        len(seen.shift),
    )


@dataclass(frozen=True)
class _Looks:
    """Log odds of left-out images: by one set of heads, its spread, and the others' shift."""

    centre: Floats
    spread: Floats
    shift: Floats


def _looks(
    lesson: Lesson, groups: NDArray[np.str_], seed: int, company: Company | None, splits: int
) -> _Looks:
    """Two thirds of the patients teach heads each, the last third is looked at."""
    draw = np.random.default_rng(seed)
    parts = []
    for _ in range(splits):
        part = _thirds(lesson.truth, groups, draw)
        first, second, seen = (np.flatnonzero(part == k) for k in range(3))
        features = lesson.features.take(seen)
        odds, others = (
            np.array([
                m.log_odds(features)
                for m in resampled_heads(lesson.take(who), groups[who], k, company, count)
            ])
            for k, (who, count) in enumerate(((first, 6), (second, 4)))
        )  # fmt: skip
        spread = np.maximum(odds.std(0, ddof=1), 1e-6)
        parts.append(np.array([odds.mean(0), spread, others.mean(0) - odds.mean(0)]))
    centre, spread, shift = np.concatenate(parts, 1)
    return _Looks(centre, spread, shift)


def _thirds(
    truth: NDArray[np.bool_], groups: NDArray[np.str_], draw: np.random.Generator
) -> NDArray[np.int64]:
    part = np.zeros(len(truth), np.int64)
    for label in (False, True):
        patients = draw.permutation(np.unique(groups[truth == label]))
        for number, patient in enumerate(patients):
            part[groups == patient] = number % 3
    return part


def fit_novelty(features: Features, axes: int = AXES) -> Novelty:
    """Describe the cells of the taught images by their principal axes and what is left over."""
    sums = features.sums()
    mean, scale = sums.mean(0), np.maximum(sums.std(0), 0.02)
    x = (sums - mean) / scale
    _, values, rows = np.linalg.svd(x, full_matrices=False)
    kept = min(axes, len(x) - 2)
    spread = values / np.sqrt(len(x))
    live = int((scale > 0.02).sum())
    rest = float(np.sqrt((spread[kept:] ** 2).sum() / max(live - kept, 1)))
    return Novelty(
        mean.astype(np.float32), scale.astype(np.float32), rows[:kept].astype(np.float32),
        spread[:kept].astype(np.float32), max(rest, 1e-3),
    )  # fmt: skip


def distance(novelty: Novelty, features: Features) -> Floats:
    """Return each image's root mean squared distance, as the network computes it."""
    x = (features.sums() - novelty.mean) / novelty.scale
    along = x @ novelty.axes.T.astype(np.float64)
    within = ((along / novelty.spread) ** 2).sum(1)
    left = np.maximum((x * x).sum(1) - (along * along).sum(1), 0.0) / novelty.rest**2
    result: Floats = np.sqrt((within + left) / x.shape[1])
    return result


def novelty_limit(features: Features, groups: NDArray[np.str_], seed: int) -> tuple[float, Floats]:
    """Return the limit from left-out images of the taught sources, and their distances."""
    from sklearn.model_selection import GroupKFold

    distances = np.zeros(len(groups))
    folds = GroupKFold(5, shuffle=True, random_state=seed)
    for train, test in folds.split(distances, groups=groups):
        distances[test] = distance(fit_novelty(features.take(train)), features.take(test))
    return float(np.quantile(distances, FAMILIAR_SHARE)), distances


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 1.0 / (1.0 + np.exp(-values))
    return result
