"""Where lesions are searched: lungs with what disease has taken from them, on a 1.5 mm grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import (
    Grid,
    Hounsfield,
    Mask,
    PatientView,
    bounding_box,
    carry,
    close,
    cut_grid,
    erode,
)
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, Labels, LungMap, mean_lung_hu

FIELD_EDGE_MM = 1.5
THICK_SLICE_MM = 3.5  # beyond it a wall or a vessel is blurred from slice to slice
# Beyond this, closing a lung fills the hilum and the angle between heart and diaphragm.
WIDE_CLOSING_MM = 14.0
# A trachea is at most about 27 mm wide (Breatnach, AJR 142:903, 1984).
CARINA_WIDTH_MM = 32.0


@dataclass(frozen=True)
class Field:
    """The search field. All arrays on ``grid``, order (up, back, left).

    Attributes
    ----------
    grid : Grid
        About 1.5 mm; cut to the lungs with a margin.
    labels : uint8
        Lung labels of ``lungs.py`` brought to this grid.
    lung : bool
        Lungs without airways (vessels and small lesions closed in).
    wide : bool
        Lungs closed with a large ball: juxtapleural lesions are inside, and so is the hilum.
    medial_mm : float32
        Distance to the soft tissue between the lungs (mediastinum, hilum), millimetres.
    hilum_mm : float32
        Distance to the main bronchi, millimetres; distance to the mediastinum where no bronchi
        were found.
    background_hu : float
        Median of lung.
    slice_mm : float
        The coarsest voxel edge of the scan itself: finer than this nothing was seen.
    """

    grid: Grid
    labels: Labels
    lung: Mask
    wide: Mask
    medial_mm: Hounsfield
    hilum_mm: Hounsfield
    background_hu: float
    slice_mm: float

    @property
    def airways(self) -> Mask:
        """Trachea and bronchi as far as they were followed."""
        return np.asarray(self.labels == AIRWAYS)


@dataclass(frozen=True)
class Candidate:
    """Something that may be a lesion.

    Attributes
    ----------
    kind : str
        As ``Lesion.kind``.
    box : (3,) of slice
        Where ``mask`` lies in the field's grid.
    mask : bool
        The whole lesion (a cavity with its lumen).
    features : dict
        What the score is computed from.
    lumen : bool or None
        A cavity's air, inside ``mask``.
    """

    kind: str
    box: tuple[slice, slice, slice]
    mask: Mask
    features: dict[str, float] = field(default_factory=dict)
    lumen: Mask | None = None

    def on(self, shape: tuple[int, ...]) -> Mask:
        """Return the mask on the whole grid."""
        out = np.zeros(shape, dtype=bool)
        out[self.box] = self.mask
        return out


def build_field(view: PatientView, coarse: Grid, lungs: LungMap) -> Field:
    """Return the search field around the lungs found on a coarse grid of the whole view."""
    margin = tuple(int(np.ceil(15.0 / mm)) for mm in coarse.spacing_mm)
    box = bounding_box(lungs.lungs, (margin[0], margin[1], margin[2]))
    grid = cut_grid(view, FIELD_EDGE_MM, coarse.cut(box).box)
    labels = carry(lungs.labels[box], grid.voxels.shape)
    lung = np.asarray((labels == RIGHT) | (labels == LEFT))
    # The wide closing needs no fine grid: its edge is decided by the densities afterwards.
    near = lungs.labels[box]
    spacing = coarse.spacing_mm
    closed = close(near == RIGHT, WIDE_CLOSING_MM, spacing)
    closed |= close(near == LEFT, WIDE_CLOSING_MM, spacing)
    wide = carry(closed, grid.voxels.shape)
    between = between_lungs(near, spacing)
    medial = _distance_to(between, spacing)
    bronchi = _main_bronchi(near == AIRWAYS, spacing)
    hilum = _distance_to(bronchi if bronchi.any() else between, spacing)
    shape = grid.voxels.shape
    return Field(
        grid=grid,
        labels=labels,
        lung=lung,
        wide=wide & (labels != AIRWAYS),
        medial_mm=carry(medial, shape),
        hilum_mm=carry(hilum, shape),
        background_hu=mean_lung_hu(grid.voxels, lung),
        slice_mm=max(view.spacing_mm),
    )


def _distance_to(mask: Mask, spacing_mm: tuple[float, float, float]) -> Hounsfield:
    """Return the distance to a mask, millimetres; 1000 everywhere if it is empty."""
    if not mask.any():
        return np.full(mask.shape, 1000.0, dtype=np.float32)
    distance = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    return np.asarray(distance, dtype=np.float32)


def _main_bronchi(airways: Mask, spacing_mm: tuple[float, float, float]) -> Mask:
    """Return the airways at and below the level where they spread wider than a trachea."""
    columns = np.arange(airways.shape[2])
    here = airways.any(axis=1)
    right = np.where(here, columns, -1).max(axis=1)
    left = np.where(here, columns, airways.shape[2]).min(axis=1)
    wide = np.flatnonzero((right - left + 1) * spacing_mm[2] > CARINA_WIDTH_MM)
    out = np.zeros_like(airways)
    if len(wide):
        out[: int(wide[-1]) + 1] = airways[: int(wide[-1]) + 1]
    return out


def between_lungs(labels: Labels, spacing_mm: tuple[float, float, float]) -> Mask:
    """Return the tissue between the lungs, row by row: from the right lung's last column to the
    left lung's first, where both are present; thinner than 6 mm (a junction line) is left out.
    """
    columns = np.arange(labels.shape[2])
    right, left = labels == RIGHT, labels == LEFT
    right_edge = np.where(right, columns, -1).max(axis=2)
    left_edge = np.where(left, columns, labels.shape[2]).min(axis=2)
    both = (right_edge >= 0) & (left_edge < labels.shape[2])
    inside = (columns > right_edge[..., None]) & (columns < left_edge[..., None])
    return erode(inside & both[..., None] & ~right & ~left, 3.0, spacing_mm)


def contact_share(mask: Mask, air: Mask) -> float:
    """Return which part of a mask's outer shell (one voxel) is aerated lung."""
    padded = np.pad(mask, 1)
    shell = (ndimage.binary_dilation(padded) & ~padded)[1:-1, 1:-1, 1:-1]
    count = int(shell.sum())
    return float((shell & air).sum() / count) if count else 0.0


def grown_box(
    box: tuple[slice, slice, slice], shape: tuple[int, ...], margin: int
) -> tuple[slice, slice, slice]:
    """Return a box widened by a margin, kept inside the array."""
    parts = [
        slice(max(0, s.start - margin), min(n, s.stop + margin))
        for s, n in zip(box, shape, strict=True)
    ]
    return (parts[0], parts[1], parts[2])
