"""A chest CT against the same patient's earlier one: what grew, healed, is new, is gone. Pure.

Both scans are analysed by themselves (`ct.analyse_ct`) and measured on their own voxels; the lungs
are registered (`register`), the registration judges itself (`register_quality`), lesions are
matched (`followup_match`) and each change is held against repeatability (`followup_change`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import Language
from core.imaging.ct import CtFindings
from core.imaging.ct_grid import Grid, Mask, carry, cut_grid, patient_view
from core.imaging.followup_change import Change, ChangeLimits, changed, unmatched
from core.imaging.followup_match import Cloud, clouds_of, match_lesions
from core.imaging.followup_recist import RecistResponse, recist_response
from core.imaging.followup_sentences import reason_of
from core.imaging.lungs import Labels
from core.imaging.register import (
    LungImage,
    PointMap,
    Points,
    RegistrationSettings,
    frame_of,
    register_lungs,
)
from core.imaging.register_quality import RegistrationQuality, assess_registration
from core.imaging.result import Lesion, Reason, Status
from core.imaging.volume import Volume

METHOD, METHOD_VERSION = "ct-follow-up", "1"
MARGIN_MM = 14.0
# How far from its place an unlisted lesion is looked for in the other scan: the residual, and for
# large ones, which the map is less sure of, a share of their size.
REACH_MM = (1.5, 8.0)
REACH_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class FollowUpLimits:
    """What still counts as comparable, and as changed. A site may set its own."""

    change: ChangeLimits = field(default_factory=ChangeLimits)
    lung_dice: float = 0.90
    found_share: float = 0.7
    block_correlation: float = 0.75
    residual_p95_mm: float = 7.0
    tolerance_mm: float = 6.0


@dataclass(frozen=True, eq=False)
class Examination:
    """One analysed CT with what is known of its patient.

    Attributes
    ----------
    findings : CtFindings or None
        None where the study has no CT analysis.
    volume : Volume
        That the findings were made on.
    patient_key : bytes
        Hash of Patient ID (`ImageFacts.patient_key`); empty where there is none.
    sex : str
        "M", "F", "O" or "".
    on : date or None
        Study date.
    position : str
        Patient Position (0018,5100), e.g. "HFS".
    """

    findings: CtFindings | None
    volume: Volume
    patient_key: bytes = b""
    sex: str = ""
    on: date | None = None
    position: str = ""


@dataclass(frozen=True, eq=False)
class FollowUp:
    """The comparison of two scans.

    Attributes
    ----------
    status : {"ok", "refused", "not_applicable"}
    reasons : tuple of Reason
        Why it was refused, and what to bear in mind where it was not.
    changes : tuple of Change or None
        None where nothing was compared.
    quality : RegistrationQuality or None
    recist : RecistResponse or None
    days : int or None
        Between the scans.
    lung_ml : (prior, current) float or None
        Volume of both lungs as scanned: says how alike the breath was.
    points : PointMap or None
        Current to prior, for pictures and for the linked cursor.
    seconds : dict
    """

    status: Status
    reasons: tuple[Reason, ...] = ()
    changes: tuple[Change, ...] | None = None
    quality: RegistrationQuality | None = None
    recist: RecistResponse | None = None
    days: int | None = None
    lung_ml: tuple[float, float] | None = None
    points: PointMap | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    method: str = METHOD
    version: str = METHOD_VERSION

    def as_json(self, language: Language = "zh") -> dict[str, object]:
        """Return the public form."""
        from core.imaging.followup_json import followup_json

        return followup_json(self, language)

    def count(self, verdict: str) -> int:
        """Return how many lesions have a verdict."""
        return sum(change.verdict == verdict for change in self.changes or ())


def compare(
    prior: Examination,
    current: Examination,
    limits: FollowUpLimits | None = None,
    settings: RegistrationSettings | None = None,
    clock: Callable[[], float] = perf_counter,
) -> FollowUp:
    """Compare two analysed scans of one patient.

    Never raises for what the images hold: what cannot be compared is ``refused`` or
    ``not_applicable`` with its coded reason.

    Parameters
    ----------
    clock : callable
        Seconds.
    """
    limits = limits or FollowUpLimits()
    days = _days(prior, current)
    stop = _identity(prior, current, days) or _unusable(prior, current)
    if stop is not None:
        status: Status = "refused" if stop.code.startswith("FU_PATIENT") else "not_applicable"
        status = "refused" if stop.code in ("FU_SEX_DIFFERS", "FU_ORDER") else status
        return FollowUp(status, (stop,), days=days)
    notes = _notes(prior, current, limits.change, days)
    seconds: dict[str, float] = {}
    began = clock()
    edge_mm = (settings or RegistrationSettings()).edge_mm
    sides = lung_image(prior, edge_mm), lung_image(current, edge_mm)
    seconds["prepare"] = clock() - began
    points = register_lungs(sides[1], sides[0], settings)
    seconds["register"] = clock() - began - sum(seconds.values())
    quality = assess_registration(sides[1], sides[0], points)
    seconds["quality"] = clock() - began - sum(seconds.values())
    lung_ml = (_lung_ml(sides[0]), _lung_ml(sides[1]))
    bad = _not_comparable(quality, limits)
    if bad is not None:
        return FollowUp(
            "refused", (bad, *notes), None, quality, None, days, lung_ml, points, seconds
        )
    changes = _changes(prior, current, points, quality, (limits, days))
    seconds["lesions"] = clock() - began - sum(seconds.values())
    recist = _recist(prior, current, changes)
    return FollowUp("ok", notes, changes, quality, recist, days, lung_ml, points, seconds)


def lung_image(exam: Examination, edge_mm: float) -> LungImage:
    """Return an examination's lungs on a working grid, cut to them with a margin."""
    view = patient_view(exam.volume)
    whole = cut_grid(view, edge_mm)
    lung_labels, label_map = _labels(exam)
    labels = _on_grid(lung_labels, exam.volume, whole)
    lesions = _on_grid(label_map > 0, exam.volume, whole).astype(bool)
    lungs = (labels == 1) | (labels == 2)
    margins = [int(np.ceil(MARGIN_MM / mm)) for mm in whole.spacing_mm]
    box = _box(lungs, margins)
    part = whole.cut(box)
    return LungImage(
        part.voxels, lungs[box], lesions[box], whole.spacing_mm, frame_of(exam.volume, view, part)
    )


