"""Hybrid logical clock: physical milliseconds with a counter, as text that sorts.

Rules (Kulkarni et al. 2014, "Logical Physical Clocks"): a stamp is never smaller than one seen
before; it follows the wall clock when that runs ahead. Time is an argument, never read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """A point of hybrid time; ``str(stamp)`` sorts as the stamps do."""

    ms: int
    counter: int = 0

    def __str__(self) -> str:
        return f"{self.ms:012x}-{self.counter:06x}"

    @staticmethod
    def parse(text: str) -> Stamp:
        """Return the stamp that ``str`` wrote.

        Raises
        ------
        ValueError
            If the text is not of that form.
        """
        ms, _, counter = text.partition("-")
        return Stamp(int(ms, 16), int(counter, 16))

    def iso(self) -> str:
        """Return the physical part as ISO 8601 UTC with milliseconds."""
        at = datetime.fromtimestamp(self.ms / 1000, UTC)
        return at.isoformat(timespec="milliseconds")


def iso(ms: int) -> str:
    """Return milliseconds since 1970 as ISO 8601 UTC ending in Z: times in statements."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def tick(last: Stamp, now_ms: int) -> Stamp:
    """Return the next stamp after ``last`` at wall time ``now_ms``."""
    if now_ms > last.ms:
        return Stamp(now_ms)
    return Stamp(last.ms, last.counter + 1)
