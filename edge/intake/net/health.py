"""Counters of the receiver. Numbers only: nothing here names a patient or an object."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """A snapshot. ``refusals`` and ``endings`` count by error number (``E2104``) or ending word."""

    open_associations: int
    open_by_peer: Mapping[str, int]
    accepted: int
    handed_over: int
    instances: int
    bytes: int
    echoes: int
    commitments: int
    refusals: Mapping[str, int]
    endings: Mapping[str, int]
    seconds_since_instance: float | None
    stopping: bool


class Tally:
    """Counts under one lock; written once per object or association, read at leisure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._endings: Counter[str] = Counter()
        self._last_instance: float | None = None

    def count(self, what: str) -> None:
        """Add one to a counter of :class:`Health`."""
        with self._lock:
            self._counts[what] += 1

    def stored(self, size: int, now: float) -> None:
        """Count one object answered with success."""
        with self._lock:
            self._counts["instances"] += 1
            self._counts["bytes"] += size
            self._last_instance = now

    def refused(self, code: int) -> None:
        """Count one refusal by its error number."""
        with self._lock:
            self._refusals[f"E{code}"] += 1

    def ended(self, word: str) -> None:
        """Count how one association ended."""
        with self._lock:
            self._endings[word] += 1

    def snapshot(self, open_by_peer: Mapping[str, int], now: float, *, stopping: bool) -> Health:
        """Return all counters at one moment."""
        with self._lock:
            last = self._last_instance
            return Health(
                open_associations=sum(open_by_peer.values()),
                open_by_peer=dict(open_by_peer),
                accepted=self._counts["accepted"],
                handed_over=self._counts["handed_over"],
                instances=self._counts["instances"],
                bytes=self._counts["bytes"],
                echoes=self._counts["echoes"],
                commitments=self._counts["commitments"],
                refusals=dict(self._refusals),
                endings=dict(self._endings),
                seconds_since_instance=None if last is None else now - last,
                stopping=stopping,
            )
