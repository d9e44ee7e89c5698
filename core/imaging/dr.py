"""Analysis of one radiograph: quality first, then the tuberculosis score with its heat map. Pure.

The engine is a port; time is measured by a clock that is passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.transform import resize

from core.imaging.dr_chest import ChestBox, ChestFit, fit_chest
from core.imaging.dr_limits import DrLimits, SiteLimits
from core.imaging.dr_qc import NOT_A_CHEST, assess_fitted, check_usable
from core.imaging.dr_recipes import (
    Reading,
    Recipe,
    box_of,
    heat_of,
    input_of,
    reading_of,
    recipe_of,
    score_of,
)
from core.imaging.dr_regions import Region, regions_of
from core.imaging.result import QcResult, Reason, Status, TbScore
from core.imaging.volume import Radiograph
from core.models.bundle import Bundle
from core.models.engine import Engine
from core.models.errors import EngineOutputInvalid

Clock = Callable[[], float]


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
        0...1, same shape as the image; 0 outside the chest.
    regions : tuple of Region or None
        Where the heat lies; None when not computed, () when nothing stands out.
    seconds : dict
        Seconds by stage.
    reason : Reason or None
        Why there is no score.
    overridden : bool
        Quality control refused and a physician asked for the analysis all the same.
    """

    qc: QcResult
    status: Status
    tb: TbScore | None = None
    heat_map: NDArray[np.float32] | None = None
    regions: tuple[Region, ...] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    reason: Reason | None = None
    overridden: bool = False


@dataclass(frozen=True)
class DrOptions:
    """How to analyse: override of a refusal, the site's limits, the clock for the stages."""

    override: bool = False
    limits: DrLimits | SiteLimits | None = None
    clock: Clock = time.perf_counter


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
    found = chosen.clock()
    qc = assess_fitted(radiograph, chest, chosen.limits)
    judged = chosen.clock()
    seconds = {"chest": found - started, "qc": judged - found}
    refusal = next((r for r in qc.reasons if r.severity == "reject"), None)
    if refusal is not None and not chosen.override:
        status: Status = "not_applicable" if refusal.code in NOT_A_CHEST else "refused"
        return DrFindings(qc, status, seconds=seconds, reason=refusal)
    score, heat = _infer(radiograph, chest, engine, (bundle, recipe, reading))
    inferred = chosen.clock()
    tb = tb_score(score, bundle)
    heat_map, regions = None, None
    if heat is not None:
        box = box_of(chest.box, recipe, radiograph.pixels.shape)
        heat_map = spread_heat(heat, box, radiograph.pixels.shape)
        # Below the threshold nothing is suspected, so no place is pointed at.
        regions = regions_of(heat_map, chest.box) if tb.positive else ()
    seconds |= {"inference": inferred - judged, "heat_map": chosen.clock() - inferred}
    overridden = refusal is not None
    return DrFindings(qc, "ok", tb, heat_map, regions, seconds, overridden=overridden)


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
    activation: NDArray[np.float32], crop: ChestBox, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Lay the network's activation map on the image, 0...1.

    `activation` is in log odds per place; smoothed, its positive part is mapped by
    1 - exp(-a / 12), so that the same strength has the same colour in every image.
    """
    smooth = ndi.gaussian_filter(activation.astype(np.float32), 1.8)
    strength = 1.0 - np.exp(-np.clip(smooth, 0.0, None) / 12.0)
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


def _infer(
    radiograph: Radiograph,
    chest: ChestFit,
    engine: Engine,
    method: tuple[Bundle, Recipe, Reading],
) -> tuple[float, NDArray[np.float32] | None]:
    bundle, recipe, reading = method
    made = input_of(radiograph.pixels, chest.box, recipe)
    outputs = engine.infer({bundle.metadata.inputs[0].name: made})
    score = score_of(outputs, reading)
    if not 0.0 <= score <= 1.0:
        raise EngineOutputInvalid(output=reading.score)
    return score, heat_of(outputs, reading)
