"""The CT chain on one volume: quality, lungs, lesions, measures. Pure; axis order (slice, row,
column) at the border, patient order inside (see ``ct_grid``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import XinglinError
from core.imaging.anatomy import Anatomy, find_anatomy
from core.imaging.case import CaseFindings, LungVolumes, sum_up
from core.imaging.ct_delineate import Delineated, delineate, kind_of
from core.imaging.ct_errors import CtShapeError, CtSpacingError, CtTooLargeError
from core.imaging.ct_grid import Grid, PatientView, cut_grid, patient_view
from core.imaging.ct_origin import with_empty_slices, with_origin
from core.imaging.ct_qc import CtLimits, assess_ct, assess_geometry, reason_of
from core.imaging.ct_qc_measure import quality_metrics
from core.imaging.geometry import SeriesGeometry
from core.imaging.lesions import Judge, find_lesions
from core.imaging.lobes import LOBES
from core.imaging.location import OUTSIDE, location_of, location_outside, side_of
from core.imaging.lungs import LEFT, RIGHT, Labels, find_lungs, refine
from core.imaging.measure import centroid
from core.imaging.measure_place import LobeShare, place_lesions
from core.imaging.remeasure import measure_outlined
from core.imaging.result import Lesion, QcResult, Reason, Severity, Status, verdict_of
from core.imaging.volume import Volume

COARSE_EDGE_MM = 2.0
MOST_VOXELS = 1200 * 1024 * 1024  # 2.4 GB of int16: beyond it the box's memory is at stake
SPACING_MM = (0.05, 30.0)
# Where these say no, that no lung was found says nothing.
BROKEN = ("CT_HU", "CT_LUNG_CUT", "CT_VALUES")


@dataclass(frozen=True, eq=False)
class CtFindings:
    """What the CT chain answers.

    Attributes
    ----------
    qc : QcResult
    status : {"ok", "failed", "refused", "not_applicable"}
    lesions : tuple of Lesion or None
        None where not computed, () where computed and empty.
    label_map : (slice, row, column) uint16 or None
        Lesion ids.
    lungs : (slice, row, column) uint8 or None
        1 patient's right lung, 2 left, 3 airways.
    seconds : dict
        Wall seconds by stage.
    reason : Reason or None
        Why the status is not ok.
    case : CaseFindings or None
        What the lesions amount to for the patient; None where lesions were not computed.
    anatomy : Anatomy or None
        Lobes, vessels, airways on the 2 mm grid; None where no lesion needed a place.
    """

    qc: QcResult
    status: Status
    lesions: tuple[Lesion, ...] | None
    label_map: NDArray[np.uint16] | None
    lungs: Labels | None
    seconds: dict[str, float] = field(default_factory=dict)
    reason: Reason | None = None
    case: CaseFindings | None = None
    anatomy: Anatomy | None = None


@dataclass(frozen=True, slots=True)
class CtOptions:
    """How to run: limits of quality, and whether a physician overrode a refusal (仍然分析).

    Attributes
    ----------
    operating_point : float or None
        The least probability at which a lesion is reported: lower shows more, higher fewer. None =
        the judge's own threshold.
    judge : Judge or None
        Who rates lesion candidates; None = the classical rules.
    """

    limits: CtLimits = field(default_factory=CtLimits)
    override: bool = False
    operating_point: float | None = None
    judge: Judge | None = None


def _silent(stage: str) -> None:
    """Report progress to nobody."""


class _Stages:
    """Tells progress and keeps the seconds of each stage."""

    def __init__(self, progress: Callable[[str], None], clock: Callable[[], float]) -> None:
        self.progress = progress
        self.clock = clock
        self.seconds: dict[str, float] = {}
        self._name = ""
        self._since = 0.0

    def begin(self, name: str) -> None:
        """End the running stage and begin the next."""
        self.end()
        self.progress(name)
        self._name, self._since = name, self.clock()

    def end(self) -> None:
        """End the running stage."""
        if self._name:
            took = self.clock() - self._since
            self.seconds[self._name] = self.seconds.get(self._name, 0.0) + took
        self._name = ""


def analyse_ct(
    volume: Volume,
    geometry: SeriesGeometry,
    progress: Callable[[str], None] = _silent,
    options: CtOptions | None = None,
    clock: Callable[[], float] = perf_counter,
) -> CtFindings:
    """Judge, segment, detect and measure one CT.

    Parameters
    ----------
    volume : Volume
        Hounsfield units, int16 or float32, of ``order_slices(geometry).kept``, with its
        ``spacing_mm3``, ``origin_mm`` and ``direction``.
    geometry : SeriesGeometry
        Of the series as it came (duplicates and strays included).
    progress : callable
        Told the name of each stage as it begins: quality, lungs, lesions, measures, anatomy.
    options : CtOptions or None
    clock : callable
        Seconds; a test passes its own.

    Never raises for bad input: an unusable array gives ``failed``, a refusal by quality control
    ``refused``, a volume without lung ``not_applicable``, each with its coded reason.
    """
    options = options or CtOptions()
    stages = _Stages(progress, clock)
    stages.begin("quality")
    first = assess_geometry(geometry, options.limits)
    try:
        _usable(volume)
    except XinglinError as error:
        stages.end()
        return CtFindings(first, "failed", None, None, None, stages.seconds, _as_reason(error))
    if first.verdict == "reject" and not options.override:
        stages.end()
        return _refused(first, stages.seconds)
    view = patient_view(volume)
    coarse = cut_grid(view, COARSE_EDGE_MM)
    invalid = _count_invalid(volume.voxels)
    stages.begin("lungs")
    lungs = find_lungs(coarse)
    fine = refine(view, coarse, lungs.labels)
    stages.begin("quality")
    measured = quality_metrics(view, coarse, lungs)
    qc = assess_ct(geometry, coarse, lungs, options.limits, measured)
    qc = with_origin(_with_invalid(qc, invalid, volume.voxels.size, options.limits), geometry)
    qc = with_empty_slices(qc, coarse, lungs)
    if not lungs.lungs.any():
        stages.end()
        return _without_lung(qc, stages.seconds)
    if qc.verdict == "reject" and not options.override:
        stages.end()
        return _refused(qc, stages.seconds, view.restore(fine))
    stages.begin("lesions")
    scored = find_lesions(view, coarse, lungs, options.operating_point, options.judge)
    stages.begin("measures")
    outlined = [found for found in (delineate(view, s) for s in scored) if found is not None]
    lesions, label_map = _measured(outlined, volume, view, fine)
    _give_back(fine, label_map, lesions)
    stages.begin("anatomy")
    anatomy = find_anatomy(view, coarse, lungs) if lesions else None
    shares: tuple[LobeShare, ...] = ()
    if anatomy is not None:
        lesions, shares = place_lesions(lesions, label_map, coarse, anatomy)
    case = sum_up(lesions, _volumes(fine, view, anatomy, coarse), shares)
    stages.end()
    restored = view.restore(label_map), view.restore(fine)
    return CtFindings(
        qc, "ok", lesions, restored[0], restored[1], stages.seconds, None, case, anatomy
    )


def _volumes(
    lungs: Labels, view: PatientView, anatomy: Anatomy | None, coarse: Grid
) -> LungVolumes:
    """Return the volumes of lungs (with the lesions in them) and lobes, millilitres."""
    voxel_ml = float(np.prod(view.spacing_mm)) / 1000.0
    count = sum(int(((level == RIGHT) | (level == LEFT)).sum()) for level in lungs)
    lobes = {}
    if anatomy is not None:
        sizes = np.bincount(anatomy.lobes.ravel(), minlength=len(LOBES) + 1)
        lobes = {name: float(sizes[k]) * coarse.voxel_ml for k, name in LOBES.items() if sizes[k]}
    return LungVolumes(count * voxel_ml, lobes)


def _measured(
    outlined: list[Delineated], volume: Volume, view: PatientView, lungs: Labels
) -> tuple[tuple[Lesion, ...], NDArray[np.uint16]]:
    """Number, paint and measure; where two touch, the first keeps the voxels."""
    label_map = np.zeros(view.voxels.shape, dtype=np.uint16)
    drafts: list[Lesion] = []
    for found in outlined:
        part = label_map[found.box]
        free = found.mask & (part == 0)
        if free.sum() < 0.5 * found.mask.sum():
            continue
        number = len(drafts) + 1
        part[free] = number
        kind = found.scored.candidate.kind
        drafts.append(Lesion(number, kind, (0, 0, 0), 0, 0, 0, 0, "", found.scored.probability))
    lesions = measure_outlined(volume, view, label_map, drafts)
    return _placed(lesions, (view, label_map, lungs)), label_map


def _placed(
    lesions: tuple[Lesion, ...],
    where: tuple[PatientView, NDArray[np.uint16], Labels],
) -> tuple[Lesion, ...]:
    """Return the lesions with their place, and their kind as full resolution shows it."""
    view, label_map, lungs = where
    out = []
    boxes = ndimage.find_objects(label_map)
    for lesion in lesions:
        box = boxes[lesion.id - 1]
        mask = label_map[box] == lesion.id
        outside = lesion.kind in OUTSIDE
        side = side_of(label_map == lesion.id, lungs) if outside else side_of(mask, lungs[box])
        level = box[0].start + float(centroid(mask)[0])
        values = np.asarray(view.voxels[box][mask], dtype=np.float32)
        out.append(
            replace(
                lesion,
                kind=kind_of(lesion.kind, lesion.long_axis_mm, values),
                location=location_outside(lesion.kind, side)
                if outside
                else location_of(level, side, lungs),
            )
        )
    return tuple(out)


def _give_back(lungs: Labels, label_map: NDArray[np.uint16], lesions: tuple[Lesion, ...]) -> None:
    """Count diseased lung as lung: paint each lesion inside it with its side's label."""
    side = np.zeros(len(lesions) + 1, dtype=np.uint8)
    for lesion in lesions:
        if lesion.kind not in OUTSIDE:
            side[lesion.id] = RIGHT if lesion.location.startswith("right") else LEFT
    for level, ids in zip(lungs, label_map, strict=True):
        free = (ids > 0) & (level == 0)
        level[free] = side[ids[free]]


