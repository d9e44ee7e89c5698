"""Artefacts of detector, grid and clothing in a radiograph's pixels. Pure functions on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy import ndimage as ndi

from core.imaging.dr_chest import ChestBox
from core.imaging.dr_limits import DrLimits
from core.imaging.dr_metrics import FRAME, contrast, lung_box
from core.imaging.dr_sentences import above, reason
from core.imaging.result import Reason

Floats = NDArray[np.float32]
_WINDOW = 1024
_LINES = 384
# Below this frequency (cycles per pixel) anatomy has peaks of its own.
_LOWEST_FREQUENCY = 0.15
_TOP_HAT = 27
# Spreads from which a line is counted.
_DEAD = 12.0


def judged_artefacts(
    pixels: Floats,
    field: tuple[int, int, int, int],
    frame: Floats,
    limits: DrLimits,
    metrics: dict[str, float],
    thorax: NDArray[np.bool_] | None = None,
) -> list[Reason]:
    """Return the reasons that artefacts give; measured values go to `metrics`.

    Parameters
    ----------
    field : (4,) int
        Exposed field: top, left, bottom, right.
    frame : (512, 512) float32
        The lungs' box (`dr_metrics.chest_frame`).
    thorax : (512, 512) bool or None
        Where in it the lungs and what lies between them are (`thorax_in_frame`); None: everywhere.
    """
    line, (lines, worst) = grid_line_db(pixels), dead_lines(pixels, field)
    objects, share = dense_objects(frame, contrast(frame), thorax)
    metrics |= {
        "grid_line_db": line,
        "dead_lines": float(lines),
        "dead_line_spreads": worst,
        "dense_objects": float(objects),
        "dense_object_share": share,
    }
    by = limits
    found = above("DR_GRID_LINES", "grid_line_db", line, by.grid_warn_db, by.grid_reject_db)
    found += above("DR_DEAD_LINES", "dead_line_spreads", worst, by.dead_warn, by.dead_reject)
    if objects >= by.dense_objects_note:
        seen, least = float(objects), by.dense_objects_note
        found.append(reason("DR_FOREIGN_BODY", "info", "dense_objects", seen, least))
    return found


def grid_line_db(pixels: Floats) -> float:
    """Return how far the strongest spectral line stands above its surroundings, dB.

    An anti-scatter grid's shadow is one narrow line in the spectrum across it (0.3 mm lines beat
    with the detector's pixels to any frequency); anatomy and noise are broad. The middle of the
    picture at its own resolution is looked at, along rows and along columns. Multiples of 1/8 are
    left out: they are the block edges of lossy JPEG.
    """
    rows, columns = pixels.shape
    top, left = max(0, (rows - _WINDOW) // 2), max(0, (columns - _WINDOW) // 2)
    part = pixels[top : top + _WINDOW, left : left + _WINDOW]
    return max(_line_above(part), _line_above(part.T))


def _line_above(part: Floats) -> float:
    """Return the strongest line along axis 1, dB above the local median of the spectrum."""
    count, length = part.shape
    if length < 64 or count < 32:
        return 0.0
    lines = part[:: max(1, count // _LINES)].astype(np.float32)
    lines = lines - ndi.uniform_filter1d(lines, 9, axis=1)
    power = np.abs(fft.rfft(lines * np.hanning(length).astype(np.float32), axis=1)) ** 2
    # The median over lines: a wire or a letter on some of them is no grid.
    level = 10.0 * np.log10(np.median(power, axis=0) + 1e-9)
    frequency = np.arange(len(level)) / length
    width = max(15, len(level) // 24)
    excess = level - ndi.median_filter(level, width, mode="nearest")
    eighths = np.abs(frequency * 8 - np.round(frequency * 8)) < 8 * 3.5 / length
    looked_at = (frequency > _LOWEST_FREQUENCY) & (frequency < 0.495) & ~eighths
    return float(excess[looked_at].max()) if looked_at.any() else 0.0


def dead_lines(pixels: Floats, field: tuple[int, int, int, int]) -> tuple[int, float]:
    """Return how many rows and columns of the exposed field stand out, and how far the worst does.

    A line is judged by the median of its difference from the lines two before and two after it, in
    units of the spread of all lines' medians; anatomy never runs along a whole row or column.
    """
    top, left, bottom, right = field
    part = pixels[top:bottom, left:right]
    if min(part.shape) < 64:
        return 0, 0.0
    count, worst = 0, 0.0
    for whole in (part, part.T):
        lines = np.ascontiguousarray(whole[:, :: max(1, whole.shape[1] // 160)])
        middle = lines[2:-2]
        before = np.median(middle - lines[:-4], axis=1)[2:-2]
        after = np.median(middle - lines[4:], axis=1)[2:-2]
        # A line stands out from both its sides; the edge of a shutter from one.
        alike = np.sign(before) == np.sign(after)
        inner = np.where(alike, np.minimum(np.abs(before), np.abs(after)), 0.0)
        spread = 1.4826 * float(np.median(np.abs(before - np.median(before))))
        # A step of the grey scale is the least that can be seen.
        floor = 0.004 * float(np.percentile(lines, 95) - np.percentile(lines, 5))
        score = inner / max(spread, floor, 1e-6)
        count += int((score > _DEAD).sum())
        worst = max(worst, float(score.max(initial=0.0)))
    return count, worst


def thorax_in_frame(mask: NDArray[np.uint8], chest: ChestBox) -> NDArray[np.bool_] | None:
    """Return where lungs and what lies between them are in the 512 x 512 frame of the lungs' box.

    Letters, markers and clothes lie beside it. None where no lung was found.

    Parameters
    ----------
    mask : (row, column) uint8
        Lung fields of the whole picture.
    """
    box = lung_box(chest)
    places = (np.arange(FRAME) + 0.5) / FRAME
    rows = np.floor(box.top + places * box.height).astype(int)
    columns = np.floor(box.left + places * box.width).astype(int)
    inside = (rows >= 0) & (rows < mask.shape[0])
    across = (columns >= 0) & (columns < mask.shape[1])
    lung = np.zeros((FRAME, FRAME), np.bool_)
    lung[np.ix_(inside, across)] = mask[np.ix_(rows[inside], columns[across])] > 0
    if not lung.any():
        return None
    reached: NDArray[np.bool_] = np.logical_or.accumulate(lung, axis=1)
    reached &= np.logical_or.accumulate(lung[:, ::-1], axis=1)[:, ::-1]
    return reached


def dense_objects(
    frame: Floats, contrast: float, thorax: NDArray[np.bool_] | None = None
) -> tuple[int, float]:
    """Return how many small, very dense, sharp things lie over the lungs, and their share.

    Parameters
    ----------
    frame : (512, 512) float32
        The lungs' box (`dr_metrics.chest_frame`).
    contrast : float
        Of the chest, grey values.
    thorax : (512, 512) bool or None
        Where things count.
    """
    hat = frame - ndi.grey_opening(frame, (_TOP_HAT, _TOP_HAT))
    dense = hat > 0.7 * contrast
    if thorax is not None:
        dense &= thorax
    labels, count = ndi.label(dense)
    if not count:
        return 0, 0.0
    steep = ndi.gaussian_gradient_magnitude(frame, 0.8) > 0.08 * contrast
    index = np.arange(1, count + 1)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    edges = ndi.maximum(steep, ndi.grey_dilation(labels, (3, 3)), index)
    kept = (sizes >= 10) & (np.asarray(edges) > 0)
    return int(kept.sum()), float(sizes[kept].sum() / frame.size)
