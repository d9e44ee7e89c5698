"""Train, judge and bundle the radiograph tuberculosis classifier. Seeded and repeatable, CPU only.

Honest figures come from `da` alone: both of its classes are from one hospital, so telling them
apart is not telling sources apart. The other sets never train the shipped head; they are the
transfer table, where class and source are confounded and say only how the one threshold travels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.imaging.dr_input import InputSpec
from federated.training.dr_data import ImageSet, load_set
from federated.training.fitting import (
    describe,
    fit_linear,
    head_of,
    out_of_fold,
    platt,
)
from federated.training.network import Head, lung_mask
from federated.training.stats import (
    Interval,
    auc,
    bootstrap_auc,
    sensitivity,
    share_interval,
    specificity,
    threshold_at_sensitivity,
)

SEEDS = (0, 1, 2)
WANTED_SENSITIVITY = 0.90  # WHO's minimum for triage is 90 / 70
INPUT = InputSpec(
    size=256, grow_top=0.06, grow_bottom=-0.04, grow_side=0.03, blur_px=20.0, floor=0.15
)
TRANSFER_SETS = ("nih_normal", "nih_pneumonia", "covid_cxr", "tbx11k_tb")


@dataclass(frozen=True)
class CrossValidation:
    """What the left-out folds say.

    ``auc_by_seed`` is one value per split of the patients; ``auc`` and the shares at the threshold
    use each image's mean out-of-fold score over the splits.
    """

    auc: Interval
    auc_by_seed: tuple[float, ...]
    threshold: float
    sensitivity: Interval
    specificity: Interval


@dataclass(frozen=True)
class Transfer:
    """Share of a foreign set at or above the one threshold."""

    name: str
    images: int
    positive: Interval


@dataclass(frozen=True)
class Trained:
    """A trained head with its figures; scores are out-of-fold for the training set."""

    head: Head
    validation: CrossValidation
    transfer: tuple[Transfer, ...]
    training: ImageSet
    scores: NDArray[np.float64] = field(repr=False)


def judge(
    decisions: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[CrossValidation, float, float, NDArray[np.float64]]:
    """Calibrate and judge out-of-fold decisions (seed, image); also slope, offset and scores."""
    slope, offset = platt(decisions.reshape(-1), np.tile(truth, len(decisions)))
    scores = _sigmoid(slope * decisions.mean(0) + offset)
    threshold = threshold_at_sensitivity(truth, scores, WANTED_SENSITIVITY)
    # Rounded down, so that the printed threshold is the one that is used.
    threshold = float(np.floor(threshold * 1000) / 1000)
    validation = CrossValidation(
        auc=bootstrap_auc(truth, scores, seed=0),
        auc_by_seed=tuple(auc(truth, row) for row in decisions),
        threshold=threshold,
        sensitivity=share_interval(scores[truth] >= threshold),
        specificity=share_interval(scores[~truth] < threshold),
    )
    assert sensitivity(truth, scores, threshold) >= WANTED_SENSITIVITY
    assert 0.0 <= specificity(truth, scores, threshold) <= 1.0
    return validation, slope, offset, scores


def fit_and_judge(
    training: ImageSet, lungs: NDArray[np.float32]
) -> tuple[Head, CrossValidation, NDArray[np.float64]]:
    """Cross-validate over all seeds, then fit the shipped head on every image."""
    truth = training.tuberculosis
    features = describe(training.inputs, lungs)
    rows = [out_of_fold(features, truth, training.groups, seed) for seed in SEEDS]
    validation, slope, offset, scores = judge(np.array(rows), truth)
    return head_of(fit_linear(features, truth), lungs, slope, offset), validation, scores


def train(folder: Path, say: Callable[[str], None], transfer: bool = True) -> Trained:
    """Train on `da` in `folder`; `say` hears what is being done.

    Raises
    ------
    TrainingDataMissing
    """
    say("da: finding chests")
    training = load_set(folder, "da", INPUT)
    say("da: cross-validation")
    head, validation, scores = fit_and_judge(
        training, lung_mask(INPUT.grow_top, INPUT.grow_bottom, INPUT.grow_side)
    )
    say(f"da: AUC {validation.auc}, by split {[round(v, 3) for v in validation.auc_by_seed]}")
    table = []
    for name in TRANSFER_SETS if transfer else ():
        say(f"{name}: transfer")
        table.append(_transfer(load_set(folder, name, INPUT), head, validation.threshold))
    return Trained(head, validation, tuple(table), training, scores)


def _transfer(images: ImageSet, head: Head, threshold: float) -> Transfer:
    from federated.training.export import scores_of

    scores = scores_of(head, images.inputs)
    return Transfer(images.name, len(scores), share_interval(scores >= threshold))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-values))
    return result
