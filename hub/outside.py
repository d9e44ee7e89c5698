"""What comes from outside the hub's code: time and randomness."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outside:
    """Time in milliseconds since 1970 (UTC), and bytes nobody can guess."""

    now_ms: Callable[[], int]
    randomness: Callable[[int], bytes]


def real_outside() -> Outside:
    """Return the wall clock and the operating system's randomness."""
    return Outside(lambda: time.time_ns() // 1_000_000, os.urandom)
