"""Routes: the screening mode, a batch of radiographs read one after another.

Every decision is a record (``screening.read``); undoing one is a record that supersedes it. A
batch, the list of studies that were to be read, is an ordinary table: after a crash it goes on at
the first radiograph without a decision.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from core.records.clock import Stamp
from core.records.record import Draft
from core.web.errors import Conflict, InputWrong, NotFound, ReadMeanwhile
from core.web.people import Session
from core.web.text import Text
from edge.api.context import Site, TheSite, need, visible_study
from edge.api.filters import RADIOGRAPHS
from edge.api.presets import about_no_person
from edge.api.rows import row_of, worklist
from edge.store.box import Box

router = APIRouter(prefix="/api/screening")
MayRead = Annotated[Session, Depends(need("study.override"))]
MOST_IMAGES: Final = 500
_PAGE = 200
#: What of a row a reader sees before the decision: who, what, and whether it can be read at all.
_SHOWN = (
    "study", "study_uid", "patient_name", "patient_id", "sex", "birth_date", "study_date",
    "study_time", "modality", "description", "institution", "qc", "completeness", "urgent",
    "result_version",
)  # fmt: skip
#: What the AI said, in a row's words.
_AI = ("ai", "finding", "tb_score", "tb_positive", "lesion_count")


class Wanted(BaseModel):
    """Which radiographs to read: the worklist's filters and sort."""

    filters: dict[str, Text] = Field(default_factory=dict, max_length=40)


class Decision(BaseModel):
    """One decision; "" takes back the one that it supersedes.

    ``supersedes`` names the decision that stood when the reader decided, "" for none;
    ``result_version`` is the AI result that was the newest then.
    """

    study: Text
    decision: Literal["normal", "suspicious", "repeat", ""]
    supersedes: Text = ""
    result_version: int = Field(ge=0, default=0)


@router.get("")
def read_batches(site: TheSite, session: MayRead) -> dict[str, Any]:
    """Return the caller's open batches, newest first, with what is left of each."""
    rows = site.box.database.query(
        "SELECT batch FROM screening_batch WHERE user = ? AND closed IS NULL"
        " ORDER BY created DESC LIMIT 20",
        (session.user,),
    )
    setting = site.box.settings.screening.ai
    return {"ai_setting": setting, "batches": [_summary(site.box, row[0]) for row in rows]}


@router.post("", status_code=201)
def begin(site: TheSite, session: MayRead, body: Wanted) -> dict[str, Any]:
    """Begin a batch: the radiographs of a filter that nobody has decided on, in the list's order.

    Raises
    ------
    InputWrong
        A filter is wrong, or no radiograph matches.
    """
    studies = _studies(site, body.filters)
    if not studies:
        raise InputWrong(field="filters")
    batch = f"sb_{site.box.outside.randomness(12).hex()}"
    query = about_no_person(urlencode(body.filters))
    with site.box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO screening_batch VALUES (?, ?, ?, ?, NULL)",
            (batch, session.user, query, site.box.outside.now_ms()),
        )
        sql.executemany(
            "INSERT INTO screening_item VALUES (?, ?, ?)",
            [(batch, position, study) for position, study in enumerate(studies)],
        )
    return _summary(site.box, batch)


@router.get("/{batch}")
def read_batch(site: TheSite, session: MayRead, batch: str) -> dict[str, Any]:
    """Return a batch with its radiographs in order and what was decided on each."""
    _own(site.box, session, batch)
    rows = site.box.database.query(
        "SELECT study FROM screening_item WHERE batch = ? ORDER BY position", (batch,)
    )
    items = [one for row in rows if (one := _item(site.box, session, row[0])) is not None]
    return {
        **_summary(site.box, batch),
        "ai_setting": site.box.settings.screening.ai,
        "items": items,
    }


@router.post("/{batch}/reads", status_code=201)
def decide(site: TheSite, session: MayRead, batch: str, body: Decision) -> dict[str, Any]:
    """Record a decision on one radiograph of the batch; return the item as it now stands.

    Raises
    ------
    NotFound
        The study is not in the batch, or may not be seen.
    Conflict
        The batch is closed.
    ReadMeanwhile
        Another decision stands than the one this reader saw; nothing was recorded.
    """
    box = site.box
    if _own(box, session, batch)["closed"] is not None:
        raise Conflict(state="closed")
    row = visible_study(site, body.study)
    if not box.database.query(
        "SELECT 1 FROM screening_item WHERE batch = ? AND study = ?", (batch, body.study)
    ):
        raise NotFound
    with box.database.transaction():
        standing = _standing(box, body.study)
        if body.supersedes != (standing["id"] if standing else ""):
            raise ReadMeanwhile(name=standing["name"] if standing else "—")
        if not body.decision and standing is None:
            raise InputWrong(field="decision")
        record = {
            "id": f"sr_{box.outside.randomness(12).hex()}",
            "by": session.user, "name": session.name,
            "at": Stamp(box.outside.now_ms()).iso(),
            "decision": body.decision,
            "result_version": min(body.result_version, row["result_version"]),
            "ai_shown": _ai_shown(box, session, body.study),
            "batch": batch, "supersedes": body.supersedes,
        }  # fmt: skip
        box.append(
            [
                Draft(
                    "screening.read", record, subject=row["subject"], key=body.study,
                    actor=f"person:{session.user}",
                )
            ]
        )  # fmt: skip
    item = _item(box, session, body.study)
    if item is None:
        raise NotFound
    return {"item": item, "tally": _summary(box, batch)["tally"]}


