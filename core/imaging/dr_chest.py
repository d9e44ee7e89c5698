"""Find the chest in a radiograph by matching a mean frontal chest. Pure.

Zero-normalised cross-correlation of the rank-equalised image with one template over position, width
and aspect, plus a mild prior on where a chest lies. Rank equalisation makes the match independent
of exposure and of any monotone grey-scale: it works on raw DX values and on a phone picture alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy import ndimage as ndi
from skimage.transform import resize

from core.imaging.dr_template import chest_template

_LONG_SIDE = 96
# How far the template may reach beyond the image: lungs that are cut off are still placed.
_PAD = 24
_WIDTHS = tuple(0.42 * 1.09**step for step in range(12))
_ASPECTS = (0.82, 0.95, 1.1, 1.28)
_COARSE_WIDTHS = _WIDTHS[1::3]
_COARSE_ASPECTS = (0.95, 1.2)
# Whole grey values up to here are ranked by a table.
_MOST_LEVELS = 65536
# A coarse search finds at least this much less than a full one.
_COARSE_LOSS = 0.10


@dataclass(frozen=True, slots=True)
class ChestBox:
    """Where the template lies, in fractional pixels of the image (may reach beyond it)."""

    top: float
    left: float
    bottom: float
    right: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    def grown(self, top: float, bottom: float, side: float) -> ChestBox:
        """Return the box grown by shares of its own height and width."""
        return ChestBox(
            self.top - top * self.height,
            self.left - side * self.width,
            self.bottom + bottom * self.height,
            self.right + side * self.width,
        )


@dataclass(frozen=True, slots=True)
class ChestFit:
    """How well a frontal chest was found.

    Attributes
    ----------
    box : ChestBox
    score : float
        Correlation less prior penalty; about 0.9 for a normal chest, 0.5 with a destroyed lung.
    inverted_score : float
        The same for the image with its grey-scale reversed.
    """

    box: ChestBox
    score: float
    inverted_score: float


def equalise(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each pixel's rank among a sample of all pixels, 0...1 (ties take the middle)."""
    sample = np.sort(pixels.ravel()[:: max(1, pixels.size // 20000)])
    low, high = float(pixels.min()), float(pixels.max())
    if low == np.rint(low) and 0.0 <= high - low < _MOST_LEVELS:
        levels = (pixels - np.float32(low)).astype(np.int32)
        # Whole numbers, as detectors give them: a table says the same, ten times as fast.
        if np.array_equal(levels, pixels - np.float32(low)):
            places = (sample - np.float32(low)).astype(np.int32)
            upto = np.cumsum(np.bincount(places, minlength=int(high - low) + 1))
            below = np.concatenate([[0], upto[:-1]])
            return np.asarray(((below + upto) / (2.0 * len(sample))).astype(np.float32)[levels])
    below = np.searchsorted(sample, pixels, side="left")
    upto = np.searchsorted(sample, pixels, side="right")
    return ((below + upto) / (2.0 * len(sample))).astype(np.float32)


def reduce_for_match(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Return the equalised image with its long side at 96 pixels, and the scale applied."""
    step = max(1, max(pixels.shape) // 768)
    small = equalise(pixels[::step, ::step])
    scale = _LONG_SIDE / max(small.shape)
    if scale < 1:
        small = ndi.gaussian_filter(small, 0.4 / scale)
    rows, columns = (max(8, round(side * scale)) for side in small.shape)
    reduced = resize(small, (rows, columns), order=1, preserve_range=True, anti_aliasing=False)
    return reduced.astype(np.float32), rows / pixels.shape[0]


def fit_chest(pixels: NDArray[np.float32]) -> ChestFit:
    """Find the frontal chest in a (row, column) image, dense anatomy high."""
    small, scale = reduce_for_match(pixels)
    score, inverted, (top, left, bottom, right) = _search(small, _WIDTHS, _ASPECTS)
    box = ChestBox(top / scale, left / scale, bottom / scale, right / scale)
    return ChestFit(box, score, inverted)


def turned_score(pixels: NDArray[np.float32], upright: float) -> float:
    """Return the best match score of the image turned by 90, 180 or 270 degrees.

    Searched coarsely first, and in full only where it could exceed the `upright` score.
    """
    small, _ = reduce_for_match(pixels)
    turned = [np.ascontiguousarray(np.rot90(small, k)) for k in (1, 2, 3)]
    coarse = [_search(image, _COARSE_WIDTHS, _COARSE_ASPECTS)[0] for image in turned]
    best = int(np.argmax(coarse))
    if coarse[best] + _COARSE_LOSS < upright:
        return coarse[best]
    return _search(turned[best], _WIDTHS, _ASPECTS)[0]


def warp(pixels: NDArray[np.float32], box: ChestBox, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resample `box` of the image to `shape` (row, column), smoothed against aliasing.

    Outside the image the nearest pixel is repeated.
    """
    step = max(box.height / shape[0], box.width / shape[1])
    source = ndi.gaussian_filter(pixels, 0.35 * step) if step > 1.2 else pixels
    rows = box.top + (np.arange(shape[0]) + 0.5) * box.height / shape[0] - 0.5
    columns = box.left + (np.arange(shape[1]) + 0.5) * box.width / shape[1] - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    result: NDArray[np.float32] = ndi.map_coordinates(source, grid, order=1, mode="nearest")
    return result.astype(np.float32)


def _search(
    small: NDArray[np.float32], widths: tuple[float, ...], aspects: tuple[float, ...]
) -> tuple[float, float, tuple[float, float, float, float]]:
    pad = _PAD
    field = _Field.of(np.pad(small, pad, constant_values=float(small.mean())))
    best, inverted, box = -9.0, -9.0, (0.0, 0.0, 1.0, 1.0)
    for width in (round(share * _LONG_SIDE) for share in widths):
        for height in (round(width * aspect) for aspect in aspects):
            if height >= field.shape[0] or width >= field.shape[1]:
                continue
            match = field.match(_sized_template(height, width))
            penalty = _prior(match.shape, (height, width), small.shape, pad)
            inverted = max(inverted, float((-match - penalty).max()))
            judged = match - penalty
            top, left = np.unravel_index(int(judged.argmax()), judged.shape)
            if judged[top, left] > best:
                best = float(judged[top, left])
                row, column = float(top) - pad, float(left) - pad
                box = (row, column, row + height, column + width)
    return best, inverted, box


def _sized_template(height: int, width: int) -> NDArray[np.float32]:
    template = chest_template()
    side = template.shape[0]
    rows = np.clip((np.arange(height) + 0.5) * side / height - 0.5, 0, side - 1)
    columns = np.clip((np.arange(width) + 0.5) * side / width - 0.5, 0, side - 1)
    grid = np.meshgrid(rows, columns, indexing="ij")
    sized: NDArray[np.float32] = ndi.map_coordinates(template, grid, order=1)
    return sized - sized.mean()


@dataclass(frozen=True)
class _Field:
    """A padded image with its transform and its running sums, shared by all template sizes."""

    shape: tuple[int, ...]
    size: tuple[int, int]
    transform: NDArray[np.complex64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, image: NDArray[np.float32]) -> _Field:
        centred = image - image.mean()
        size = (fft.next_fast_len(image.shape[0]), fft.next_fast_len(image.shape[1]))
        return cls(
            image.shape,
            size,
            fft.rfft2(centred, size),
            _running(centred),
            _running(centred * centred),
        )

    def match(self, template: NDArray[np.float32]) -> NDArray[np.float64]:
        """Zero-normalised cross-correlation at every place where the template lies inside."""
        height, width = template.shape
        rows, columns = self.shape[0] - height + 1, self.shape[1] - width + 1
        product = self.transform * np.conj(fft.rfft2(template, self.size))
        raw = fft.irfft2(product, self.size)[:rows, :columns]
        total = _windows(self.sums, height, width)
        spread = _windows(self.squares, height, width) - total * total / (height * width)
        scale = np.sqrt(np.maximum(spread, 0.0) * float((template * template).sum()))
        # A window that is nearly flat (saturated) matches nothing; ranks vary by 0.08 on average.
        lively = spread > 1e-3 * height * width
        return np.where(lively, raw / np.maximum(scale, 1e-6), 0.0)


def _running(image: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.pad(image.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _windows(sums: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    return (
        sums[height:, width:]
        - sums[:-height, width:]
        - sums[height:, :-width]
        + sums[:-height, :-width]
    )


def _prior(
    places: tuple[int, ...], size: tuple[int, int], image: tuple[int, ...], pad: int
) -> NDArray[np.float64]:
    # A chest lies near the middle and fills about three quarters of the width; measured on NIH
    # normals, loose enough for a small patient on a large detector.
    rows = np.arange(places[0])[:, None] - pad + size[0] / 2
    columns = np.arange(places[1])[None, :] - pad + size[1] / 2
    across = (columns / image[1] - 0.5) / 0.25
    down = (rows / image[0] - 0.48) / 0.25
    wide = np.log(size[1] / image[1] / 0.74) / 0.4
    penalty: NDArray[np.float64] = 0.10 * across**2 + 0.05 * down**2 + 0.06 * wide**2
    return penalty
