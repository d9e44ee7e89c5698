"""Appearance, shape, framing at random: the lung network shall learn outlines and not detectors.

Disease is painted into known lungs (blots, effusion, white-out) and the field stays what it was: a
diseased lung still counts as lung. Pictures are cut off at any edge: the lungs reach the border
there, and how much is missing is known. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_chest import equalise
from core.imaging.dr_lungs_network import SIDE
from federated.training.dr_lungs_framing import Warp, extent_of, framed_window, missing_shares
from federated.training.dr_lungs_samples import FRONTAL, KEPT_SIDE, OTHER, REVERSED, TURNED, Sample

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Drawn:
    """What the network sees and should say.

    Attributes
    ----------
    image : (128, 128) float32
        Ranks.
    lungs : (2, 128, 128) float32 or None
    view : int
    yaw_deg : float
    missing : (4,) float32
        By edge, share of the lungs that lies beyond it; NaN where nobody knows.
    mirrored : float
        1 where right and left were exchanged, 0 where not, NaN where the question makes no sense.
    """

    image: Floats
    lungs: Floats | None
    view: int
    yaw_deg: float
    missing: Floats
    mirrored: float


_NOWHERE = np.full(4, np.nan, np.float32)


def draw(sample: Sample, rng: np.random.Generator) -> Drawn:
    """Return one random rendering of a sample."""
    mirrored = bool(rng.random() < 0.5)
    shown = reflected(sample) if mirrored else sample
    warp = Warp.drawn(rng, KEPT_SIDE)
    extent = None if shown.field is None else extent_of(shown.field, warp)
    window = framed_window(shown.window, extent, rng)
    image, masks = _sampled(shown, warp, window)
    if masks is not None:
        image = with_disease(image, masks, rng)
    shutter = _shutter(image.shape, rng)
    image = _framed(_toned(image, rng), shutter, rng)
    view, missing = shown.view, _NOWHERE
    if shown.field is not None and extent is not None:
        missing = missing_shares(shown.field, shown.window, extent, _opened(window, shutter, image))
    if view == FRONTAL:
        chance = rng.random()
        if chance < 0.10:
            image, masks, view = np.rot90(image, int(rng.integers(1, 4))), None, TURNED
        elif chance < 0.16:
            image, masks, view = 1.0 - image, None, REVERSED
    upright = view == FRONTAL
    return Drawn(
        padded(equalise(np.ascontiguousarray(image, np.float32))),
        None if masks is None else np.stack([padded(one) for one in masks]),
        view,
        shown.yaw_deg if upright else float("nan"),
        missing if upright else _NOWHERE,
        float(mirrored) if upright else float("nan"),
    )


def reflected(sample: Sample) -> Sample:
    """Return a mirrored patient: right and left change places, and so does the turn."""
    top, left, bottom, right = sample.window
    field = None
    if sample.field is not None:
        turned = sample.field[:, ::-1]
        field = np.where(turned == 0, 0, 3 - turned).astype(np.uint8)
    image = np.ascontiguousarray(sample.image[:, ::-1])
    window = (top, KEPT_SIDE - right, bottom, KEPT_SIDE - left)
    return replace(sample, image=image, field=field, yaw_deg=-sample.yaw_deg, window=window)


def padded(content: Floats) -> Floats:
    """Return a picture of at most 128 x 128 in the middle of a black frame, as it is served."""
    rows, columns = content.shape
    frame = np.zeros((SIDE, SIDE), np.float32)
    top, left = (SIDE - rows) // 2, (SIDE - columns) // 2
    frame[top : top + rows, left : left + columns] = content
    return frame


def _sampled(
    sample: Sample, warp: Warp, window: tuple[float, float, float, float]
) -> tuple[Floats, Floats | None]:
    """Return picture and masks inside a window, the longer side 128."""
    top, left, bottom, right = window
    unit = max(bottom - top, right - left) / SIDE
    rows = top + (np.arange(max(24, round((bottom - top) / unit))) + 0.5) * unit - 0.5
    columns = left + (np.arange(max(24, round((right - left) / unit))) + 0.5) * unit - 0.5
    where = warp.sources(rows, columns)
    soft = ndi.gaussian_filter(sample.image, 0.4 * unit) if unit > 1.2 else sample.image
    image = ndi.map_coordinates(soft, where, order=1, cval=0.0).astype(np.float32)
    if sample.field is None:
        return image, None
    masks = [
        ndi.map_coordinates((sample.field == side).astype(np.float32), where, order=1, cval=0.0)
        for side in (1, 2)
    ]
    return image, np.stack(masks).astype(np.float32)


def _shutter(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Return how many pixels are covered at top, left, bottom, right."""
    if rng.random() < 0.65:
        return (0, 0, 0, 0)
    widths = (rng.uniform(0, 0.10, 4) * (rng.random(4) < 0.5) * min(shape)).astype(int)
    top, left, bottom, right = (int(width) for width in widths)
    return top, left, bottom, right


def _opened(
    window: tuple[float, float, float, float], shutter: tuple[int, int, int, int], image: Floats
) -> tuple[float, float, float, float]:
    """Return the part of a window that the shutter leaves open."""
    unit = (window[2] - window[0]) / image.shape[0]
    top, left, bottom, right = (unit * width for width in shutter)
    return window[0] + top, window[1] + left, window[2] - bottom, window[3] - right


