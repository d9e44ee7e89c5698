"""Lung fields from the chest template, refined on the image: what answers without a network. Pure.

An outline drawn on the mean frontal chest gives the prior of each place; the grey values of sure
lung and sure surroundings near it give the likelihood (localised region energies: Lankton &
Tannenbaum, IEEE TIP 2008, reduced to a few fixed-point steps). Where disease makes lung dense only
the prior speaks for it: an opaque lung is followed where the template lies and no further.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.draw import polygon2mask
from skimage.morphology import convex_hull_image, isotropic_closing, isotropic_opening

from core.imaging.dr_chest import ChestBox, equalise
from core.imaging.dr_metrics import warp_part

_FRAME = 160
# The frame reaches this share of the template's side beyond it, so that a poor fit can be mended.
_MARGIN = 0.12
_STEPS = 4
# Neighbourhood in which lung and its surroundings are compared, frame pixels.
_REACH = 14.0
_PRIOR_WIDTH = 5.0
_GREY_WEIGHT = 3.2

# (row, column) shares of the template's height and width; drawn by eye on the mean image.
_RIGHT = (
    (0.03, 0.33), (0.04, 0.39), (0.15, 0.415), (0.30, 0.425), (0.42, 0.41), (0.55, 0.385),
    (0.68, 0.37), (0.73, 0.36), (0.71, 0.28), (0.72, 0.16), (0.77, 0.065), (0.65, 0.065),
    (0.50, 0.085), (0.38, 0.10), (0.27, 0.125), (0.17, 0.17), (0.09, 0.24),
)  # fmt: skip
_LEFT = (
    (0.03, 0.67), (0.04, 0.61), (0.15, 0.585), (0.30, 0.585), (0.38, 0.60), (0.48, 0.64),
    (0.56, 0.69), (0.65, 0.76), (0.73, 0.83), (0.77, 0.92), (0.78, 0.935), (0.65, 0.925),
    (0.50, 0.91), (0.38, 0.895), (0.27, 0.87), (0.17, 0.82), (0.09, 0.755),
)  # fmt: skip


def frame_box(chest: ChestBox) -> ChestBox:
    """Return the part of the image in which the template is refined."""
    return chest.grown(_MARGIN, _MARGIN, _MARGIN)


def template_fields(pixels: NDArray[np.float32], chest: ChestBox) -> NDArray[np.float32]:
    """Return the two lung fields in the frame of :func:`frame_box`.

    Parameters
    ----------
    pixels : (row, column) float32
        Dense anatomy high.

    Returns
    -------
    (2, 160, 160) float32
        0...1: patient's right lung, left lung.
    """
    step = max(1, int(chest.width / (3 * _FRAME)))
    box = frame_box(chest)
    coarse = ChestBox(box.top / step, box.left / step, box.bottom / step, box.right / step)
    frame = warp_part(pixels[::step, ::step], coarse, (_FRAME, _FRAME))
    grey = ndi.gaussian_filter(equalise(frame), 1.0)
    distance = _signed_distances()
    prior = np.clip(distance.max(0) / _PRIOR_WIDTH, -3.5, 3.5)
    belief = prior
    for _ in range(_STEPS):
        belief = prior + _GREY_WEIGHT * _grey_evidence(grey, 1.0 / (1.0 + np.exp(-belief)))
    share = ndi.gaussian_filter(1.0 / (1.0 + np.exp(-belief)), 1.2)
    right_nearer = distance[0] >= distance[1]
    fields = np.stack([_tidied(share, right_nearer), _tidied(share, ~right_nearer)])
    return fields.astype(np.float32)


def template_overlap(fields: NDArray[np.float32]) -> float:
    """Return how far the refined fields agree with the unrefined outline (Dice, 0...1)."""
    plain = _signed_distances().max(0) > 0
    found = fields.max(0) >= 0.5
    return float(2.0 * (plain & found).sum() / max(1, plain.sum() + found.sum()))


def _grey_evidence(grey: NDArray[np.float32], lung: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return -1...1: nearer to the lung's or to the surroundings' mean grey value hereabouts."""
    # Means over a neighbourhood this wide need no more than every second pixel.
    few, part = grey[::2, ::2], lung[::2, ::2]
    inner, outer = (
        np.repeat(np.repeat(_local_mean(few, weight), 2, 0), 2, 1)
        for weight in (part**2, (1.0 - part) ** 2)
    )
    gap = np.maximum(outer - inner, 0.12)
    evidence: NDArray[np.float32] = np.clip(2.0 * ((inner + outer) / 2.0 - grey) / gap, -1.2, 1.2)
    return evidence


def _local_mean(grey: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    reach = _REACH / 2
    total = ndi.gaussian_filter(weight, reach, truncate=3.0) + 1e-3
    mean: NDArray[np.float32] = (
        ndi.gaussian_filter(grey * weight, reach, truncate=3.0) + 1e-3 * float(grey.mean())
    ) / total
    return mean


def _tidied(share: NDArray[np.float32], side: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return one side's largest piece without holes, threads and narrow bays."""
    mask = isotropic_opening((share >= 0.5) & side, 2)
    labels, count = ndi.label(mask)
    if not count:
        return np.zeros_like(share)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    piece = ndi.binary_fill_holes(labels == int(sizes.argmax()))
    closed = isotropic_closing(np.pad(piece, 10), 7)[10:-10, 10:-10] & side
    # A lung's outer contour is convex; vessels and ribs are the only bays, so half-fill them.
    hull = convex_hull_image(closed)
    return np.maximum(closed, 0.49 * hull * side).astype(np.float32)


@cache
def _signed_distances() -> NDArray[np.float32]:
    """Return (2, 160, 160): distance from each lung's outline in frame pixels, positive inside."""
    scale = _FRAME / (1.0 + 2.0 * _MARGIN)
    found = []
    for outline in (_RIGHT, _LEFT):
        mask = polygon2mask((_FRAME, _FRAME), (np.array(outline) + _MARGIN) * scale)
        inner, outer = ndi.distance_transform_edt(mask), ndi.distance_transform_edt(~mask)
        found.append(inner - outer)
    return np.array(found, np.float32)
