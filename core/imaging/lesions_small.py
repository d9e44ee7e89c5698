"""Nodules: blobs of the scale space outlined, vessels cut off, shape and attachment described."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, bounding_box
from core.imaging.lesions_blobs import Blob, scale_space
from core.imaging.lesions_field import Candidate, Field
from core.imaging.measure import shape_ratios

SIGMAS_MM = (1.3, 2.0, 3.0, 4.5, 6.5)
BLOB_CONTRAST_HU = 45.0
DENSE_CAP_HU = 150.0
BUD_RADIUS_MM = 4.0
BUD_STRENGTH_HU = 150.0
FEWEST_BUDS = 4
# Ground glass stands 150…300 HU above the lung.
HAZY_SIGMAS_MM = (3.0, 4.5, 6.5, 9.0)
HAZY_CAP_ABOVE_HU = 320.0
HAZY_CONTRAST_HU = 55.0
HAZE_ABOVE_LUNG_HU = (90.0, HAZY_CAP_ABOVE_HU)
EVEN_HU_PER_MM = 26.0
# From this scale on every second voxel tells as much, at an eighth of the time.
HALVED_FROM_MM = 4.0
# A vessel is thinner than what hangs on it: balls of this share of the deepest one are opened away.
OPENED_SHARE = 0.55


def find_blobs(field: Field) -> list[Blob]:
    """Return maxima over place and scale inside the lung, strongest first."""
    filled = _filled(field, DENSE_CAP_HU)
    return scale_space(field, filled, SIGMAS_MM, BLOB_CONTRAST_HU, HALVED_FROM_MM)


def find_hazy_blobs(field: Field) -> list[Blob]:
    """Return maxima of a volume whose vessels are cut down to ground glass.

    What is thin then answers little; a ground-glass ball of the same height keeps its answer.
    """
    cap = field.background_hu + HAZY_CAP_ABOVE_HU
    return scale_space(field, _filled(field, cap), HAZY_SIGMAS_MM, HAZY_CONTRAST_HU, HALVED_FROM_MM)


def find_nodules(field: Field, blobs: list[Blob]) -> list[Candidate]:
    """Return one candidate for each blob that can be outlined."""
    found = []
    for blob in blobs:
        candidate = _outlined(field, blob)
        if candidate is not None:
            found.append(candidate)
    return found


def find_hazy_nodules(field: Field, hazy: list[Blob], dense: list[Blob]) -> list[Candidate]:
    """Return ground-glass and part-solid candidates (less than half of them solid).

    One that is made of four or more small dense blobs is a tree-in-bud.
    """
    buds = np.zeros(field.grid.voxels.shape, dtype=bool)
    for blob in dense:
        if blob.radius_mm <= BUD_RADIUS_MM and blob.strength >= BUD_STRENGTH_HU:
            buds[blob.place] = True
    found = []
    for blob in hazy:
        candidate = _outlined(field, blob, HAZY_CAP_ABOVE_HU)
        if candidate is None:
            continue
        count = int((buds[candidate.box] & candidate.mask).sum())
        candidate.features["buds"] = float(count)
        candidate.features["even_ml"] = _even_haze_ml(field, candidate)
        values = field.grid.voxels[candidate.box][candidate.mask]
        solid = float((values > -300).mean())
        if solid < 0.45:
            kind = "part_solid_nodule" if solid > 0.06 else "ground_glass_nodule"
            kind = "tree_in_bud" if count >= FEWEST_BUDS else kind
            found.append(replace(candidate, kind=kind))
    return found


def _even_haze_ml(field: Field, candidate: Candidate) -> float:
    """Return how much of a candidate is as dense as ground glass and even, millilitres.

    Where vessels fork, voxels are as dense by being half filled, and no two neighbours alike.
    """
    tight = bounding_box(candidate.mask, (2, 2, 2))
    box = tuple(
        slice(c.start + t.start, c.start + t.stop)
        for c, t in zip(candidate.box, tight, strict=True)
    )
    voxels = field.grid.voxels[(box[0], box[1], box[2])]
    if min(voxels.shape) < 2:
        return 0.0
    smooth = ndimage.gaussian_filter(voxels, 0.5)
    slopes = np.gradient(smooth, *field.grid.spacing_mm)
    steepness = np.sqrt(sum(np.square(slope) for slope in slopes))
    low, high = (field.background_hu + above for above in HAZE_ABOVE_LUNG_HU)
    even = (smooth > low) & (smooth < high) & (steepness < EVEN_HU_PER_MM)
    return float((even & candidate.mask[tight]).sum() * field.grid.voxel_ml)


def _filled(field: Field, cap_hu: float) -> Hounsfield:
    """Return the densities with everything outside the lung set to lung density.

    Values above the cap are cut, so that a bright speck does not outshout its ring.
    """
    out = np.minimum(field.grid.voxels, np.float32(cap_hu))
    out[~(field.lung | (field.wide & (field.medial_mm > 12)))] = field.background_hu
    return out


def _outlined(field: Field, blob: Blob, cap_above_hu: float | None = None) -> Candidate | None:
    """Cut the blob out at half its contrast and describe its shape and what hangs on it."""
    grid = field.grid
    reach = [int(np.ceil(2.6 * blob.radius_mm / mm)) for mm in grid.spacing_mm]
    box = tuple(
        slice(max(0, p - r), min(n, p + r + 1))
        for p, r, n in zip(blob.place, reach, grid.voxels.shape, strict=True)
    )
    box3 = (box[0], box[1], box[2])
    voxels = grid.voxels[box3]
    if cap_above_hu is not None:
        voxels = np.minimum(voxels, np.float32(field.background_hu + cap_above_hu))
    inside = field.lung[box3] | field.wide[box3]
    at = [p - s.start for p, s in zip(blob.place, box3, strict=True)]
    distance = _distance(voxels.shape, at, grid.spacing_mm)
    core = voxels[distance <= max(0.6 * blob.radius_mm, 1.6)]
    ring = voxels[inside & (distance > 1.5 * blob.radius_mm)]
    if len(ring) < 8:
        return None
    background = float(np.percentile(ring, 35))
    peak = float(np.percentile(core, 75))
    brightest = float(core.max())
    level = (peak + background) / 2
    above = (voxels > level) & inside
    mask, tail = _detached(above, distance, blob.radius_mm, grid.spacing_mm)
    if mask is None or mask.sum() < 3:
        return None
    middle, least = shape_ratios(mask, grid.spacing_mm)
    tail_middle, _ = shape_ratios(tail, grid.spacing_mm)
    volume = float(mask.sum() * grid.voxel_ml)
    shell = ndimage.binary_dilation(mask) & ~mask
    shell_count = max(1, int(shell.sum()))
    diameter = float(2 * (3 * volume * 1000 / (4 * np.pi)) ** (1 / 3))
    features = {
        "volume_ml": volume,
        "diameter_mm": diameter,
        "slices": diameter / field.slice_mm,
        "contrast_hu": peak - background,
        "strength": blob.strength,
        "roundness": blob.roundness,
        "middle_ratio": middle,
        "least_ratio": least,
        "tail_ratio": tail_middle,
        "attached": float((shell & above).sum() / shell_count),
        "wall_contact": float((shell & ~inside).sum() / shell_count),
        "medial_mm": float(field.medial_mm[blob.place]),
        "hilum_mm": float(field.hilum_mm[blob.place]),
        "mean_hu": float(voxels[mask].mean()),
        "peak_hu": brightest,
        "level_hu": level,
    }
    return Candidate(_nodule_kind(voxels[mask], brightest), box3, mask, features)


def _distance(
    shape: tuple[int, ...], at: list[int], spacing_mm: tuple[float, float, float]
) -> Hounsfield:
    axes = [((np.arange(n) - p) * mm) ** 2 for n, p, mm in zip(shape, at, spacing_mm, strict=True)]
    total = axes[0][:, None, None] + axes[1][:, None] + axes[2]
    return np.asarray(np.sqrt(total), dtype=np.float32)


def _detached(
    above: Mask,
    distance: Hounsfield,
    radius_mm: float,
    spacing_mm: tuple[float, float, float],
) -> tuple[Mask | None, Mask]:
    """Return the blob without its vessels, and the connected piece with them."""
    labels, _ = ndimage.label(above)
    own = labels[np.unravel_index(int(distance.argmin()), distance.shape)]
    if own == 0:
        return None, above
    whole = labels == own
    near = whole & (distance <= 1.6 * radius_mm)
    return (_without_vessels(near, distance, radius_mm, spacing_mm), whole)


def _without_vessels(
    near: Mask,
    distance: Hounsfield,
    radius_mm: float,
    spacing_mm: tuple[float, float, float],
) -> Mask:
    """Open by a share of the deepest ball about the blob's centre; keep the piece it is in.

    At the hilum a vessel may be the larger piece: the centre decides, not the size.
    """
    if radius_mm <= 3.0:  # two voxels: nothing to open
        return near
    box = bounding_box(near, (1, 1, 1))
    part = np.pad(near[box], 1)
    depth = ndimage.distance_transform_edt(part, sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    middle = depth * (distance[box] <= max(0.6 * radius_mm, 1.6))
    deepest = float(middle.max())
    if deepest < 1.4 * max(spacing_mm):
        return near
    share = OPENED_SHARE * deepest
    parts, _ = ndimage.label(depth > share)
    core = parts == parts.flat[int(middle.argmax())]
    away = ndimage.distance_transform_edt(~core, sampling=spacing_mm)
    out = np.zeros_like(near)
    # A voxel more than was opened: an uneven surface is the lesion's own, a vessel's stump short.
    out[box] = near[box] & (away <= share + max(spacing_mm))
    return out


def _nodule_kind(values: Hounsfield, peak: float) -> str:
    """Name a nodule by its densities; ground glass proper is found by the hazy blobs."""
    if float((values > 200).mean()) > 0.3 or peak > 300:
        return "calcification"
    return "ground_glass_nodule" if peak < -350 else "solid_nodule"
