"""From a candidate on the working grid to its outline at full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, PatientView, dilate, erode
from core.imaging.ct_star import star_outline
from core.imaging.ct_strands import bordering, without_strands, without_thin_parts
from core.imaging.lesions import Scored
from core.imaging.lesions_field import Candidate, grown_box
from core.imaging.lesions_large import DENSE_HU, MASS_LIMIT_MM
from core.imaging.lesions_pleural import FLUID_HU
from core.imaging.measure_lesion import HAZY
from core.imaging.measure_occupancy import haze_ceiling, occupancy

# Light smoothing before the edge is decided: noise must not fray the outline of ground glass.
EDGE_SIGMA_MM = 0.6
# Grid voxels around the candidate: its edge, and background beside it to hold the edge against.
MARGIN_VOXELS = 5
COMPACT = frozenset(
    {"solid_nodule", "ground_glass_nodule", "part_solid_nodule", "mass", "calcification"}
)
# Patterns and layers: no edge of their own at full resolution, they stay as the search found them.
AS_FOUND = frozenset({"miliary", "fibrosis", "pleural_thickening"})
# This far above what ground glass reaches, after smoothing, it is a vessel or the chest wall.
VESSEL_ABOVE_HU = 60.0
# A wall that a thick slice cuts obliquely fills a part of it: its edge is seen at a lower level
# (slice distance in mm, level in HU).
WALL_LEVELS = ((2.0, 5.0), (-350.0, -500.0))
# Their blur beside ground glass, and how much of an outline must be left without them.
BORDER_BLUR_MM = 1.0
LEAST_FREE = 0.25
CALCIFIED_HU, CALCIFIED_PEAK_HU = 200.0, 350.0


@dataclass(frozen=True)
class Delineated:
    """A lesion's mask at full resolution in its box of the patient view."""

    scored: Scored
    box: tuple[slice, slice, slice]
    mask: Mask


def delineate(view: PatientView, scored: Scored) -> Delineated | None:
    """Return the full-resolution outline; None where nothing of it is left there."""
    candidate = scored.candidate
    box = grown_box(candidate.box, scored.grid.voxels.shape, MARGIN_VOXELS)
    part = scored.grid.cut(box)
    mask = _moved(candidate.mask, candidate.box, box)
    if candidate.kind in AS_FOUND:
        return Delineated(scored, part.box, np.asarray(part.enlarge(mask)))
    voxels = _smooth(view, part.box)
    edge = max(part.spacing_mm)
    core = part.enlarge(erode(mask, 0.6 * edge, part.spacing_mm))
    rim = part.enlarge(dilate(mask, 1.05 * edge, part.spacing_mm))
    level = _level(scored)
    if candidate.lumen is not None:
        level = min(level, float(np.interp(view.spacing_mm[0], *WALL_LEVELS)))
        air = part.enlarge(
            dilate(_moved(candidate.lumen, candidate.box, box), edge, part.spacing_mm)
        )
        fine = (air & (voxels <= level)) | (rim & (voxels > level))
    elif candidate.kind == "pleural_effusion":
        fluid = (voxels > FLUID_HU[0] - 45) & (voxels < FLUID_HU[1] + 30)
        fine = core | (rim & fluid)
    else:
        level = _half_level(voxels, (core, rim), scored, view.spacing_mm)
        fine = (core & (voxels > level - 150)) | (rim & (voxels > level))
    if "count" not in candidate.features:
        fine = _main_piece(fine)
    fine = _without_vessels(fine, voxels, candidate, level, view.spacing_mm)
    if candidate.kind in HAZY:
        fine = rim & _of_haze(voxels, fine, level, view.spacing_mm)
    if not fine.any():
        return None
    return Delineated(scored, part.box, np.asarray(fine))


def kind_of(kind: str, long_axis_mm: float, values: Hounsfield) -> str:
    """Correct a candidate's kind by what full resolution says.

    ``values`` are the densities inside the outline, HU.
    """
    if kind not in ("solid_nodule", "mass"):
        return kind
    bright = float((values > CALCIFIED_HU).mean()) > 0.3
    if bright or float(np.percentile(values, 95)) > CALCIFIED_PEAK_HU:
        return "calcification"
    return "mass" if long_axis_mm > MASS_LIMIT_MM else "solid_nodule"


def _without_vessels(
    fine: Mask,
    voxels: Hounsfield,
    candidate: Candidate,
    level: float,
    spacing_mm: tuple[float, float, float],
) -> Mask:
    if candidate.kind == "consolidation":
        return without_thin_parts(fine, spacing_mm)
    if candidate.lumen is not None:
        # A cavity is cut as a whole: its air stands for tissue there.
        return without_strands(
            fine, np.where(fine, np.maximum(voxels, 0), voxels), level, spacing_mm
        )
    return without_strands(fine, voxels, level, spacing_mm) if candidate.kind in COMPACT else fine


def _of_haze(
    voxels: Hounsfield, start: Mask, level: float, spacing_mm: tuple[float, float, float]
) -> Mask:
    """Return the outline of ground glass without the vessels that leave it, with those inside."""
    if not start.any():
        return start
    ceiling = haze_ceiling(voxels, start)
    capped = np.minimum(voxels, np.float32(ceiling))
    dense = voxels > ceiling + VESSEL_ABOVE_HU
    found = star_outline(capped, start, level, spacing_mm, dense)
    if not np.array_equal(found, start):
        return found
    # Too much of the edge lies along large vessels or the mediastinum: without them, once more.
    beside = bordering(dense, start, spacing_mm)
    apart = dilate(beside, BORDER_BLUR_MM, spacing_mm)
    free = _main_piece(start & ~apart)
    if not (start & apart).any() or free.sum() < LEAST_FREE * start.sum():
        return start
    found = star_outline(capped, free, level, spacing_mm, dense)
    if np.array_equal(found, free):
        found = free | (start & dilate(free, BORDER_BLUR_MM, spacing_mm))
    return np.asarray(found & ~beside)


def _half_level(
    voxels: Hounsfield,
    where: tuple[Mask, Mask],
    scored: Scored,
    spacing_mm: tuple[float, float, float],
) -> float:
    """Return the density half-way between the lesion and what lies around it.

    ``where`` is what surely belongs to the lesion and what may.
    """
    core, rim = where
    level = _level(scored)
    first = _main_piece((core & (voxels > level - 150)) | (rim & (voxels > level)))
    if not first.any():
        return level
    seen = occupancy(voxels, first, None, spacing_mm, hazy=scored.candidate.kind in HAZY)
    if np.isnan(seen.contrast_hu) or seen.contrast_hu <= 0:
        return level
    return (seen.inner_hu + seen.outer_hu) / 2


def _moved(mask: Mask, box: tuple[slice, slice, slice], wider: tuple[slice, slice, slice]) -> Mask:
    """Return a box's mask in a wider box."""
    out = np.zeros([s.stop - s.start for s in wider], dtype=bool)
    inner = [slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wider, strict=True)]
    out[inner[0], inner[1], inner[2]] = mask
    return out


def _smooth(view: PatientView, box: tuple[slice, slice, slice]) -> Hounsfield:
    values = np.nan_to_num(view.voxels[box].astype(np.float32), nan=-1024.0)
    sigma = [EDGE_SIGMA_MM / mm for mm in view.spacing_mm]
    return np.asarray(ndimage.gaussian_filter(np.clip(values, -1024, 3071), sigma))


def _level(scored: Scored) -> float:
    return scored.candidate.features.get("level_hu", DENSE_HU)


def _main_piece(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(labels == int(sizes.argmax())))
