"""Routes of the AI review: what it starts from, drafts, measuring, interpolation, submission."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from core.blobs.disk import put
from core.imaging.location import KINDS, LOCATIONS
from core.imaging.predictions import predictions_of
from core.imaging.redraw import interpolated
from core.imaging.result import Lesion
from core.imaging.study_result import lesion_json
from core.records.clock import Stamp
from core.records.record import Draft
from core.web.errors import InputWrong
from core.web.people import Session
from core.web.text import Text
from edge.api.context import Site, TheSite, need
from edge.api.seat import opened_study
from edge.review.base import Base, base_of, head_of, newest_result
from edge.review.drafts import draft_of, drop_draft, others_at, save_draft
from edge.review.errors import LesionUnusable, NothingToReview, ResultChanged, SubmittedMeanwhile
from edge.review.images import StudyImages
from edge.review.measuring import Outlines, checked, measured, started
from edge.review.reasons import FACTS
from edge.review.submission import Answered, Judged, Submission, outcome_of, record_of

router = APIRouter(prefix="/api/studies/{study}")
MayOpen = Annotated[Session, Depends(need("study.open"))]
MayReview = Annotated[Session, Depends(need("study.override"))]

_KEPT_NUMBERS = 256
_FACT_MAX = 200

Rings = list[list[tuple[float, float]]]
Number = Annotated[int, Field(ge=1, le=4095)]
Code = Annotated[Text, Field(max_length=64)]


class Drawn(BaseModel):
    """A lesion as it is drawn at this moment."""

    parent: Code = ""
    id: Number
    kind: Code
    location: Code
    outlines: dict[str, Rings]


class Ends(BaseModel):
    """A lesion's outlines; what lies between them is asked for."""

    outlines: dict[str, Rings]
    parent: Code = ""


class SavedDraft(BaseModel):
    """The page's whole work, opaque here, and the number of the save that it follows."""

    version: Annotated[int, Field(ge=0)]
    parent: Code = ""
    body: dict[str, Any]


class LesionSaid(BaseModel):
    """A decision on one lesion."""

    id: Number
    decision: Literal["accepted", "changed", "rejected", "added"]
    reason: Code = ""
    note: Text = ""
    kind: Code = ""
    location: Code = ""
    origin: Annotated[list[int], Field(max_length=32)] = []
    outlines: dict[str, Rings] | None = None


class PredictionSaid(BaseModel):
    """Agreement or disagreement with one case-level statement."""

    code: Code
    decision: Literal["agree", "disagree"]
    reason: Code = ""
    note: Text = ""


class Review(BaseModel):
    """A submission; ``supersedes`` are versions that its author saw and replaces."""

    result: int
    parent: Code = ""
    supersedes: Annotated[list[Code], Field(max_length=32)] = []
    lesions: Annotated[list[LesionSaid], Field(max_length=500)] = []
    predictions: Annotated[list[PredictionSaid], Field(max_length=32)] = []
    rejected: bool = False
    reason: Code = ""
    note: Text = ""


class Fact(BaseModel):
    """One fact of the case, entered by a person."""

    code: Code
    value: Annotated[Text, Field(max_length=_FACT_MAX)]
    date: Annotated[Text, Field(max_length=10)] = ""
    note: Annotated[Text, Field(max_length=_FACT_MAX)] = ""


class Facts(BaseModel):
    """Facts of the case."""

    facts: Annotated[list[Fact], Field(min_length=1, max_length=16)]


class Measurer:
    """Measures drawn lesions; what was measured a moment ago is not measured again."""

    def __init__(self, site: Site) -> None:
        self._images = StudyImages(site.box)
        self._known: OrderedDict[str, Lesion] = OrderedDict()
        self._lock = threading.Lock()

    def measure(self, study: str, base: Base, lesion: Lesion, outlines: Outlines) -> Lesion:
        """Return the lesion with the numbers of its outline."""
        said = [study, base.parent, base.result_version, lesion_json(lesion), outlines]
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        with self._lock:
            if digest in self._known:
                return self._known[digest]
        found = measured(self._images, study, base, lesion, outlines)
        with self._lock:
            self._known[digest] = found
            while len(self._known) > _KEPT_NUMBERS:
                self._known.popitem(last=False)
        return found