def _labels(exam: Examination) -> tuple[Labels, NDArray[np.uint16]]:
    """Return lungs and lesions of a scan that `_unusable` let pass."""
    assert exam.findings is not None
    assert exam.findings.lungs is not None
    assert exam.findings.label_map is not None
    return exam.findings.lungs, exam.findings.label_map


def _lesions(exam: Examination) -> tuple[Lesion, ...]:
    assert exam.findings is not None
    return exam.findings.lesions or ()


def _on_grid(array: Any, volume: Volume, grid: Grid) -> Any:
    """Return labels of the volume's grid on a working grid over all of it (nearest)."""
    return carry(patient_view(replace(volume, voxels=array)).voxels, grid.voxels.shape)


def _box(mask: Mask, margins: Sequence[int]) -> tuple[slice, slice, slice]:
    parts = []
    for axis, margin in enumerate(margins):
        hits = np.flatnonzero(mask.any(axis=tuple(k for k in range(3) if k != axis)))
        parts.append(
            slice(max(0, int(hits[0]) - margin), min(mask.shape[axis], int(hits[-1]) + margin + 1))
        )
    return parts[0], parts[1], parts[2]


def _lung_ml(side: LungImage) -> float:
    return float(side.lungs.sum() * np.prod(side.spacing_mm) / 1000.0)


def _days(prior: Examination, current: Examination) -> int | None:
    return None if prior.on is None or current.on is None else (current.on - prior.on).days


def _identity(prior: Examination, current: Examination, days: int | None) -> Reason | None:
    """Return why these are not two scans of one patient in this order, or None."""
    if prior.patient_key and current.patient_key and prior.patient_key != current.patient_key:
        return reason_of("FU_PATIENT_DIFFERS", "reject")
    known = {"M", "F"}
    if {prior.sex, current.sex} <= known and prior.sex != current.sex:
        return reason_of("FU_SEX_DIFFERS", "reject")
    if days is not None and days < 0:
        return reason_of("FU_ORDER", "reject", "days", float(days), 0.0)
    return None


def _unusable(prior: Examination, current: Examination) -> Reason | None:
    """Return why a scan cannot be compared at all (no lungs, refused, failed), or None."""
    for exam, code in ((prior, "FU_PRIOR_UNUSABLE"), (current, "FU_CURRENT_UNUSABLE")):
        found = exam.findings
        if found is None:
            return reason_of(code, "reject")
        if found.status != "ok" or found.lungs is None or found.label_map is None:
            return reason_of(code, "reject")
        if found.lesions is None or not ((found.lungs == 1) | (found.lungs == 2)).any():
            return reason_of(code, "reject")
    return None


def _notes(
    prior: Examination, current: Examination, limits: ChangeLimits, days: int | None
) -> tuple[Reason, ...]:
    notes = []
    thick = max(slice_mm(prior.volume), slice_mm(current.volume))
    if thick > limits.thick_slice_mm:
        notes.append(
            reason_of("FU_SLICES_THICK", "warn", "slice_spacing_mm", thick, limits.thick_slice_mm)
        )
    lying = {exam.position[2:3] for exam in (prior, current) if len(exam.position) >= 3}
    if len(lying) > 1:
        notes.append(reason_of("FU_POSITION_DIFFERS", "warn"))
    if days is None:
        notes.append(reason_of("FU_DATES_UNKNOWN", "info"))
    return tuple(notes)


def slice_mm(volume: Volume) -> float:
    """Return the distance of neighbours along the patient's long axis, millimetres."""
    return float(patient_view(volume).spacing_mm[0])


