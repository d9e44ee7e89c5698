"""Who may open a study: who reads all of them, or who sits in an open in-house meeting about it."""

from __future__ import annotations

import json
from typing import Any

from core.consult.machine import Consult
from core.web.errors import NotFound
from core.web.people import Session
from edge.api.context import Site, visible_study
from edge.consult.region import local_person


def opened_study(site: Site, session: Session, study: str) -> dict[str, Any]:
    """Return a study's row for a person who opens it; the access journal says that, and why.

    Raises
    ------
    NotFound
        If there is none, its subject is restricted, or this person may not see it.
    """
    row = visible_study(site, study)
    note_opened(site, session, study)
    return row


def note_opened(site: Site, session: Session, study: str) -> None:
    """Let a person open a study that is known to be visible, and write it down.

    Raises
    ------
    NotFound
        If this person may not see it: whoever lacks the right learns nothing of what is there.
    """
    meeting = "" if session.may("study.read") else seat_in(site, session, study)
    if not meeting and not session.may("study.read"):
        raise NotFound
    site.note_view(session, study, meeting)


def seat_in(site: Site, session: Session, study: str) -> str:
    """Return the open in-house meeting about a study in which a person sits; "" for none."""
    box = site.box
    rows = box.database.query(
        "SELECT consult, folded FROM consult WHERE study = ? AND authority = 'house'"
        " ORDER BY changed_at DESC",
        (study,),
    )
    person = local_person(box, session.user)
    for consult, folded in rows:
        state = Consult.from_json(json.loads(folded))
        if not state.closed and state.party(person) is not None:
            return str(consult)
    return ""
