"""Fitting the classifier's head, with patients kept together across folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from federated.training.dr_lesion_net import KINDS, LesionNet
from federated.training.dr_probe import source_directions
from federated.training.network import (
    BANK_MAPS,
    CELLS,
    MAPS,
    AllMaps,
    Describer,
    mirror_order,
)

Floats = NDArray[np.float64]
FOLDS = 5
# Inverse strength of the ridge. Anything from 1e-4 to 1e-2 gave the same AUC within 0.01.
RIDGE_C = 1e-3
#: Rounds in which the directions that tell sources apart are taken out.
ERASED_ROUNDS = 6
_HALF = CELLS // 2
#: The few lesion maps together weigh 1.6 times as much as the many filters together: they learnt
#: from disease on images of one source, and travel better.
_LESION_GAIN = 1.6 * float(np.sqrt(BANK_MAPS / KINDS))


@dataclass(frozen=True)
class Features:
    """Cells and their mirrored counterparts, each (image, 36, 8, 8)."""

    cells: Floats
    mirrored: Floats

    def sums(self) -> Floats:
        """Return (image, feature): each place of the left half plus its mirrored counterpart."""
        return (self.cells + self.mirrored)[..., :_HALF].reshape(len(self.cells), -1)

    def differences(self) -> Floats:
        """Return (image, feature): their absolute differences."""
        return np.abs(self.cells - self.mirrored)[..., :_HALF].reshape(len(self.cells), -1)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Features:
        return Features(self.cells[index], self.mirrored[index])

    def flipped(self) -> Features:
        """Return the features of the mirrored images."""
        return Features(self.mirrored, self.cells)


def join(parts: list[Features]) -> Features:
    """Return the features of several sets in one."""
    return Features(
        np.concatenate([p.cells for p in parts]), np.concatenate([p.mirrored for p in parts])
    )


def describe(
    inputs: NDArray[np.float32], lungs: NDArray[np.float32], lesions: LesionNet, batch: int = 16
) -> Features:
    """Run the part of the network below the head over (image, 1, 256, 256) inputs."""
    maps, describer = AllMaps(lesions).eval(), Describer(lungs).eval()
    cells, mirrored = [], []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            _, a, b = describer(maps(torch.from_numpy(inputs[start : start + batch])))
            cells.append(a.numpy().astype(np.float64))
            mirrored.append(b.numpy().astype(np.float64))
    return Features(np.concatenate(cells), np.concatenate(mirrored))


@dataclass(frozen=True)
class Standard:
    """How features become rows of unit variance.

    A head that says the same of an image and its mirror image sees a pair of mirrored places only
    as a sum and as a difference. A sum is scaled by the spread of its parts: then the ridge on
    the sums is the ridge on all places, fitted on the images and their mirror images.
    """

    mean: Floats
    scale: Floats

    def rows(self, features: Features) -> Floats:
        """Return the (image, feature) matrix: sums, then differences."""
        raw = np.concatenate([features.sums(), features.differences()], 1)
        rows: Floats = (raw - self.mean) / self.scale
        return rows


def standard_of(features: Features) -> Standard:
    """Measure means and spreads."""
    both = np.concatenate([features.cells[..., :_HALF], features.mirrored[..., :_HALF]])
    both = both.reshape(len(both), -1)
    uneven = features.differences()
    gain = np.ones((MAPS, CELLS * _HALF))
    gain[BANK_MAPS:] = _LESION_GAIN
    gain = np.tile(gain.ravel(), 2)
    mean = np.concatenate([2 * both.mean(0), uneven.mean(0)])
    spread = np.concatenate([both.std(0) * np.sqrt(2), uneven.std(0)]) + 1e-6
    # A place where nothing was ever marked has no spread, and must not be blown up.
    spread = np.maximum(spread, 0.02 * np.sqrt(2))
    return Standard(mean, spread / gain)


@dataclass(frozen=True)
class Linear:
    """Ridge logistic regression: decision = rows . weight + bias."""

    standard: Standard
    weight: Floats
    bias: float

    def decide(self, features: Features) -> Floats:
        """Return the decision of each image."""
        decisions: Floats = self.standard.rows(features) @ self.weight + self.bias
        return decisions


@dataclass(frozen=True)
class Lesson:
    """What a head is fitted on.

    Attributes
    ----------
    features : Features
    truth : (image,) bool
    weights : (image,) float
        1 for an image that counts once.
    """

    features: Features
    truth: NDArray[np.bool_]
    weights: Floats

    def take(self, index: NDArray[np.intp]) -> Lesson:
        return Lesson(self.features.take(index), self.truth[index], self.weights[index])

    def plus(self, other: Lesson | None) -> Lesson:
        """Return both in one."""
        if other is None:
            return self
        return Lesson(
            join([self.features, other.features]),
            np.concatenate([self.truth, other.truth]),
            np.concatenate([self.weights, other.weights]),
        )


def lesson_of(features: Features, truth: NDArray[np.bool_]) -> Lesson:
    """Return a lesson in which every image counts once."""
    return Lesson(features, truth, np.ones(len(truth)))


@dataclass(frozen=True)
class Company:
    """What other sources teach beside the lesson; none of it may hold a patient of the lesson.

    Attributes
    ----------
    pairs : Lesson
        Images with and without drawn disease.
    normals : Features
        Of another source: what tells them from the lesson's own normals is no disease.
    others : pair of Features
        Images of one further class from two sources: what tells them apart is no disease either.
    """

    pairs: Lesson
    normals: Features
    others: tuple[Features, Features]


def fit_linear(lesson: Lesson, company: Company | None = None) -> Linear:
    """Fit on images and, by symmetry, on their mirror images.

    With company, the directions in which sources of one class differ are taken out first; the
    ridge then gives them no weight.
    """
    from sklearn.linear_model import LogisticRegression

    if company is None:
        standard, whole = standard_of(lesson.features), lesson
    else:
        standard = standard_of(join([lesson.features, company.normals]))
        whole = lesson.plus(company.pairs)
    rows = standard.rows(whole.features)
    if company is not None:
        basis = source_basis(standard, lesson, company)
        rows = rows - (rows @ basis.T) @ basis
    # A ridge solution lies in the span of its rows: fitted there, in as many axes as there are
    # images instead of features, it is the same solution in a tenth of the time.
    values, vectors = np.linalg.eigh(rows @ rows.T)
    live = values > 1e-9 * values[-1]
    root, axes = np.sqrt(values[live]), vectors[:, live]
    # Every image stands for itself and its mirror image: hence the 2.
    model = LogisticRegression(C=2 * RIDGE_C, max_iter=500)
    model.fit(axes * root, whole.truth, sample_weight=whole.weights)
    weight: Floats = rows.T @ (axes @ (model.coef_[0] / root))
    return Linear(standard, weight, float(model.intercept_[0]))


def source_basis(standard: Standard, lesson: Lesson, company: Company) -> Floats:
    """Return orthonormal (direction, feature) in which the sources of one class differ."""
    own = lesson.features.take(~lesson.truth)
    contrasts = [
        (standard.rows(one), standard.rows(other))
        for one, other in ((own, company.normals), company.others)
    ]
    return source_directions(contrasts, ERASED_ROUNDS)


def out_of_fold(
    lesson: Lesson, groups: NDArray[np.str_], seed: int, company: Company | None = None
) -> Floats:
    """Return each image's decision by the model that did not see its patient."""
    from sklearn.model_selection import StratifiedGroupKFold

    decisions = np.zeros(len(lesson.truth))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(decisions, lesson.truth, groups):
        model = fit_linear(lesson.take(train), company)
        decisions[test] = model.decide(lesson.features.take(test))
    return decisions


