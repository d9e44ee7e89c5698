"""Which lesion of the current scan is which of the prior one: one to one, split, merged, or alone.

Lesions are compared as clouds of points, the current ones moved into the prior scan by the
registration (`register.PointMap`). The best one-to-one assignment comes first (Kuhn, Hungarian
method, scipy); what is left over joins a neighbour only where it lies inside it: split or merged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

from core.imaging.register import Points
from core.imaging.result import Lesion
from core.imaging.volume import Volume

Relation = Literal["one_to_one", "split", "merged", "none"]
MOST_POINTS = 600
STRICT_MM = 1.5


@dataclass(frozen=True, slots=True)
class Cloud:
    """A lesion as points.

    Attributes
    ----------
    lesion : Lesion
    points : (n, 3) float64
        LPS millimetres, evenly thinned from its voxels.
    grain_mm : float
        Mean distance between neighbouring points.
    """

    lesion: Lesion
    points: Points
    grain_mm: float


@dataclass(frozen=True, slots=True)
class Group:
    """Lesions of both scans that are one and the same; one of the sides may be empty."""

    prior: tuple[Lesion, ...]
    current: tuple[Lesion, ...]
    relation: Relation
    distance_mm: float | None = None


def clouds_of(
    volume: Volume, label_map: NDArray[np.unsignedinteger[Any]], lesions: Sequence[Lesion]
) -> tuple[Cloud, ...]:
    """Return each lesion's points; a lesion without a voxel stands at its centroid alone."""
    flat = np.flatnonzero(label_map)
    ids = label_map.reshape(-1)[flat]
    order = np.argsort(ids, kind="stable")
    starts = np.searchsorted(ids[order], np.arange(int(ids.max(initial=0)) + 2))
    out = []
    for lesion in lesions:
        known = 0 < lesion.id < len(starts) - 1
        mine = order[starts[lesion.id] : starts[lesion.id + 1]] if known else order[:0]
        thin = mine[:: max(1, -(-len(mine) // MOST_POINTS))]
        index = np.stack(np.unravel_index(flat[thin], label_map.shape), axis=-1).astype(np.float64)
        points = volume.to_lps(index) if len(thin) else np.array([lesion.centroid_mm])
        grain = (1000.0 * volume.voxel_ml * max(1, len(mine)) / max(1, len(thin))) ** (1 / 3)
        out.append(Cloud(lesion, points, grain))
    return tuple(out)


def match_lesions(
    prior: Sequence[Cloud],
    current: Sequence[Cloud],
    to_prior: Callable[[Points], Points],
    tolerance_mm: float,
) -> tuple[Group, ...]:
    """Return every lesion of both scans in exactly one group.

    Parameters
    ----------
    prior, current : sequence of Cloud
    to_prior : callable
        (n, 3) LPS in the current scan -> LPS in the prior one.
    tolerance_mm : float
        How far the registration may be off.
    """
    moved = [Cloud(c.lesion, to_prior(c.points), c.grain_mm) for c in current]
    score = np.full((len(prior), len(moved)), -1.0)
    for i, old in enumerate(prior):
        for j, new in enumerate(moved):
            score[i, j] = _likeness(old, new, tolerance_mm)
    pairs = _assigned(score)
    olds: dict[int, list[int]] = {j: [i] for i, j in pairs.items()}
    news: dict[int, list[int]] = {i: [j] for i, j in pairs.items()}
    _join_rest(prior, moved, pairs, olds, news)
    return _groups(prior, moved, olds, news)


def _groups(
    prior: Sequence[Cloud],
    moved: Sequence[Cloud],
    olds: Mapping[int, list[int]],
    news: Mapping[int, list[int]],
) -> tuple[Group, ...]:
    groups: list[Group] = []
    for i, mine in sorted(news.items()):
        first = mine[0]
        before = [prior[k] for k in olds.get(first, [i])] if len(mine) == 1 else [prior[i]]
        if len(mine) == 1 and olds[first][0] != i:
            continue  # a merge is told once, by the lesion that it was assigned to
        after = [moved[j] for j in mine]
        relation: Relation = (
            "split" if len(after) > 1 else "merged" if len(before) > 1 else "one_to_one"
        )
        groups.append(
            Group(
                tuple(c.lesion for c in before),
                tuple(c.lesion for c in after),
                relation,
                _gap_mm(before, after),
            )
        )
    seen_old = {i for k in news for i in (k,)} | {i for many in olds.values() for i in many}
    seen_new = set(olds) | {j for many in news.values() for j in many}
    groups += [Group((c.lesion,), (), "none") for i, c in enumerate(prior) if i not in seen_old]
    groups += [Group((), (c.lesion,), "none") for j, c in enumerate(moved) if j not in seen_new]
    return tuple(groups)


def _assigned(score: NDArray[np.float64]) -> dict[int, int]:
    """Return prior index -> current index of the best assignment; only positive likeness counts."""
    if not score.size:
        return {}
    rows, columns = linear_sum_assignment(-np.maximum(score, 0.0))
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if score[i, j] > 0}


def _join_rest(
    prior: Sequence[Cloud],
    moved: Sequence[Cloud],
    pairs: Mapping[int, int],
    olds: dict[int, list[int]],
    news: dict[int, list[int]],
) -> None:
    """Attach what is left over to the pair it lies inside of; a pair grows on one side only."""
    for j, new in enumerate(moved):
        if j in olds:
            continue
        shares = {i: _inside(new, prior[i]) for i in pairs if _may_match(prior[i], new)}
        best = max(shares, key=lambda i: shares[i], default=-1)
        if best >= 0 and shares[best] >= 0.5 and len(olds.get(pairs[best], [])) == 1:
            news[best].append(j)
    for i, old in enumerate(prior):
        if i in news:
            continue
        shares = {
            i2: _inside(old, moved[j]) for i2, j in pairs.items() if _may_match(old, moved[j])
        }
        best = max(shares, key=lambda k: shares[k], default=-1)
        if best >= 0 and shares[best] >= 0.5 and len(news[best]) == 1:
            olds[pairs[best]].append(i)


def _likeness(old: Cloud, new: Cloud, tolerance_mm: float) -> float:
    """Return 0…1-like merit of two lesions being one, -1 where they cannot be."""
    if not _may_match(old, new):
        return -1.0
    reach = tolerance_mm + max(old.lesion.long_axis_mm, new.lesion.long_axis_mm)
    away = float(np.linalg.norm(old.points.mean(axis=0) - new.points.mean(axis=0)))
    if away > reach:
        return -1.0
    shared = max(_inside(new, old, tolerance_mm), _inside(old, new, tolerance_mm))
    if shared < 0.3:
        return -1.0
    size = abs(np.log(max(old.lesion.volume_ml, 1e-4) / max(new.lesion.volume_ml, 1e-4)))
    both = min(_inside(new, old, tolerance_mm), _inside(old, new, tolerance_mm))
    return float(0.05 + shared + both + 0.5 * (1 - away / reach) - 0.1 * min(size, 5.0) + 0.5) / 3


def _may_match(old: Cloud, new: Cloud) -> bool:
    return _place_class(old.lesion.kind) == _place_class(new.lesion.kind)


def _place_class(kind: str) -> str:
    """Return where a kind lives: in the pleura, in nodes, else in the lung."""
    if kind.startswith("pleural"):
        return "pleura"
    return "node" if kind.endswith("node") else "lung"


def _inside(one: Cloud, other: Cloud, tolerance_mm: float = STRICT_MM) -> float:
    """Return the share of one cloud's points that lie within a tolerance of the other's."""
    near, _ = KDTree(other.points).query(one.points)
    return float((near <= tolerance_mm + 0.6 * other.grain_mm).mean())


def _gap_mm(before: Sequence[Cloud], after: Sequence[Cloud]) -> float:
    """Return the distance between the sides' centroids, millimetres."""
    a = np.concatenate([c.points for c in before]).mean(axis=0)
    b = np.concatenate([c.points for c in after]).mean(axis=0)
    return float(np.linalg.norm(a - b))
