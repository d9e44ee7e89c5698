"""How well two registered lungs lie upon each other, in millimetres, from the images alone.

At well-structured places (vessel forks and crossings) a block of the current lung is looked for in
the warped prior lung. Where it is found best, relative to where the registration put it, is the
residual; where no block is like it, the place is unmatched. Two scans of different people share no
vessel tree: most of their places stay unmatched. Method: block matching as for landmarks in Murphy
et al. (IEEE TMI 30:1901, 2011), by normalised cross-correlation. Arrays are (up, back, left).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask, erode
from core.imaging.register import LungImage, PointMap, normalised

HALF_BLOCK_MM = 7.0
SEARCH_MM = 10.0
LIKE = 0.6  # correlation from which a block counts as found again


@dataclass(frozen=True, slots=True)
class RegistrationQuality:
    """What the two images say about the map between them.

    Attributes
    ----------
    lung_dice : float
        Overlap of the warped prior lungs with the current ones.
    found_share : float
        Of the structured places, those found again in the warped prior.
    residual_median_mm, residual_p95_mm : float
        Distance between where a place was put and where it is found best, of the found ones.
    correlation : float
        Of density inside the lungs after registration.
    block_correlation : float
        Median over the places: of the block where the registration put it, without searching.
    places : int
    """

    lung_dice: float
    found_share: float
    residual_median_mm: float
    residual_p95_mm: float
    correlation: float
    block_correlation: float
    places: int

    def as_json(self) -> dict[str, float]:
        """Return plain numbers with units in their names."""
        return {
            "lung_dice": round(self.lung_dice, 3),
            "found_share": round(self.found_share, 3),
            "residual_median_mm": round(self.residual_median_mm, 2),
            "residual_p95_mm": round(self.residual_p95_mm, 2),
            "correlation": round(self.correlation, 3),
            "block_correlation": round(self.block_correlation, 3),
            "places": self.places,
        }


def assess_registration(
    current: LungImage, prior: LungImage, points: PointMap, most: int = 150
) -> RegistrationQuality:
    """Return the quality of a map; no randomness."""
    warped = points.warped(normalised(prior), prior.spacing_mm)
    lungs = points.warped(prior.lungs.astype(np.float32), prior.spacing_mm) > 0.5
    sick = points.warped(prior.lesions.astype(np.float32), prior.spacing_mm) > 0.25
    here = normalised(current)
    both = current.lungs & lungs
    dice = 2.0 * float(both.sum()) / max(1.0, float(current.lungs.sum() + lungs.sum()))
    places = structured_places(here, both & ~sick & ~current.lesions, current.spacing_mm, most)
    found = [_found(here, warped, place, current.spacing_mm) for place in places]
    like = np.array([score for score, _, _ in found])
    away = np.array([mm for _, mm, _ in found])
    good = away[like >= LIKE] if found else away
    return RegistrationQuality(
        dice,
        float((like >= LIKE).mean()) if found else 0.0,
        float(np.median(good)) if len(good) else SEARCH_MM,
        float(np.percentile(good, 95)) if len(good) else SEARCH_MM,
        _correlation(here, warped, both),
        float(np.median([put for _, _, put in found])) if found else 0.0,
        len(places),
    )


def structured_places(
    image: Hounsfield, mask: Mask, spacing_mm: tuple[float, float, float], most: int
) -> NDArray[np.intp]:
    """Return (n, 3) indices of well-structured places inside a mask, at least 10 mm apart.

    Structure is the smallest eigenvalue of the gradient tensor: high where edges run in every
    direction (a fork), low along a plain vessel or wall.
    """
    # No block may reach the lung's border: that edge is alike in everybody.
    inner = erode(mask, HALF_BLOCK_MM * 1.6, spacing_mm)
    measure = np.where(inner, _corner(image, spacing_mm), 0.0)
    size = [2 * max(1, round(5.0 / mm)) + 1 for mm in spacing_mm]
    peaks = (measure == ndimage.maximum_filter(measure, size)) & (measure > 0)
    index = np.argwhere(peaks)
    order = np.argsort(-measure[tuple(index.T)], kind="stable")
    return np.asarray(index[order[:most]])


def _corner(image: Hounsfield, spacing_mm: tuple[float, float, float]) -> Hounsfield:
    """Return det / trace² -like cornerness: three times the harmonic mean of the eigenvalues."""
    smooth = ndimage.gaussian_filter(image, [1.5 / mm for mm in spacing_mm])
    gradient = [g / mm for g, mm in zip(np.gradient(smooth), spacing_mm, strict=True)]
    window = [4.0 / mm for mm in spacing_mm]
    tensor = np.empty((3, 3, *image.shape), dtype=np.float32)
    for a in range(3):
        for b in range(a, 3):
            tensor[a, b] = ndimage.gaussian_filter(gradient[a] * gradient[b], window)
            tensor[b, a] = tensor[a, b]
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = tensor
    minors = xx * yy - xy * xy + xx * zz - xz * xz + yy * zz - yz * yz
    det = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    # det / (sum of principal minors) is a third of the eigenvalues' harmonic mean.
    return np.where(minors > 1e-3, det / np.maximum(minors, 1e-3), 0.0).astype(np.float32)


def _found(
    here: Hounsfield,
    there: Hounsfield,
    place: NDArray[np.intp],
    spacing_mm: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Return (best correlation, its distance in mm, correlation where it was put) of a block."""
    half = [max(1, round(HALF_BLOCK_MM / mm)) for mm in spacing_mm]
    reach = [max(1, round(SEARCH_MM / mm)) for mm in spacing_mm]
    low = [int(p) - h - r for p, h, r in zip(place, half, reach, strict=True)]
    high = [int(p) + h + r + 1 for p, h, r in zip(place, half, reach, strict=True)]
    if min(low) < 0 or any(b > n for b, n in zip(high, there.shape, strict=True)):
        return 0.0, SEARCH_MM, 0.0
    block = here[tuple(slice(int(p) - h, int(p) + h + 1) for p, h in zip(place, half, strict=True))]
    area = there[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    score = _ncc(block, area)
    best = np.unravel_index(int(score.argmax()), score.shape)
    offset = [
        (at + _parabola(score, best, axis) - r) * mm
        for axis, (at, r, mm) in enumerate(zip(best, reach, spacing_mm, strict=True))
    ]
    put = float(score[reach[0], reach[1], reach[2]])
    return float(score[best]), float(np.linalg.norm(offset)), put


def _ncc(block: Hounsfield, area: Hounsfield) -> NDArray[np.float64]:
    """Return the normalised cross-correlation of a block at every place in an area."""
    windows = sliding_window_view(area, block.shape)
    template = block - block.mean()
    count = block.size
    product = np.einsum("abcijk,ijk->abc", windows, template, optimize=True)
    total = ndimage.uniform_filter(area.astype(np.float64), block.shape)
    square = ndimage.uniform_filter(area.astype(np.float64) ** 2, block.shape)
    inner = tuple(slice(n // 2, m - n // 2) for n, m in zip(block.shape, area.shape, strict=True))
    spread = np.maximum(square[inner] - total[inner] ** 2, 1.0) * count
    scale = np.sqrt(spread * max(float((template.astype(np.float64) ** 2).sum()), 1.0))
    return np.asarray(product / scale)


def _parabola(score: NDArray[np.float64], best: tuple[np.intp, ...], axis: int) -> float:
    """Return the peak's offset between samples along an axis, by a parabola through three."""
    at = int(best[axis])
    if at in (0, score.shape[axis] - 1):
        return 0.0
    line = [score[tuple(v + d * (k == axis) for k, v in enumerate(best))] for d in (-1, 0, 1)]
    bend = line[0] - 2 * line[1] + line[2]
    return float(np.clip(0.5 * (line[0] - line[2]) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _correlation(a: Hounsfield, b: Hounsfield, mask: Mask) -> float:
    if mask.sum() < 100:
        return 0.0
    return float(np.corrcoef(a[mask], b[mask])[0, 1])
