"""One record per patient: what radiograph, CT and PET say together, and where they disagree. Pure.

Each modality's own result stands; here nothing is averaged. Each statement is coded, in both
languages, and says whether the modalities agree. Never more than "suspected" (疑似).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.imaging.dr_ct_overlay import DrCt
from core.imaging.dr_regions import Region
from core.imaging.joint_sentences import SENTENCES
from core.imaging.result import Lesion

Stand = Literal["agree", "disagree", "note"]
DAYS_APART = 30
# Seen on CT far more often than on a radiograph: their absence there contradicts nothing.
SEEN_ON_FILM_MM = 15.0


@dataclass(frozen=True, slots=True)
class FilmSays:
    """A radiograph's own answer.

    Attributes
    ----------
    study : str
    suspected : bool or None
        Score above the threshold; None where there is no score.
    unfamiliar : bool
        Outside of what the model was trained on.
    regions : sequence of Region
    """

    study: str
    suspected: bool | None
    unfamiliar: bool = False
    regions: Sequence[Region] = ()


@dataclass(frozen=True, slots=True)
class CtSays:
    """A CT's own answer; ``suspected`` is None where the CT was not analysed."""

    study: str
    suspected: bool | None
    lesions: Sequence[Lesion] = ()


@dataclass(frozen=True, slots=True)
class PetSays:
    """A PET's own answer.

    Attributes
    ----------
    hot_lesions : sequence of int
        CT lesions with a hot spot.
    hot_elsewhere : int
        Assessed hot spots without a CT lesion.
    """

    study: str
    hot_lesions: Sequence[int] = ()
    hot_elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """One coded statement.

    Attributes
    ----------
    code : str
    stand : {"agree", "disagree", "note"}
    zh, en : str
    lesions, regions : tuple of int
        CT lesions and radiograph regions it speaks of.
    """

    code: str
    stand: Stand
    zh: str
    en: str
    lesions: tuple[int, ...] = ()
    regions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class JointFindings:
    """The modalities of one patient joined.

    Attributes
    ----------
    studies : dict
        Modality to study.
    statements : tuple of Statement
    days_apart : int or None
        Between the first and the last study.
    overlay : DrCt or None
        Radiograph and CT laid upon each other.
    """

    studies: dict[str, str]
    statements: tuple[Statement, ...]
    days_apart: int | None = None
    overlay: DrCt | None = None

    @property
    def agree(self) -> bool:
        """Whether no statement disagrees."""
        return all(one.stand != "disagree" for one in self.statements)

    def as_json(self) -> dict[str, object]:
        """Return the public form: JSON types only."""
        return {
            "studies": dict(self.studies),
            "agree": self.agree,
            "days_apart": self.days_apart,
            "statements": [
                {
                    "code": one.code,
                    "stand": one.stand,
                    "zh": one.zh,
                    "en": one.en,
                    "lesions": list(one.lesions),
                    "regions": list(one.regions),
                }
                for one in self.statements
            ],
            "overlay": None if self.overlay is None else self.overlay.as_json(),
        }


def joined(
    film: FilmSays | None,
    ct: CtSays | None,
    pet: PetSays | None = None,
    overlay: DrCt | None = None,
    days_apart: int | None = None,
) -> JointFindings:
    """Join what the modalities say of one patient; at least two should be given."""
    statements: list[Statement] = []
    if film is not None and ct is not None:
        statements += _film_and_ct(film, ct, overlay)
    if ct is not None and pet is not None:
        statements += _ct_and_pet(ct, pet)
    if film is not None and film.unfamiliar:
        statements.append(_say("JOINT_FILM_UNFAMILIAR", "note"))
    if days_apart is not None and days_apart > DAYS_APART:
        statements.append(_say("JOINT_DAYS_APART", "note", days=days_apart))
    present = {"DX": film, "CT": ct, "PT": pet}
    studies = {modality: one.study for modality, one in present.items() if one is not None}
    return JointFindings(studies, tuple(statements), days_apart, overlay)


def _film_and_ct(film: FilmSays, ct: CtSays, overlay: DrCt | None) -> list[Statement]:
    if film.suspected is None or ct.suspected is None:
        return [_say("JOINT_ONE_MISSING", "note")]
    large = tuple(x.id for x in ct.lesions if x.long_axis_mm >= SEEN_ON_FILM_MM)
    ids = tuple(x.id for x in ct.lesions)
    if film.suspected and ct.suspected:
        out = [_say("JOINT_BOTH_SUSPECTED", "agree", ids)]
    elif film.suspected:
        code = "JOINT_FILM_ONLY" if not ids else "JOINT_FILM_ONLY_CT_OTHER"
        out = [_say(code, "disagree", ids, count=len(ids))]
    elif ct.suspected:
        stand: Stand = "disagree" if large else "note"
        code = "JOINT_CT_ONLY" if large else "JOINT_CT_ONLY_SMALL"
        out = [_say(code, stand, large or ids, count=len(large or ids))]
    else:
        out = [_say("JOINT_NEITHER", "agree", ids)]
    return out + _places(film, ct, overlay)


def _places(film: FilmSays, ct: CtSays, overlay: DrCt | None) -> list[Statement]:
    """Say which regions of the radiograph have a CT lesion behind them."""
    if not film.regions or not film.suspected:
        return []
    meant = _meant(film, ct, overlay)
    if overlay is not None and overlay.status == "refused":
        note = [_say("JOINT_NOT_LAID_UPON", "note")]
    else:
        note = []
    hit = {n: ids for n, ids in meant.items() if ids}
    empty = tuple(n for n, ids in meant.items() if not ids)
    out = list(note)
    if hit:
        ids = tuple(sorted({one for many in hit.values() for one in many}))
        out.append(_say("JOINT_PLACE_AGREES", "agree", ids, tuple(hit), count=len(hit)))
    if empty:
        out.append(_say("JOINT_REGION_UNEXPLAINED", "disagree", (), empty, count=len(empty)))
    return out


def _meant(film: FilmSays, ct: CtSays, overlay: DrCt | None) -> dict[int, tuple[int, ...]]:
    """Return region -> CT lesions: by the overlay where there is one, else by zone alone."""
    if overlay is not None and overlay.regions is not None:
        return {ray.region: ray.lesion_ids for ray in overlay.regions}
    return {
        n: tuple(x.id for x in ct.lesions if x.location == region.zone)
        for n, region in enumerate(film.regions)
    }


def _ct_and_pet(ct: CtSays, pet: PetSays) -> list[Statement]:
    known = {x.id for x in ct.lesions}
    hot = tuple(sorted(known & set(pet.hot_lesions)))
    cold = tuple(sorted(known - set(pet.hot_lesions)))
    out = []
    if hot:
        out.append(_say("JOINT_PET_HOT", "agree", hot, count=len(hot)))
    if cold:
        out.append(_say("JOINT_PET_NOT_HOT", "note", cold, count=len(cold)))
    if pet.hot_elsewhere:
        out.append(_say("JOINT_PET_ELSEWHERE", "disagree", count=pet.hot_elsewhere))
    return out


def _say(
    code: str,
    stand: Stand,
    lesions: tuple[int, ...] = (),
    regions: tuple[int, ...] = (),
    **numbers: int,
) -> Statement:
    sentence = SENTENCES[code]
    return Statement(
        code, stand, sentence.zh.format(**numbers), sentence.en.format(**numbers), lesions, regions
    )
