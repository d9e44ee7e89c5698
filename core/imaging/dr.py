"""Analysis of one radiograph: quality first, then the tuberculosis score and its company. Pure.

With the score go its interval, heat map and regions, the lung fields, the share of each zone that
is affected, and whether the image is like those that the model was taught with. The engine is a
port; time is measured by a clock that is passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.transform import resize

from core.imaging.dr_chest import ChestBox, ChestFit, fit_chest
from core.imaging.dr_evidence import Evidence, evidence_of
from core.imaging.dr_evidence import reason_of as evidence_reason
from core.imaging.dr_limits import DrLimits, SiteLimits
from core.imaging.dr_lungs import LungFields, lung_fields
from core.imaging.dr_novelty import Familiarity, reason_of
from core.imaging.dr_origin import origin_reasons
from core.imaging.dr_qc import NOT_A_CHEST, assess_fitted, check_usable
from core.imaging.dr_recipes import (
    Reading,
    Recipe,
    box_of,
    heat_of,
    input_of,
    interval_of,
    reading_of,
    recipe_of,
    score_of,
)
from core.imaging.dr_regions import Region, regions_of
from core.imaging.dr_zones import Involvement, MarkLevels, involvement_of
from core.imaging.result import QcResult, Reason, Status, TbScore, verdict_of
from core.imaging.volume import Radiograph
from core.models.bundle import Arrays, Bundle
from core.models.engine import Engine
from core.models.errors import EngineOutputInvalid

Clock = Callable[[], float]
LungFinder = Callable[[NDArray[np.float32], ChestFit], LungFields]


@dataclass(frozen=True)
class DrFindings:
    """What the analysis of one radiograph says.

    Attributes
    ----------
    qc : QcResult
    status : {"ok", "refused", "not_applicable"}
        A failure is an exception, which the caller turns into "failed".
    tb : TbScore or None
    heat_map : (row, column) float32 ndarray or None
        0...1, same shape as the image; 0 outside the lung fields and their margin. Whole, as the
        network gave it, in ``evidence``.
    regions : tuple of Region or None
        Where the heat lies; None when not computed, () when nothing stands out.
    seconds : dict
        Seconds by stage.
    reason : Reason or None
        Why there is no score.
    overridden : bool
        Quality control refused and a physician asked for the analysis all the same.
    lungs : LungFields or None
    involvement : Involvement or None
        None where the model marks no lesions.
    familiarity : Familiarity or None
        None where the model does not tell its distance from training.
    evidence : Evidence or None
        What speaks for tuberculosis where, and how much of it lies outside the lungs; None where
        the model gives no map.
    """

    qc: QcResult
    status: Status
    tb: TbScore | None = None
    heat_map: NDArray[np.float32] | None = None
    regions: tuple[Region, ...] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    reason: Reason | None = None
    overridden: bool = False
    lungs: LungFields | None = None
    involvement: Involvement | None = None
    familiarity: Familiarity | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True)
class DrOptions:
    """How to analyse: override of a refusal, site's limits, stages' clock, who finds the lungs."""

    override: bool = False
    limits: DrLimits | SiteLimits | None = None
    clock: Clock = time.perf_counter
    lungs: LungFinder = lung_fields


def analyse_dr(
    radiograph: Radiograph, engine: Engine, bundle: Bundle, options: DrOptions | None = None
) -> DrFindings:
    """Analyse one radiograph.

    Quality control refuses -> ``refused`` (no chest -> ``not_applicable``), unless overridden.

    Raises
    ------
    RadiographUnusable
        The array is no picture.
    BundleNotForRadiographs, EngineFailed, EngineOutputInvalid
    """
    chosen = options or DrOptions()
    stated = bundle.metadata
    recipe = recipe_of(stated.name, stated.preprocessing)
    reading = reading_of(stated.name, stated.postprocessing)
    started = chosen.clock()
    check_usable(radiograph)
    chest = fit_chest(radiograph.pixels)
    lungs = chosen.lungs(radiograph.pixels, chest)
    found = chosen.clock()
    qc = assess_fitted(radiograph, chest, chosen.limits, lungs)
    judged = chosen.clock()
    seconds = {"chest": found - started, "qc": judged - found}
    refusal = next((r for r in qc.reasons if r.severity == "reject"), None)
    if refusal is not None and not chosen.override:
        status: Status = "not_applicable" if refusal.code in NOT_A_CHEST else "refused"
        return DrFindings(qc, status, seconds=seconds, reason=refusal)
    film = _Film(radiograph, chest, bundle, recipe, reading)
    outputs = engine.infer({stated.inputs[0].name: input_of(radiograph.pixels, chest.box, recipe)})
    inferred = chosen.clock()
    found_all = _read(film, outputs, lungs)
    seconds |= {"inference": inferred - judged, "marks": chosen.clock() - inferred}
    reasons = (*qc.reasons, *origin_reasons(radiograph), *_doubts(found_all))
    return replace(
        found_all,
        qc=replace(qc, reasons=reasons, verdict=verdict_of(reasons)),
        seconds=seconds,
        overridden=refusal is not None,
    )


def _doubts(found: DrFindings) -> tuple[Reason, ...]:
    """Return what lowers the confidence in a score, besides the image's quality."""
    positive = found.tb is not None and found.tb.positive
    doubts = (reason_of(found.familiarity), evidence_reason(found.evidence, positive))
    return tuple(one for one in doubts if one is not None)


