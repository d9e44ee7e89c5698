"""How much may be under way unacknowledged, and how big a piece is. Pure.

A cut loses what is under way, so that should be little; too little, and a long line runs empty.
The window follows the measured line as BBR does (Cardwell et al. 2016): the delivery rate's
maximum and the round trip's minimum over the last rounds give the bytes the line itself holds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.blobs.chunks import LARGEST, SMALLEST

#: A piece should take about this long on the line: pre-emption waits for one, a cut loses one.
PIECE_S = 0.06
#: The window is never more than this much of the measured rate.
WINDOW_S = 1.0
_ROUNDS = 8
_GAIN = 1.25
_START_GAIN = 2.0
#: On a line this short, threads and disks take the time: the window must cover those.
_LEAST_S = 0.04


@dataclass(slots=True)
class _Sent:
    at_s: float
    count: int
    delivered_then: int
    delivered_at_s: float


@dataclass(slots=True)
class Pace:
    """The window of one link.

    Attributes
    ----------
    rate : float
        Bytes per second that the line delivers, the best of the last rounds.
    rtt_s : float
        Shortest time from a piece to its acknowledgement in the last rounds.
    """

    rate: float = 0.0
    rtt_s: float = 0.0
    under_way: int = 0
    _delivered: int = 0
    _delivered_at_s: float = 0.0
    _sent: deque[_Sent] = field(default_factory=deque)
    _rates: deque[tuple[int, float]] = field(default_factory=deque)
    _rtts: deque[tuple[int, float]] = field(default_factory=deque)
    _round: int = 0
    _round_ends: int = 0
    _full_rate: float = 0.0
    _flat_rounds: int = 0

    def window(self) -> int:
        """Return how many bytes may be under way."""
        if not self.rate:
            return 2 * SMALLEST
        gain = _START_GAIN if self._flat_rounds < 3 else _GAIN
        wanted = gain * self.rate * max(self.rtt_s, _LEAST_S)
        return int(max(2 * SMALLEST, min(wanted, WINDOW_S * self.rate * gain / _GAIN)))

    def piece(self) -> int:
        """Return how many bytes one message should carry: a power of two, 16 KiB to 1 MiB."""
        wanted = min(self.rate * PIECE_S, self.window() / 2)
        size = SMALLEST
        while size * 2 <= min(wanted, LARGEST):
            size *= 2
        return size

    def room(self) -> int:
        """Return how many bytes may go now."""
        return max(0, self.window() - self.under_way)

    def sent(self, count: int, now_s: float) -> None:
        """Note a piece that goes."""
        if not self.under_way:  # the line was idle: the rate is measured from here
            self._delivered_at_s = now_s
        self.under_way += count
        self._sent.append(_Sent(now_s, count, self._delivered, self._delivered_at_s))

    def acknowledged(self, count: int, now_s: float) -> None:
        """Note that the hub has taken this many bytes, in the order they went."""
        self.under_way = max(0, self.under_way - count)
        self._delivered += count
        last: _Sent | None = None
        while count > 0 and self._sent:
            last = self._sent[0]
            if last.count > count:
                last.count -= count
                break
            count -= last.count
            self._sent.popleft()
        self._delivered_at_s = now_s
        if last is not None:
            self._measure(last, now_s)

    def _measure(self, last: _Sent, now_s: float) -> None:
        if last.delivered_then >= self._round_ends:
            self._round += 1
            self._round_ends = self._delivered
            self._look_for_full()
        took = max(now_s - last.delivered_at_s, now_s - last.at_s, 1e-4)
        rate = (self._delivered - last.delivered_then) / took
        self.rate = _most(self._rates, self._round, rate)
        self.rtt_s = -_most(self._rtts, self._round, -max(now_s - last.at_s, 1e-5))

    def _look_for_full(self) -> None:
        """Note whether the line still gave more when more was sent (BBR's STARTUP)."""
        if self.rate > self._full_rate * 1.25:
            self._full_rate, self._flat_rounds = self.rate, 0
        else:
            self._flat_rounds += 1


def _most(kept: deque[tuple[int, float]], now: int, value: float) -> float:
    """Add a sample and return the greatest of the last rounds."""
    while kept and value >= kept[-1][1]:
        kept.pop()
    kept.append((now, value))
    while kept[0][0] < now - _ROUNDS:
        kept.popleft()
    return kept[0][1]
