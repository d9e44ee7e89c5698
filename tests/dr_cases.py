"""Synthetic frontal chests for tests: the mean chest with ribs, vessels and grain; no patient."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from core.imaging.dr_template import chest_template
from core.imaging.volume import Radiograph


def chest_pixels(side: int = 512, seed: int = 0, opacity: float = 0.0) -> np.ndarray:
    """(side, side) float32, 0 ... 255; `opacity` > 0 veils the patient's right upper zone."""
    generator = np.random.default_rng(seed)
    zoom = 0.74 * side / 48
    body = ndi.zoom(chest_template(), zoom, order=1)
    picture = np.full((side, side), 0.02, np.float32)
    top, left = round(0.11 * side), (side - body.shape[1]) // 2
    height = min(body.shape[0], side - top)
    picture[top : top + height, left : left + body.shape[1]] = body[:height]
    picture[top + height :, left : left + body.shape[1]] = body[-1]
    rows, columns = np.mgrid[0:side, 0:side] / side
    inside = (columns > left / side) & (columns < 1 - left / side)
    neck = (np.abs(columns - 0.5) < 0.09) & (rows < top / side)
    picture[neck] = 0.75
    ribs = np.clip(np.sin(2 * np.pi * (rows * 18 - 3 * np.abs(columns - 0.5))), 0, 1) * 0.10
    vessels = ndi.gaussian_filter(generator.standard_normal((side, side)), side / 250)
    vessels *= 0.05 / vessels.std()
    picture += np.where(inside & (rows > top / side), ribs + vessels, 0.0)
    if opacity > 0:
        veil = np.exp(-(((rows - 0.30) / 0.08) ** 2 + ((columns - 0.34) / 0.08) ** 2))
        lumps = ndi.gaussian_filter(generator.standard_normal((side, side)), side / 100)
        picture += opacity * veil * (0.6 + 0.4 * lumps / lumps.std())
    grain = generator.standard_normal((side, side)) * 0.004
    return np.clip((picture + grain) * 190 + 20, 1, 254).round().astype(np.float32)


def chest(side: int = 512, seed: int = 0, opacity: float = 0.0, **tags: object) -> Radiograph:
    return Radiograph(chest_pixels(side, seed, opacity), bits_stored=8, tags=dict(tags))
