"""Large opacities (mass, consolidation) and cavities on the search field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Mask, bounding_box, dilate, opened
from core.imaging.lesions_field import (
    THICK_SLICE_MM,
    Candidate,
    Field,
    contact_share,
    grown_box,
)
from core.imaging.measure import shape_ratios

DENSE_HU = -350.0
OPENING_MM = 4.0
SMALLEST_OPACITY_ML = 0.8
LUMEN_HU = -860.0
SMALLEST_LUMEN_ML = 0.04
WALL_HU = 250.0  # above lung
WALL_THICK_SLICE_HU = 150.0
MASS_LIMIT_MM = 30.0  # Fleischner glossary 2024: a mass is larger than 3 cm


def find_opacities(field: Field) -> list[Candidate]:
    """Return solid opacities that survive an opening wider than peripheral vessels."""
    grid = field.grid
    smooth = ndimage.gaussian_filter(grid.voxels, [s / 2 for s in grid.steps(2.0)])
    dense = field.wide & (smooth > DENSE_HU)
    cores = opened(dense, OPENING_MM, grid.spacing_mm)
    labels, _ = ndimage.label(cores)
    air = field.lung & (smooth < DENSE_HU)
    found = []
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if (labels[box] == index).sum() * grid.voxel_ml < SMALLEST_OPACITY_ML:
            continue
        found.append(_opacity(field, dense, air, (labels, index, box)))
    return found


def _opacity(
    field: Field,
    dense: Mask,
    air: Mask,
    piece: tuple[NDArray[np.int32], int, tuple[slice, slice, slice]],
) -> Candidate:
    """Grow a core back to the opacity's own edge and describe it."""
    labels, index, tight = piece
    grid = field.grid
    box = grown_box(tight, labels.shape, 4)
    core = labels[box] == index
    mask = dilate(core, 3.0, grid.spacing_mm) & dense[box]
    middle, least = shape_ratios(mask, grid.spacing_mm)
    volume = float(mask.sum() * grid.voxel_ml)
    values = grid.voxels[box][mask]
    features = {
        "volume_ml": volume,
        "contact": contact_share(mask, air[box]),
        "middle_ratio": middle,
        "least_ratio": least,
        "mean_hu": float(values.mean()),
        "medial_mm": float(np.percentile(field.medial_mm[box][mask], 10)),
        "hilum_mm": float(np.percentile(field.hilum_mm[box][mask], 10)),
        "thick_mm": _thickness_mm(mask, grid.spacing_mm),
        "floor": _floor_share(mask, grid.voxels[box] > DENSE_HU),
        "extent_mm": float(2 * (3 * volume * 1000 / (4 * np.pi)) ** (1 / 3)),
        "fill": _box_fill(mask),
    }
    compact = features["fill"] > 0.35 and features["mean_hu"] > -100
    kind = "consolidation"
    if compact:
        kind = "mass" if features["extent_mm"] > MASS_LIMIT_MM else "solid_nodule"
    return Candidate(kind, box, mask, features)


def _thickness_mm(mask: Mask, spacing_mm: tuple[float, float, float]) -> float:
    """Return the diameter of the largest ball inside a mask, millimetres."""
    padded = np.pad(mask, 1)
    return float(2 * ndimage.distance_transform_edt(padded, sampling=spacing_mm).max())


def _floor_share(mask: Mask, dense: Mask) -> float:
    """Return which part of the mask's lower face stands on other tissue (a diaphragm's dome)."""
    below = np.zeros_like(mask)
    below[:-1] = mask[1:]
    face = below & ~mask
    count = int(face.sum())
    return float((face & dense).sum() / count) if count else 1.0


def _box_fill(mask: Mask) -> float:
    """Return the share of its bounding box that a mask fills (0.52 for a ball)."""
    return float(mask[bounding_box(mask)].mean())


