"""Pleural effusion: fluid between lung and chest wall.

The rib cage is not modelled: the fluid is what has water's density, lies inside the body within
reach of a lung's wide hull, is thicker than fascia and touches both lung and chest wall.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Mask, bounding_box, dilate, opened
from core.imaging.lesions_field import Candidate
from core.imaging.lungs import LEFT, RIGHT, LungMap

FLUID_HU = (-15.0, 32.0)
SMALLEST_ML = 15.0
OPENING_MM = 4.0
# Partial volume hides fluid next to lung and fat: a collection is grown back to its own edge.
REGROWTH_MM = 8.0
EDGE_HU = -300.0
REACH_MM = 45.0


def find_effusions(grid: Grid, lungs: LungMap) -> list[Candidate]:
    """Return fluid collections on the coarse (2 mm) grid of the whole view."""
    box = bounding_box(lungs.lungs, tuple(int(30 / mm) for mm in grid.spacing_mm))  # type: ignore[arg-type]  # three
    voxels = ndimage.gaussian_filter(grid.voxels[box], [s / 2 for s in grid.steps(4.0)])
    part = Grid(grid.voxels[box], grid.spacing_mm, box)
    labels = lungs.labels[box]
    found: list[Candidate] = []
    for side in (RIGHT, LEFT):
        lung = labels == side
        if not lung.any():
            continue
        reach = _reach(part, lung) & (labels == 0) & (voxels < FLUID_HU[1])
        core = opened(reach & (voxels > FLUID_HU[0]), OPENING_MM, grid.spacing_mm)
        edge = reach & (voxels > EDGE_HU)
        fluid = edge & dilate(core, REGROWTH_MM, grid.spacing_mm)
        found.extend(_pieces(part, opened(fluid, 2.5, grid.spacing_mm), lung, voxels))
    return found


def _reach(grid: Grid, lung: Mask) -> Mask:
    """Return where this side's fluid can be: below and behind its lung, not across the midline."""
    near = _near(lung, REACH_MM, grid.spacing_mm, 4)
    columns = np.flatnonzero(lung.any(axis=(0, 1)))
    span = slice(max(0, columns[0] - 8), columns[-1] + 9)
    keep = np.zeros_like(lung)
    keep[:, :, span] = near[:, :, span]
    return keep


def _near(mask: Mask, radius_mm: float, spacing_mm: tuple[float, float, float], step: int) -> Mask:
    """Dilate on every ``step``-th voxel only: where a few millimetres do not matter."""
    coarse = ndimage.maximum_filter(mask, size=step)[::step, ::step, ::step]
    wide = (spacing_mm[0] * step, spacing_mm[1] * step, spacing_mm[2] * step)
    near = dilate(coarse, radius_mm, wide)
    out = near.repeat(step, 0).repeat(step, 1).repeat(step, 2)
    return np.asarray(out[: mask.shape[0], : mask.shape[1], : mask.shape[2]])


def _pieces(grid: Grid, fluid: Mask, lung: Mask, voxels: NDArray[np.float32]) -> list[Candidate]:
    labels, _ = ndimage.label(fluid)
    shell = dilate(lung, 5.0, grid.spacing_mm) & ~lung
    bone = _near(voxels > 150, 8.0, grid.spacing_mm, 2)
    found = []
    lung_back = float(np.percentile(np.flatnonzero(lung.any(axis=(0, 2))), 95))
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        mask = labels[box] == index
        volume = float(mask.sum() * grid.voxel_ml)
        if volume < SMALLEST_ML:
            continue
        surface = mask & ~ndimage.binary_erosion(mask)
        count = max(1, int(surface.sum()))
        values = voxels[box][mask]
        rows = np.flatnonzero(mask.any(axis=(0, 2))) + box[1].start
        features = {
            "volume_ml": volume,
            "lung_contact": float((surface & shell[box]).sum() / count),
            "rib_contact": float((surface & bone[box]).sum() / count),
            "mean_hu": float(values.mean()),
            "sd_hu": float(values.std()),
            "dependent": float(rows.max() / max(lung_back, 1.0)),
        }
        whole = tuple(
            slice(b.start + g.start, b.stop + g.start) for b, g in zip(box, grid.box, strict=True)
        )
        found.append(Candidate("pleural_effusion", (whole[0], whole[1], whole[2]), mask, features))
    return found