@dataclass(frozen=True)
class _Film:
    """What reading the outputs needs to know of the image and of the bundle."""

    radiograph: Radiograph
    chest: ChestFit
    bundle: Bundle
    recipe: Recipe
    reading: Reading


def _read(film: _Film, outputs: Arrays, lungs: LungFields) -> DrFindings:
    """Turn the network's outputs into findings; quality and times are filled in by the caller."""
    shape, reading = film.radiograph.pixels.shape, film.reading
    score = score_of(outputs, reading)
    if not 0.0 <= score <= 1.0:
        raise EngineOutputInvalid(output=reading.score)
    tb = tb_score(score, film.bundle)
    box = box_of(film.chest.box, film.recipe, shape)
    heat, heat_map, regions, evidence = heat_of(outputs, reading), None, None, None
    if heat is not None:
        evidence = evidence_of(heat, box, lungs.mask)
        heat_map = spread_heat(heat, box, shape, evidence.near)
        # Below the threshold nothing is suspected, so no place is pointed at.
        regions = regions_of(heat_map, film.chest.box, lungs.mask) if tb.positive else ()
        if evidence.outside_share is not None:
            outside = {"evidence_outside_lungs_percent": 100.0 * evidence.outside_share}
            tb = replace(tb, extra=tb.extra | outside)
    involvement, familiarity = None, None
    doubt = reading.doubt
    if doubt is not None:
        levels = MarkLevels(doubt.affected_level, doubt.cavity_level)
        involvement = involvement_of(outputs[doubt.marks][0], box, lungs.mask, levels)
        distance = float(outputs[doubt.novelty][0, 0])
        match = film.chest.score, DrLimits().chest_reject
        familiarity = Familiarity(distance, doubt.novelty_limit, *match)
        interval = interval_of(outputs, score, doubt)
        tb = replace(tb, interval=interval, extra=tb.extra | _told(tb, involvement, familiarity))
    return DrFindings(
        QcResult("pass"), "ok", tb, heat_map, regions,
        lungs=lungs, involvement=involvement, familiarity=familiarity, evidence=evidence,
    )  # fmt: skip


def _told(tb: TbScore, involvement: Involvement, familiarity: Familiarity) -> dict[str, float]:
    """Return the numbers that go with the score into records and screens.

    The Timika score stages known tuberculosis: below the threshold there is none.
    """
    told = {
        "training_distance_sd": familiarity.distance,
        "training_distance_limit_sd": familiarity.limit,
        "outside_training": float(familiarity.outside),
        "affected_percent": involvement.affected_percent,
        "cavity_suspected": float(involvement.cavity == "suspected"),
    }
    told |= {f"affected_{z}_percent": share for z, share in involvement.zone_percent.items()}
    return told | {"timika": involvement.timika} if tb.positive else told


def tb_score(score: float, bundle: Bundle) -> TbScore:
    """Return the score with everything that is needed to judge it later."""
    metadata = bundle.metadata
    return TbScore(
        score=score,
        threshold=metadata.threshold,
        positive=score >= metadata.threshold,
        model=metadata.name,
        version=metadata.version,
        calibration_set=metadata.calibration_set,
        extra={"research_only": float(metadata.research_only)},
    )


def spread_heat(
    activation: NDArray[np.float32],
    crop: ChestBox,
    shape: tuple[int, int],
    near: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Lay the network's activation map on the image, 0...1.

    `activation` is in log odds per place; smoothed, its positive part is mapped by
    1 - exp(-a / 12), so that the same strength has the same colour in every image. With `near`, a
    grid over the crop, nothing is drawn elsewhere.
    """
    smooth = ndi.gaussian_filter(activation.astype(np.float32), 1.8)
    strength = 1.0 - np.exp(-np.clip(smooth, 0.0, None) / 12.0)
    if near is not None:
        strength = resize(strength, near.shape, order=1, preserve_range=True) * near
    top, left = max(0, round(crop.top)), max(0, round(crop.left))
    bottom, right = min(shape[0], round(crop.bottom)), min(shape[1], round(crop.right))
    heat = np.zeros(shape, np.float32)
    if bottom <= top or right <= left:
        return heat
    full = (round(crop.bottom) - round(crop.top), round(crop.right) - round(crop.left))
    laid = resize(strength, full, order=1, preserve_range=True, anti_aliasing=False)
    row, column = top - round(crop.top), left - round(crop.left)
    heat[top:bottom, left:right] = laid[row : row + bottom - top, column : column + right - left]
    return heat
