"""Fitting the classifier's head, with patients kept together across folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from federated.training.network import CELLS, MAPS, Describer, FilterBank, Head, mirror_order

Floats = NDArray[np.float64]
FOLDS = 5
# Inverse strength of the ridge. Anything from 1e-4 to 1e-2 gave the same AUC within 0.01.
RIDGE_C = 1e-3


@dataclass(frozen=True)
class Features:
    """Cells and their mirrored counterparts, each (image, 33, 8, 8)."""

    cells: Floats
    mirrored: Floats

    def rows(self) -> Floats:
        """Return the (image, feature) matrix: cells, then left-right differences (left half)."""
        difference = np.abs(self.cells - self.mirrored)[..., : CELLS // 2]
        n = len(self.cells)
        return np.concatenate([self.cells.reshape(n, -1), difference.reshape(n, -1)], 1)

    def take(self, index: NDArray[np.intp]) -> Features:
        return Features(self.cells[index], self.mirrored[index])

    def flipped(self) -> Features:
        """Return the features of the mirrored images."""
        return Features(self.mirrored, self.cells)


def describe(inputs: NDArray[np.float32], lungs: NDArray[np.float32], batch: int = 16) -> Features:
    """Run the fixed part of the network over (image, 1, 256, 256) inputs."""
    bank, describer = FilterBank().eval(), Describer(lungs).eval()
    cells, mirrored = [], []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            a, b = describer(bank(torch.from_numpy(inputs[start : start + batch])))
            cells.append(a.numpy().astype(np.float64))
            mirrored.append(b.numpy().astype(np.float64))
    return Features(np.concatenate(cells), np.concatenate(mirrored))


@dataclass(frozen=True)
class Linear:
    """Standardised ridge logistic regression: decision = ((x - mean) / sd) . weight + bias."""

    mean: Floats
    sd: Floats
    weight: Floats
    bias: float

    def decide(self, features: Features) -> Floats:
        """Return the decision, the mean over the image and its mirror image."""
        both = (features.rows(), features.flipped().rows())
        values = [((x - self.mean) / self.sd) @ self.weight + self.bias for x in both]
        mean: Floats = (values[0] + values[1]) / 2
        return mean


def fit_linear(features: Features, truth: NDArray[np.bool_]) -> Linear:
    """Fit on the images and their mirror images."""
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([features.rows(), features.flipped().rows()])
    labels = np.concatenate([truth, truth])
    mean, sd = rows.mean(0), rows.std(0) + 1e-6
    model = LogisticRegression(C=RIDGE_C, max_iter=500).fit((rows - mean) / sd, labels)
    return Linear(mean, sd, model.coef_[0], float(model.intercept_[0]))


def out_of_fold(
    features: Features, truth: NDArray[np.bool_], groups: NDArray[np.str_], seed: int
) -> Floats:
    """Return each image's decision by the model that did not see its patient."""
    from sklearn.model_selection import StratifiedGroupKFold

    decisions = np.zeros(len(truth))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(decisions, truth, groups):
        model = fit_linear(features.take(train), truth[train])
        decisions[test] = model.decide(features.take(test))
    return decisions


def platt(decisions: Floats, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return (slope, offset) so that sigmoid(slope * decision + offset) is a probability.

    The sets hold one tuberculosis image per normal one, so this is the probability at a prevalence
    of one half, not in a population.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6).fit(decisions[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def head_of(linear: Linear, lungs: NDArray[np.float32], slope: float, offset: float) -> Head:
    """Turn the regression into the network's head, averaged over an image and its mirror image.

    The means are mirror-symmetric already, because the fit saw every image and its mirror image;
    so only the weights need averaging and the bias stays.
    """
    split = MAPS * CELLS * CELLS
    scaled = linear.weight / linear.sd
    shape, half = (MAPS, CELLS, CELLS), (MAPS, CELLS, CELLS // 2)
    weight = scaled[:split].reshape(shape)
    side_weight = scaled[split:].reshape(half)
    return Head(
        linear.mean[:split].reshape(shape).astype(np.float32),
        ((weight + _mirror(weight)) / 2).astype(np.float32),
        _widen(linear.mean[split:].reshape(half)).astype(np.float32),
        _widen(side_weight / 2).astype(np.float32),  # both halves show the same differences
        linear.bias,
        slope,
        offset,
        lungs,
    )


def _mirror(values: Floats) -> Floats:
    mirrored: Floats = values[mirror_order()][..., ::-1]
    return mirrored


def _widen(left: Floats) -> Floats:
    full = np.concatenate([left, np.zeros_like(left)], -1)
    wide: Floats = full + _mirror(full)
    return wide
