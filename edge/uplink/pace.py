"""How much may be under way unacknowledged, and how big a piece is. Pure.

A cut loses what is under way, so that should be little; too little, and a long line runs empty.
Two things decide:

* The line, measured as BBR does (Cardwell et al. 2016): the best delivery rate and the shortest
  round trip of late give the bytes that the line itself holds.
* The cuts: what a cut may waste is a small share of what goes through between two of them, as far
  as this box has seen. A line that is never cut does not pay for those that are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.blobs.chunks import LARGEST, SMALLEST

#: A piece should take about this long on the line: pre-emption waits for one, a cut loses one.
PIECE_S = 0.06
#: The window is never more than what went through in this time, or in two round trips.
WINDOW_S = 1.0
_AVERAGE_S = 3.0
#: At most this share of what goes between two cuts may be under way.
CUT_SHARE = 0.03
_UNSEEN = 256 << 20  # bytes between cuts while none was seen
_ROUNDS = 8
_GAIN = 1.25
_START_GAIN = 2.0
_PROBE_GAIN = 1.75
_RTT_KEPT_S = 10.0
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
    """The window of a line; it outlives a link: :meth:`cut` begins the next one with what it knows.

    Attributes
    ----------
    rate : float
        Bytes per second that the line delivers, the best of the last rounds.
    rtt_s : float
        Shortest time from a piece to its acknowledgement in the last seconds.
    average : float
        Bytes per second over the last seconds, stalls and all.
    between_cuts : float
        Bytes that go through between two cuts, a moving average.
    """

    rate: float = 0.0
    rtt_s: float = 0.0
    average: float = 0.0
    between_cuts: float = 0.0
    under_way: int = 0
    _cuts: int = 0
    _since_cut: int = 0
    _delivered: int = 0
    _delivered_at_s: float = 0.0
    _sent: deque[_Sent] = field(default_factory=deque)
    _rates: deque[tuple[int, float]] = field(default_factory=deque)
    _marks: deque[tuple[float, int]] = field(default_factory=deque)
    _rtt_at_s: float = 0.0
    _draining: bool = False
    _round: int = 0
    _round_ends: int = 0
    _full_rate: float = 0.0
    _flat_rounds: int = 0

    def window(self) -> int:
        """Return how many bytes may be under way."""
        if not self.rate:
            return 2 * SMALLEST
        gain = self._gain()
        wanted = gain * self.rate * max(self.rtt_s, _LEAST_S)
        if self._draining:
            wanted /= 2
        most = min(max(WINDOW_S, 2 * self.rtt_s) * self.average, self._cut_limit())
        return int(max(2 * SMALLEST, min(wanted, most)))

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
            self._marks.clear()
            self._marks.append((now_s, self._delivered))
        self.under_way += count
        self._sent.append(_Sent(now_s, count, self._delivered, self._delivered_at_s))

    def acknowledged(self, count: int, now_s: float) -> None:
        """Note that the hub has taken this many bytes, in the order they went."""
        self.under_way = max(0, self.under_way - count)
        self._delivered += count
        self._since_cut += count
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

    def cut(self) -> None:
        """The link has ended while sending: what was under way is lost, the line is known."""
        if self.under_way:
            weight = 1.0 if not self._cuts else 0.3
            self.between_cuts += weight * (self._since_cut - self.between_cuts)
            self._cuts += 1
            self._since_cut = 0
        self._forget_under_way()

    def ended(self) -> None:
        """The link has ended in peace."""
        self._forget_under_way()

    def _forget_under_way(self) -> None:
        self.under_way = 0
        self._sent.clear()
        self._draining = False
        self._round_ends = self._delivered

    def _gain(self) -> float:
        if self._flat_rounds < 3:
            return _START_GAIN
        # One round in eight asks whether the line gives more by now.
        return _PROBE_GAIN if self._round % _ROUNDS == 0 else _GAIN

    def _cut_limit(self) -> float:
        if not self._cuts:
            return CUT_SHARE * _UNSEEN
        # A run that is longer than the average already says that the line has become better.
        return CUT_SHARE * max(self.between_cuts, self._since_cut)

    def _measure(self, last: _Sent, now_s: float) -> None:
        if last.delivered_then >= self._round_ends:
            self._round += 1
            self._round_ends = self._delivered
            self._draining = False
            self._look_for_full()
        took = max(now_s - last.delivered_at_s, now_s - last.at_s, 1e-4)
        rate = (self._delivered - last.delivered_then) / took
        self.rate = _most(self._rates, self._round, rate)
        self._measure_average(now_s)
        self._measure_rtt(max(now_s - last.at_s, 1e-5), now_s)

    def _measure_average(self, now_s: float) -> None:
        marks = self._marks
        marks.append((now_s, self._delivered))
        while len(marks) > 2 and marks[1][0] < now_s - _AVERAGE_S:
            marks.popleft()
        since, then = marks[0]
        self.average = (self._delivered - then) / max(now_s - since, 1e-4)

    def _measure_rtt(self, rtt_s: float, now_s: float) -> None:
        """Keep the shortest; when it is old, half a window for one round shows the line's own."""
        if not self.rtt_s or rtt_s <= self.rtt_s:
            self.rtt_s, self._rtt_at_s = rtt_s, now_s
        elif now_s - self._rtt_at_s > _RTT_KEPT_S:
            self.rtt_s, self._rtt_at_s = rtt_s, now_s
            self._draining = True

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
