"""Quantities that a radiograph's quality is judged by. Pure functions on arrays.

Everything pixel-wise is measured in the chest, resampled to a fixed frame, so that a figure means
the same on a 440 and on a 4000 pixel image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_chest import ChestBox, warp

Floats = NDArray[np.float32]
FRAME = 512
# The lungs' extent in the template, shares of its height and width.
LUNG_TOP, LUNG_BOTTOM, LUNG_LEFT, LUNG_RIGHT = 0.03, 0.77, 0.07, 0.93
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def lung_box(chest: ChestBox) -> ChestBox:
    """Return the box around both lungs."""
    return ChestBox(
        chest.top + LUNG_TOP * chest.height,
        chest.left + LUNG_LEFT * chest.width,
        chest.top + LUNG_BOTTOM * chest.height,
        chest.left + LUNG_RIGHT * chest.width,
    )


def chest_frame(pixels: Floats, chest: ChestBox) -> Floats:
    """Return the lungs' box resampled to 512 x 512; beyond the image the edge is repeated."""
    return warp_part(pixels, lung_box(chest), (FRAME, FRAME))


def warp_part(pixels: Floats, box: ChestBox, shape: tuple[int, int]) -> Floats:
    """As :func:`core.imaging.dr_chest.warp`, smoothing only what lies in the box."""
    margin = 4 + 2.0 * max(box.height / shape[0], box.width / shape[1])
    top, left = max(0, int(box.top - margin)), max(0, int(box.left - margin))
    bottom, right = int(box.bottom + margin) + 1, int(box.right + margin) + 1
    part = pixels[top:bottom, left:right]
    if not part.size:
        return warp(pixels, box, shape)
    moved = ChestBox(box.top - top, box.left - left, box.bottom - top, box.right - left)
    return warp(part, moved, shape)


def inside(pixels: Floats, chest: ChestBox) -> Floats:
    """Return the original pixels in the lungs' box (at least one)."""
    box = lung_box(chest)
    rows, columns = pixels.shape
    top = int(np.clip(box.top, 0, rows - 1))
    left = int(np.clip(box.left, 0, columns - 1))
    bottom = int(np.clip(box.bottom, top + 1, rows))
    right = int(np.clip(box.right, left + 1, columns))
    return pixels[top:bottom, left:right]


def clipped_shares(pixels: Floats, chest: ChestBox) -> tuple[float, float]:
    """Return the shares of chest pixels at the image's lowest and highest value."""
    part = inside(pixels, chest)
    low, high = float(pixels.min()), float(pixels.max())
    edge = max((high - low) * 0.002, 1e-6)
    return float((part <= low + edge).mean()), float((part >= high - edge).mean())


def grey_span(pixels: Floats, chest: ChestBox, full_range: float) -> float:
    """Return the share of the grey range between the chest's 2nd and 98th percentile."""
    low, high = np.percentile(inside(pixels, chest), [2, 98])
    return float((high - low) / max(full_range, 1e-6))


def sharpness(frame: Floats) -> float:
    """Return log(fine / medium structure) in the direction where it is least.

    Fine: differences over 2 pixels of the 512 frame (about 1.2 mm on an adult); medium: over 12.
    Motion blurs one direction only, so the least counts. Noise is taken off both in quadrature.
    """
    noise = noise_level(frame)
    ratios = []
    for down, across in _DIRECTIONS:
        fine = _difference_power(frame, 2 * down, 2 * across) - 2 * noise**2
        medium = _difference_power(frame, 12 * down, 12 * across) - 2 * noise**2
        ratios.append(max(fine, 1e-9) / max(medium, 1e-9))
    return float(0.5 * np.log(max(min(ratios), 1e-9)))


