"""The levels at which the lesion network's marks count, and how good the marks are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from federated.training.dr_lesion_net import LesionNet, Pool
from federated.training.stats import auc

#: Of taught images with disease but no cavity, this share is not called a suspected cavity.
_CAVITY_SPECIFICITY = 0.90


@dataclass(frozen=True, slots=True)
class Marks:
    """Levels set on the taught pool; the rest measured on drawn disease in the reporting half.

    Attributes
    ----------
    affected_level, cavity_level : float
    dice : float
        Of affected places, all diseased images together.
    area_error : float
        95 % of images have the affected share of the crop within this of the truth.
    image_auc : float
        Diseased or not, by the marked area.
    cavity_auc, cavity_sensitivity, cavity_specificity : float
        Among diseased images: with or without a drawn cavity, by the strongest cavity mark.
    """

    affected_level: float
    cavity_level: float
    dice: float
    area_error: float
    image_auc: float
    cavity_auc: float
    cavity_sensitivity: float
    cavity_specificity: float


def judge_marks(network: LesionNet, taught: Pool, reported: Pool) -> Marks:
    """Set the levels on the taught pool and judge the marks on the reported one."""
    shares = marks_of(network, taught)
    affected = np.maximum(shares[:, 0], shares[:, 2])
    truth = _truth(taught)
    levels = np.linspace(0.2, 0.9, 29)
    level = float(max(levels, key=lambda one: _dice(affected >= one, truth >= 0.5)))
    peaks = _cavity_peaks(shares)
    plain = taught.tuberculosis & (taught.masks[:, 1].max((1, 2)) < 0.5)
    cavity = float(np.quantile(peaks[plain], _CAVITY_SPECIFICITY))
    return _judged(network, reported, level, cavity)


def _judged(network: LesionNet, pool: Pool, level: float, cavity: float) -> Marks:
    shares, truth = marks_of(network, pool), _truth(pool)
    affected = np.maximum(shares[:, 0], shares[:, 2])
    area = (affected >= level).mean((1, 2)) - truth.mean((1, 2))
    ill = pool.tuberculosis
    peaks = _cavity_peaks(shares)[ill]
    hollow = pool.masks[ill, 1].max((1, 2)) >= 0.5
    return Marks(
        affected_level=round(level, 3),
        cavity_level=round(cavity, 3),
        dice=_dice(affected >= level, truth >= 0.5),
        area_error=float(np.quantile(np.abs(area), 0.95)),
        image_auc=auc(ill, np.sort(affected.reshape(len(affected), -1), 1)[:, -20:].mean(1)),
        cavity_auc=auc(hollow, peaks),
        cavity_sensitivity=float((peaks[hollow] >= cavity).mean()),
        cavity_specificity=float((peaks[~hollow] < cavity).mean()),
    )


def marks_of(network: LesionNet, pool: Pool) -> NDArray[np.float64]:
    """Return (sample, 3, 32, 32) shares as the exported network gives them."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pool.inputs), 32):
            half = torch.from_numpy(pool.inputs[start : start + 32].astype(np.float32))
            back = torch.flip(network.one_way(torch.flip(half, dims=[3])), dims=[3])
            parts.append(torch.sigmoid(0.5 * (network.one_way(half) + back)).numpy())
    return np.concatenate(parts).astype(np.float64)


def _cavity_peaks(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy import ndimage as ndi

    # As the analysis does: laid out four-fold and smoothed, so that one place is not a peak.
    smooth = ndi.gaussian_filter(shares[:, 1], (0, 0.4, 0.4))
    peaks: NDArray[np.float64] = smooth.max((1, 2))
    return peaks


def _truth(pool: Pool) -> NDArray[np.float64]:
    return np.maximum(pool.masks[:, 0], pool.masks[:, 2]).astype(np.float64)


def _dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    both = 2.0 * float((found & truth).sum())
    return both / max(float(found.sum() + truth.sum()), 1.0)
