"""Appearance and shape at random, so that the lung network learns outlines and not detectors. Pure.

Disease is painted into known lungs (blots, effusion, white-out) and the field stays what it was: a
diseased lung still counts as lung.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_chest import equalise
from core.imaging.dr_lungs_network import SIDE
from federated.training.dr_lungs_samples import FRONTAL, OTHER, REVERSED, TURNED, Sample

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
    """

    image: Floats
    lungs: Floats | None
    view: int
    yaw_deg: float


def draw(sample: Sample, rng: np.random.Generator) -> Drawn:
    """Return one random rendering of a sample."""
    image, view, yaw = sample.image, sample.view, sample.yaw_deg
    masks = None
    if sample.field is not None:
        masks = np.stack([sample.field == 1, sample.field == 2]).astype(np.float32)
        image = with_disease(image, masks, rng)
    if rng.random() < 0.5:
        # A mirrored patient: right and left change places, and so does the turn.
        image, yaw = image[:, ::-1], -yaw
        masks = None if masks is None else masks[::-1, :, ::-1]
    image, masks = _moved(image, masks, rng)
    image = _toned(image, rng)
    image = _framed(image, rng)
    if view == FRONTAL:
        chance = rng.random()
        if chance < 0.10:
            image, masks, view = np.rot90(image, int(rng.integers(1, 4))), None, TURNED
        elif chance < 0.16:
            image, masks, view = 1.0 - image, None, REVERSED
    ranks = equalise(np.ascontiguousarray(image, np.float32))
    lungs = None if masks is None else np.ascontiguousarray(masks, np.float32)
    return Drawn(ranks, lungs, view, yaw if view == FRONTAL else float("nan"))


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
    return Drawn(equalise(field.astype(np.float32)), None, OTHER, float("nan"))


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
                veil = np.maximum(veil, _blot(inside[rng.integers(len(inside))], rng))
        elif chance < 0.57:
            veil = np.maximum(veil, _effusion(inside, rng))
        elif chance < 0.65:
            veil = np.maximum(veil, rng.uniform(0.3, 1.0) * np.ones_like(veil))
        # Whatever was painted stays in this lung and a little beyond.
        near = ndi.gaussian_filter(mask, 0.8)
        veil = np.where(masks.max(0) > 0.5, veil, veil * near)
    grain = ndi.gaussian_filter(rng.standard_normal(image.shape), rng.uniform(0.5, 2))
    veil = np.clip(veil * (1.0 + 0.25 * grain / grain.std()), 0.0, 1.0) * masks.max(0)
    painted: Floats = (image + veil * (dense - image) * (dense > image)).astype(np.float32)
    return painted


def _blot(place: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    height, width = rng.uniform(2, 19, 2)
    distance = np.hypot((rows - place[0]) / height, (columns - place[1]) / width)
    edge = rng.uniform(0.08, 0.5)
    blot = rng.uniform(0.3, 1.0) / (1.0 + np.exp((distance - 1.0) / edge))
    if rng.random() < 0.25:  # a cavity: its inside is dark again
        blot *= 1.0 / (1.0 + np.exp(-(distance - 0.65) / 0.06))
    result: Floats = blot.astype(np.float32)
    return result


def _effusion(inside: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    low, high = inside[:, 0].min(), inside[:, 0].max()
    level = high - rng.uniform(0.08, 0.6) * (high - low)
    rows = np.arange(SIDE, dtype=np.float32)[:, None]
    fluid = rng.uniform(0.7, 1.0) / (1.0 + np.exp(-(rows - level) / rng.uniform(0.5, 4.0)))
    return np.broadcast_to(fluid, (SIDE, SIDE)).astype(np.float32)


def _moved(
    image: Floats, masks: Floats | None, rng: np.random.Generator
) -> tuple[Floats, Floats | None]:
    """Turn, stretch, shift and bend picture and masks alike."""
    angle = np.deg2rad(rng.normal(0, 5.0))
    scale = np.exp(rng.normal(0, 0.16)) * np.exp(rng.normal(0, 0.07, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn / scale[:, None]
    grid = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) - (SIDE - 1) / 2
    where = np.tensordot(matrix, grid, 1) + (SIDE - 1) / 2
    where += rng.normal(0, 6.0, 2)[:, None, None]
    bend = rng.normal(0, 1, (2, 5, 5)) * rng.uniform(0, 2.5)
    where += np.stack(
        [ndi.zoom(one, SIDE / 5, order=1, grid_mode=True, mode="nearest") for one in bend]
    )
    background = 0.0 if rng.random() < 0.8 else float(rng.random())
    moved = ndi.map_coordinates(image, where, order=1, cval=background).astype(np.float32)
    if masks is None:
        return moved, None
    taken = [ndi.map_coordinates(one, where, order=1, cval=0.0) for one in masks]
    return moved, np.stack(taken).astype(np.float32)


def _toned(image: Floats, rng: np.random.Generator) -> Floats:
    """Console processing, shading, blur, noise, another grey-scale."""
    broad = ndi.gaussian_filter(image, rng.uniform(3, 15))
    image = rng.uniform(0.3, 1.0) * broad + rng.uniform(0.6, 1.8) * (image - broad)
    ramp = np.linspace(-1, 1, SIDE, dtype=np.float32)
    shade = rng.normal(0, 0.06, 3)
    image = image + shade[0] * ramp[:, None] + shade[1] * ramp[None] + shade[2] * np.abs(ramp)[None]
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


def _framed(image: Floats, rng: np.random.Generator) -> Floats:
    """Collimation, markers, wires."""
    framed = image.copy()
    low, high = float(image.min()), float(image.max())
    if rng.random() < 0.5:
        value = low if rng.random() < 0.8 else high
        top, bottom, left, right = (rng.uniform(0, 13, 4) * (rng.random(4) < 0.5)).astype(int)
        framed[:top], framed[SIDE - bottom :] = value, value
        framed[:, :left], framed[:, SIDE - right :] = value, value
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.5 else 0):
        row, column = rng.integers(0, SIDE - 10, 2)
        height, width = rng.integers(2, 8, 2)
        framed[row : row + height, column : column + width] = rng.choice([low, high])
    if rng.random() < 0.2:
        path = np.cumsum(rng.normal(0, 1.0, SIDE)) + rng.uniform(10, SIDE - 10)
        across = np.clip(path.astype(int), 0, SIDE - 2)
        framed[np.arange(SIDE), across] = high
    return framed
