"""How the patient lies in the picture, from the lung fields: cut off, breathing in, side. Pure.

Usual criteria of a frontal chest: apices, lateral ribs and costophrenic angles inside, full
inspiration, no turn; the heart's apex to the left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.imaging.dr_limits import DrLimits
from core.imaging.dr_lungs import LungFields
from core.imaging.dr_sentences import above, below, reason
from core.imaging.result import Reason

Mask = NDArray[np.uint8]
_LONGEST = 512
# Within this share of the field's side a lung counts as touching its edge.
_EDGE = 0.008
# Median of `turn_shift` over straight films that trained the network and the fitting half.
_STRAIGHT = 0.004
# The heart's side from three measures, none of them enough alone: weights of Fisher's discriminant
# between untouched and mirrored pictures of the fitting halves (docs/imaging/dr-quality.md).
_SIDE_OF_TURN, _SIDE_OF_SHARE = 1.1, -0.46


@dataclass(frozen=True, slots=True)
class Position:
    """Measured on the two lung fields.

    Attributes
    ----------
    apices, bases, image_left, image_right : float
        How broadly the lungs touch that edge of the exposed field, as a share of a lung's width
        (height at the sides). Where they do not: the free margin, negative, as a share of the
        lungs' height (width).
    height_to_width : float
        Height of the lungs over the domes by the width across both.
    heart_to_left : float
        By how much farther the lungs' inner borders lie to the patient's left in the lower third
        than in the upper, as a share of the width across both; negative where the heart's apex
        seems to be on the right.
    turn_shift : float
        By how much the middle between the lungs' inner borders over the upper chest, where they lie
        against the spine, is off the middle between the outer borders, to the image's right, as a
        share of the width across both: the spine lies behind the axis about which a patient turns.
    right_share : float
        The right lung's share of the area of both.
    """

    apices: float
    bases: float
    image_left: float
    image_right: float
    height_to_width: float
    heart_to_left: float
    turn_shift: float
    right_share: float


def position_of(mask: Mask, field: tuple[int, int, int, int]) -> Position | None:
    """Measure lung fields (1 right, 2 left) in an exposed field (top, left, bottom, right).

    None where one of the two lungs was not found: nothing can be said of a position then.
    """
    step = max(1, max(mask.shape) // _LONGEST)
    top, left, bottom, right = field
    small = mask[top:bottom, left:right][::step, ::step]
    lungs = [small == 1, small == 2]
    if min(int(one.sum()) for one in lungs) < 0.003 * small.size:
        return None
    both = small > 0
    rows, columns = np.flatnonzero(both.any(1)), np.flatnonzero(both.any(0))
    height, width = float(rows[-1] - rows[0] + 1), float(columns[-1] - columns[0] + 1)
    down, across = small.shape
    strip_rows, strip_columns = max(1, round(_EDGE * down)), max(1, round(_EDGE * across))
    return Position(
        apices=_touch(lungs, strip_rows, rows[0] / height),
        bases=_touch([lung[::-1] for lung in lungs], strip_rows, (down - 1 - rows[-1]) / height),
        image_left=_touch([lung.T for lung in lungs], strip_columns, columns[0] / width),
        image_right=_touch(
            [lung.T[::-1] for lung in lungs], strip_columns, (across - 1 - columns[-1]) / width
        ),
        height_to_width=_height_over_domes(lungs) / width,
        heart_to_left=_heart_side(lungs, rows) / width,
        turn_shift=_turn_side(lungs, rows) / width,
        right_share=float(lungs[0].sum() / both.sum()),
    )


def _touch(lungs: list[NDArray[np.bool_]], strip: int, margin: float) -> float:
    """Return the broadest contact of either lung with the first `strip` rows; else -margin."""
    contacts = [float(lung[:strip].any(0).sum() / max(1, lung.any(0).sum())) for lung in lungs]
    widest = max(contacts)
    return widest if widest > 0 else -float(margin)


def _height_over_domes(lungs: list[NDArray[np.bool_]]) -> float:
    """Return the mean height from apex to the dome in the middle of each lung, pixels."""
    heights = []
    for lung in lungs:
        columns = np.flatnonzero(lung.any(0))
        first, last = columns[0], columns[-1] + 1
        third = max(1, (last - first) // 3)
        middle = lung[:, first + third : max(first + third + 1, last - third)]
        lowest = len(lung) - 1 - middle[::-1].argmax(0)
        apex = int(np.flatnonzero(lung.any(1))[0])
        heights.append(float(np.median(lowest[middle.any(0)])) - apex)
    return float(np.mean(heights))


def _heart_side(lungs: list[NDArray[np.bool_]], rows: NDArray[np.intp]) -> float:
    """Return the shift, pixels, of the middle between the inner borders from upper to lower."""
    upper = _middles(lungs, rows, (0.12, 0.35))
    lower = _middles(lungs, rows, (0.55, 0.80))
    if not len(upper) or not len(lower):
        return 0.0
    return float(np.median(lower) - np.median(upper))


def _turn_side(lungs: list[NDArray[np.bool_]], rows: NDArray[np.intp]) -> float:
    """Return the shift, pixels, of the upper inner middle from the middle of the outer borders."""
    inner = _middles(lungs, rows, (0.05, 0.40))
    outer = _middles([lungs[1], lungs[0]], rows, (0.30, 0.70))
    if not len(inner) or not len(outer):
        return 0.0
    return float(np.median(inner) - np.median(outer))


def _middles(
    lungs: list[NDArray[np.bool_]], rows: NDArray[np.intp], part: tuple[float, float]
) -> NDArray[np.float64]:
    """Return, row by row, the middle of the first one's last column and the second one's first.

    Right lung first: of the inner borders; left lung first: of the outer ones.
    """
    first, last = (int(rows[0] + share * (rows[-1] - rows[0])) for share in part)
    one, other = (lung[first : last + 1] for lung in lungs)
    both = one.any(1) & other.any(1)
    width = one.shape[1]
    ends = width - 1 - one[both][:, ::-1].argmax(1)
    starts = other[both].argmax(1)
    middles: NDArray[np.float64] = (ends + starts) / 2.0
    return middles


def heart_side(found: Position) -> float:
    """Return how far the heart speaks for an unmirrored picture; negative: for a mirrored one.

    Shares of the width across both lungs: the pull of the heart on the inner borders, less what a
    turn of the patient does to it, and the smaller left lung. A mirrored picture changes the sign.
    """
    turn, share = _SIDE_OF_TURN * found.turn_shift, _SIDE_OF_SHARE * (found.right_share - 0.5)
    return found.heart_to_left + turn + share


def judged_position(
    lungs: LungFields,
    field: tuple[int, int, int, int],
    limits: DrLimits,
    metrics: dict[str, float],
) -> list[Reason]:
    """Return the reasons that the lungs' position gives; measured values go to `metrics`."""
    metrics["lungs_confidence"] = lungs.confidence
    found = position_of(lungs.mask, field)
    sure = limits.lungs_sure
    unsure = reason("DR_LUNGS_UNSURE", "warn", "lungs_confidence", lungs.confidence, sure)
    if found is None:
        return [unsure]
    metrics |= {
        "apices_contact": found.apices,
        "bases_contact": found.bases,
        "image_left_contact": found.image_left,
        "image_right_contact": found.image_right,
        "height_to_width": found.height_to_width,
        "heart_to_left": found.heart_to_left,
        "right_lung_share": found.right_share,
    }
    by, answer = limits, lungs.answer
    missing = None if answer is None else answer.missing
    out = _cut(found, by)
    if missing is not None:
        out = _worst([*out, *_missing(missing, by, metrics)])
    if lungs.confidence < sure:
        # Lungs that are cut off are hard to outline: still said, but no ground to reject.
        return [unsure, *(replace(one, severity="warn") for one in out)]
    out += below(
        "DR_INSPIRATION",
        "height_to_width",
        found.height_to_width,
        by.inspiration_warn,
        by.inspiration_reject,
    )
    if any(one.code == "DR_CUT_SIDE" for one in out):
        return out  # the outer borders are the picture's: they tell neither side nor turn
    side, turn = heart_side(found), found.turn_shift - _STRAIGHT
    metrics |= {"heart_side": side, "turn_shift": turn}
    if side < by.heart_side_warn:
        out.append(reason("DR_SIDE_DOUBTFUL", "warn", "heart_side", side, by.heart_side_warn))
    return out + above("DR_ROTATED", "turn_shift", abs(turn), by.turn_warn, by.turn_reject)


