"""How two models agree on the same studies: counts, kappa, differences, flips. Pure.

Nothing here says which of the two is right: there is no truth in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

_GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model said of one study: score, the threshold it was held against, seconds."""

    score: float
    threshold: float
    seconds: float
    engine: str = ""

    @property
    def positive(self) -> bool:
        """Whether it says "suspected"."""
        return self.score >= self.threshold


@dataclass(frozen=True, slots=True)
class Pair:
    """Both answers to one study; ``shadow`` is None where it failed, ``code`` then says how."""

    study: str
    active: Answer
    shadow: Answer | None
    code: str = ""


def agreement(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the table as JSON types.

    Returns
    -------
    dict
        ``n`` compared, ``failures`` by code, ``table`` (2 × 2, each at its own threshold),
        ``kappa`` (Cohen; null where it is not defined), ``mean_abs_difference``,
        ``largest_abs_difference``, ``flips`` (per threshold, both held against the same one),
        ``own_thresholds`` (each against its own), ``seconds`` (medians).
    """
    both = [(pair, pair.active, pair.shadow) for pair in pairs if pair.shadow is not None]
    gaps = [abs(active.score - shadow.score) for _, active, shadow in both]
    cells = Counter((active.positive, shadow.positive) for _, active, shadow in both)
    marks = {round(one.threshold, 6) for _, a, s in both for one in (a, s)}
    return {
        "n": len(both),
        "failures": dict(sorted(Counter(p.code for p in pairs if p.shadow is None).items())),
        "table": {
            "both_positive": cells[True, True], "only_active": cells[True, False],
            "only_shadow": cells[False, True], "both_negative": cells[False, False],
        },
        "kappa": kappa(cells),
        "mean_abs_difference": round(sum(gaps) / len(gaps), 6) if gaps else None,
        "largest_abs_difference": round(max(gaps), 6) if gaps else None,
        "own_thresholds": _flips(both, None),
        "flips": [_flips(both, mark) for mark in sorted({*_GRID, *marks})],
        "seconds": {
            "active": _median([active.seconds for _, active, _ in both]),
            "shadow": _median([shadow.seconds for _, _, shadow in both]),
        },
        "engines": {
            "active": sorted({active.engine for _, active, _ in both}),
            "shadow": sorted({shadow.engine for _, _, shadow in both}),
        },
    }  # fmt: skip


def kappa(cells: Counter[tuple[bool, bool]]) -> float | None:
    """Return Cohen's kappa (1960) of a 2 × 2 table; None where both always say the same one thing.

    Then chance alone agrees fully, and the number is not defined.
    """
    total = sum(cells.values())
    if not total:
        return None
    seen = (cells[True, True] + cells[False, False]) / total
    first = (cells[True, True] + cells[True, False]) / total
    second = (cells[True, True] + cells[False, True]) / total
    chance = first * second + (1 - first) * (1 - second)
    return None if chance >= 1.0 else round((seen - chance) / (1 - chance), 4)


def _flips(both: Sequence[tuple[Pair, Answer, Answer]], mark: float | None) -> dict[str, Any]:
    """Count studies that change sides; `mark` is one threshold for both, None each its own."""
    up: list[tuple[float, str]] = []
    down: list[tuple[float, str]] = []
    for pair, active, shadow in both:
        here = active.positive if mark is None else active.score >= mark
        there = shadow.positive if mark is None else shadow.score >= mark
        if here != there:
            (up if there else down).append((-abs(active.score - shadow.score), pair.study))
    return {
        "threshold": mark, "to_positive": len(up), "to_negative": len(down),
        "examples": [study for _, study in sorted(up + down)[:_EXAMPLES]],
    }  # fmt: skip


def _median(values: Sequence[float]) -> float | None:
    return round(median(values), 4) if values else None