def platt(decisions: Floats, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return (slope, offset) so that sigmoid(slope * decision + offset) is a probability.

    With Platt's softened targets (1999): few images that happen to be told apart without a fault
    do not make the slope endless. The sets hold one tuberculosis image per normal one, so this is
    the probability at a prevalence of one half, not in a population.
    """
    from sklearn.linear_model import LogisticRegression

    ill = int(truth.sum())
    target = np.where(truth, (ill + 1) / (ill + 2), 1 / (len(truth) - ill + 2))
    both = np.repeat([True, False], len(truth))
    model = LogisticRegression(C=1e6)
    model.fit(np.tile(decisions, 2)[:, None], both, sample_weight=np.r_[target, 1 - target])
    return float(model.coef_[0, 0]), float(model.intercept_[0])


@dataclass(frozen=True)
class Laid:
    """A linear head laid out on the cells, each (36, 8, 8), as the network uses it."""

    mean_cell: Floats
    weight_cell: Floats
    mean_asymmetry: Floats
    weight_asymmetry: Floats
    bias: float

    def flat(self, slope: float, offset: float) -> Floats:
        """Return weights of cells and differences and the bias, calibrated to log odds."""
        shift = (self.weight_cell * self.mean_cell).sum()
        shift += (self.weight_asymmetry * self.mean_asymmetry).sum()
        weights = np.concatenate([self.weight_cell.ravel(), self.weight_asymmetry.ravel()])
        return np.append(slope * weights, slope * (self.bias - shift) + offset)


def laid_out(linear: Linear) -> Laid:
    """Turn a regression on sums and differences into weights of all places."""
    split = MAPS * CELLS * _HALF
    half = (MAPS, CELLS, _HALF)
    weight = linear.weight / linear.standard.scale
    mean = linear.standard.mean
    return Laid(
        _widen(mean[:split].reshape(half) / 2),
        _widen(weight[:split].reshape(half)),
        _widen(mean[split:].reshape(half)),
        _widen(weight[split:].reshape(half) / 2),  # both halves show the same differences
        linear.bias,
    )


def _mirror(values: Floats) -> Floats:
    mirrored: Floats = values[mirror_order()][..., ::-1]
    return mirrored


def _widen(left: Floats) -> Floats:
    full = np.concatenate([left, np.zeros_like(left)], -1)
    wide: Floats = full + _mirror(full)
    return wide
