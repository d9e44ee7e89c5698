"""Routes: what a patient's studies say together, and its pictures.

The list names what is there and what is being done; reading one of them shows figures of the other
study too, and the access journal says so of both.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from core.dicom.person import display_text
from core.web.errors import NotFound
from core.web.people import Session
from edge.api.context import TheSite, need, visible_study
from edge.api.pictures import rendered_png
from edge.api.seat import note_opened, opened_study
from edge.store.box import Box

router = APIRouter(prefix="/api")
MayOpen = Annotated[Session, Depends(need("study.open"))]
_ROW = ("id", "study", "task", "other", "at", "status", "days", "reason")
#: What the reader of companions looks at (``edge.stages.plans``).
_LOOKED_AT = ("report.drafted", "identity.corrected")
_PENDING = {"waiting": "waiting", "failed": "waiting", "running": "running"}


@router.get("/studies/{study}/joined")
def joined(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return which comparisons a study is part of, done or on their way; no result of another.

    ``looking`` says that the patient's studies are being looked through just now, so that an empty
    list is not yet "there is none".
    """
    opened_study(site, session, study)
    box = site.box
    rows = box.database.query(
        f"SELECT {', '.join(_ROW)} FROM comparison WHERE study = ? OR other = ?"
        " ORDER BY at DESC, id",
        (study, study),
    )
    done = [dict(zip(_ROW, row, strict=True)) for row in rows]
    shown = [_listed(box, study, one) for one in done]
    waiting, looking = _on_the_way(box, study, {one["id"] for one in done})
    return {
        "automatic": box.settings.joining.automatic,
        "film_ct_days": box.settings.joining.film_ct_days,
        "looking": looking,
        "rows": [one for one in [*waiting, *shown] if one is not None],
    }


@router.get("/studies/{study}/joined/{identity}")
def one_joined(site: TheSite, session: MayOpen, study: str, identity: str) -> dict[str, Any]:
    """Return one comparison whole."""
    opened_study(site, session, study)
    found = _held(site.box, study, identity)
    _note_other(site, session, found, study)
    listed = _listed(site.box, study, found)
    if listed is None:
        raise NotFound
    result, notes, blobs = (json.loads(found[name]) for name in ("result", "notes", "blobs"))
    return {**listed, "result": result, "notes": notes, "pictures": sorted(blobs)}


@router.get("/studies/{study}/joined/{identity}/pictures/{name}")
def picture(site: TheSite, session: MayOpen, study: str, identity: str, name: str) -> Response:
    """Return one picture of a comparison as PNG."""
    opened_study(site, session, study)
    found = _held(site.box, study, identity)
    _note_other(site, session, found, study)
    address = json.loads(found["blobs"]).get(name)
    if not address:
        raise NotFound
    with site.box.blobs.open(address, site.box.vault.key(found["study"])) as blob:
        return Response(blob.read(), media_type="image/png")


@router.get("/studies/{study}/fused/{number}")
def fused(site: TheSite, session: MayOpen, study: str, number: int) -> Response:
    """Return one fused page of a PET-CT of one study as PNG, counted from 1."""
    from edge.stages.study_data import parsed_object

    opened_study(site, session, study)
    rows = site.box.database.query(
        "SELECT report FROM result WHERE study = ? ORDER BY version DESC LIMIT 1", (study,)
    )
    report = json.loads(rows[0][0]) if rows else None
    pages = [one for one in (report or {}).get("objects", []) if one["label"] == "fused"]
    if not 1 <= number <= len(pages):
        raise NotFound
    return Response(
        rendered_png(parsed_object(site.box, study, pages[number - 1]), 1), media_type="image/png"
    )


def _held(box: Box, study: str, identity: str) -> dict[str, Any]:
    """Return a comparison that a study is part of.

    Raises
    ------
    NotFound
        If there is none, or the two studies are no longer one patient's.
    """
    names = (*_ROW, "result", "notes", "blobs")
    rows = box.database.query(
        f"SELECT {', '.join(names)} FROM comparison WHERE id = ? AND (study = ? OR other = ?)",
        (identity, study, study),
    )
    if not rows or not _one_patient(box, rows[0][1], rows[0][3]):
        raise NotFound
    return dict(zip(names, rows[0], strict=True))


def _one_patient(box: Box, study: str, other: str) -> bool:
    """Say whether two studies have one subject now: a correction counts before it is followed."""
    rows = box.database.query("SELECT subject FROM study WHERE study IN (?, ?)", (study, other))
    return len(rows) == 2 and rows[0] == rows[1]


def _note_other(site: TheSite, session: Session, found: dict[str, Any], study: str) -> None:
    other = found["other"] if found["study"] == study else found["study"]
    visible_study(site, other)
    if session.may("study.read"):
        note_opened(site, session, other)


def _listed(box: Box, study: str, found: dict[str, Any]) -> dict[str, Any] | None:
    """Return a comparison as the list shows it; None where the two are no longer one patient's."""
    if not _one_patient(box, found["study"], found["other"]):
        return None
    carrier = found["study"] == study
    reason = found["reason"]
    return {
        "id": found["id"],
        "task": found["task"],
        "state": found["status"],
        "at": found["at"],
        "days": found["days"],
        "carrier": carrier,
        "reason": json.loads(reason) if isinstance(reason, str) else reason,
        "other": _facts(box, found["other"] if carrier else found["study"]),
    }


def _on_the_way(
    box: Box, study: str, done: set[str]
) -> tuple[list[dict[str, Any] | None], bool]:  # fmt: skip
    rows = box.database.query(
        "SELECT stage, state, study, payload FROM job WHERE state IN ('waiting', 'running',"
        " 'failed') AND stage IN ('companions', 'comparison') AND (study = ?"
        " OR json_extract(payload, '$.other') = ?) ORDER BY id",
        (study, study),
    )
    found: list[dict[str, Any] | None] = []
    for stage, state, carrier, text in rows:
        payload = json.loads(text)
        if stage != "comparison" or payload["id"] in done:
            continue
        one = {
            "id": payload["id"], "study": carrier, "task": payload["task"],
            "other": payload["other"], "status": _PENDING[state], "at": "", "days": None,
            "reason": None,
        }  # fmt: skip
        found.append(_listed(box, study, one))
    return found, any(row[0] == "companions" for row in rows) or _unplanned(box, study)


def _unplanned(box: Box, study: str) -> bool:
    """Say whether a study's companions are still to be looked for: its draft, or the look after it.

    A draft that could not be written for good is not waited for.
    """
    undrafted = box.database.query(
        "SELECT 1 FROM result WHERE study = ? AND superseded = 0 AND report = 'null' AND NOT EXISTS"
        " (SELECT 1 FROM job WHERE job.study = result.study AND state = 'dead'"
        " AND stage IN ('measuring', 'report'))",
        (study,),
    )
    rows = box.database.query("SELECT position FROM cursor WHERE reader = 'companions'")
    seen = rows[0][0] if rows else 0
    return bool(undrafted) or box.journal.last_of_key(study, _LOOKED_AT) > seen


def _facts(box: Box, study: str) -> dict[str, Any]:
    columns = ("study", "study_date", "study_time", "modality", "description")
    rows = box.database.query(f"SELECT {', '.join(columns)} FROM study WHERE study = ?", (study,))
    facts = dict(zip(columns, rows[0], strict=True))
    facts["description"] = display_text(facts["description"] or "")
    return facts
