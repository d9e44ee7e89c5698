"""Nodules and tree-in-bud: blobs by Laplacian of Gaussian, vessels put aside by shape.

Detection after Lindeberg (IJCV 30:79, 1998): a ball of radius r answers most at sigma = r/sqrt(3).
Tubes are told from balls by the eigenvalues of the Hessian (Li, Sone, Doi, Med Phys 30:2040, 2003)
and by what is attached to the blob's surface.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask
from core.imaging.lesions_field import Candidate, Field
from core.imaging.measure import shape_ratios

SIGMAS_MM = (1.3, 2.0, 3.0, 4.5, 6.5)
BLOB_CONTRAST_HU = 45.0
LEAST_TO_LARGEST = 0.25
DENSE_CAP_HU = 150.0
BUD_RADIUS_MM = 4.0
BUD_STRENGTH_HU = 150.0
FEWEST_BUDS = 4
# Ground glass stands 150…300 HU above the lung.
HAZY_SIGMAS_MM = (3.0, 4.5, 6.5, 9.0)
HAZY_CAP_ABOVE_HU = 320.0
HAZY_CONTRAST_HU = 55.0


@dataclass(frozen=True)
class Blob:
    """One maximum of the scale space: place (grid index), sigma, contrast, roundness."""

    place: tuple[int, int, int]
    sigma_mm: float
    strength: float
    roundness: float

    @property
    def radius_mm(self) -> float:
        """Radius of the ball that would answer most here."""
        return self.sigma_mm * 3**0.5


def find_blobs(field: Field) -> list[Blob]:
    """Return maxima over place and scale inside the lung, strongest first."""
    return scale_space(field, _filled(field, DENSE_CAP_HU), SIGMAS_MM, BLOB_CONTRAST_HU)


def find_hazy_blobs(field: Field) -> list[Blob]:
    """Return maxima of a volume whose vessels are cut down to ground glass.

    What is thin then answers little; a ground-glass ball of the same height keeps its answer.
    """
    cap = field.background_hu + HAZY_CAP_ABOVE_HU
    return scale_space(field, _filled(field, cap), HAZY_SIGMAS_MM, HAZY_CONTRAST_HU)


def scale_space(
    field: Field, filled: Hounsfield, sigmas_mm: tuple[float, ...], least: float
) -> list[Blob]:
    blobs: list[Blob] = []
    for sigma in sigmas_mm:
        blobs.extend(_blobs_at(field, filled, sigma, least))
    return _thin_out(sorted(blobs, key=lambda b: -b.strength), field.grid.spacing_mm)


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
        values = field.grid.voxels[candidate.box][candidate.mask]
        solid = float((values > -300).mean())
        if solid < 0.45:
            kind = "part_solid_nodule" if solid > 0.06 else "ground_glass_nodule"
            kind = "tree_in_bud" if count >= FEWEST_BUDS else kind
            found.append(replace(candidate, kind=kind))
    return found


def _filled(field: Field, cap_hu: float) -> Hounsfield:
    """Return the densities with everything outside the lung set to lung density.

    Values above the cap are cut, so that a bright speck does not outshout its ring.
    """
    out = np.minimum(field.grid.voxels, np.float32(cap_hu))
    out[~(field.lung | (field.wide & (field.medial_mm > 12)))] = field.background_hu
    return out


def _blobs_at(field: Field, filled: Hounsfield, sigma_mm: float, least: float) -> list[Blob]:
    """Return the local maxima of the scale-normalised negative Laplacian at one scale."""
    spacing = np.asarray(field.grid.spacing_mm)
    smooth = ndimage.gaussian_filter(filled, sigma_mm / spacing, truncate=3.0)
    answer = np.zeros_like(smooth)
    for axis in range(3):
        step = (sigma_mm / spacing[axis]) ** 2
        answer -= step * ndimage.correlate1d(smooth, [1.0, -2.0, 1.0], axis=axis)
    reach = max(1, round(0.8 * sigma_mm / float(spacing.min())))
    peaks = answer == ndimage.maximum_filter(answer, size=2 * reach + 1)
    peaks &= (answer > least) & (field.lung | field.wide)
    places = np.argwhere(peaks)
    roundness = _roundness(smooth, places, spacing)
    return [
        Blob((int(p[0]), int(p[1]), int(p[2])), sigma_mm, float(answer[tuple(p)]), float(r))
        for p, r in zip(places, roundness, strict=True)
        if r > LEAST_TO_LARGEST
    ]


def _roundness(
    smooth: Hounsfield, places: NDArray[np.int64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return least/largest eigenvalue of the Hessian at each place; 0 where not a peak."""
    if not len(places):
        return np.zeros(0)
    inner = np.clip(places, 1, np.asarray(smooth.shape) - 2)
    hessian = np.zeros((len(places), 3, 3))
    for a, b in combinations_with_replacement(range(3), 2):
        hessian[:, a, b] = hessian[:, b, a] = _second(smooth, inner, (a, b)) / (
            spacing[a] * spacing[b]
        )
    roots = np.linalg.eigvalsh(hessian)  # ascending: most negative first
    peak = roots[:, 2] < 0
    return np.where(peak, roots[:, 2] / np.minimum(roots[:, 0], -1e-9), 0.0)


def _second(
    smooth: Hounsfield, places: NDArray[np.int64], axes: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the second difference along one axis or two."""
    a, b = axes
    one, two = np.eye(3, dtype=np.int64)[a], np.eye(3, dtype=np.int64)[b]

    def at(shift: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(smooth[tuple((places + shift).T)], dtype=np.float64)

    if a == b:
        return at(one) - 2 * at(one * 0) + at(-one)
    return (at(one + two) - at(one - two) - at(two - one) + at(-one - two)) / 4


def _thin_out(blobs: list[Blob], spacing_mm: tuple[float, float, float]) -> list[Blob]:
    """Keep the strongest of blobs whose balls overlap by their centres."""
    if not blobs:
        return []
    spots = np.array([b.place for b in blobs]) * np.asarray(spacing_mm)
    radii = np.array([b.radius_mm for b in blobs])
    alive = np.ones(len(blobs), dtype=bool)
    for index in range(len(blobs)):
        if not alive[index]:
            continue
        distance = np.linalg.norm(spots[index + 1 :] - spots[index], axis=1)
        alive[index + 1 :] &= distance > np.maximum(radii[index], radii[index + 1 :])
    return [b for b, keep in zip(blobs, alive, strict=True) if keep]


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
    mask, tail = _detached(above, distance, blob.radius_mm, at)
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
    above: Mask, distance: Hounsfield, radius_mm: float, at: list[int]
) -> tuple[Mask | None, Mask]:
    """Return the blob without its vessels, and the connected piece with them."""
    labels, _ = ndimage.label(above)
    own = labels[tuple(at)]
    if own == 0:
        return None, above
    whole = labels == own
    near = whole & (distance <= 1.6 * radius_mm)
    if radius_mm > 3.0:
        cut = ndimage.binary_opening(near, iterations=1)
        parts, count = ndimage.label(cut)
        if count:
            sizes = np.bincount(parts.ravel())
            sizes[0] = 0
            near = ndimage.binary_dilation(parts == int(sizes.argmax())) & near
    return near, whole


def _nodule_kind(values: Hounsfield, peak: float) -> str:
    """Name a nodule by its densities; ground glass proper is found by the hazy blobs."""
    if float((values > 200).mean()) > 0.3 or peak > 300:
        return "calcification"
    return "ground_glass_nodule" if peak < -350 else "solid_nodule"
