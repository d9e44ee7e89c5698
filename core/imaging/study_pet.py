"""Fusion starts by itself: a study that holds a CT and a PET gets both into one result. Pure.

Whatever becomes of the PET, the CT's findings stay: a refused uptake value is a reason beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from core.dicom.facts import text
from core.errors import XinglinError
from core.imaging.pet import choose_pet, has_pet, pet_groups, pet_slices, read_pet
from core.imaging.pet_errors import PetTooFewSlicesError
from core.imaging.petct import PetCtLimits, PetFindings, fuse, refused_pet
from core.imaging.petct_lesions import CtSide
from core.imaging.result import QcResult, Reason, Sentence
from core.imaging.series import LEAST_SLICES
from core.imaging.study_result import StudyResult

if TYPE_CHECKING:
    from pydicom import Dataset

    from core.dicom.facts import ImageFacts

NO_CT = Sentence(
    "CT 未能分析，PET 不能对应到解剖位置，未作融合",
    "The CT was not analysed: PET cannot be placed and is not fused",
)


def with_pet(
    result: StudyResult,
    facts: Sequence[ImageFacts],
    load: Callable[[str], Dataset],
    progress: Callable[[str], None],
    clock: Callable[[], float],
    limits: PetCtLimits | None = None,
) -> StudyResult:
    """Return the result of a CT with what its study's PET adds; unchanged where there is none.

    Parameters
    ----------
    result : StudyResult
        Of the CT.
    facts : sequence of ImageFacts
        The whole study's.
    load : callable
        SOP Instance UID -> data set.
    """
    groups = pet_groups(facts)
    if result.volume is None or not (groups or has_pet(facts)):
        return result
    if not groups and result.status == "ok":
        # Images of a PET that is not fused: said, or nobody would miss it.
        short = PetTooFewSlicesError(slices=pet_slices(facts), least=LEAST_SLICES)
        return replace(result, pet=refused_pet(result.lesions, short))
    if result.status != "ok":
        return replace(result, modality="PT", pet=_without_ct())
    start = clock()
    try:
        frame = (
            text(load(result.volume.uids[0]), "FrameOfReferenceUID") if result.volume.uids else ""
        )
        uid = choose_pet(facts, load, frame)
        assert uid is not None
        progress("pet_read")
        series = read_pet(groups[uid], load)
        label_map = getattr(result.ct, "label_map", None)
        side = CtSide(result.volume, result.lesions, label_map)
        pet = fuse(side, series, limits, progress, clock)
    except XinglinError as error:
        pet = refused_pet(result.lesions, error)
    return _joined(result, pet, clock() - start)


def fuse_studies(
    ct: CtSide,
    ct_frame: str,
    pet: tuple[Sequence[ImageFacts], Callable[[str], Dataset]],
    progress: Callable[[str], None] = lambda _stage: None,
    clock: Callable[[], float] = perf_counter,
    limits: PetCtLimits | None = None,
) -> PetFindings | None:
    """Return what a PET of another study adds to a CT; None where that study has no PET to fuse.

    Parameters
    ----------
    ct : CtSide
    ct_frame : str
        Frame of Reference UID of the CT, "" where it has none.
    pet : (facts, load)
        Of the PET's study: image facts, and SOP Instance UID -> data set.
    """
    facts, load = pet
    groups = pet_groups(facts)
    uid = choose_pet(facts, load, ct_frame)
    if uid is None:
        return None
    try:
        progress("pet_read")
        series = read_pet(groups[uid], load)
        shared = bool(ct_frame) and series.header.frame_of_reference == ct_frame
        return fuse(ct, series, limits, progress, clock, shared_frame=shared)
    except XinglinError as error:
        return refused_pet(ct.lesions, error)


def _without_ct() -> PetFindings:
    reason = Reason("PT_CT_UNUSABLE", "warn", NO_CT.zh, NO_CT.en)
    return PetFindings("not_applicable", QcResult("warn", (reason,)), None, reason=reason)


def _joined(result: StudyResult, pet: PetFindings, seconds: float) -> StudyResult:
    ct = result.ct
    if ct is not None and hasattr(ct, "__dataclass_fields__"):
        # The same lesions everywhere: writers of result objects read them from here.
        ct = cast("Any", replace(cast("Any", ct), lesions=pet.lesions))
    choice = result.choice
    if choice is not None and pet.series is not None:
        fused = pet.series.series_uid
        excluded = tuple((uid, "FUSED" if uid == fused else code) for uid, code in choice.excluded)
        choice = replace(choice, excluded=excluded)
    spent = {**result.seconds, "pet": seconds}
    inner = {f"pet.{stage}": s for stage, s in pet.seconds.items()}
    return replace(
        result, modality="PT", pet=pet, lesions=pet.lesions, ct=ct, choice=choice,
        seconds={**spent, **inner},
    )  # fmt: skip
