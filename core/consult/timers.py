"""When a consultation that nobody moves is escalated. Pure: time is an argument.

Two clocks run: until somebody accepts, and from then until it is completed. While information is
awaited the second rests, for the expert can do nothing; the ball is then with the county, who is
reminded. Levels: 1 tells the experts again, 2 the coordinator, 3 the coordinators of the region.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from core.consult.events import Urgency
from core.consult.machine import Consult

_MINUTE, _HOUR = 60_000, 3_600_000
#: How long may pass until it is accepted, and until it is completed where no deadline is set.
_ACCEPT: dict[Urgency, int] = {
    "emergency": 10 * _MINUTE,
    "urgent": 2 * _HOUR,
    "routine": 24 * _HOUR,
}
_COMPLETE: dict[Urgency, int] = {
    "emergency": _HOUR,
    "urgent": 24 * _HOUR,
    "routine": 72 * _HOUR,
}
#: Share of the time granted after which each level is reached.
_LEVELS = (1.0, 1.5, 2.0)


@dataclass(frozen=True, slots=True)
class Escalation:
    """An instant at which a consultation's level rises."""

    level: int
    at_ms: int


def escalations(consult: Consult) -> tuple[Escalation, ...]:
    """Return the instants still ahead of its present level, soonest first; () where none is."""
    if consult.closed or not consult.requested_at or consult.business_state:
        return ()
    urgency: Urgency = _urgency(consult)
    requested = ms_of(consult.requested_at)
    if consult.owner:
        start = ms_of(consult.accepted_at)
        end = ms_of(consult.deadline_at) if consult.deadline_at else start + _COMPLETE[urgency]
    else:
        start = requested
        end = start + _ACCEPT[urgency]
        if consult.deadline_at:
            end = min(end, ms_of(consult.deadline_at))
    granted = max(_MINUTE, end - start)
    instants = (
        Escalation(level, start + int(granted * share)) for level, share in enumerate(_LEVELS, 1)
    )
    return tuple(one for one in instants if one.level > consult.escalated)


def due(consult: Consult, now_ms: int) -> Escalation | None:
    """Return the highest level that has been reached and not been told; None where none has."""
    reached = [one for one in escalations(consult) if one.at_ms <= now_ms]
    return reached[-1] if reached else None


def ms_of(iso: str) -> int:
    """Return milliseconds since 1970 of an ISO 8601 instant."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def iso_of(ms: int) -> str:
    """Return the instant as events write it."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def _urgency(consult: Consult) -> Urgency:
    for name in _ACCEPT:
        if name == consult.urgency:
            return name
    return "routine"
