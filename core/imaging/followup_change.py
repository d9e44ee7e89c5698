"""Whether a lesion changed: more than two scans of the same lesion would differ, or not.

Rules, by name; all that are named must say so:

``interval``  both scans state a 95 % repeatability interval (`Lesion.intervals`): changed where
    each value lies outside the other's interval.
``volume_27``  volume, ± 27 % (95 % repeatability in MILD; BTS and NELSON act from 25 %), on the
    logarithm, so that the order of the scans does not matter. Where voxels are coarse for the
    lesion the limit is wider: that of an outline that is off by a third of a voxel in each scan;
    and ± 50 % for what has no sharp edge, and for cavities, whose wall an outline joins with the
    opacity around it in one scan and not in the other.

Where a slice is thicker than 3 mm, or the kind has no sharp edge, the long axis (2 mm, Fleischner
2017, or a voxel) must change the same way. Doubling time: t · ln 2 / ln(V2 / V1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.imaging.followup_match import Group, Relation
from core.imaging.result import Lesion

Verdict = Literal["growth", "regression", "within_repeatability", "new", "resolved", "undetermined"]
#: Kinds whose volume is less sure than their edge looks.
UNSURE = frozenset({"cavity"})
DIFFUSE = frozenset({"consolidation", "tree_in_bud", "pleural_effusion", "miliary", "fibrosis"})


@dataclass(frozen=True, slots=True)
class ChangeLimits:
    """Limits of the rules; a site may set its own."""

    volume_ratio: float = 1.27
    diffuse_ratio: float = 1.5
    diameter_mm: float = 2.0
    thick_slice_mm: float = 3.0
    edge_voxels: float = 0.35
    seen_share: float = 0.45


@dataclass(frozen=True, slots=True)
class Change:
    """One lesion over time.

    Attributes
    ----------
    verdict : str
        ``growth``, ``regression``, ``within_repeatability``, ``new``, ``resolved``, or
        ``undetermined`` (outlined in one scan, tissue of like density seen in the other).
    relation : {"one_to_one", "split", "merged", "none"}
    prior_ids, current_ids : tuple of int
        `Lesion.id` in each scan.
    kind_prior, kind_current : str
        Of the largest; "" where there is none.
    volume_prior_ml, volume_current_ml, long_axis_prior_mm, long_axis_current_mm : float or None
        Sums of volumes, longest axis.
    volume_change, long_axis_change_mm : float or None
        (V2 − V1) / V1; millimetres.
    doubling_time_days : (value, low, high) or None
        Of growth with known dates; negative is never given. ``high`` may be infinite.
    rule : str
        Which rule decided.
    distance_mm : float or None
        Between the centroids after registration.
    seen_share : float or None
        Of an unmatched lesion: density found at its place in the other scan, as a share of its own.
    """

    verdict: Verdict
    relation: Relation
    prior_ids: tuple[int, ...]
    current_ids: tuple[int, ...]
    kind_prior: str = ""
    kind_current: str = ""
    volume_prior_ml: float | None = None
    volume_current_ml: float | None = None
    long_axis_prior_mm: float | None = None
    long_axis_current_mm: float | None = None
    volume_change: float | None = None
    long_axis_change_mm: float | None = None
    doubling_time_days: tuple[float, float, float] | None = None
    rule: str = ""
    distance_mm: float | None = None
    seen_share: float | None = None

    @property
    def cavitated(self) -> bool:
        """Whether a lesion without a cavity became one with a cavity."""
        return self.kind_current == "cavity" and self.kind_prior not in ("", "cavity")


def unmatched(group: Group, seen: float | None, limits: ChangeLimits) -> Change:
    """Return the change of a lesion that only one scan lists.

    Parameters
    ----------
    seen : float or None
        Density at its place in the other scan, as a share of its own (0 = lung, 1 = as dense);
        None where the other scan does not cover the place.
    """
    new = bool(group.current)
    lesion = (group.current or group.prior)[0]
    verdict: Verdict = "new" if new else "resolved"
    rule = "absent_in_other"
    if seen is None:
        verdict, rule = "undetermined", "outside_other"
    elif seen >= limits.seen_share:
        verdict, rule = "undetermined", "seen_not_listed"
    ids = (lesion.id,)
    if new:
        return Change(
            verdict, "none", (), ids, "", lesion.kind, None, lesion.volume_ml, None,
            lesion.long_axis_mm, rule=rule, seen_share=seen,
        )  # fmt: skip
    return Change(
        verdict, "none", ids, (), lesion.kind, "", lesion.volume_ml, None, lesion.long_axis_mm,
        rule=rule, seen_share=seen,
    )  # fmt: skip


def changed(
    group: Group,
    spacing_mm: tuple[float, float, float],
    days: int | None,
    limits: ChangeLimits,
) -> Change:
    """Return the change of a matched group.

    Parameters
    ----------
    spacing_mm : (up, back, left) float
        The larger of the two scans, axis by axis.
    days : int or None
        Between the scans.
    """
    volumes = [sum(x.volume_ml for x in side) for side in (group.prior, group.current)]
    axes = [max(x.long_axis_mm for x in side) for side in (group.prior, group.current)]
    ratio = max(volumes[1], 1e-6) / max(volumes[0], 1e-6)
    limit = _ratio_limit(float(np.sqrt(volumes[0] * volumes[1])), group, spacing_mm, limits)
    least_mm = max(limits.diameter_mm, *spacing_mm[1:])
    steps = (axes[1] - axes[0], least_mm, spacing_mm[0] > limits.thick_slice_mm)
    verdict, rule = _judged(group, ratio, limit, steps)
    return Change(
        verdict=verdict,
        relation=group.relation,
        prior_ids=tuple(x.id for x in group.prior),
        current_ids=tuple(x.id for x in group.current),
        kind_prior=_largest(group.prior).kind,
        kind_current=_largest(group.current).kind,
        volume_prior_ml=volumes[0],
        volume_current_ml=volumes[1],
        long_axis_prior_mm=axes[0],
        long_axis_current_mm=axes[1],
        volume_change=ratio - 1.0,
        long_axis_change_mm=axes[1] - axes[0],
        doubling_time_days=_doubling(ratio, days, limits) if verdict == "growth" else None,
        rule=rule,
        distance_mm=group.distance_mm,
    )


def _judged(
    group: Group, ratio: float, limit: float, steps: tuple[float, float, bool]
) -> tuple[Verdict, str]:
    """Return verdict and rule; ``steps``: change of the long axis, what counts, thick slices."""
    axis_mm, least_mm, thick = steps
    single = len(group.prior) == len(group.current) == 1
    strict = thick or _diffuse(group)
    by_interval = _by_interval(group.prior[0], group.current[0], "volume_ml") if single else None
    volume = 1 if ratio > limit else -1 if ratio < 1 / limit else 0
    rule = f"volume_{round(100 * (limit - 1))}"
    if by_interval is not None:
        # Both must say so: an interval holds noise and voxels, not what a breath or a neighbouring
        # opacity does to an outline; the published limit knows nothing of this scan.
        volume, rule = (volume if volume == by_interval else 0), f"interval+{rule}"
    if strict and volume:
        return _named(volume if axis_mm * volume >= least_mm else 0), f"{rule}+axis"
    return _named(volume), rule


def _diffuse(group: Group) -> bool:
    return any(x.kind in DIFFUSE for x in (*group.prior, *group.current))


def _ratio_limit(
    volume_ml: float, group: Group, spacing_mm: tuple[float, float, float], limits: ChangeLimits
) -> float:
    """Return the ratio of volumes from which a change is beyond repeatability."""
    across_mm = (6000.0 * max(volume_ml, 1e-4) / np.pi) ** (1 / 3)
    edge_mm = limits.edge_voxels * float(np.prod(spacing_mm)) ** (1 / 3)
    by_voxel = float((1.0 + 2.0 * edge_mm / across_mm) ** 3)
    unsure = _diffuse(group) or any(x.kind in UNSURE for x in (*group.prior, *group.current))
    return max(limits.diffuse_ratio if unsure else limits.volume_ratio, by_voxel)


def _by_interval(old: Lesion, new: Lesion, name: str) -> int | None:
    """Return -1, 0 or 1 by both scans' repeatability intervals; None where one is missing."""
    if name not in old.intervals or name not in new.intervals:
        return None
    before, after = getattr(old, name), getattr(new, name)
    if after > old.intervals[name][1] and before < new.intervals[name][0]:
        return 1
    if after < old.intervals[name][0] and before > new.intervals[name][1]:
        return -1
    return 0


def _named(sign: int) -> Verdict:
    return "growth" if sign > 0 else "regression" if sign < 0 else "within_repeatability"


def _doubling(
    ratio: float, days: int | None, limits: ChangeLimits
) -> tuple[float, float, float] | None:
    """Return doubling time in days with the interval that the volume's repeatability gives."""
    if not days or days <= 0 or ratio <= 1:
        return None

    def days_for(growth: float) -> float:
        return float(days * np.log(2) / np.log(growth)) if growth > 1 else float("inf")

    error = limits.volume_ratio
    return days_for(ratio), days_for(ratio * error), days_for(ratio / error)


def _largest(lesions: Sequence[Lesion]) -> Lesion:
    return max(lesions, key=lambda one: one.volume_ml)