def _usable(volume: Volume) -> None:
    """Refuse arrays that no method can read.

    Raises
    ------
    CtShapeError, CtTooLargeError, CtSpacingError
    """
    shape = volume.voxels.shape
    if len(shape) != 3 or min(shape, default=0) < 1:
        raise CtShapeError(shape="x".join(str(n) for n in shape) or "0")
    if volume.voxels.size > MOST_VOXELS:
        raise CtTooLargeError(voxels=int(volume.voxels.size), limit=MOST_VOXELS)
    low, high = SPACING_MM
    spacing = np.asarray(volume.spacing_mm, dtype=np.float64)
    if spacing.shape != (3,) or not np.isfinite(spacing).all():
        raise CtSpacingError(what="spacing is not three numbers")
    if (spacing < low).any() or (spacing > high).any():
        raise CtSpacingError(what="spacing " + ", ".join(f"{mm:.3g} mm" for mm in spacing))
    direction = np.asarray(volume.direction, dtype=np.float64)
    if direction.shape != (3, 3) or not np.isfinite(direction).all():
        raise CtSpacingError(what="direction is not a 3x3 matrix")
    lengths = np.linalg.norm(direction, axis=0)
    if np.abs(lengths - 1).max() > 0.02 or abs(np.linalg.det(direction)) < 0.5:
        raise CtSpacingError(what="direction is not made of unit vectors")
    if not np.isfinite(np.asarray(volume.origin_mm, dtype=np.float64)).all():
        raise CtSpacingError(what="origin is not finite")


