"""What a physician submits: judged against what it was made on, then one record. Pure.

Every lesion of the base has a decision. Outlines that were not touched are taken over as they are;
what was drawn is measured by the same function as the AI's. The AI's own statement is never
changed: this is a statement of its own, that names what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.imaging.location import KINDS, LOCATIONS
from core.imaging.result import Lesion
from core.imaging.study_result import lesion_json
from edge.review.base import Base, Lines
from edge.review.errors import DecisionUnfounded, LesionUnusable, Undecided
from edge.review.measuring import Outlines, started
from edge.review.reasons import LESION_REASONS, PREDICTION_REASONS

Decision = Literal["accepted", "changed", "rejected", "added"]
#: Label maps are 16 bit, and nobody outlines more.
MOST_NUMBER = 4095
NOTE_MAX = 500


@dataclass(frozen=True, slots=True)
class Judged:
    """One lesion's decision; ``outlines`` only where it was drawn."""

    id: int
    decision: Decision
    reason: str = ""
    note: str = ""
    kind: str = ""
    location: str = ""
    origin: tuple[int, ...] = ()
    outlines: Outlines | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Agreement or disagreement with one case-level statement."""

    code: str
    decision: Literal["agree", "disagree"]
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """All that a physician decided; ``rejected`` rejects the result as a whole."""

    lesions: tuple[Judged, ...] = ()
    predictions: tuple[Answered, ...] = ()
    rejected: bool = False
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the record holds: decisions with the lesions as they now stand, and their outlines."""

    decision: Literal["accepted", "changed", "rejected"]
    lesions: list[dict[str, Any]]
    predictions: list[dict[str, Any]]
    lines: Lines = field(default_factory=dict)


Measure = Callable[[Lesion, Outlines], Lesion]


def outcome_of(
    base: Base, said: Submission, predictions: Sequence[Mapping[str, Any]], measure: Measure
) -> Outcome:
    """Return what a submission amounts to.

    Parameters
    ----------
    base : Base
    said : Submission
    predictions : sequence of mapping
        The AI's case-level statements, with code and value.
    measure : callable
        Measures a drawn lesion.

    Raises
    ------
    Undecided, DecisionUnfounded, LesionUnusable, OutlineUnusable, NoVoxel
    """
    _check(base, said, {str(one["code"]) for one in predictions})
    known = {one["id"]: one for one in base.lesions}
    lesions = [_one(base, one, known.get(one.id), measure) for one in said.lesions]
    answers = _answers(said, predictions)
    plain = all(one["decision"] == "accepted" for one in lesions)
    agreed = all(one["decision"] == "agree" for one in answers)
    decision: Literal["accepted", "changed", "rejected"] = (
        "rejected" if said.rejected else "accepted" if plain and agreed else "changed"
    )
    return Outcome(decision, lesions, answers, _lines(base, said))


def _check(base: Base, said: Submission, codes: set[str]) -> None:
    numbers = [one.id for one in said.lesions]
    known = {one["id"] for one in base.lesions}
    undecided = sorted(known - set(numbers))
    if undecided and not said.rejected:
        raise Undecided(lesion=undecided[0])
    for one in said.lesions:
        _check_lesion(one, is_new=one.id not in known, twice=numbers.count(one.id) > 1)
    for answer in said.predictions:
        wrong = answer.decision == "disagree" and answer.reason not in PREDICTION_REASONS
        if wrong or answer.code not in codes:
            raise DecisionUnfounded(what=answer.code[:40])
    if said.rejected and said.reason not in PREDICTION_REASONS:
        raise DecisionUnfounded(what="case")


def _check_lesion(one: Judged, *, is_new: bool, twice: bool) -> None:
    numbered = 0 < one.id <= MOST_NUMBER and not twice and is_new == (one.decision == "added")
    named = one.kind in KINDS and one.location in LOCATIONS
    drawn = one.outlines is not None or one.decision != "added"
    if not numbered or not drawn or not (named or one.decision == "rejected"):
        raise LesionUnusable(lesion=one.id)
    if one.decision == "rejected" and one.reason not in LESION_REASONS:
        raise DecisionUnfounded(what=f"L{one.id}")


def _one(
    base: Base, one: Judged, before: dict[str, Any] | None, measure: Measure
) -> dict[str, Any]:
    said = {
        "id": one.id, "decision": one.decision, "reason": one.reason,
        "note": one.note.strip()[:NOTE_MAX], "from": list(one.origin),
    }  # fmt: skip
    if one.decision == "rejected" or (one.decision == "accepted" and before is not None):
        return {**said, "lesion": before, "before": before}
    lesion = started(base, one.id, one.kind, one.location)
    drawn = one.outlines if one.outlines is not None else base.outlined(one.id)
    return {**said, "lesion": lesion_json(measure(lesion, drawn)), "before": before}


def _answers(
    said: Submission, predictions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:  # fmt: skip
    by_code = {one.code: one for one in said.predictions}
    found = []
    for prediction in predictions:
        one = by_code.get(str(prediction["code"]))
        if one is not None:
            found.append(
                {
                    "code": one.code, "value": prediction["value"], "decision": one.decision,
                    "reason": one.reason, "note": one.note.strip()[:NOTE_MAX],
                    "method": prediction.get("method"),
                }
            )  # fmt: skip
    return found


def _lines(base: Base, said: Submission) -> Lines:
    """Return the outlines of what stands: of untouched lesions as they were."""
    drawn = {one.id: one.outlines for one in said.lesions if one.outlines is not None}
    gone = {one.id for one in said.lesions if one.decision == "rejected"}
    found: Lines = {}
    for frame, lines in base.lines.items():
        kept = [x for x in lines if x["lesion"] not in gone and x["lesion"] not in drawn]
        if kept:
            found[frame] = kept
    for number, outlines in sorted(drawn.items()):
        if number in gone or outlines is None:
            continue
        for frame, rings in outlines.items():
            lines = [{"lesion": number, "points": [list(p) for p in ring]} for ring in rings]
            if lines:
                found.setdefault(frame, []).extend(lines)
    return found


def record_of(
    base: Base, outcome: Outcome, said: Submission, review: Mapping[str, Any], blobs: dict[str, str]
) -> dict[str, Any]:
    """Return the body of ``findings.assessed``. Pure."""
    return {
        "input": base.input,
        "override": base.override,
        "priority": 0,
        "review": {
            **review, "decision": outcome.decision, "reason": said.reason,
            "note": said.note.strip()[:NOTE_MAX], "result": base.result_version,
            "parent": base.parent,
        },
        "lesions": outcome.lesions,
        "predictions": outcome.predictions,
        "blobs": blobs,
    }  # fmt: skip