@router.post("/{batch}/close")
def close(site: TheSite, session: MayRead, batch: str) -> dict[str, Any]:
    """Close a batch; what was not decided stays undecided. Closing twice is harmless."""
    _own(site.box, session, batch)
    with site.box.database.transaction() as sql:
        sql.execute(
            "UPDATE screening_batch SET closed = ? WHERE batch = ? AND closed IS NULL",
            (site.box.outside.now_ms(), batch),
        )
    return _summary(site.box, batch)


def _studies(site: Site, filters: dict[str, str]) -> list[str]:
    """Return complete radiographs of a filter without a decision, in the list's order."""
    asked = {**filters, "completeness": "complete"}
    wanted = asked.get("modality", "").split(",")
    films = [one for one in wanted if one in RADIOGRAPHS]
    asked["modality"] = ",".join(films) or "DR"
    found: list[str] = []
    after: str | None = ""
    while after is not None and len(found) < MOST_IMAGES:
        page = worklist(site.box, asked, after, _PAGE, site.listing)
        found += [
            row["study"]
            for row in page.rows
            if row["modality"] in RADIOGRAPHS and not row["screening"]
        ]
        after = page.next
    return found[:MOST_IMAGES]


def _own(box: Box, session: Session, batch: str) -> dict[str, Any]:
    """Return a batch of the caller's.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    rows = box.database.query(
        "SELECT created, closed, query FROM screening_batch WHERE batch = ? AND user = ?",
        (batch, session.user),
    )
    if not rows:
        raise NotFound
    return dict(zip(("created", "closed", "query"), rows[0], strict=True))


def _summary(box: Box, batch: str) -> dict[str, Any]:
    """Return a batch's tally: how many of each decision, and how many are left."""
    ((created, closed, query),) = box.database.query(
        "SELECT created, closed, query FROM screening_batch WHERE batch = ?", (batch,)
    )
    tally = dict.fromkeys(("normal", "suspicious", "repeat", ""), 0)
    rows = box.database.query(
        "SELECT study.screening, count(*) FROM screening_item"
        " JOIN study ON study.study = screening_item.study"
        " WHERE batch = ? AND study.subject NOT IN"
        " (SELECT subject FROM subject WHERE restricted = 1) GROUP BY study.screening",
        (batch,),
    )
    tally |= {decision or "": count for decision, count in rows}
    left = tally.pop("")
    return {
        "batch": batch, "query": query, "created": Stamp(created).iso(),
        "closed": Stamp(closed).iso() if closed else None,
        "tally": {**tally, "left": left, "total": left + sum(tally.values())},
    }  # fmt: skip


def _item(box: Box, session: Session, study: str) -> dict[str, Any] | None:
    """Return one radiograph of a batch; None where it is gone or may not be seen."""
    row = row_of(box, study)
    if row is None:
        return None
    read = _standing(box, study)
    item: dict[str, Any] = {name: row[name] for name in _SHOWN}
    item["read"] = None if read is None else {
        name: read[name] for name in ("id", "at", "by", "name", "decision", "ai_shown")
    }  # fmt: skip
    item["ai"] = {name: row[name] for name in _AI} if _ai_shown(box, session, study) else None
    return item


def _standing(box: Box, study: str) -> dict[str, Any] | None:
    """Return the decision on a study that stands now."""
    names = ("id", "at", "by", "name", "decision", "ai_shown")
    rows = box.database.query(
        f"SELECT {', '.join(names)} FROM screening_read WHERE study = ? AND decision <> ''"
        " AND superseded_by = '' ORDER BY at DESC, id DESC LIMIT 1",
        (study,),
    )
    if not rows:
        return None
    found = dict(zip(names, rows[0], strict=True))
    return {**found, "ai_shown": bool(found["ai_shown"])}


def _has_read(box: Box, user: str, study: str) -> bool:
    """Return whether a person has ever decided on a study: only then may they see the AI's word."""
    rows = box.database.query(
        "SELECT 1 FROM screening_read WHERE study = ? AND by = ? AND decision <> '' LIMIT 1",
        (study, user),
    )
    return bool(rows)


def _ai_shown(box: Box, session: Session, study: str) -> bool:
    """Return whether this mode shows the AI's word on a study to a reader now."""
    setting = box.settings.screening.ai
    return setting == "before" or (setting == "after" and _has_read(box, session.user, study))