def stray(rng: np.random.Generator) -> Drawn:
    """Return a picture of no chest at all: noise of some scale, stripes, shapes."""
    scale = float(np.exp(rng.uniform(-0.5, 2.8)))
    field = ndi.gaussian_filter(rng.standard_normal((SIDE, SIDE)), scale)
    field /= field.std()
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    for _ in range(int(rng.integers(0, 8))):
        height, width, row, column = rng.uniform((0.05, 0.05, -1, -1), (0.8, 0.8, 1, 1))
        shape = np.hypot((rows - row) / height, (columns - column) / width) < 1
        if rng.random() < 0.5:
            shape = (np.abs(rows - row) < height) & (np.abs(columns - column) < width)
        field[shape] += rng.normal(0, 3)
    if rng.random() < 0.3:
        field += np.sin(rng.uniform(5, 60) * (rows + rng.normal() * columns)) * rng.uniform(0, 2)
    cut = int(rng.integers(0, SIDE // 3))
    part = field[:, cut:] if rng.random() < 0.5 else field[cut:]
    ranks = padded(equalise(part.astype(np.float32)))
    return Drawn(ranks, None, OTHER, float("nan"), _NOWHERE, float("nan"))


def with_disease(image: Floats, masks: Floats, rng: np.random.Generator) -> Floats:
    """Paint opacities into the lungs (masks (2, row, column) of right and left)."""
    dense = float(np.percentile(image[masks.max(0) < 0.5], 80)) if (masks < 0.5).any() else 1.0
    veil = np.zeros_like(image)
    for mask in masks:
        inside = np.argwhere(mask > 0.5)
        if len(inside) < 15:
            continue
        chance = rng.random()
        if chance < 0.45:
            for _ in range(int(rng.integers(1, 9))):
                place = inside[rng.integers(len(inside))]
                veil = np.maximum(veil, _blot(image.shape, place, rng))
        elif chance < 0.57:
            veil = np.maximum(veil, _effusion(image.shape, inside, rng))
        elif chance < 0.65:
            veil = np.maximum(veil, rng.uniform(0.3, 1.0) * np.ones_like(veil))
        # Whatever was painted stays in this lung and a little beyond.
        near = ndi.gaussian_filter(mask, 0.8)
        veil = np.where(masks.max(0) > 0.5, veil, veil * near)
    grain = ndi.gaussian_filter(rng.standard_normal(image.shape), rng.uniform(0.5, 2))
    veil = np.clip(veil * (1.0 + 0.25 * grain / grain.std()), 0.0, 1.0) * masks.max(0)
    painted: Floats = (image + veil * (dense - image) * (dense > image)).astype(np.float32)
    return painted


def _blot(shape: tuple[int, ...], place: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    height, width = rng.uniform(2, 19, 2)
    distance = np.hypot((rows - place[0]) / height, (columns - place[1]) / width)
    edge = rng.uniform(0.08, 0.5)
    blot = rng.uniform(0.3, 1.0) / (1.0 + np.exp((distance - 1.0) / edge))
    if rng.random() < 0.25:  # a cavity: its inside is dark again
        blot *= 1.0 / (1.0 + np.exp(-(distance - 0.65) / 0.06))
    result: Floats = blot.astype(np.float32)
    return result


def _effusion(shape: tuple[int, ...], inside: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    low, high = inside[:, 0].min(), inside[:, 0].max()
    level = high - rng.uniform(0.08, 0.6) * (high - low)
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    fluid = rng.uniform(0.7, 1.0) / (1.0 + np.exp(-(rows - level) / rng.uniform(0.5, 4.0)))
    return np.broadcast_to(fluid, shape).astype(np.float32)


def _toned(image: Floats, rng: np.random.Generator) -> Floats:
    """Console processing, shading, blur, noise, another grey-scale."""
    broad = ndi.gaussian_filter(image, rng.uniform(3, 15))
    image = rng.uniform(0.3, 1.0) * broad + rng.uniform(0.6, 1.8) * (image - broad)
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in image.shape)
    shade = rng.normal(0, 0.06, 3)
    image = image + shade[0] * down[:, None] + (shade[1] * across + shade[2] * np.abs(across))[None]
    if rng.random() < 0.4:
        image = ndi.gaussian_filter(image, rng.uniform(0.2, 0.9))
    shown: NDArray[np.floating[Any]] = image
    if rng.random() < 0.5:
        shown = image + rng.uniform(0, 0.08) * rng.standard_normal(image.shape)
    # Ranks take out any monotone curve but not where it clips.
    low, high = np.quantile(shown, (rng.uniform(0, 0.25) * (rng.random() < 0.3), 1.0))
    cut = np.quantile(shown, 1.0 - rng.uniform(0, 0.25)) if rng.random() < 0.3 else high
    toned: Floats = np.clip(shown, low, cut).astype(np.float32)
    return toned


def _framed(image: Floats, shutter: tuple[int, int, int, int], rng: np.random.Generator) -> Floats:
    """Shutter (pixels at top, left, bottom, right), markers, wires."""
    framed = image.copy()
    rows, columns = image.shape
    low, high = float(image.min()), float(image.max())
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.5 else 0):
        row, column = int(rng.integers(0, rows - 10)), int(rng.integers(0, columns - 10))
        height, width = rng.integers(2, 8, 2)
        framed[row : row + height, column : column + width] = rng.choice([low, high])
    if rng.random() < 0.2:
        path = np.cumsum(rng.normal(0, 1.0, rows)) + rng.uniform(10, columns - 10)
        across = np.clip(path.astype(int), 0, columns - 2)
        framed[np.arange(rows), across] = high
    value = low if rng.random() < 0.8 else high
    top, left, bottom, right = shutter
    framed[:top], framed[rows - bottom :] = value, value
    framed[:, :left], framed[:, columns - right :] = value, value
    return framed
