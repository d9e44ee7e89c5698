"""Who is suggested for an MDT: one of each discipline and a chair, from who is there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

#: The disciplines of a pulmonary MDT, in the order in which they are shown.
MDT: tuple[str, ...] = ("respiratory", "pathology", "imaging", "thoracic_surgery")
#: Chairs first from the clinical disciplines.
_CHAIR = ("respiratory", "thoracic_surgery", "imaging", "pathology")
_LEVEL = {"chief": 3, "associate_chief": 2, "attending": 1}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could be asked.

    Attributes
    ----------
    level : str
        ``chief``, ``associate_chief``, ``attending`` or "".
    has_key : bool
        Whether anything can be sealed to them.
    load : int
        Open consultations that they own.
    """

    person: str
    discipline: str
    hospital: str
    level: str = ""
    on_duty: bool = False
    has_key: bool = True
    load: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One seat, filled in; ``person`` is "" where nobody can be asked."""

    discipline: str
    person: str
    part: Literal["chair", "member"]
    reason_zh: str
    reason_en: str


def suggest(
    candidates: Iterable[Candidate], *, hospital: str = "", disciplines: Sequence[str] = MDT
) -> list[Suggestion]:
    """Return a seat for each discipline.

    Who has no key is never suggested, for nothing could be sealed to them. On duty goes before
    level, level before load; then who is of ``hospital``; then the id, so that the same roster
    gives the same suggestion.
    """
    able = [one for one in candidates if one.has_key]
    chosen: dict[str, Candidate] = {}
    for discipline in disciplines:
        of_it = [one for one in able if one.discipline == discipline]
        if of_it:
            chosen[discipline] = min(of_it, key=lambda one: _order(one, hospital))
    chair = next((d for d in _CHAIR if d in chosen), "")
    return [_suggestion(d, chosen.get(d), d == chair) for d in disciplines]


def _order(one: Candidate, hospital: str) -> tuple[bool, int, int, bool, str]:
    return (
        not one.on_duty,
        -_LEVEL.get(one.level, 0),
        one.load,
        one.hospital != hospital,
        one.person,
    )


def _suggestion(discipline: str, one: Candidate | None, chairs: bool) -> Suggestion:
    part: Literal["chair", "member"] = "chair" if chairs else "member"
    if one is None:
        zh, en = "该学科无可邀请人员", "nobody of this discipline can be asked"
        return Suggestion(discipline, "", part, zh, en)
    zh, en = ("在班", "on duty") if one.on_duty else ("不在班", "not on duty")
    return Suggestion(
        discipline, one.person, part, f"{zh}，在办 {one.load} 例", f"{en}, {one.load} open"
    )