def averaged(pixels: Floats, chest: ChestBox) -> Floats:
    """Return the lungs' box averaged over whole blocks to about 512 columns, never enlarged.

    Noise is judged here: interpolation would hide it.
    """
    part = inside(pixels, chest)
    step = max(1, round(part.shape[1] / FRAME))
    rows, columns = (side // step for side in part.shape)
    if step == 1 or min(rows, columns) < 8:
        return part
    blocks = part[: rows * step, : columns * step].reshape(rows, step, columns, step)
    mean: Floats = blocks.mean((1, 3), dtype=np.float32)
    return mean


def noise_level(frame: Floats) -> float:
    """Return the noise's standard deviation (robust form of Immerkaer, CVIU 1996)."""
    return float(np.median(noise_map(frame))) if min(frame.shape) >= 8 else 0.0


def noise_map(frame: Floats) -> Floats:
    """Return what each pixel says of the noise, two pixels cut off all round.

    The median over a region is the noise's standard deviation there.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer: Floats = ndi.convolve(frame, kernel, mode="nearest")[2:-2, 2:-2]
    noise: Floats = (np.abs(answer) / (0.6745 * 6.0)).astype(np.float32)
    return noise


def contrast(frame: Floats) -> float:
    """Return the chest's contrast: 5th to 95th percentile, grey values."""
    low, high = np.percentile(ndi.gaussian_filter(frame, 2.0)[::4, ::4], [5, 95])
    return float(high - low)


def exposed_field(pixels: Floats) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of the exposed field.

    Rows and columns at the border whose grey values hardly vary are shutter or padding.
    """
    step = max(1, max(pixels.shape) // 512)
    small = pixels[::step, ::step]
    low, high = np.percentile(small, [1, 99])
    quiet = 0.02 * max(float(high - low), 1e-6)
    top, bottom = _lively(small.std(axis=1) > quiet)
    left, right = _lively(small.std(axis=0) > quiet)
    rows, columns = pixels.shape
    return top * step, left * step, min(rows, bottom * step), min(columns, right * step)


def cut_shares(pixels: Floats, chest: ChestBox) -> dict[str, float]:
    """Return the share of the lungs' height or width outside the field, by side."""
    top, left, bottom, right = exposed_field(pixels)
    lungs = lung_box(chest)
    return {
        "apices": max(0.0, top - lungs.top) / lungs.height,
        "bases": max(0.0, lungs.bottom - bottom) / lungs.height,
        "image_left": max(0.0, left - lungs.left) / lungs.width,
        "image_right": max(0.0, lungs.right - right) / lungs.width,
    }


def base_drop(pixels: Floats, chest: ChestBox) -> float:
    """Return how much darker the lungs' columns are than the middle at the field's lower edge.

    In ranks, 0...1. Below the diaphragm the abdomen is uniformly dense; where the field ends within
    the lungs, they are dark on both sides of the spine.
    """
    top, _, bottom, _ = exposed_field(pixels)
    strip = max(2, (bottom - top) // 25)
    left, width = chest.left, chest.width

    def grey(from_share: float, to_share: float) -> float:
        first = int(np.clip(left + from_share * width, 0, pixels.shape[1] - 1))
        last = int(np.clip(left + to_share * width, first + 1, pixels.shape[1]))
        return float(np.median(ranks[:, first:last]))

    step = max(1, pixels.size // 60000)
    sample = np.sort(pixels.ravel()[::step])
    rows = pixels[max(0, bottom - strip) : max(1, bottom)]
    ranks = np.searchsorted(sample, rows, side="left") / len(sample)
    middle = grey(0.42, 0.55)
    return middle - max(grey(0.18, 0.32), grey(0.66, 0.80))


def _difference_power(frame: Floats, down: int, across: int) -> float:
    rows, columns = frame.shape
    a = frame[down:, max(0, across) : columns + min(0, across)]
    b = frame[: rows - down, max(0, -across) : columns - max(0, across)]
    return float(np.mean((a - b) ** 2, dtype=np.float64))


def _lively(flags: NDArray[np.bool_]) -> tuple[int, int]:
    places = np.flatnonzero(flags)
    return (0, len(flags)) if not len(places) else (int(places[0]), int(places[-1]) + 1)
