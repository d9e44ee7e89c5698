"""Routes of saved measurements: everybody's lists, the caller's own, sending it to the PACS."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from core.imaging.drawn import MOST_POINTS
from core.web.people import Session
from core.web.text import Text
from edge.api.context import Site, TheSite, need
from edge.api.seat import opened_study
from edge.measured.lists import Drawing, lists_of, save, send

router = APIRouter(prefix="/api/studies/{study}/measurements")
MayOpen = Annotated[Session, Depends(need("study.open"))]
MayMeasure = Annotated[Session, Depends(need("report.write"))]

_NOTE_MAX = 200
Code = Annotated[Text, Field(max_length=80)]


class Drawn(BaseModel):
    """One measurement as it is on the page."""

    id: Code
    frame: Code
    kind: Code
    points: Annotated[list[tuple[float, float]], Field(max_length=MOST_POINTS)]
    note: Annotated[Text, Field(max_length=_NOTE_MAX)] = ""


class Saved(BaseModel):
    """The page's whole list and the version that it was made on."""

    version: Annotated[int, Field(ge=0)]
    measures: list[Drawn]


class Wished(BaseModel):
    """The version that is to be sent."""

    version: Annotated[int, Field(ge=1)]


@router.get("")
def read_measurements(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return the caller's list and the others', with the box's numbers."""
    opened_study(site, session, study)
    return _shown(site, session, study)


@router.put("")
def save_measurements(
    site: TheSite, session: MayMeasure, study: str, body: Saved
) -> dict[str, Any]:  # fmt: skip
    """Save the caller's list; answers as reading does, with the new version.

    Raises
    ------
    MeasuredElsewhere
        If it was saved from another window since: nothing is merged, nothing is lost.
    """
    row = opened_study(site, session, study)
    drawings = [
        Drawing(one.id, one.frame, one.kind, tuple(one.points), one.note.strip())
        for one in body.measures
    ]
    save(site.box, session, row, body.version, drawings)
    return _shown(site, session, study)


@router.post("/send", status_code=202)
def send_measurements(
    site: TheSite, session: MayMeasure, study: str, body: Wished
) -> dict[str, Any]:  # fmt: skip
    """Let the caller's list go to the PACS as a structured report."""
    row = opened_study(site, session, study)
    send(site.box, session, row, body.version)
    return _shown(site, session, study)


def _shown(site: Site, session: Session, study: str) -> dict[str, Any]:
    lists = lists_of(site.box, study)
    sent = _sent(site, study)
    for one in lists:
        known, state = sent.get(one["by"], (0, ""))
        waits = "pending" if one["sent_version"] else ""
        one["state"] = state if known == one["sent_version"] and state else waits
    mine = [one for one in lists if one["by"] == session.user]
    empty = {
        "by": session.user, "name": session.name, "version": 0, "at": "", "sent_version": 0,
        "sent_at": "", "measures": [], "state": "",
    }  # fmt: skip
    return {
        "mine": mine[0] if mine else empty,
        "others": [one for one in lists if one["by"] != session.user],
        "may": session.may("report.write"),
        "destination": site.box.settings.delivery.destination,
    }


def _sent(site: Site, study: str) -> dict[str, tuple[int, str]]:
    """Return version and delivery's state of each person's newest object."""
    rows = site.box.database.query(
        "SELECT o.by, o.version, d.state FROM measurement_object o LEFT JOIN delivery d"
        " ON d.study = o.study AND d.sop_instance = o.sop_instance WHERE o.study = ? ORDER BY o.at",
        (study,),
    )
    return {by: (version, state or "") for by, version, state in rows}
