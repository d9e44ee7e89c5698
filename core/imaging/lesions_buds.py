"""Tree-in-bud: places where what is thin and dense is crowded and runs every way.

A vessel runs one way, and so do the edges of its densities; forking twigs that end in buds run
every way within a centimetre (Fleischner glossary, Radiology 310:e232558, 2024). The structure
tensor tells the two apart (Bigün, Granlund, ICCV 1987). Where vessels fork it is not enough: these
are candidates, which the network judges by their looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, dilate, opened
from core.imaging.lesions_blobs import Blob
from core.imaging.lesions_field import Candidate, Field, grown_box

OUTER_MM = 12.0  # nearer to the mediastinum vessels are crowded
DENSE_ABOVE_LUNG_HU = 200.0
CAP_HU = 500.0
THIN_MM = 3.2  # a ball of this radius fits into no twig
SCALE_MM = 4.0
APART_MM = 9.0
REACH_MM = 9.0
LEAST_SCORE = 0.08
MOST_CLUSTERS = 120
BUD_RADIUS_MM = 4.0
BUD_STRENGTH_HU = 150.0


@dataclass(frozen=True)
class _Crowd:
    """Maps on the grid of halved resolution, and what is thin on the field's own."""

    share: Hounsfield
    evenness: Hounsfield
    thin: Mask


def find_bud_clusters(field: Field, blobs: list[Blob]) -> list[Candidate]:
    """Return the places where thin densities crowd most and run every way.

    Features: ``share`` of the place that is thin and dense, ``evenness`` of its directions (least
    by greatest eigenvalue of the structure tensor), their product ``score``, ``count`` of small
    blobs, ``volume_ml``.
    """
    crowd = _crowd(field)
    score = crowd.share * crowd.evenness
    step = [2 * mm for mm in field.grid.spacing_mm]
    size = [2 * max(1, round(APART_MM / 2 / mm)) + 1 for mm in step]
    peaks = (score == ndimage.maximum_filter(score, size=size)) & (score > LEAST_SCORE)
    places = np.argwhere(peaks)
    order = np.argsort(-score[peaks], kind="stable")[:MOST_CLUSTERS]
    small = np.array([
        b.place for b in blobs
        if b.radius_mm <= BUD_RADIUS_MM and b.strength >= BUD_STRENGTH_HU
    ]).reshape(-1, 3)  # fmt: skip
    found = [_cluster(field, crowd, (places[k], small)) for k in order]
    return [c for c in found if c is not None]


def _crowd(field: Field) -> _Crowd:
    grid = field.grid
    where = (field.lung | field.wide) & (field.medial_mm > OUTER_MM)
    raised = np.clip(grid.voxels - np.float32(field.background_hu), 0, np.float32(CAP_HU))
    dense = (raised > DENSE_ABOVE_LUNG_HU) & where
    thick = opened(dense, THIN_MM, grid.spacing_mm)
    thin = dense & ~thick
    free = where & ~dilate(thick, 1.6, grid.spacing_mm)
    sigma = [SCALE_MM / (2 * mm) for mm in grid.spacing_mm]

    def smooth(array: NDArray[np.float32]) -> Hounsfield:
        return np.asarray(ndimage.gaussian_filter(_halved(array), sigma), dtype=np.float32)

    room = np.maximum(smooth(where.astype(np.float32)), np.float32(0.2))
    share = np.asarray(smooth(thin.astype(np.float32)) / room, dtype=np.float32)
    ways = [
        np.where(free, ndimage.correlate1d(raised, [-0.5, 0.0, 0.5], axis=a) / mm, np.float32(0))
        for a, mm in enumerate(grid.spacing_mm)
    ]
    tensor = {
        pair: smooth(ways[pair[0]] * ways[pair[1]])
        for pair in combinations_with_replacement(range(3), 2)
    }
    return _Crowd(share, _evenness(tensor, share > LEAST_SCORE), thin)


def _evenness(tensor: dict[tuple[int, int], Hounsfield], asked: Mask) -> Hounsfield:
    """Return least by greatest eigenvalue where asked, 0 elsewhere."""
    out = np.zeros(asked.shape, dtype=np.float32)
    matrices = np.zeros((int(asked.sum()), 3, 3))
    for (a, b), values in tensor.items():
        matrices[:, a, b] = matrices[:, b, a] = values[asked]
    roots = np.linalg.eigvalsh(matrices)
    out[asked] = np.clip(roots[:, 0], 0, None) / np.maximum(roots[:, 2], 1e-6)
    return out


def _halved(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of blocks of two voxels along each axis."""
    out = np.pad(array, [(0, n % 2) for n in array.shape], mode="edge")
    for axis in range(3):
        even = tuple(slice(0, None, 2) if k == axis else slice(None) for k in range(3))
        odd = tuple(slice(1, None, 2) if k == axis else slice(None) for k in range(3))
        out = (out[even] + out[odd]) * np.float32(0.5)
    return out


def _cluster(
    field: Field, crowd: _Crowd, seen: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> Candidate | None:
    """Outline what is thin and dense around a peak of the crowd's maps."""
    peak, small = seen
    grid = field.grid
    shape = grid.voxels.shape
    at = np.minimum(2 * peak, np.asarray(shape) - 1)
    margin = int(np.ceil(REACH_MM / min(grid.spacing_mm)))
    tight = tuple(slice(int(p), int(p) + 1) for p in at)
    box = grown_box((tight[0], tight[1], tight[2]), shape, margin)
    axes = [
        ((np.arange(s.start, s.stop) - p - 0.5) * mm) ** 2
        for s, p, mm in zip(box, at, grid.spacing_mm, strict=True)
    ]
    near = axes[0][:, None, None] + axes[1][:, None] + axes[2] <= REACH_MM**2
    mask = near & crowd.thin[box]
    if mask.sum() < 8:
        return None
    away = np.linalg.norm((small - at - 0.5) * np.asarray(grid.spacing_mm), axis=1)
    place = tuple(int(p) for p in peak)
    features = {
        "share": float(crowd.share[place]),
        "evenness": float(crowd.evenness[place]),
        "score": float(crowd.share[place] * crowd.evenness[place]),
        "count": float((away <= REACH_MM).sum()),
        "volume_ml": float(mask.sum() * grid.voxel_ml),
    }
    return Candidate("tree_in_bud", box, np.asarray(mask), features)
