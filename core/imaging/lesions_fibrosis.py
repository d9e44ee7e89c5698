"""Fibrotic and bronchiectatic change: shrunken lung with bands, and with air darker than lung.

Ground glass is even, consolidation dense, tree-in-bud stands in healthy lung. Scarred lung is a
mixture: of middle density as a whole, with dense strands and walls, and with the pure air of
widened bronchi (traction bronchiectasis; Fleischner glossary, Radiology 310:e232558, 2024).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import dilate, opened
from core.imaging.lesions_field import Candidate, Field, grown_box

SMOOTH_MM = 4.0
ABOVE_LUNG_HU = 110.0
BELOW_HU = -250.0
OPENING_MM = 5.0
OUTER_MM = 12.0
SMALLEST_ML = 1.5
DARK_BELOW_LUNG_HU = 45.0
DENSE_HU = -300.0


def find_fibrosis(field: Field) -> list[Candidate]:
    """Return regions of middle density on the scale of a centimetre, with what they are made of."""
    grid = field.grid
    smooth = ndimage.gaussian_filter(grid.voxels, [s / 2 for s in grid.steps(SMOOTH_MM)])
    mixed = (smooth > field.background_hu + ABOVE_LUNG_HU) & (smooth < BELOW_HU)
    mixed &= field.lung & (field.medial_mm > OUTER_MM)
    labels, _ = ndimage.label(opened(mixed, OPENING_MM, grid.spacing_mm))
    found = []
    for index, tight in enumerate(ndimage.find_objects(labels), start=1):
        core = labels[tight] == index
        if core.sum() * grid.voxel_ml < SMALLEST_ML:
            continue
        box = grown_box(tight, labels.shape, 3)
        whole = dilate(labels[box] == index, 3.0, grid.spacing_mm) & field.lung[box]
        values = grid.voxels[tight][core]
        features = {
            "volume_ml": float(whole.sum() * grid.voxel_ml),
            "spread_hu": float(values.std()),
            "dark_share": float((values < field.background_hu - DARK_BELOW_LUNG_HU).mean()),
            "dense_share": float((values > DENSE_HU).mean()),
            "mean_hu": float(values.mean()),
        }
        found.append(Candidate("fibrosis", box, np.asarray(whole), features))
    return found