def _measurer(request: Request) -> Measurer:
    found: Measurer = request.app.state.measurer
    return found


TheMeasurer = Annotated[Measurer, Depends(_measurer)]


@router.get("/review")
def read_review(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return all versions, the one that rules, the caller's draft, who else has one."""
    row = opened_study(site, session, study)
    try:
        newest: dict[str, Any] | None = newest_result(site.box, study)
    except NothingToReview:
        newest = None
    may = session.may("study.override")
    return {
        "result": newest["version"] if newest else 0,
        "predictions": predictions_of(newest["result"]) if newest else [],
        "versions": _versions(site, study),
        "draft": draft_of(site.box, study, session.user) if may else None,
        "others": others_at(site.box, study, session.user),
        "facts": _facts(site, row["subject"]),
    }


@router.get("/review/{review}/outlines")
def read_outlines(site: TheSite, session: MayOpen, study: str, review: str) -> dict[str, Any]:
    """Return the outlines of one submitted version, per image."""
    opened_study(site, session, study)
    base = base_of(site.box, study, review)
    kinds = {one["id"]: one["kind"] for one in base.lesions}
    lines = {
        frame: [{**line, "kind": kinds.get(line["lesion"], "")} for line in drawn]
        for frame, drawn in base.lines.items()
    }
    series = (base.result.get("series") or {}).get("series_uid") or ""
    return {"series_uid": series, "version": base.result_version, "lines": lines}


@router.put("/review/draft")
def write_draft(site: TheSite, session: MayReview, study: str, body: SavedDraft) -> dict[str, Any]:
    """Save the caller's draft; answers its number, the time, and who else has one."""
    opened_study(site, session, study)
    saved = save_draft(site.box, session, study, (body.version, body.parent), body.body)
    return {**saved, "others": others_at(site.box, study, session.user)}


@router.delete("/review/draft")
def remove_draft(site: TheSite, session: MayReview, study: str) -> dict[str, str]:
    """Throw the caller's draft away."""
    opened_study(site, session, study)
    drop_draft(site.box, study, session.user)
    return {}


@router.post("/review/measure")
def measure(
    site: TheSite, session: MayReview, measurer: TheMeasurer, study: str, body: Drawn
) -> dict[str, Any]:
    """Return a drawn lesion's numbers; nothing is kept."""
    opened_study(site, session, study)
    if body.kind not in KINDS or body.location not in LOCATIONS:
        raise LesionUnusable(lesion=body.id)
    base = base_of(site.box, study, body.parent)
    lesion = started(base, body.id, body.kind, body.location)
    return {"lesion": lesion_json(measurer.measure(study, base, lesion, body.outlines))}


@router.post("/review/interpolate")
def interpolate(site: TheSite, session: MayReview, study: str, body: Ends) -> dict[str, Any]:
    """Return outlines for the slices between those that have one."""
    opened_study(site, session, study)
    base = base_of(site.box, study, body.parent)
    drawn = checked(base, 0, body.outlines)
    found: dict[str, Any] = {}
    places = sorted(drawn)
    for low, high in pairwise(places):
        gap = range(low + 1, high)
        if not gap:
            continue
        parts = [(index - low) / (high - low) for index in gap]
        for index, rings in zip(gap, interpolated(drawn[low], drawn[high], parts), strict=True):
            found[f"{base.planes[index]}/1"] = [ring.tolist() for ring in rings]
    return {"outlines": found}


@router.post("/review", status_code=201)
def submit(
    site: TheSite, session: MayReview, measurer: TheMeasurer, study: str, body: Review
) -> dict[str, Any]:
    """Submit a version: a record of its own; the objects for the PACS follow from it.

    Raises
    ------
    SubmittedMeanwhile, ResultChanged
        Nothing is merged and nothing is lost: the draft stays, and the page shows both.
    """
    row = opened_study(site, session, study)
    base = base_of(site.box, study, body.parent)
    said = _said(body)
    outcome = outcome_of(
        base, said, predictions_of(base.result),
        lambda lesion, outlines: measurer.measure(study, base, lesion, outlines),
    )  # fmt: skip
    box = site.box
    review = {
        "id": f"rv_{box.outside.randomness(8).hex()}", "by": session.user, "name": session.name,
        "at": Stamp(box.outside.now_ms()).iso(), "supersedes": body.supersedes,
    }  # fmt: skip
    blobs = {}
    if outcome.lines:
        plain = json.dumps(outcome.lines, separators=(",", ":")).encode()
        blobs["outlines"] = put(box.blobs, plain, box.vault.key(study), box.outside.randomness(32))
        blobs["planes"] = base.planes_blob
    record = record_of(base, outcome, said, review, blobs)
    draft = Draft(
        "findings.assessed", record, subject=row["subject"], key=study,
        actor=f"person:{session.user}",
    )  # fmt: skip
    with box.database.transaction():
        _still(site, study, body)
        box.append([draft])
        drop_draft(box, study, session.user)
    version = next(one for one in _versions(site, study) if one["id"] == review["id"])
    return {"id": review["id"], "version": version["version"], "at": version["at"],
            "counts": version["counts"], "decision": outcome.decision}  # fmt: skip


def _still(site: Site, study: str, body: Review) -> None:
    """Refuse what was made on something that is no longer the newest."""
    version = newest_result(site.box, study)["version"]
    if version != body.result:
        raise ResultChanged(version=version)
    head, number, name = head_of(site.box, study)
    if head not in (body.parent, *body.supersedes):
        raise SubmittedMeanwhile(name=name, version=number)


@router.post("/facts", status_code=201)
def write_facts(site: TheSite, session: MayReview, study: str, body: Facts) -> dict[str, Any]:
    """Record what a person knows of the case; nothing here is ever inferred."""
    row = opened_study(site, session, study)
    for one in body.facts:
        values = FACTS.get(one.code)
        if values is None or (values != ("",) and one.value not in values):
            raise InputWrong(field=one.code[:40])
    record = {
        "source": {"type": "person", "by": session.user, "name": session.name, "study": study},
        "facts": [one.model_dump() for one in body.facts],
    }
    subject = row["subject"]
    site.box.append(
        [
            Draft(
                "clinical.imported", record, subject=subject, key=subject,
                actor=f"person:{session.user}",
            )
        ]
    )  # fmt: skip
    return {"facts": _facts(site, subject)}


def _said(body: Review) -> Submission:
    lesions = tuple(
        Judged(
            one.id, one.decision, one.reason, one.note, one.kind, one.location,
            tuple(one.origin), _plain(one.outlines),
        )
        for one in body.lesions
    )  # fmt: skip
    answers = tuple(Answered(x.code, x.decision, x.reason, x.note) for x in body.predictions)
    return Submission(lesions, answers, body.rejected, body.reason, body.note)


def _plain(outlines: Mapping[str, Rings] | None) -> Outlines | None:
    if outlines is None:
        return None
    return {
        frame: [[list(at) for at in ring] for ring in rings] for frame, rings in outlines.items()
    }


_VERSION = (
    "id", "version", "at", "by", "name", "decision", "reason", "parent", "result_version",
    "current", "replaced_by", "supersedes", "counts", "lesions", "predictions",
)  # fmt: skip


def _versions(site: Site, study: str) -> list[dict[str, Any]]:
    rows = site.box.database.query(
        f"SELECT {', '.join(_VERSION)} FROM review WHERE study = ? ORDER BY version", (study,)
    )
    found = [dict(zip(_VERSION, row, strict=True)) for row in rows]
    for one in found:
        one["current"] = bool(one["current"])
        for name in ("supersedes", "counts", "lesions", "predictions"):
            one[name] = json.loads(one[name])
    return found


def _facts(site: Site, subject: str) -> list[dict[str, Any]]:
    names = ("code", "value", "on_date", "note", "source", "by", "name", "at")
    rows = site.box.database.query(
        f"SELECT {', '.join(names)} FROM case_fact WHERE subject = ? ORDER BY code", (subject,)
    )
    return [dict(zip(names, row, strict=True)) for row in rows]