def _as_reason(error: XinglinError) -> Reason:
    return Reason(f"E{error.code}", "reject", error.sentence("zh"), error.sentence("en"))


def _count_invalid(voxels: NDArray[np.int16] | NDArray[np.float32]) -> int:
    if np.issubdtype(voxels.dtype, np.integer):
        return 0
    return int(sum((~np.isfinite(level)).sum() for level in voxels))


def _with_invalid(qc: QcResult, count: int, voxels: int, limits: CtLimits) -> QcResult:
    if not count:
        return qc
    share = count / voxels
    severity: Severity = "reject" if share > limits.invalid_reject_share else "warn"
    told = reason_of("CT_VALUES_INVALID", severity, "invalid_voxels", float(count))
    reasons = (*qc.reasons, told)
    return QcResult(verdict_of(reasons), reasons, qc.metrics)


def _refused(qc: QcResult, seconds: dict[str, float], lungs: Labels | None = None) -> CtFindings:
    reason = next(r for r in qc.reasons if r.severity == "reject")
    return CtFindings(qc, "refused", None, None, lungs, seconds, reason)


def _without_lung(qc: QcResult, seconds: dict[str, float]) -> CtFindings:
    """No lung: not applicable, unless values or field are broken (then refused)."""
    broken = [r for r in qc.reasons if r.severity == "reject" and r.code.startswith(BROKEN)]
    if broken:
        return CtFindings(qc, "refused", None, None, None, seconds, broken[0])
    reason = next(r for r in qc.reasons if r.code == "CT_NO_LUNG")
    return CtFindings(qc, "not_applicable", None, None, None, seconds, reason)
