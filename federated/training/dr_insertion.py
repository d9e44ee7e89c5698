"""Radiographs with and without drawn disease, of one source. Pure, seeded.

A training sample is a real normal crop, to which disease is added or not; what is not tuberculosis
(basal pneumonia, oedema, wires, markers) is added to both kinds alike, so that "something was drawn
here" is no cue. The appearance (grey-scale curve, sharpness, noise, shading, placement) is drawn
widely, so that a device is no cue either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from federated.training.dr_lesions import (
    Draw,
    Drawn,
    Floats,
    blob,
    place,
    step_of,
    texture,
    together,
    tuberculosis,
)

#: Of samples that stay free of tuberculosis.
CLEAR_SHARE = 0.45
#: Of all samples that get something which is not tuberculosis.
DISTRACTED_SHARE = 0.55


@dataclass(frozen=True)
class Sample:
    """One training sample.

    Attributes
    ----------
    crop : (row, column) float32
        Grey values, dense anatomy high.
    masks : (3, row, column) bool
        Truth by kind (`federated.training.dr_lesions`).
    tuberculosis : bool
    """

    crop: Floats
    masks: NDArray[np.bool_]
    tuberculosis: bool


def contrast_of(crop: Floats, lungs: Floats) -> float:
    """Return the grey step from lung to soft tissue."""
    inside = crop[lungs > 0.5]
    return max(0.8 * float(np.percentile(crop, 85)) - 0.8 * float(np.percentile(inside, 25)), 1e-3)


def insert(crop: Floats, lungs: Floats, drawn: Drawn) -> Floats:
    """Return the crop with `drawn` added; bright places saturate softly.

    Values are logarithms of exposure or near it, so that shadows add.
    """
    step = contrast_of(crop, lungs)
    ceiling = float(crop.max()) + 0.15 * step
    raised = crop + np.float32(step) * drawn.density
    over = np.clip(raised - (ceiling - 0.3 * step), 0, None)
    return (np.minimum(raised, ceiling - 0.3 * step) + 0.3 * step * np.tanh(over / (0.3 * step))
            ).astype(np.float32)  # fmt: skip


def distractor(lungs: Floats, draw: Draw) -> Drawn:
    """Return something that is not tuberculosis: its masks are empty."""
    kinds = (_basal, _oedema, _wires, _marker, _plate, _breast)
    chosen = draw.choice(len(kinds), int(draw.integers(1, 3)), replace=False)
    density = np.zeros_like(lungs)
    for index in chosen:
        density += kinds[int(index)](lungs, draw)
    return Drawn(np.clip(density, 0, 1.6), np.zeros((3, *lungs.shape), bool))


def sample(crop: Floats, lungs: Floats, draw: Draw, diseased: bool, varied: bool = True) -> Sample:
    """Return one sample from a crop, with the appearance drawn anew if `varied`."""
    parts: list[Drawn] = []
    if diseased:
        parts.append(tuberculosis(lungs, draw))
    if draw.random() < DISTRACTED_SHARE:
        parts.append(distractor(lungs, draw))
    made = together(parts, lungs.shape)
    picture = insert(crop, lungs, made) if parts else crop
    if varied:
        picture = appearance(picture, draw)
    return Sample(picture, made.masks, diseased)


def moved(crop: Floats, lungs: Floats, draw: Draw, mirror: bool) -> tuple[Floats, Floats]:
    """Return crop and lungs shifted, scaled, turned a little and, if asked, mirrored."""
    side = crop.shape[0]
    angle, scale = np.deg2rad(draw.normal(0, 2.5)), draw.uniform(0.93, 1.07, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn * scale[:, None]
    centre = np.full(2, (side - 1) / 2)
    offset = centre - matrix @ centre + draw.normal(0, 0.02 * side, 2)
    pair = []
    for image in (crop, lungs):
        laid = ndi.affine_transform(image, matrix, offset, order=1, mode="nearest")
        pair.append(np.ascontiguousarray(laid[:, ::-1]) if mirror else laid)
    return pair[0], pair[1]


def appearance(crop: Floats, draw: Draw) -> Floats:
    """Return the crop as another device and console would show it."""
    low, high = np.percentile(crop, (0.5, 99.5))
    grey = np.clip((crop - low) / max(high - low, 1e-3), -0.05, 1.1)
    bent = np.clip(grey, 0, 1) ** np.exp(draw.normal(0, 0.3)) + np.clip(grey, None, 0)
    pivot, steep = draw.uniform(0.3, 0.7), draw.uniform(0.1, 5.0)
    curve = np.tanh(steep * (bent - pivot))
    mixed = bent + draw.uniform(0, 0.6) * (curve * 0.5 + 0.5 - bent)
    picture = mixed.astype(np.float32)
    if draw.random() < 0.6:
        # Every fourth as blurred as a picture projected from 3 mm voxels.
        sigma = draw.uniform(0.2, 1.0) if draw.random() < 0.6 else draw.uniform(1.0, 3.0)
        picture = ndi.gaussian_filter(picture, sigma)
    elif draw.random() < 0.6:
        wide = ndi.gaussian_filter(picture, draw.uniform(2, 12))
        picture = picture + np.float32(draw.uniform(0, 0.8)) * (picture - wide)
    shading = texture(picture.shape, (60.0,), draw) * np.float32(draw.uniform(0, 0.04))
    noise = ndi.gaussian_filter(
        draw.standard_normal(picture.shape).astype(np.float32), draw.uniform(0.0, 0.8)
    )
    noise *= np.float32(draw.uniform(0, 0.02) / max(float(noise.std()), 1e-3))
    return (picture + shading + noise).astype(np.float32)


def _basal(lungs: Floats, draw: Draw) -> Floats:
    """Even consolidation of a lower lobe."""
    at = place(lungs, draw, 0.0)
    rows = np.flatnonzero(lungs.max(1) > 0.5)
    at = (rows[0] + draw.uniform(0.6, 0.95) * len(rows), at[1])
    depth, _ = blob(lungs.shape, at, draw.uniform(14, 38), draw)
    soft = step_of(depth, draw.uniform(2, 9))
    even = np.clip(0.9 + 0.12 * texture(lungs.shape, (7.0,), draw), 0.3, 1.3)
    return (draw.uniform(0.25, 0.8) * soft * even * lungs).astype(np.float32)


def _oedema(lungs: Floats, draw: Draw) -> Floats:
    """Haze around both hila, or over both lungs, even on both sides."""
    shape = lungs.shape
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) / shape[0]
    aside = np.abs(columns - 0.5) - draw.uniform(0.12, 0.2)
    haze = np.exp(-((aside / draw.uniform(0.08, 0.3)) ** 2))
    haze *= np.exp(-(((rows - draw.uniform(0.5, 0.75)) / draw.uniform(0.2, 0.5)) ** 2))
    grain = np.clip(1 + draw.uniform(0.1, 0.5) * texture(shape, (2.0, 5.0), draw), 0, 2)
    return (draw.uniform(0.1, 0.5) * haze * grain * lungs).astype(np.float32)


def _wires(lungs: Floats, draw: Draw) -> Floats:
    """Leads, lines and electrodes across the chest."""
    shape = lungs.shape
    density = np.zeros(shape, np.float32)
    for _ in range(int(draw.integers(1, 4))):
        steps = np.linspace(0, 1, 600)
        knots = draw.uniform(0, 1, (4, 2)) * np.array(shape)
        weights = np.stack([(1 - steps) ** 3, 3 * steps * (1 - steps) ** 2,
                            3 * steps**2 * (1 - steps), steps**3])  # fmt: skip
        path = (weights.T @ knots).round().astype(int).clip(0, np.array(shape) - 1)
        density[path[:, 0], path[:, 1]] = draw.uniform(0.5, 1.4)
        end = path[-1]
        if draw.random() < 0.5:
            density[max(0, end[0] - 3) : end[0] + 4, max(0, end[1] - 3) : end[1] + 4] = 1.2
    wide = draw.uniform(0.5, 1.0)
    return ndi.gaussian_filter(density, wide) * np.float32(2.2 * wide)


def _marker(lungs: Floats, draw: Draw) -> Floats:
    """A side marker or lettering in an upper corner."""
    density = np.zeros_like(lungs)
    row, column = int(draw.integers(4, 50)), int(draw.choice((10, 220)) + draw.integers(0, 20))
    tall, broad = int(draw.integers(8, 20)), int(draw.integers(5, 14))
    density[row : row + tall, column : column + broad] = draw.random((1, 1)) * 0.5 + 0.9
    if draw.random() < 0.6:
        density[row + 2 : row + tall // 2, column + 2 : column + broad - 2] = 0
    return density


def _plate(lungs: Floats, draw: Draw) -> Floats:
    """Plate atelectasis: a level band above a diaphragm."""
    rows = np.flatnonzero(lungs.max(1) > 0.5)
    row = rows[0] + draw.uniform(0.7, 0.95) * len(rows)
    grid, columns = np.mgrid[0 : lungs.shape[0], 0 : lungs.shape[1]].astype(np.float32)
    centre = draw.choice((0.3, 0.7)) * lungs.shape[1]
    line = row + draw.normal(0, 0.15) * (columns - centre)
    band = np.exp(-(((grid - line) / draw.uniform(1.0, 2.5)) ** 2))
    band *= np.exp(-(((columns - centre) / draw.uniform(12, 30)) ** 2))
    return (draw.uniform(0.3, 0.7) * band * lungs).astype(np.float32)


def _breast(lungs: Floats, draw: Draw) -> Floats:
    """Soft tissue over both lower halves, even on both sides."""
    rows, columns = np.mgrid[0 : lungs.shape[0], 0 : lungs.shape[1]].astype(np.float32)
    rows, aside = rows / lungs.shape[0], np.abs(columns / lungs.shape[1] - 0.5)
    depth = 0.22 - np.hypot(rows - draw.uniform(0.7, 0.85), aside - draw.uniform(0.2, 0.3))
    return (draw.uniform(0.1, 0.4) * step_of(depth, 0.02)).astype(np.float32)
