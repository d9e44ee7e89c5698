"""How long the box waits before it connects again. Pure: the draw is an argument."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST_S, _LONGEST_S = 1.0, 60.0
#: A line that was cut comes back at once; a hub that came back gets its boxes over two seconds.
_CUT_S = (0.1, 1.0)
#: A refusal needs a person: asking again each minute shows when they are done.
_REFUSED_S = 60.0


@dataclass(slots=True)
class Backoff:
    """Counts failures in a row."""

    failures: int = 0

    def after_cut(self, draw: float) -> float:
        """Return the wait after a link that had worked; ``draw`` is uniform in 0 to 1."""
        self.failures = 0
        return _CUT_S[0] + (_CUT_S[1] - _CUT_S[0]) * draw

    def after_failure(self, draw: float) -> float:
        """Return the wait after a link that did not come about: full jitter, at most a minute."""
        self.failures += 1
        return float(min(_LONGEST_S, _FIRST_S * 2 ** min(self.failures, 8))) * (0.1 + 0.9 * draw)

    def after_refusal(self, draw: float) -> float:
        """Return the wait after the hub turned the box away, or the box the hub."""
        return _REFUSED_S * (0.75 + 0.5 * draw)
