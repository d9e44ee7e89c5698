"""What an analysis says: the one shape shared by `xinglin analyze`, records, API and screens.

Four outcomes are kept apart everywhere: ``ok`` (also when nothing was found), ``failed`` (something
broke), ``refused`` (quality control) and ``not_applicable`` (no chest, or no method for it).
What was not computed is ``None``; computed and empty is an empty tuple.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "failed", "refused", "not_applicable"]
Verdict = Literal["pass", "warn", "reject"]
Severity = Literal["info", "warn", "reject"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A public sentence, Chinese and English, with the same ``{placeholders}``."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One coded reason of a quality verdict.

    Attributes
    ----------
    code : str
        Stable, e.g. ``"DR_EXPOSURE_LOW"`` or ``"CT_SLICE_GAP"``.
    severity : {"info", "warn", "reject"}
    message_zh, message_en : str
        Finished public sentences (what is wrong, what to do).
    metric : str or None
        Name of the measured quantity with its unit, e.g. ``"deviation_index_db"``.
    value, limit : float or None
        What was measured and the limit it was held against.
    """

    code: str
    severity: Severity
    message_zh: str
    message_en: str
    metric: str | None = None
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class QcResult:
    """Verdict with its reasons; ``metrics`` also holds the quantities that were fine."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)


def verdict_of(reasons: tuple[Reason, ...]) -> Verdict:
    """Return the verdict that a set of reasons amounts to: the worst severity decides."""
    worst = {reason.severity for reason in reasons}
    if "reject" in worst:
        return "reject"
    return "warn" if "warn" in worst else "pass"


@dataclass(frozen=True, slots=True)
class Lesion:
    """One CT finding, measured.

    Attributes
    ----------
    id : int
        Number in the label map (1-based) and on screen.
    kind : str
        ``solid_nodule``, ``ground_glass_nodule``, ``part_solid_nodule``, ``mass``, ``cavity``,
        ``consolidation``, ``tree_in_bud``, ``calcification``, ``pleural_effusion``.
    centroid_mm : (3,) float
        DICOM patient coordinates, LPS, millimetres.
    volume_ml, long_axis_mm, short_axis_mm, mean_hu : float
        Axes in-plane (RECIST 1.1): longest in any axial slice, and perpendicular to it there.
    location : str
        Coded: ``right_upper_zone`` … ``left_lower_zone``, ``pleural_right``, ``pleural_left``.
    probability : float
        0…1, of being a true lesion of this kind by the method's own calibration (see bundle card).
    extra : dict
        Further numbers by name with unit, e.g. ``wall_mean_mm``.
    intervals : dict
        Name of a number of this record (also of ``extra``) to its 95 % repeatability interval
        (low, high): where a second scan of the unchanged lesion, same spacing and noise, would lie.
    codes : dict
        Coded descriptors by name, e.g. ``{"lobe": "right_upper_lobe", "margin": "spiculated"}``.
    """

    id: int
    kind: str
    centroid_mm: tuple[float, float, float]
    volume_ml: float
    long_axis_mm: float
    short_axis_mm: float
    mean_hu: float
    location: str
    probability: float
    extra: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TbScore:
    """The radiograph classifier's answer, with everything needed to judge it later.

    ``positive`` means "suspected, above the threshold": never more. ``interval`` is the score's
    95 % interval by the bundle's own statement; None where it states none.
    """

    score: float
    threshold: float
    positive: bool
    model: str
    version: str
    calibration_set: str
    extra: dict[str, float] = field(default_factory=dict)
    interval: tuple[float, float] | None = None