def find_cavities(field: Field) -> list[Candidate]:
    """Return air pockets that tissue encloses in at least two of the three planes."""
    grid = field.grid
    # Slices thicker than a wall show its roof and floor at a fraction of their density.
    thick = field.slice_mm > THICK_SLICE_MM
    wall = grid.voxels > field.background_hu + (WALL_THICK_SLICE_HU if thick else WALL_HU)
    # Cavity air is darker than the lung around it; a pocket of lung between vessels is not.
    dark_hu = min(LUMEN_HU, field.background_hu - 60)
    smooth = ndimage.gaussian_filter(grid.voxels, [s / 2 for s in grid.steps(1.5)])
    away = ~dilate(field.airways, 3.0, grid.spacing_mm)
    pockets = opened(
        _enclosed(wall, field.wide | field.lung) & (smooth < dark_hu) & away, 1.6, grid.spacing_mm
    )
    labels, _ = ndimage.label(pockets)
    found = []
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if (labels[box] == index).sum() * grid.voxel_ml >= SMALLEST_LUMEN_ML:
            found.append(_cavity(field, wall, (labels, index, box)))
    return found


def _enclosed(wall: Mask, within: Mask) -> Mask:
    """Return voxels that are enclosed by wall in at least two orthogonal planes."""
    votes = np.zeros(wall.shape, dtype=np.uint8)
    cross = ndimage.generate_binary_structure(2, 1)
    for axis in range(3):
        structure = np.zeros((3, 3, 3), dtype=bool)
        structure[tuple(1 if k == axis else slice(None) for k in range(3))] = cross
        labels, count = ndimage.label(~wall, structure=structure)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        open_side = np.zeros(count + 1, dtype=bool)
        for other in (k for k in range(3) if k != axis):
            for face in (0, -1):
                open_side[np.unique(labels.take(face, axis=other))] = True
        open_side[0] = True
        open_side |= sizes > 4000  # a whole lung in a slice is enclosed by the chest wall
        votes += ~open_side[labels]
    return np.asarray((votes >= 2) & within)


def _cavity(
    field: Field, wall: Mask, piece: tuple[NDArray[np.int32], int, tuple[slice, slice, slice]]
) -> Candidate:
    """Add the wall around a lumen: tissue connected to it within 12 mm, vessels opened away."""
    labels, index, tight = piece
    grid = field.grid
    box = grown_box(tight, labels.shape, 9)
    lumen = dilate(labels[box] == index, 1.6, grid.spacing_mm) & ~wall[box]
    depth = ndimage.distance_transform_edt(~lumen, sampling=grid.spacing_mm)
    tissue = wall[box] & field.wide[box] & (depth < 12.0)
    rim = tissue & (depth < 2.6)
    whole = opened(lumen | tissue, 2.2, grid.spacing_mm) | lumen | rim
    parts, _ = ndimage.label(whole)
    own = np.bincount(parts[lumen])
    mask = parts == int(np.argmax(own))
    shell = ndimage.binary_dilation(lumen, iterations=2) & ~lumen
    air_volume = float(lumen.sum() * grid.voxel_ml)
    middle, least = shape_ratios(lumen, grid.spacing_mm)
    features = {
        "slice_mm": field.slice_mm,
        "lumen_ml": air_volume,
        "wall_ml": float((mask & ~lumen).sum() * grid.voxel_ml),
        "enclosed": float((shell & wall[box]).sum() / max(1, int(shell.sum()))),
        "lumen_hu": float(np.percentile(grid.voxels[box][lumen], 25)),
        "contact": contact_share(mask, field.lung[box] & ~wall[box]),
        "middle_ratio": middle,
        "least_ratio": least,
        "medial_mm": float(field.medial_mm[box][lumen].min()),
        "hilum_mm": float(field.hilum_mm[box][lumen].min()),
        "volume_ml": float(mask.sum() * grid.voxel_ml),
    }
    return Candidate("cavity", box, mask, features, lumen)
