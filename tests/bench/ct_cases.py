"""Digital chest CT for measuring and fitting the lesion search: sizes, seeds, matching to truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.imaging.ct import CtFindings
from core.imaging.geometry import SeriesGeometry, geometry_of_grid
from core.imaging.result import Lesion
from core.imaging.volume import Volume
from core.phantom.ct import CtPhantom, CtSpec, full_spec, small_spec
from core.phantom.patients import Case
from core.phantom.truth import LesionTruth

# Constants are fitted on these seeds; what is reported comes from others.
FITTING_SEEDS = tuple(range(101, 113))
REPORT_SEEDS = (21, 22, 23)
CASES: tuple[Case, ...] = ("showcase", "tb", "nodules", "normal")


def spec_of(size: str, seed: int, case: Case) -> CtSpec:
    """Return the scan of a size: small (5.4 mm), thick (5 mm), middle (2 mm) or full (1.15 mm)."""
    if size == "small":
        return small_spec(seed, case)
    if size == "full":
        return full_spec(seed, case)
    rows = CtSpec(seed=seed, case=case, rows=256, columns=256, noise_hu=15.0)
    if size == "thick":
        return replace(rows, slices=66, spacing_mm=(5.0, 1.5, 1.5))
    return replace(rows, slices=164, spacing_mm=(2.0, 1.5, 1.5))


def geometry_of(volume: Volume) -> SeriesGeometry:
    """Return the slices' geometry as a series of this volume would have it."""
    return geometry_of_grid(
        volume.voxels.shape, volume.spacing_mm, volume.origin_mm, volume.direction
    )


@dataclass(frozen=True)
class Match:
    """One scan held against its truth.

    Attributes
    ----------
    pairs : tuple of (LesionTruth, Lesion or None)
        Every true lesion with what was found of it.
    fragments : tuple of Lesion
        Further findings inside a true lesion (half their voxels or more).
    false : tuple of Lesion
        Findings that are nothing.
    """

    pairs: tuple[tuple[LesionTruth, Lesion | None], ...]
    fragments: tuple[Lesion, ...]
    false: tuple[Lesion, ...]


def match(phantom: CtPhantom, found: CtFindings) -> Match:
    """Pair findings with truth, the largest overlap first.

    A hit shares 20 % (intersection over union) with the true lesion, or has its centre within the
    true lesion's radius (the rule of LUNA16; 4 to 15 mm).
    """
    assert found.lesions is not None
    assert found.label_map is not None
    truth = phantom.truth.label_map
    width = len(phantom.truth.lesions) + 1
    both = np.bincount(
        found.label_map.ravel().astype(np.int64) * width + truth.ravel(),
        minlength=(len(found.lesions) + 1) * width,
    ).reshape(-1, width)
    scores = []
    for lesion in found.lesions:
        for true in phantom.truth.lesions:
            score = _score(lesion, true, both)
            if score > 0:
                scores.append((score, lesion.id, true.id))
    mine: dict[int, int] = {}
    for _, lesion_id, true_id in sorted(scores, reverse=True):
        if true_id not in mine and lesion_id not in mine.values():
            mine[true_id] = lesion_id
    by_id = {lesion.id: lesion for lesion in found.lesions}
    pairs = tuple((t, by_id.get(mine.get(t.id, 0))) for t in phantom.truth.lesions)
    rest = [lesion for lesion in found.lesions if lesion.id not in mine.values()]
    inside = {x.id for x in rest if both[x.id, 1:].sum() >= 0.5 * both[x.id].sum()}
    return Match(
        pairs,
        tuple(x for x in rest if x.id in inside),
        tuple(x for x in rest if x.id not in inside),
    )


def _score(lesion: Lesion, true: LesionTruth, both: np.ndarray) -> float:
    shared = float(both[lesion.id, true.id])
    union = float(both[lesion.id].sum() + both[:, true.id].sum()) - shared
    overlap = shared / max(union, 1.0)
    away = float(np.linalg.norm(np.subtract(lesion.centroid_mm, true.centroid_mm)))
    near = away <= min(max(true.long_axis_mm / 2, 4.0), 15.0)
    return overlap + 0.01 if overlap >= 0.2 or near else 0.0
