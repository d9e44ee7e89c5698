"""When is a study complete? Pure rules on what is known of its arrival.

In order (design.md section 4, step 2):

1. MPPS said how many instances there are, and they are here.
2. The sending PACS was asked twice, said the same twice, and it is at most what is here.
3. The association was released, the slices have no gap, and it was quiet for five seconds.
4. The device's own timer ran out since the last image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Basis = Literal["mpps", "pacs", "quiet", "timer"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known; times in milliseconds.

    Attributes
    ----------
    released : bool
        The last association that brought something ended by release.
    expected : int or None
        From MPPS.
    pacs_counts : tuple of int
        What the sending PACS answered, oldest first.
    has_gap : bool
        Slices of some series leave a hole.
    """

    last_ms: int
    now_ms: int
    received: int
    released: bool
    expected: int | None
    pacs_counts: tuple[int, ...]
    has_gap: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Complete on a basis, or wait until a time."""

    basis: Basis | None
    again_ms: int = 0


def decide(arrival: Arrival, quiet_s: float, timer_s: float) -> Decision:
    """Return whether the study is complete now, and why, or when to look again."""
    timer_ends = arrival.last_ms + int(timer_s * 1000)
    quiet_ends = arrival.last_ms + int(quiet_s * 1000)
    if arrival.expected is not None and arrival.received >= arrival.expected:
        return Decision("mpps")
    counts = arrival.pacs_counts
    if len(counts) >= 2 and counts[-1] == counts[-2] and 0 < counts[-1] <= arrival.received:
        return Decision("pacs")
    quiet = arrival.now_ms >= quiet_ends and arrival.expected is None
    if quiet and arrival.released and not arrival.has_gap:
        return Decision("quiet")
    if arrival.now_ms >= timer_ends:
        return Decision("timer")
    waits = [timer_ends]
    if arrival.now_ms < quiet_ends:
        waits.append(quiet_ends)
    # The release itself causes no record: look once a second until then.
    waits.append(arrival.now_ms + 1000)
    return Decision(None, min(waits))


def has_gap(
    positions_mm: Sequence[Sequence[float]], orientations: Sequence[Sequence[float]]
) -> bool:
    """Return whether parallel slices leave a hole: a step over 1.5 × the median step.

    Parameters
    ----------
    positions_mm : (n, 3)
        Image Position (Patient).
    orientations : (n, 6)
        Image Orientation (Patient); only slices parallel to the first count.
    """
    if len(positions_mm) < 3:
        return False
    cosines = np.asarray(orientations, dtype=np.float64)
    normal = np.cross(cosines[0, :3], cosines[0, 3:])
    own = np.abs(cosines @ cosines[0] - 2.0) < 1e-3
    along = np.unique(np.round(np.asarray(positions_mm, dtype=np.float64)[own] @ normal, 2))
    steps = np.diff(along)
    return bool(steps.size >= 2 and steps.max() > 1.5 * float(np.median(steps)))
