"""Enlarged mediastinal lymph nodes: compact soft tissue that stands free in fat.

Without contrast medium a node is told from a vessel by its shape alone, so that what lies against
the heart or a great vessel over more than a third of its surface is not called a node. Enlarged: a
short axis of 10 mm or more (RECIST 1.1).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Grid, bounding_box, dilate
from core.imaging.lesions_blobs import Blob, scale_space
from core.imaging.lesions_field import Candidate, Field, between_lungs
from core.imaging.lungs import AIRWAYS, LungMap
from core.imaging.measure import recist_axes, shape_ratios

FAT_HU = -100.0
SOFT_HU = -25.0
CAP_HU = 70.0
SIGMAS_MM = (3.2, 4.4, 6.0)
LEAST_CONTRAST_HU = 22.0
HILAR_REACH_MM = 4.0


def find_nodes(grid: Grid, lungs: LungMap) -> list[Candidate]:
    """Return round soft-tissue candidates of the mediastinum on the coarse grid."""
    if not lungs.lungs.any():
        return []
    box = bounding_box(lungs.lungs)
    part = Grid(grid.voxels[box], grid.spacing_mm, box)
    labels = lungs.labels[box]
    between = between_lungs(labels, grid.spacing_mm)
    if not between.any():
        return []
    region = dilate(between, HILAR_REACH_MM, grid.spacing_mm) & (labels == 0)
    filled = np.clip(part.voxels, FAT_HU, np.float32(CAP_HU))
    filled[~region] = FAT_HU
    # Round air is darker than fat: the walls of airways would answer as rings.
    filled[dilate(labels == AIRWAYS, 2.5, grid.spacing_mm)] = FAT_HU
    none = np.zeros((0, 0, 0), dtype=np.float32)
    field = Field(part, labels, region, region, none, none, FAT_HU, max(grid.spacing_mm))
    found = []
    for blob in scale_space(field, filled, SIGMAS_MM, LEAST_CONTRAST_HU):
        candidate = _node(part, filled, blob)
        if candidate is not None:
            found.append(_moved(candidate, box))
    return found


def _node(grid: Grid, filled: np.ndarray, blob: Blob) -> Candidate | None:
    """Outline soft tissue around a blob and describe how free it stands.

    ``height`` is 0 at the lungs' base, 1 at their apex: below the hila hardly any node stands.
    """
    reach = [int(np.ceil(1.9 * blob.radius_mm / mm)) for mm in grid.spacing_mm]
    parts = [
        slice(max(0, p - r), min(n, p + r + 1))
        for p, r, n in zip(blob.place, reach, filled.shape, strict=True)
    ]
    box = (parts[0], parts[1], parts[2])
    soft = ndimage.gaussian_filter(filled[box], 0.5) > SOFT_HU
    at = tuple(p - s.start for p, s in zip(blob.place, box, strict=True))
    away = _away(soft.shape, at, grid.spacing_mm)
    labels, _ = ndimage.label(soft & (away <= 1.45 * blob.radius_mm))
    if labels[at] == 0:
        return None
    mask = np.asarray(labels == labels[at])
    padded = np.pad(mask, 1)
    shell = (ndimage.binary_dilation(padded) & ~padded)[1:-1, 1:-1, 1:-1]
    axes = recist_axes(mask, grid.spacing_mm)
    middle, least = shape_ratios(mask, grid.spacing_mm)
    values = grid.voxels[box][mask]
    features = {
        "volume_ml": float(mask.sum() * grid.voxel_ml),
        "short_mm": axes.short_mm,
        "attached": float((shell & soft).sum() / max(1, int(shell.sum()))),
        "middle_ratio": middle,
        "least_ratio": least,
        "height": blob.place[0] / max(1, filled.shape[0] - 1),
        "roundness": blob.roundness,
        "strength": blob.strength,
        "mean_hu": float(np.median(values)),
        "level_hu": SOFT_HU,
    }
    return Candidate("lymph_node", box, mask, features)


def _away(
    shape: tuple[int, ...], at: tuple[int, ...], spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    axes = [((np.arange(n) - p) * mm) ** 2 for n, p, mm in zip(shape, at, spacing_mm, strict=True)]
    return np.sqrt(axes[0][:, None, None] + axes[1][:, None] + axes[2])


def _moved(candidate: Candidate, box: tuple[slice, slice, slice]) -> Candidate:
    """Return the candidate in the whole grid's indices."""
    parts = [
        slice(c.start + b.start, c.stop + b.start) for c, b in zip(candidate.box, box, strict=True)
    ]
    return Candidate(
        candidate.kind, (parts[0], parts[1], parts[2]), candidate.mask, candidate.features
    )
