"""From a candidate on the working grid to a measured lesion at full resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, PatientView, dilate, erode
from core.imaging.lesions import Scored
from core.imaging.lesions_field import grown_box
from core.imaging.lesions_large import DENSE_HU, MASS_LIMIT_MM
from core.imaging.lesions_pleural import FLUID_HU
from core.imaging.location import location_of, side_of
from core.imaging.lungs import Labels
from core.imaging.measure import Axes, centroid, density_shares, recist_axes, wall_thickness_mm
from core.imaging.result import Lesion
from core.imaging.volume import Volume

# Light smoothing before the edge is decided: noise must not fray the outline of ground glass.
EDGE_SIGMA_MM = 0.6
IN_PLANE_CROSS = ndimage.generate_binary_structure(2, 1)[None]


@dataclass(frozen=True)
class Delineated:
    """A lesion's mask at full resolution in its box of the patient view."""

    scored: Scored
    box: tuple[slice, slice, slice]
    mask: Mask
    lumen: Mask | None


def delineate(view: PatientView, scored: Scored) -> Delineated | None:
    """Return the full-resolution mask; None where nothing of it is left there."""
    candidate = scored.candidate
    box = grown_box(candidate.box, scored.grid.voxels.shape, 2)
    part = scored.grid.cut(box)
    mask = _moved(candidate.mask, candidate.box, box)
    voxels = _smooth(view, part.box)
    edge = max(part.spacing_mm)
    core = part.enlarge(erode(mask, 0.6 * edge, part.spacing_mm))
    rim = part.enlarge(dilate(mask, 1.05 * edge, part.spacing_mm))
    lumen = None
    if candidate.lumen is not None:
        air = part.enlarge(
            dilate(_moved(candidate.lumen, candidate.box, box), edge, part.spacing_mm)
        )
        lumen = np.asarray(air & (voxels <= _level(scored)))
        fine = lumen | (rim & (voxels > _level(scored)))
    elif candidate.kind == "pleural_effusion":
        fluid = (voxels > FLUID_HU[0] - 45) & (voxels < FLUID_HU[1] + 30)
        fine = core | (rim & fluid)
    else:
        fine = (core & (voxels > _level(scored) - 150)) | (rim & (voxels > _level(scored)))
    fine = _main_piece(fine) if "count" not in candidate.features else fine
    if not fine.any():
        return None
    if lumen is not None:
        lumen &= fine
    return Delineated(scored, part.box, fine, lumen)


def measured(
    found: Delineated, number: int, volume: Volume, view: PatientView, lungs: Labels
) -> Lesion:
    """Return the lesion's record. ``lungs`` is at full resolution, patient order."""
    candidate = found.scored.candidate
    values = np.asarray(view.voxels[found.box][found.mask], dtype=np.float32)
    corner = np.array([part.start for part in found.box], dtype=np.float64)
    index = centroid(found.mask) + corner
    axes = recist_axes(found.mask, view.spacing_mm)
    pleural = candidate.kind == "pleural_effusion"
    whole = _on(found, lungs.shape) if pleural else found.mask
    side = side_of(whole, lungs if pleural else lungs[found.box])
    place = volume.to_lps(view.source_index(index))
    voxel_ml = float(np.prod(view.spacing_mm)) / 1000.0
    lesion = Lesion(
        id=number,
        kind=_kind(candidate.kind, axes, values),
        centroid_mm=(float(place[0]), float(place[1]), float(place[2])),
        volume_ml=float(found.mask.sum() * voxel_ml),
        long_axis_mm=axes.long_mm,
        short_axis_mm=axes.short_mm,
        mean_hu=_mean_hu(view, found),
        location=location_of(float(index[0]), side, lungs, pleural),
        probability=found.scored.probability,
        extra=density_shares(values),
    )
    if found.lumen is None:
        return lesion
    return replace(lesion, extra=lesion.extra | _cavity_numbers(found, view, voxel_ml))


def _mean_hu(view: PatientView, found: Delineated) -> float:
    """Return the mean of the inner voxels (one in from the edge: partial volume stays out), HU.

    Of all voxels where fewer than eight are inner.
    """
    inner = ndimage.binary_erosion(found.mask, structure=IN_PLANE_CROSS)
    chosen = inner if inner.sum() >= 8 else found.mask
    return float(np.asarray(view.voxels[found.box], dtype=np.float64)[chosen].mean())


def _cavity_numbers(found: Delineated, view: PatientView, voxel_ml: float) -> dict[str, float]:
    assert found.lumen is not None
    wall = found.mask & ~found.lumen
    mean, most = wall_thickness_mm(found.lumen, wall, view.spacing_mm)
    return {
        "wall_mean_mm": mean,
        "wall_max_mm": most,
        "wall_volume_ml": float(wall.sum() * voxel_ml),
        "lumen_volume_ml": float(found.lumen.sum() * voxel_ml),
    }


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


def _kind(kind: str, axes: Axes, values: Hounsfield) -> str:
    """Correct the candidate's kind by what full resolution says."""
    bright = float((values > 200).mean()) > 0.3 or float(np.percentile(values, 95)) > 350
    if kind in ("solid_nodule", "mass") and bright:
        return "calcification"
    if kind in ("solid_nodule", "mass"):
        return "mass" if axes.long_mm > MASS_LIMIT_MM else "solid_nodule"
    return kind


def _on(found: Delineated, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    out = np.zeros(shape, dtype=bool)
    out[found.box] = found.mask
    return out