def _not_comparable(quality: RegistrationQuality, limits: FollowUpLimits) -> Reason | None:
    """Return the first number of the registration that is not good enough, or None."""
    least = (
        ("lung_dice", quality.lung_dice, limits.lung_dice),
        ("found_share", quality.found_share, limits.found_share),
        ("block_correlation", quality.block_correlation, limits.block_correlation),
        ("residual_p95_mm", -quality.residual_p95_mm, -limits.residual_p95_mm),
    )
    for name, value, limit in least:
        if not value >= limit:
            return reason_of("FU_NOT_COMPARABLE", "reject", name, abs(value), abs(limit))
    return None


def _changes(
    prior: Examination,
    current: Examination,
    points: PointMap,
    quality: RegistrationQuality,
    rules: tuple[FollowUpLimits, int | None],
) -> tuple[Change, ...]:
    limits, days = rules
    olds, news = _clouds(prior), _clouds(current)
    tolerance = max(limits.tolerance_mm, quality.residual_p95_mm)
    off_mm = min(quality.residual_p95_mm, 3.0)
    groups = match_lesions(olds, news, points.to_prior, tolerance)
    before, after = (patient_view(e.volume).spacing_mm for e in (prior, current))
    worst = (max(before[0], after[0]), max(before[1], after[1]), max(before[2], after[2]))
    cloud = {("old", c.lesion.id): c for c in olds} | {("new", c.lesion.id): c for c in news}
    out = []
    for group in groups:
        if group.relation != "none":
            out.append(changed(group, worst, days, limits.change))
        elif group.current:
            mine = cloud["new", group.current[0].id]
            seen = seen_share(mine, current, prior, points.to_prior, _reach_mm(mine, off_mm))
            out.append(unmatched(group, seen, limits.change))
        else:
            mine = cloud["old", group.prior[0].id]
            seen = seen_share(mine, prior, current, points.to_current, _reach_mm(mine, off_mm))
            out.append(unmatched(group, seen, limits.change))
    return tuple(out)


def _reach_mm(cloud: Cloud, off_mm: float) -> float:
    return float(np.clip(max(off_mm, REACH_SHARE * cloud.lesion.long_axis_mm), *REACH_MM))


def _clouds(exam: Examination) -> tuple[Cloud, ...]:
    return clouds_of(exam.volume, _labels(exam)[1], _lesions(exam))


def seen_share(
    cloud: Cloud,
    here: Examination,
    there: Examination,
    move: Callable[[Points], Points],
    reach_mm: float = 1.5,
) -> float | None:
    """Return how much of a lesion's density is also at its place in the other scan.

    0: nothing but lung; 1: as dense as here. The place may be off by ``reach_mm`` in any direction:
    the best of 27 is taken. None where the other scan does not cover most of the place.
    """
    moved = move(cloud.points)
    own = _sampled(here.volume, cloud.points)
    own_mean = float(np.nanmean(own)) if np.isfinite(own).any() else 0.0
    steps = np.array(np.meshgrid(*[(-reach_mm, 0.0, reach_mm)] * 3)).reshape(3, -1).T
    values = [_sampled(there.volume, moved + step) for step in steps]
    centre = values[13]
    if np.isfinite(centre).mean() < 0.7:
        return None
    # Aerated lung of each scan; a lesion is never compared with less than 150 HU of contrast.
    lung = _lung_level(there)
    contrast = max(own_mean - _lung_level(here), 150.0)
    best = max(float(np.nanmean(v)) for v in values if np.isfinite(v).any())
    return float(np.clip((best - lung) / contrast, 0.0, 1.5))


def _lung_level(exam: Examination) -> float:
    lungs = _labels(exam)[0]
    step = tuple(slice(None, None, max(1, n // 64)) for n in lungs.shape)
    inner = lungs[step]
    values = exam.volume.voxels[step][(inner == 1) | (inner == 2)]
    return float(np.median(values)) if len(values) else -850.0


def _sampled(volume: Volume, points: Points) -> Points:
    """Return Hounsfield units at (n, 3) LPS points; NaN outside the volume."""
    steps = np.linalg.solve(volume.direction, (points - np.asarray(volume.origin_mm)).T)
    index = steps / np.asarray(volume.spacing_mm)[:, None]
    low = np.maximum(np.floor(index.min(axis=1)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.max(axis=1)).astype(int) + 2, volume.voxels.shape)
    if (high <= low).any():
        return np.full(len(points), np.nan)
    part = volume.voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    values = ndimage.map_coordinates(
        part.astype(np.float32), index - low[:, None], order=1, mode="nearest"
    )
    sizes = np.asarray(volume.voxels.shape)[:, None]
    inside = ((index > -0.5) & (index < sizes - 0.5)).all(axis=0)
    return np.where(inside, values, np.nan).astype(np.float64)


def _recist(
    prior: Examination, current: Examination, changes: tuple[Change, ...]
) -> RecistResponse | None:
    thick = max(slice_mm(prior.volume), slice_mm(current.volume))
    return recist_response(_lesions(prior), _lesions(current), changes, thick)
