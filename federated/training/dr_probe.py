"""How well a linear probe tells the source of an image from the model's features. Lower is better.

Where the classes differ between the sources, disease itself tells the source. So besides all
sources together, pairs of the same class are told apart: there, only the source is to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_AXES = 40


@dataclass(frozen=True, slots=True)
class Probe:
    """Balanced accuracy of one probe on left-out patients; ``chance`` is one over the sources."""

    what: str
    sources: int
    images: int
    balanced_accuracy: float

    @property
    def chance(self) -> float:
        return 1.0 / self.sources


def source_probe(
    what: str, rows: Floats, source: NDArray[np.str_], groups: NDArray[np.str_], seed: int
) -> Probe:
    """Fit a linear probe in five folds by patient and judge the left-out images.

    Parameters
    ----------
    rows : (image, feature)
    source, groups : (image,) str
        Name of the set; patient.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    told = np.empty_like(source)
    for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(
        rows, source, groups
    ):
        axes = min(_AXES, rows.shape[1], len(train) // 2)
        probe = make_pipeline(
            StandardScaler(), PCA(axes, svd_solver="full"), StandardScaler(),
            LogisticRegression(C=0.1, class_weight="balanced", max_iter=300),
        )  # fmt: skip
        told[test] = probe.fit(rows[train], source[train]).predict(rows[test])
    return Probe(
        what, len(np.unique(source)), len(rows), float(balanced_accuracy_score(source, told))
    )


def source_directions(
    rows: Floats, source: NDArray[np.str_], weights: Floats, count: int
) -> Floats:
    """Return orthonormal (direction, feature) in which sources of one class differ; `count` rounds.

    Iterative null-space projection (Ravfogel et al., ACL 2020): a ridge probe's direction is taken
    away, then the next probe is fitted on what is left.
    """
    from sklearn.linear_model import RidgeClassifier

    found: list[Floats] = []
    left = rows - np.average(rows, axis=0, weights=weights)
    for _ in range(count):
        probe = RidgeClassifier(alpha=len(rows) * 1.0, class_weight="balanced")
        probe.fit(left, source, sample_weight=weights)
        for coefficient in np.atleast_2d(probe.coef_):
            direction = coefficient - sum((d @ coefficient) * d for d in found)
            length = float(np.linalg.norm(direction))
            if length > 1e-9:
                found.append(direction / length)
        basis = np.array(found)
        left = left - (left @ basis.T) @ basis
    return np.array(found)
