"""Disk watermarks in tiers, and how many days are left. Pure; the caller measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge.store.settings import IntakeSettings

Tier = Literal["ok", "warn", "no_prefetch", "refuse_routine", "refuse_all"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes of the file system that holds the blobs."""

    total: int
    free: int


def tier_of(usage: Usage, settings: IntakeSettings) -> Tier:
    """Return the tier: the share in use decides, the reserve in bytes overrules."""
    if usage.free < settings.reserve_bytes:
        return "refuse_all"
    used = 1 - usage.free / usage.total
    if used >= settings.refuse_all:
        return "refuse_all"
    if used >= settings.refuse_routine:
        return "refuse_routine"
    if used >= settings.stop_prefetch:
        return "no_prefetch"
    return "warn" if used >= settings.warn else "ok"


def accepts(tier: Tier, *, urgent: bool) -> bool:
    """Return whether an object may come in: urgent peers until everything is refused."""
    return tier != "refuse_all" and (urgent or tier != "refuse_routine")


def days_left(
    samples: Sequence[tuple[int, int]], usage: Usage, settings: IntakeSettings
) -> float | None:
    """Return days until routine is refused, from (time in ms, used bytes) samples.

    Least squares over the samples; None where there are less than two, less than an hour apart,
    or the use does not grow.
    """
    if len(samples) < 2 or samples[-1][0] - samples[0][0] < 3_600_000:
        return None
    times = [(t - samples[0][0]) / 86_400_000 for t, _ in samples]
    mean_t = sum(times) / len(times)
    mean_u = sum(u for _, u in samples) / len(samples)
    spread = sum((t - mean_t) ** 2 for t in times)
    slope = sum((t - mean_t) * (u - mean_u) for t, (_, u) in zip(times, samples, strict=True))
    if spread == 0 or slope <= 0:
        return None
    room = usage.total * settings.refuse_routine - (usage.total - usage.free)
    return max(room, 0.0) / (slope / spread)
