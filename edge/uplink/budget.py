"""How many bytes per second may leave the box, per hour of the day. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

#: How long an unused allowance adds up.
BURST_S = 1.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes per second for each hour 0 … 23 of local time; 0 means no limit."""

    bytes_per_s: tuple[int, ...] = (0,) * 24

    def at(self, hour: int) -> int:
        """Return the limit of an hour."""
        return self.bytes_per_s[hour]


def budget_of(default_kbit: int, hours: dict[str, int]) -> Budget:
    """Return the budget that the settings say.

    Parameters
    ----------
    default_kbit : int
        kbit/s for all hours; 0 for no limit.
    hours : dict
        ``{"8-18": 512}``: from 8:00 until 18:00 at most 512 kbit/s; ``"22-6"`` goes past midnight.

    Raises
    ------
    ValueError
        If an interval is none.
    """
    limits = [default_kbit * 125] * 24
    for span, kbit in hours.items():
        first, _, end = span.partition("-")
        start, stop = int(first), int(end)
        if not (0 <= start <= 23 and 0 <= stop <= 24 and kbit >= 0):
            raise ValueError(span)
        hour = start
        while True:
            limits[hour % 24] = kbit * 125
            hour = (hour + 1) % 24
            if hour == stop % 24:
                break
    return Budget(tuple(limits))


class TokenBucket:
    """Spends a budget; an emergency spends without asking, and what follows waits for it."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._tokens = 0.0
        self._at_s = 0.0
        self._limit = 0

    def wait_s(self, now_s: float, hour: int) -> float:
        """Return how long until the next bytes may go; 0 for now.

        Parameters
        ----------
        now_s : float
            A monotonic clock.
        hour : int
            Hour of the day, local time.
        """
        limit = self._budget.at(hour)
        if limit == 0:
            self._limit, self._tokens, self._at_s = 0, 0.0, now_s
            return 0.0
        if self._limit == 0:  # the first look under a limit: one burst
            self._tokens, self._at_s = limit * BURST_S, now_s
        self._limit = limit
        passed = max(0.0, now_s - self._at_s)
        self._tokens = min(limit * BURST_S, self._tokens + passed * limit)
        self._at_s = now_s
        # Bytes may go while anything is left; a debt is paid before the next.
        return 0.0 if self._tokens > 0 else (1.0 - self._tokens) / limit

    def spend(self, count: int) -> None:
        """Note bytes that went."""
        if self._limit:
            self._tokens -= count
