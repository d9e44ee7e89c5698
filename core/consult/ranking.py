"""The expert's worklist in order: urgency × deadline × waiting time, and why. Pure.

The weights keep one promise: an emergency stands before everything that is none, however long
that has waited. Below it, a routine case that waits past its deadline may overtake an urgent one
that has just come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.consult.events import Urgency

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_WEIGHT: dict[Urgency, float] = {"emergency": 2000.0, "urgent": 30.0, "routine": 1.0}
_MOST_DEADLINE, _MOST_WAITING = 8.0, 8.0
_ZH = {"emergency": "急诊", "urgent": "加急", "routine": "普通"}
_EN = {"emergency": "emergency", "urgent": "urgent", "routine": "routine"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the order depends on; milliseconds since 1970."""

    id: str
    urgency: Urgency
    requested_at_ms: int
    deadline_at_ms: int | None
    awaiting_information: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row in order; ``rank`` counts from 1, ``score`` only orders."""

    id: str
    rank: int
    score: float
    reason_zh: str
    reason_en: str


def score_of(one: Waiting, now_ms: int) -> float:
    """Return the score: larger stands further up; never negative.

    The deadline's factor rises from 1 to 4 as the time granted runs out and on to 8 beyond it; the
    waiting factor rises from 1 by one a day, to 8.
    """
    if one.closed:
        return 0.0
    waited = max(0, now_ms - one.requested_at_ms)
    waiting = min(_MOST_WAITING, 1.0 + waited / _DAY)
    score = _WEIGHT[one.urgency] * _deadline_factor(one, now_ms) * waiting
    # The ball is with the county: nothing that an expert could do now.
    if one.awaiting_information and one.urgency != "emergency":
        score /= 100.0
    return score


def _deadline_factor(one: Waiting, now_ms: int) -> float:
    if one.deadline_at_ms is None:
        return 1.0
    granted = max(1, one.deadline_at_ms - one.requested_at_ms)
    used = max(0.0, (now_ms - one.requested_at_ms) / granted)
    return min(_MOST_DEADLINE, 1.0 + 3.0 * used if used <= 1.0 else 3.0 + used)


def rank(waiting: Iterable[Waiting], now_ms: int) -> list[Ranked]:
    """Return all rows in order, the most pressing first; ties go to who waits longest."""
    scored = [(score_of(one, now_ms), one) for one in waiting]
    scored.sort(key=lambda pair: (-pair[0], pair[1].requested_at_ms, pair[1].id))
    return [
        Ranked(one.id, n, score, *_reason(one, now_ms)) for n, (score, one) in enumerate(scored, 1)
    ]


def _reason(one: Waiting, now_ms: int) -> tuple[str, str]:
    if one.closed:
        return "已结束", "closed"
    zh, en = [_ZH[one.urgency]], [_EN[one.urgency]]
    if one.deadline_at_ms is not None:
        left = one.deadline_at_ms - now_ms
        spoken_zh, spoken_en = _span(abs(left))
        zh.append(f"距期限 {spoken_zh}" if left >= 0 else f"已超期 {spoken_zh}")
        en.append(f"due in {spoken_en}" if left >= 0 else f"overdue by {spoken_en}")
    spoken_zh, spoken_en = _span(max(0, now_ms - one.requested_at_ms))
    zh.append(f"已等待 {spoken_zh}")
    en.append(f"waiting {spoken_en}")
    if one.awaiting_information:
        zh.append("等待申请方补充资料")
        en.append("awaiting information from the requester")
    return "；".join(zh), "; ".join(en)


def _span(ms: int) -> tuple[str, str]:
    if ms < _HOUR:
        return f"{ms // _MINUTE} 分钟", f"{ms // _MINUTE} min"
    if ms < 2 * _DAY:
        return f"{ms // _HOUR} 小时", f"{ms // _HOUR} h"
    return f"{ms // _DAY} 天", f"{ms // _DAY} d"
