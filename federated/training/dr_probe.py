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
            StandardScaler(),
            PCA(axes, svd_solver="randomized", random_state=seed),
            StandardScaler(),
            LogisticRegression(C=0.1, class_weight="balanced", max_iter=300),
        )
        told[test] = probe.fit(rows[train], source[train]).predict(rows[test])
    return Probe(
        what, len(np.unique(source)), len(rows), float(balanced_accuracy_score(source, told))
    )


def source_directions(contrasts: list[tuple[Floats, Floats]], rounds: int) -> Floats:
    """Return orthonormal (direction, feature) along which sources of one class differ.

    Iterative null-space projection (Ravfogel et al., ACL 2020): the direction of a ridge probe that
    tells the two sides of a contrast apart is taken away, then the next is fitted on what is left.

    Parameters
    ----------
    contrasts : list of pairs of (image, feature)
        Two sources of the same class each.
    """
    found: list[Floats] = []
    for _ in range(rounds):
        for one, other in contrasts:
            rows = np.concatenate([one, other])
            rows = rows - rows.mean(0)
            basis = np.array(found).reshape(len(found), rows.shape[1])
            direction = _ridge_direction(rows - (rows @ basis.T) @ basis, len(one))
            direction = direction - basis.T @ (basis @ direction)
            found.append(direction / max(float(np.linalg.norm(direction)), 1e-12))
    return np.array(found)


def _ridge_direction(rows: Floats, first: int) -> Floats:
    """Return the ridge's direction from the first rows to the others, both sides equally heavy."""
    count = len(rows)
    side = np.concatenate([
        np.full(first, 0.5 * count / first), np.full(count - first, -0.5 * count / (count - first))
    ])  # fmt: skip
    direction: Floats = rows.T @ np.linalg.solve(rows @ rows.T + count * np.eye(count), side)
    return direction