def _worst(reasons: list[Reason]) -> list[Reason]:
    """Return one reason a code, the severer."""
    kept: dict[str, Reason] = {}
    for one in reasons:
        if one.code not in kept or one.severity == "reject":
            kept[one.code] = one
    return list(kept.values())


def _missing(missing: dict[str, float], by: DrLimits, metrics: dict[str, float]) -> list[Reason]:
    """Judge what lies beyond each edge by the network's own estimate."""
    metrics |= {f"{edge}_missing": share for edge, share in missing.items()}
    side = max(("image_left", "image_right"), key=lambda edge: missing[edge])
    return [
        *above("DR_CUT_APICES", "apices_missing", missing["apices"],
               by.apices_missing_warn, by.apices_missing_reject),
        *above("DR_CUT_BASES", "bases_missing", missing["bases"],
               by.bases_missing_warn, by.bases_missing_reject),
        *above("DR_CUT_SIDE", f"{side}_missing", missing[side],
               by.sides_missing_warn, by.sides_missing_reject),
    ]  # fmt: skip


def _cut(found: Position, by: DrLimits) -> list[Reason]:
    out = above("DR_CUT_APICES", "apices_contact", found.apices, by.apices_warn, by.apices_reject)
    out += above("DR_CUT_BASES", "bases_contact", found.bases, by.bases_warn, by.bases_reject)
    side = "image_left" if found.image_left > found.image_right else "image_right"
    contact = max(found.image_left, found.image_right)
    return out + above("DR_CUT_SIDE", f"{side}_contact", contact, by.sides_warn, by.sides_reject)
