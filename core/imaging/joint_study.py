"""Study results of one patient to one joint record. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.imaging.case import TB_KINDS
from core.imaging.ct import CtFindings
from core.imaging.dr import DrFindings
from core.imaging.dr_ct_overlay import DrCt, Film, lay_upon
from core.imaging.followup_study import date_of
from core.imaging.joint import CtSays, FilmSays, JointFindings, PetSays, joined
from core.imaging.petct import PetFindings

if TYPE_CHECKING:
    from core.dicom.facts import ImageFacts
    from core.imaging.study_result import StudyResult

Read = tuple["StudyResult", Sequence["ImageFacts"]]


def joint_of(film: Read, ct: Read) -> JointFindings:
    """Return what a radiograph and a CT (with its PET) of one patient say together."""
    pet = ct[0].pet
    return joined(
        film_says(film[0]),
        ct_says(ct[0]),
        pet_says(ct[0].study, pet) if isinstance(pet, PetFindings) else None,
        _overlay(film[0], ct[0]),
        _days(film[1], ct[1]),
    )


def film_says(result: StudyResult) -> FilmSays:
    """Return a radiograph's own answer."""
    found = result.dr if isinstance(result.dr, DrFindings) else None
    unfamiliar = found is not None and found.familiarity is not None and found.familiarity.outside
    positive = None if result.tb is None else result.tb.positive
    regions = () if found is None or found.regions is None else found.regions
    return FilmSays(result.study, positive, unfamiliar, regions)


def ct_says(result: StudyResult) -> CtSays:
    """Return a CT's own answer: its case's suspicion, else whether it has a kind seen in TB."""
    if result.status != "ok" or result.lesions is None:
        return CtSays(result.study, None)
    case = getattr(result.ct, "case", None)
    stated = getattr(case, "suspected", None)
    by_kind = any(x.kind in TB_KINDS and x.probability >= 0.5 for x in result.lesions)
    return CtSays(result.study, by_kind if stated is None else bool(stated), result.lesions)


def pet_says(study: str, pet: PetFindings) -> PetSays | None:
    """Return a PET's own answer; None where hot spots were not looked for."""
    if pet.foci is None:
        return None
    hot = tuple(one.lesion for one in pet.foci if one.lesion is not None)
    elsewhere = sum(one.assessed and one.lesion is None for one in pet.foci)
    return PetSays(study, hot, elsewhere)


def _overlay(film: StudyResult, ct: StudyResult) -> DrCt | None:
    if film.radiograph is None or ct.volume is None or film.status != "ok":
        return None
    found = ct.ct if isinstance(ct.ct, CtFindings) else None
    regions = film.dr.regions if isinstance(film.dr, DrFindings) else None
    return lay_upon(Film(film.radiograph, regions), found, ct.volume)


def _days(film: Sequence[ImageFacts], ct: Sequence[ImageFacts]) -> int | None:
    dates = [date_of(side[0].study_date) if side else None for side in (film, ct)]
    if dates[0] is None or dates[1] is None:
        return None
    return abs((dates[0] - dates[1]).days)
