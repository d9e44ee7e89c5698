"""Routes: the journals for the auditor, and hiding a patient's data."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, StrictBool

from core.records.record import Draft
from core.web.errors import InputWrong, NotFound
from core.web.people import Session
from core.web.text import Text
from edge.api.context import TheSite, need
from edge.audit import JournalName, Wanted, entries_before

router = APIRouter(prefix="/api")
MayAudit = Annotated[Session, Depends(need("audit.read"))]
MayManageSubjects = Annotated[Session, Depends(need("subject.manage"))]
_NEWEST = 2**53


class Restriction(BaseModel):
    """Whether a patient's data is hidden, and why."""

    restricted: StrictBool
    reason: Text


@router.get("/audit")
def audit(
    site: TheSite,
    session: MayAudit,
    journal: JournalName = "access",
    study: Annotated[str, Query(max_length=64)] = "",
    before: Annotated[int, Query(ge=1, le=_NEWEST)] = _NEWEST,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Return a page of a journal, newest first; ``next`` is the following page's ``before``.

    That somebody begins to read a journal is recorded too.
    """
    found = list(islice(entries_before(site.box, Wanted(journal, study), before), limit + 1))
    if before == _NEWEST:
        detail = {"journal": journal} | ({"study": study} if study else {})
        site.note(session, "journal read", detail)
    rows = found[:limit]
    return {"rows": rows, "next": rows[-1]["position"] if len(found) > limit else None}


@router.post("/studies/{study}/restrict")
def restrict(
    site: TheSite, session: MayManageSubjects, study: str, body: Restriction
) -> dict[str, bool]:
    """Hide all data of a study's patient, or show it again; who and why is recorded.

    The reason stands in the clinical journal, sealed under the patient's key.
    """
    reason = body.reason.strip()
    if not reason or len(reason) > 500:
        raise InputWrong(field="reason")
    # Not through the guard of visible studies: what is hidden must be found to be shown again.
    rows = site.box.database.query("SELECT subject FROM study WHERE study = ?", (study,))
    if not rows:
        raise NotFound
    subject = rows[0][0]
    site.box.vault.restrict(subject, restricted=body.restricted)
    record = {"restricted": body.restricted, "reason": reason}
    actor = f"person:{session.user}"
    site.box.append([Draft("subject.restricted", record, subject, subject, actor)])
    site.note(session, "subject restricted", {"study": study, "restricted": body.restricted})
    return {"restricted": body.restricted}
