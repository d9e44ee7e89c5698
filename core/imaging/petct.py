"""PET and CT of one examination brought together: one grid, SUV for each lesion, hot spots. Pure.

The scanner's geometry is the first truth. A rigid refinement by mutual information is found beside
it and used where the patient has moved (beyond ``PetCtLimits``); both are told. SUV is measured on
the PET's own voxels, never on resampled ones.

FDG is taken up by inflammation and tumour alike: nothing here says which of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import XinglinError
from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.lungs import find_lungs
from core.imaging.pet_errors import PetNotCorrectedError
from core.imaging.pet_foci import (
    FociLimits,
    Reference,
    SuvImage,
    find_foci,
    hot_threshold,
    liver_reference,
)
from core.imaging.pet_qc import PetFacts, PetLimits, assess_pet, looks_uncorrected, unsure
from core.imaging.pet_rigid import AlignLimits, Alignment, Anatomy, align
from core.imaging.pet_sites import HEART, LUNG_LEFT, LUNG_RIGHT, MEDIASTINUM, Sites, find_sites
from core.imaging.pet_start import align_freely
from core.imaging.petct_lesions import (
    CtSide,
    PetFocus,
    focus_of,
    lesion_regions,
    owner_of,
    pet_index,
    with_uptake,
)
from core.imaging.petct_space import Affine, Rigid, affine_of, affine_of_grid, resampled, still
from core.imaging.result import Lesion, QcResult, Reason, Status

if TYPE_CHECKING:
    from core.errors import Language
    from core.imaging.pet import PetSeries
    from core.imaging.volume import Volume

EDGE_MM: Final = 4.0
METHOD: Final = "petct_classical"
METHOD_VERSION: Final = "0.1.0"


@dataclass(frozen=True, slots=True)
class PetCtLimits:
    """When the refinement is used, and the limits of its parts."""

    move_mm: float = 2.0
    move_deg: float = 1.0
    search: AlignLimits = field(default_factory=AlignLimits)
    quality: PetLimits = field(default_factory=PetLimits)
    foci: FociLimits = field(default_factory=FociLimits)


@dataclass(frozen=True, eq=False)
class PetFindings:
    """What PET adds to a CT.

    Attributes
    ----------
    status : {"ok", "failed", "refused", "not_applicable"}
        Of the uptake values; the CT's own findings stand beside it, whatever this says.
    qc : QcResult
    lesions : tuple of Lesion or None
        The CT's lesions, each with its uptake where it was measured.
    foci : tuple of PetFocus or None
        None where they were not looked for.
    motion : Rigid
        CT LPS -> PET LPS, as used.
    alignment : Alignment or None
        What the refinement found, used or not.
    series : PetSeries or None
    liver, threshold, rule
        Reference uptake, the SUV that counted as hot and the rule that gave it.
    shared_frame : bool
        PET and CT have one frame of reference; False for two examinations aligned by their images.
    """

    status: Status
    qc: QcResult
    lesions: tuple[Lesion, ...] | None
    foci: tuple[PetFocus, ...] | None = None
    motion: Rigid = field(default_factory=still)
    refined: bool = False
    alignment: Alignment | None = None
    series: PetSeries | None = None
    liver: Reference | None = None
    threshold: float | None = None
    rule: str = ""
    reason: Reason | None = None
    shared_frame: bool = True
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self, language: Language = "zh") -> dict[str, object]:
        """Return the public form (`core.imaging.petct_result`)."""
        from core.imaging.petct_result import pet_json  # it names this class, too

        return pet_json(self, language)

    @property
    def suv_volume(self) -> Volume | None:
        """The PET in SUV where there is one, else in its own units."""
        if self.series is None:
            return None
        scale = self.series.scale if self.status == "ok" else None
        factor = np.float32(1.0 if scale is None else scale.per_unit)
        return replace(self.series.volume, voxels=self.series.volume.voxels * factor)


def fuse(
    ct: CtSide,
    series: PetSeries,
    limits: PetCtLimits | None = None,
    progress: Callable[[str], None] = lambda _stage: None,
    clock: Callable[[], float] = perf_counter,
    *,
    shared_frame: bool = True,
) -> PetFindings:
    """Bring a PET series to a CT: align, judge, measure.

    Parameters
    ----------
    ct : CtSide
    series : PetSeries
    limits : PetCtLimits or None
    progress : callable
        Told ``pet_align`` and ``pet_measure`` as they begin.
    clock : callable
        Seconds.
    shared_frame : bool
        Both have one frame of reference. Without it the scanner's geometry says nothing, and the
        alignment alone places the PET, or refuses.

    Raises
    ------
    PetNoOverlapError, PetPlaceUnsureError
    """
    limits = limits or PetCtLimits()
    start = clock()
    progress("pet_align")
    anatomy, sites = _anatomy_of(ct.volume)
    place = affine_of(series.volume)
    search = align if shared_frame else align_freely
    found = search(anatomy, series.volume.voxels, place, limits.search)
    refined = not shared_frame or (_moved(found, limits) and not unsure(found, limits.quality))
    motion = found.motion if refined else still(found.motion.centre_mm)
    middle = clock()
    progress("pet_measure")
    target = (place, _shape(series.volume.voxels))
    pet_sites = resampled(sites, anatomy.affine, target, motion.inverse(), order=0)
    # Between two frames of reference there is no displacement to judge.
    judged = found if shared_frame else replace(found, motion=still(found.motion.centre_mm))
    facts = _facts(series, judged, (sites, anatomy.affine, pet_sites), motion)
    if facts.refusal is None and looks_uncorrected(facts.lung_ratio, limits.quality):
        facts = replace(facts, refusal=PetNotCorrectedError(), scale=None)
    base = PetFindings(
        status="ok", qc=QcResult("pass"), lesions=ct.lesions, motion=motion, refined=refined,
        alignment=found, series=series, shared_frame=shared_frame,
    )  # fmt: skip
    if facts.scale is None:
        reason = None if facts.refusal is None else _as_reason(facts.refusal)
        qc = assess_pet(facts, limits.quality)
        base = replace(base, status="refused", qc=qc, reason=reason)
    else:
        base = _measured(base, ct, facts, pet_sites, limits)
    seconds = {"pet_align": middle - start, "pet_measure": clock() - middle}
    return replace(base, seconds=seconds)


def refused_pet(lesions: tuple[Lesion, ...] | None, error: XinglinError) -> PetFindings:
    """Return the findings of a PET that could not be read or fused: the CT keeps its own."""
    reason = _as_reason(error)
    warn = replace(reason, severity="warn")
    return PetFindings("failed", QcResult("warn", (warn,)), lesions, reason=reason)


def _as_reason(error: XinglinError) -> Reason:
    return Reason(f"E{error.code}", "reject", error.sentence("zh"), error.sentence("en"))


def _anatomy_of(volume: Volume) -> tuple[Anatomy, Sites]:
    view = patient_view(volume)
    grid = cut_grid(view, EDGE_MM)
    lungs = find_lungs(grid)
    place = affine_of_grid(volume, view, grid)
    return Anatomy(grid.voxels, lungs.body, place), find_sites(grid, lungs)


def _moved(found: Alignment, limits: PetCtLimits) -> bool:
    return found.motion.length_mm > limits.move_mm or found.motion.angle_deg > limits.move_deg


def _shape(voxels: NDArray[np.float32]) -> tuple[int, int, int]:
    a, b, c = voxels.shape
    return a, b, c


def _facts(
    series: PetSeries, found: Alignment, regions: tuple[Sites, Affine, Sites], motion: Rigid
) -> PetFacts:
    sites, place, pet_sites = regions
    values = series.volume.voxels
    lungs = values[(pet_sites == LUNG_RIGHT) | (pet_sites == LUNG_LEFT)]
    middle = values[(pet_sites == MEDIASTINUM) | (pet_sites == HEART)]
    ratio = None
    if lungs.size and middle.size:
        # The upper quartile: the lower half is where lung spills over the edge.
        warm = float(np.percentile(middle, 75))
        ratio = float(np.median(lungs)) / warm if warm > 0 else None
    index = np.argwhere((sites == LUNG_RIGHT) | (sites == LUNG_LEFT))
    covered = None
    if len(index):
        at = pet_index(index, place, series.volume, motion)
        size = np.asarray(values.shape)
        covered = float(((at >= -0.5) & (at <= size - 0.5)).all(axis=1).mean())
    return PetFacts(
        geometry=series.geometry, header=series.header, scale=series.scale,
        refusal=series.refusal, alignment=found, lung_ratio=ratio, lungs_covered=covered,
    )  # fmt: skip


def _measured(
    base: PetFindings, ct: CtSide, facts: PetFacts, pet_sites: Sites, limits: PetCtLimits
) -> PetFindings:
    """Fill in SUV: references, hot spots, and each lesion's uptake."""
    assert facts.scale is not None
    pet = base.series.volume if base.series is not None else None
    assert pet is not None
    suv = pet.voxels * np.float32(facts.scale.per_unit)
    image = SuvImage(suv, pet.spacing_mm, pet_sites)
    liver = liver_reference(image, limits.foci)
    lungs = suv[(pet_sites == LUNG_RIGHT) | (pet_sites == LUNG_LEFT)]
    lung_suv = float(np.median(lungs)) if lungs.size else None
    facts = replace(facts, liver=liver, lung_suv=lung_suv)
    threshold, rule = hot_threshold(liver)
    # The threshold is one of FDG; another tracer's foci are not looked for.
    hot = find_foci(image, threshold, limits.foci) if facts.header.fdg else ()
    regions = lesion_regions(ct, pet, base.motion, pet_sites, limits.foci)
    owners = [owner_of(focus, regions) for focus in hot]
    foci = tuple(
        focus_of(number, focus, owner, pet, base.motion)
        for number, (focus, owner) in enumerate(zip(hot, owners, strict=True), start=1)
    )
    lesions = ct.lesions
    if lesions is not None:
        # A lesion's own focus may reach beyond its outline (breathing, an edge drawn too close).
        for focus, owner in zip(hot, owners, strict=True):
            if owner is not None and focus.assessed:
                regions[owner][tuple(focus.contour.T)] = True
        focal = {owner for owner in owners if owner is not None}
        lesions = tuple(
            with_uptake(one, regions.get(one.id), image, (threshold, one.id in focal))
            for one in lesions
        )
    return replace(
        base,
        qc=assess_pet(facts, limits.quality),
        lesions=lesions,
        foci=foci if facts.header.fdg else None,
        liver=liver,
        threshold=threshold,
        rule=rule,
    )
