"""What changed, as pictures: the axial sections of prior and current at one place. Pure.

Both sections lie in the patient's axes (right on the left, front up), whatever way the patient lay,
and show the scans as they are: nothing is drawn from a warped image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.volume import Volume

if TYPE_CHECKING:
    from core.imaging.followup import Examination, FollowUp
    from core.imaging.followup_change import Change

Rgb = NDArray[np.uint8]
LUNG_WINDOW_HU: Final = (-1350.0, 150.0)
PRIOR_COLOUR: Final = (86, 180, 233)
CURRENT_COLOUR: Final = (255, 176, 0)
_ORDER: Final = ("new", "growth", "regression", "resolved", "undetermined", "within_repeatability")


@dataclass(frozen=True, slots=True)
class SectionSize:
    """How a section is cut: edge in mm and pixels; the gap between the two, in pixels."""

    edge_mm: float = 110.0
    pixels: int = 260
    gap: int = 6


def change_pictures(
    prior: Examination,
    current: Examination,
    found: FollowUp,
    most: int = 8,
    size: SectionSize | None = None,
) -> dict[int, Rgb]:
    """Return pictures (row, column, 3) by the number of their change: prior left, current right.

    What changed comes first, the largest of a kind before the others; a lesion that lies in the
    middle of a large one's picture still has its own. Empty where nothing was compared.

    Parameters
    ----------
    most : int
        How many pictures are made.
    """
    size = size or SectionSize()
    if found.changes is None or found.points is None:
        return {}
    ranked = sorted(range(len(found.changes)), key=lambda n: _rank(found.changes or (), n))
    out = {}
    for number in ranked[:most]:
        change = found.changes[number]
        places = _places(prior, current, found, change)
        left = _panel(prior, places[0], (change.prior_ids, PRIOR_COLOUR), size)
        right = _panel(current, places[1], (change.current_ids, CURRENT_COLOUR), size)
        gap = np.zeros((size.pixels, size.gap, 3), np.uint8)
        out[number] = np.concatenate([left, gap, right], axis=1)
    return out


def _rank(changes: Sequence[Change], number: int) -> tuple[int, float, int]:
    change = changes[number]
    size = max(change.volume_prior_ml or 0.0, change.volume_current_ml or 0.0)
    return _ORDER.index(change.verdict), -size, number


def _places(
    prior: Examination, current: Examination, found: FollowUp, change: Change
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the LPS centres of a change in both scans; the map gives the one that is missing."""
    assert found.points is not None
    before = _centre(prior, change.prior_ids)
    after = _centre(current, change.current_ids)
    if before is None and after is not None:
        before = found.points.to_prior(after[None])[0]
    if after is None and before is not None:
        after = found.points.to_current(before[None])[0]
    assert before is not None
    assert after is not None
    return before, after


def _centre(exam: Examination, ids: Sequence[int]) -> NDArray[np.float64] | None:
    """Return the centre of the largest of some lesions."""
    lesions = exam.findings.lesions if exam.findings is not None else None
    own = [one for one in lesions or () if one.id in ids]
    if not own:
        return None
    return np.asarray(max(own, key=lambda one: one.volume_ml).centroid_mm, dtype=np.float64)


def _panel(
    exam: Examination,
    centre_mm: NDArray[np.float64],
    marked: tuple[Sequence[int], tuple[int, int, int]],
    size: SectionSize,
) -> Rgb:
    ids, colour = marked
    hu = axial_section(exam.volume, exam.volume.voxels, centre_mm, size, 1)
    low, high = LUNG_WINDOW_HU
    level = np.nan_to_num(np.clip((hu - low) / (high - low), 0.0, 1.0), nan=0.0)
    picture = np.repeat(np.rint(255 * level).astype(np.uint8)[..., None], 3, axis=-1)
    labels = exam.findings.label_map if exam.findings is not None else None
    if labels is not None and ids:
        shown = axial_section(exam.volume, labels, centre_mm, size, 0)
        inside = np.isin(shown, list(ids))
        picture[ndimage.binary_dilation(inside) & ~inside] = colour
    return picture


def axial_section(
    volume: Volume,
    values: NDArray[Any],
    centre_mm: NDArray[np.float64],
    size: SectionSize,
    order: int,
) -> NDArray[np.float32]:
    """Return an axial section through a point: rows to the back, columns to the patient's left.

    Parameters
    ----------
    values : (slice, row, column) array
        On the volume's grid: its voxels, or labels.
    centre_mm : (3,) float
        LPS.
    order : int
        0 nearest (labels), 1 linear. NaN outside the volume.
    """
    steps = (np.arange(size.pixels) - (size.pixels - 1) / 2) * size.edge_mm / size.pixels
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    points = np.asarray(centre_mm) + np.stack([columns, rows, np.zeros_like(rows)], axis=-1)
    away = (points - np.asarray(volume.origin_mm)).reshape(-1, 3)
    index = np.linalg.solve(volume.direction, away.T) / np.asarray(volume.spacing_mm)[:, None]
    shape = np.asarray(volume.voxels.shape)
    low = np.clip(np.floor(index.min(axis=1)).astype(int) - 1, 0, shape - 1)
    high = np.clip(np.ceil(index.max(axis=1)).astype(int) + 2, low + 1, shape)
    part = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    found = ndimage.map_coordinates(
        part.astype(np.float32), index - low[:, None], order=order, mode="nearest"
    )
    inside = ((index > -0.5) & (index < shape[:, None] - 0.5)).all(axis=0)
    return np.where(inside, found, np.nan).reshape(rows.shape).astype(np.float32)
