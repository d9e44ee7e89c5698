"""Miliary pattern: small round opacities, too many and too evenly spread to be vessels.

Counted per litre of outer lung and side; the least dense third of the lung's height decides, since
miliary disease spares none (random distribution; Fleischner glossary, Radiology 310:e232558, 2024).
"""

from __future__ import annotations

import numpy as np

from core.imaging.ct_grid import bounding_box, dilate
from core.imaging.lesions_blobs import Blob
from core.imaging.lesions_field import Candidate, Field
from core.imaging.lungs import LEFT, RIGHT

BALL_RADIUS_MM = 3.6
BALL_CONTRAST_HU = 60.0
BALL_ROUNDNESS = 0.4
# Nearer to the mediastinum vessels are cut across too often.
OUTER_MM = 15.0
BALL_REACH_MM = 2.6
# Fewer per litre are not worth outlining: a healthy lung has some (vessels end on).
LEAST_PER_LITRE = 60.0


def find_miliary(field: Field, blobs: list[Blob]) -> list[Candidate]:
    """Return at most one candidate for each lung."""
    balls = [
        b.place
        for b in blobs
        if b.radius_mm <= BALL_RADIUS_MM
        and b.strength >= BALL_CONTRAST_HU
        and b.roundness >= BALL_ROUNDNESS
        and field.medial_mm[b.place] > OUTER_MM
    ]
    found = []
    for side in (RIGHT, LEFT):
        places = np.array([p for p in balls if field.labels[p] == side])
        outer = (field.labels == side) & (field.medial_mm > OUTER_MM)
        levels = np.flatnonzero(outer.any(axis=(1, 2)))
        if len(places) < 10 or len(levels) < 3:
            continue
        litres = outer.sum(axis=(1, 2)) * field.grid.voxel_ml / 1000.0
        counts = np.bincount(places[:, 0], minlength=len(litres))
        thirds = np.array_split(levels, 3)
        densities = [float(counts[t].sum() / max(litres[t].sum(), 1e-3)) for t in thirds]
        features = {
            "count": float(len(places)),
            "per_litre": float(counts.sum() / max(litres.sum(), 1e-3)),
            "least_per_litre": min(densities),
            "slice_mm": field.slice_mm,
        }
        if features["per_litre"] >= LEAST_PER_LITRE:
            found.append(_pattern(field, places, side, features))
    return found


def _pattern(field: Field, places: np.ndarray, side: int, features: dict[str, float]) -> Candidate:
    grid = field.grid
    seeds = np.zeros(grid.voxels.shape, dtype=bool)
    seeds[tuple(places.T)] = True
    box = bounding_box(seeds, (3, 3, 3))
    near = dilate(seeds[box], BALL_REACH_MM, grid.spacing_mm)
    dense = grid.voxels[box] > field.background_hu + 120
    mask = np.asarray(near & dense & (field.labels[box] == side))
    features["volume_ml"] = float(mask.sum() * grid.voxel_ml)
    return Candidate("miliary", box, mask | (seeds[box] & (field.labels[box] == side)), features)
