"""Radiographs spoilt in known steps, for the table of docs/imaging/dr-quality.md. Pure.

Sizes in pixels are relative to a picture 512 columns wide. The step at which a repeat is called for
is our own judgement (no radiologist set it): what hides a small lesion or a part of the lungs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

Step = Callable[[np.ndarray, float, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Fault:
    """One way to spoil a picture.

    Attributes
    ----------
    code : str
        The reason that should be given.
    metric : str
        Measured quantity that answers.
    sign : int
        1 where more is worse, -1 where less is.
    steps : tuple of float
        Growing severity.
    repeat_at : float
        The step that asks for a repeat.
    apply : callable
        (pixels, step, lung mask of the untouched picture, generator) -> pixels.
    """

    code: str
    metric: str
    sign: int
    steps: tuple[float, ...]
    repeat_at: float
    apply: Step


def _unit(pixels: np.ndarray) -> float:
    return pixels.shape[1] / 512


def _blur(p: np.ndarray, s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return ndi.gaussian_filter(p, s * _unit(p))


def _motion(p: np.ndarray, s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return ndi.uniform_filter1d(p, max(1, round(s * _unit(p))), axis=0)


def _noise(p: np.ndarray, s: float, _m: np.ndarray, g: np.random.Generator) -> np.ndarray:
    return np.clip(p + g.normal(0, s, p.shape), 0, 255).round()


def _under(p: np.ndarray, s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return np.round(p / s)


def _over_high(p: np.ndarray, s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return np.clip(p * s, 0, 255)


def _over_low(p: np.ndarray, s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return np.clip((p - 255) * s + 255, 0, 255)


def _extent(mask: np.ndarray, axis: int) -> tuple[int, int]:
    places = np.flatnonzero((mask > 0).any(axis))
    return int(places[0]), int(places[-1]) + 1


def _cut_top(p: np.ndarray, s: float, m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    top, bottom = _extent(m, 1)
    return p[max(0, round(top + s * (bottom - top))) :]


def _cut_bottom(p: np.ndarray, s: float, m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    top, bottom = _extent(m, 1)
    return p[: round(bottom - s * (bottom - top))]


def _cut_left(p: np.ndarray, s: float, m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    left, right = _extent(m, 0)
    return p[:, max(0, round(left + s * (right - left))) :]


def _cut_right(p: np.ndarray, s: float, m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    left, right = _extent(m, 0)
    return p[:, : round(right - s * (right - left))]


def _shallow(p: np.ndarray, s: float, m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    """Squeeze the lungs' rows by 1 - s and stretch what lies below, the picture's height kept."""
    top, bottom = _extent(m, 1)
    rows = len(p)
    new_bottom = top + (1 - s) * (bottom - top)
    source = np.interp(np.arange(rows), [0, top, new_bottom, rows - 1], [0, top, bottom, rows - 1])
    low = np.clip(source.astype(int), 0, rows - 2)
    share = (source - low)[:, None]
    return p[low] * (1 - share) + p[low + 1] * share


def _grid(p: np.ndarray, s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    """Vertical lines of amplitude s with a period of 2.6 detector pixels."""
    return np.clip(p + s * np.sin(2 * np.pi * np.arange(p.shape[1]) / 2.6), 0, 255).round()


def _dead(p: np.ndarray, s: float, m: np.ndarray, g: np.random.Generator) -> np.ndarray:
    left, right = _extent(m, 0)
    spoilt = p.copy()
    column = int(g.integers(left, right))
    spoilt[:, column] = np.clip(spoilt[:, column] - s, 0, 255)
    return spoilt


def _metal(p: np.ndarray, s: float, m: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """`s` discs and rings of 7 pixels' radius over the lungs."""
    spoilt = p.copy()
    places = np.argwhere(m > 0)
    rows, columns = np.mgrid[0 : p.shape[0], 0 : p.shape[1]]
    for number in range(int(s)):
        row, column = places[g.integers(len(places))]
        distance = np.hypot(rows - row, columns - column) / _unit(p)
        shape = distance < 7 if number % 2 else (distance < 7) & (distance > 4)
        spoilt[shape] = 252
    return spoilt


def _turned(p: np.ndarray, s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return np.rot90(p, round(s / 90)).copy()


def _reversed(p: np.ndarray, _s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return 255 - p


def _mirrored(p: np.ndarray, _s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return p[:, ::-1].copy()


_CUTS = (0.03, 0.06, 0.10, 0.20, 0.30)
FAULTS: dict[str, Fault] = {
    "blur, sigma px": Fault("DR_BLUR", "sharpness_log_ratio", -1, (0.5, 1, 1.5, 2, 3), 3, _blur),
    "motion, px": Fault("DR_BLUR", "sharpness_log_ratio", -1, (3, 7, 11, 15), 15, _motion),
    "noise, sd": Fault("DR_NOISE", "noise_share", 1, (5, 10, 20, 40), 40, _noise),
    "under-exposed, grey range 1/n": Fault(
        "DR_CONTRAST_LOW", "grey_span_share", -1, (1.5, 2.5, 4, 6.7), 6.7, _under
    ),
    "saturated high, gain": Fault(
        "DR_CLIPPED_HIGH", "clipped_high_share", 1, (1.15, 1.3, 1.6, 2), 1.6, _over_high
    ),
    "saturated low, gain": Fault(
        "DR_CLIPPED_LOW", "clipped_low_share", 1, (1.2, 1.5, 2, 2.5), 2, _over_low
    ),
    "apices cut, share": Fault("DR_CUT_APICES", "apices_contact", 1, _CUTS, 0.10, _cut_top),
    "bases cut, share": Fault("DR_CUT_BASES", "bases_contact", 1, _CUTS, 0.10, _cut_bottom),
    "image left cut, share": Fault("DR_CUT_SIDE", "image_left_contact", 1, _CUTS, 0.10, _cut_left),
    "image right cut, share": Fault(
        "DR_CUT_SIDE", "image_right_contact", 1, _CUTS, 0.10, _cut_right
    ),
    "shallow, lungs lower by": Fault(
        "DR_INSPIRATION", "height_to_width", -1, (0.1, 0.2, 0.3, 0.4, 0.5), 0.4, _shallow
    ),
    "grid lines, amplitude": Fault("DR_GRID_LINES", "grid_line_db", 1, (0.5, 1, 2, 4), 4, _grid),
    "dead column, depth": Fault(
        "DR_DEAD_LINES", "dead_line_spreads", 1, (4, 12, 40, 120), 120, _dead
    ),
    "metal objects": Fault("DR_FOREIGN_BODY", "dense_objects", 1, (1, 2, 4, 8), 4, _metal),
    "turned 90": Fault("DR_TURNED", "turned_probability", 1, (90,), 90, _turned),
    "turned 180": Fault("DR_TURNED", "turned_probability", 1, (180,), 180, _turned),
    "turned 270": Fault("DR_TURNED", "turned_probability", 1, (270,), 270, _turned),
    "polarity reversed": Fault("DR_POLARITY", "reversed_gain", 1, (1,), 1, _reversed),
    "mirrored": Fault("DR_SIDE_DOUBTFUL", "heart_side", -1, (1,), 1, _mirrored),
}
