"""Densities and noise of a chest CT for quality control: air, fat, blood, grain of the noise.

Full resolution is read in small boxes only; order of axes (up, back, left), see ``ct_grid``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Mask, PatientView, bounding_box, erode
from core.imaging.ct_qc_aorta import LEAST_SCORE, Tube, best_on_the_right, best_tube, heart_core
from core.imaging.lungs import AIRWAYS, LungMap, lung_height

Axis = NDArray[np.floating[Any]]

AORTA_RADIUS_MM = 6.0
FAT_RIM_MM = (4.0, 12.0)
FAT_HU = (-250, 0)
ENHANCED_HU = 90.0  # unenhanced blood is 30 to 60 HU
ARTERIAL_HU = 200.0


def noise_of(voxels: NDArray[np.int16] | NDArray[np.float32], airway: NDArray[np.bool_]) -> float:
    """Return the SD of values in the inner airway, HU: robust, from in-plane differences.

    ``airway`` marks voxels well inside the trachea at full resolution; NaN with fewer than 50.
    Where makers clip at air, half of the values are one number: then the upper half speaks alone.
    """
    pairs = airway[:, :, 1:] & airway[:, :, :-1]
    if pairs.sum() < 50:
        return float("nan")
    values = voxels[airway].astype(np.float32)
    lowest = float(values.min())
    if (values <= lowest).mean() > 0.1:
        # One to two standard deviations above the middle of a Gaussian cut off below.
        one, two = np.percentile(values, [84.13, 97.72])
        return float(two - one) if one > lowest else float(two - lowest) / 2
    steps = (voxels[:, :, 1:].astype(np.float32) - voxels[:, :, :-1])[pairs]
    # Neighbours are correlated by the kernel: the plain SD sees what differences miss.
    plain = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return max(plain, 1.4826 * float(np.median(np.abs(steps))) / 2**0.5)


def value_metrics(view: PatientView, grid: Grid, lungs: LungMap) -> dict[str, float]:
    """Return densities and noise by name; what could not be found is left out.

    ``air_hu`` and ``noise_hu`` (tracheal air), ``aorta_hu``, ``aorta_noise_hu``, ``heart_hu``,
    ``fat_hu``, ``aorta_match``, ``aorta_left_margin`` (how much better the aorta matches left of
    the spine than right of it), ``noise_frequency_per_mm`` (mean of the aorta's noise, cycles).
    """
    out: dict[str, float] = {}
    out |= airway_metrics(view, grid, lungs)
    fat = fat_hu(grid, lungs)
    if fat is not None:
        out["fat_hu"] = fat
    aorta = best_tube(grid, lungs)
    if aorta is None:
        return out
    out["aorta_match"] = aorta.score
    out["aorta_left_margin"] = aorta.score - best_on_the_right(grid, lungs)
    if aorta.score < LEAST_SCORE or out["aorta_left_margin"] < 0:
        return out
    out |= blood_metrics(view, grid, aorta)
    heart = heart_core(grid, lungs, aorta)
    if heart is not None:
        out["heart_hu"] = float(np.median(grid.voxels[heart]))
    return out


def airway_metrics(view: PatientView, grid: Grid, lungs: LungMap) -> dict[str, float]:
    """Return density and noise of tracheal air at full resolution; {} where there is no trachea."""
    airway = lungs.labels == AIRWAYS
    if not airway.any():
        return {}
    box = bounding_box(airway, (0, 1, 1))
    part = grid.cut(box)
    # Two pixels from the wall there is no partial volume left.
    inner = erode(airway[box], 2.0 + 2.0 * max(view.spacing_mm[1:]), grid.spacing_mm)
    if not inner.any():
        return {}
    voxels, mask = view.voxels[part.box], part.enlarge(inner)
    noise = noise_of(voxels, mask)
    return {} if np.isnan(noise) else {"air_hu": float(np.median(voxels[mask])), "noise_hu": noise}


def fat_hu(grid: Grid, lungs: LungMap) -> float | None:
    """Return the peak of subcutaneous fat, HU; None where the rim under the skin holds too little.

    Usual fat is -120 to -80 HU.
    """
    span = lung_height(lungs.labels)
    if span is None:
        return None
    values = []
    for level in np.linspace(span[0], span[1] - 1, 12).astype(int):
        body = np.pad(lungs.body[level], 1)
        depth = ndimage.distance_transform_edt(body, sampling=grid.spacing_mm[1:])[1:-1, 1:-1]
        rim = (depth > FAT_RIM_MM[0]) & (depth < FAT_RIM_MM[1])
        values.append(grid.voxels[level][rim])
    rim_values = np.concatenate(values)
    low, high = FAT_HU
    counts, edges = np.histogram(rim_values, bins=(high - low) // 5, range=(low, high))
    if not counts.any():
        return None
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), 2.0)
    peak = float(edges[int(smooth.argmax())] + 2.5)
    near = np.abs(rim_values - peak) < 30.0
    if near.mean() < 0.15 or near.sum() < 200:
        return None
    return float(np.median(rim_values[near]))


def blood_metrics(view: PatientView, grid: Grid, aorta: Tube) -> dict[str, float]:
    """Return density, noise and mean noise frequency in the middle of the aorta, level by level."""
    if max(view.spacing_mm[1:]) > AORTA_RADIUS_MM / 2:
        return {}  # too few pixels for a spread
    fine = np.unique(grid.full_index(aorta.centres).round().astype(int), axis=0)
    reach = [max(2, round(AORTA_RADIUS_MM / mm)) for mm in view.spacing_mm[1:]]
    y = np.arange(-reach[0], reach[0] + 1) * view.spacing_mm[1]
    x = np.arange(-reach[1], reach[1] + 1) * view.spacing_mm[2]
    disc = np.hypot(y[:, None], x[None, :]) <= AORTA_RADIUS_MM
    found = []
    for z, row, column in fine:
        part = view.voxels[
            z, row - reach[0] : row + reach[0] + 1, column - reach[1] : column + reach[1] + 1
        ]
        if part.shape == disc.shape:
            found.append(_disc_numbers(part.astype(np.float32), disc, (y, x)))
    if len(found) < 5:
        return {}
    table = np.array(found)
    # The evenest half of the levels: where the tube was missed, edges make it uneven.
    even = table[table[:, 1] <= np.median(table[:, 1])]
    lag = float(np.clip(even[:, 2].mean(), -1.0, 1.0))
    return {
        "aorta_hu": float(np.median(even[:, 0])),
        "aorta_noise_hu": float(np.median(even[:, 1])),
        "noise_frequency_per_mm": float(np.arccos(lag) / (2 * np.pi * view.spacing_mm[2])),
    }


def contrast_phase(metrics: dict[str, float]) -> str | None:
    """Return "none", "arterial" or "venous" from the aorta's and the heart's density, or None.

    Arterial: the aorta stands well above the mixed chambers, or above 200 HU; venous: both alike.
    """
    aorta = metrics.get("aorta_hu")
    if aorta is None:
        return None
    if aorta < ENHANCED_HU:
        return "none"
    heart = metrics.get("heart_hu", aorta)
    return "arterial" if aorta >= ARTERIAL_HU or aorta > heart + 50.0 else "venous"


def _disc_numbers(
    part: NDArray[np.float32], disc: Mask, axes: tuple[Axis, Axis]
) -> tuple[float, float, float]:
    """Return (median, SD, correlation of neighbours along the row) after a plane was taken out."""
    y, x = axes
    values = part[disc]
    places = np.stack(
        [
            np.ones_like(part),
            np.broadcast_to(y[:, None], part.shape),
            np.broadcast_to(x, part.shape),
        ],
        axis=-1,
    )[disc]
    plane, *_ = np.linalg.lstsq(places, values, rcond=None)
    rest = np.zeros_like(part)
    rest[disc] = values - places @ plane
    spread = float(rest[disc].std())
    pairs = disc[:, 1:] & disc[:, :-1]
    product = float((rest[:, 1:] * rest[:, :-1])[pairs].mean())
    lag = product / spread**2 if spread > 0 else 1.0
    return float(np.median(values)), spread, lag
