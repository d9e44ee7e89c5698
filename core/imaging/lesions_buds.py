"""Tree-in-bud: many small opacities close together, most of them no longer on a vessel's path."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from core.imaging.ct_grid import bounding_box
from core.imaging.lesions_field import Candidate, Field
from core.imaging.lesions_small import Blob

NEIGHBOURHOOD_MM = 9.0
LEAST_NEIGHBOURS = 5
BUD_RADIUS_MM = 4.0
BUD_CONTRAST_HU = 220.0
BUD_ROUNDNESS = 0.45


def find_bud_clusters(field: Field, blobs: list[Blob]) -> list[Candidate]:
    """Return clusters of small, round, dense blobs that stand closer than vessels do."""
    buds = [
        b
        for b in blobs
        if b.radius_mm <= BUD_RADIUS_MM
        and b.strength >= BUD_CONTRAST_HU
        and b.roundness > BUD_ROUNDNESS
    ]
    buds = [b for b in buds if field.medial_mm[b.place] > 12.0]
    if len(buds) <= LEAST_NEIGHBOURS:
        return []
    spots = np.array([b.place for b in buds]) * np.asarray(field.grid.spacing_mm)
    tree = cKDTree(spots)
    crowds = tree.query_ball_point(spots, NEIGHBOURHOOD_MM)
    dense = np.array([len(c) > LEAST_NEIGHBOURS for c in crowds])
    seen: set[int] = set()
    found = []
    for start in np.flatnonzero(dense):
        if int(start) in seen:
            continue
        members = _connected(int(start), crowds, dense)
        seen |= members
        found.append(_cluster(field, [buds[i] for i in sorted(members)]))
    return found


def _connected(start: int, crowds: list[list[int]], dense: np.ndarray) -> set[int]:
    """Grow a density-connected set (Ester et al., DBSCAN, 1996)."""
    members, front = {start}, [start]
    while front:
        here = front.pop()
        for other in crowds[here]:
            if other not in members:
                members.add(other)
                if dense[other]:
                    front.append(other)
    return members


def _cluster(field: Field, buds: list[Blob]) -> Candidate:
    grid = field.grid
    seeds = np.zeros(grid.voxels.shape, dtype=bool)
    for bud in buds:
        seeds[bud.place] = True
    margin = tuple(int(8 / mm) for mm in grid.spacing_mm)
    box = bounding_box(seeds, (margin[0], margin[1], margin[2]))
    distance = ndimage.distance_transform_edt(~seeds[box], sampling=grid.spacing_mm)
    dense = (grid.voxels[box] > field.background_hu + 200) & field.lung[box]
    mask = (distance < 4.5) & dense
    region = (distance < 4.5) & field.lung[box]
    features = {
        "count": float(len(buds)),
        "share": float(mask.sum() / max(1, int(region.sum()))),
        "volume_ml": float(mask.sum() * grid.voxel_ml),
    }
    return Candidate("tree_in_bud", box, mask, features)
