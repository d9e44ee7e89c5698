"""Routes: the hub's journals for the auditor."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from core.journal.seal import open_record
from core.records.clock import Stamp, iso
from core.records.record import Sealed
from hub.api.context import Portal, ThePortal, need
from hub.registry.sessions import Session

router = APIRouter(prefix="/api")
MayAudit = Annotated[Session, Depends(need("audit.read"))]
JournalName = Literal["access", "clinical"]
_NEWEST = 2**53


@router.get("/audit")
def audit(
    portal: ThePortal,
    session: MayAudit,
    journal: JournalName = "access",
    before: Annotated[int, Query(ge=1, le=_NEWEST)] = _NEWEST,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Return a page of a journal, newest first; ``next`` is the following page's ``before``.

    That somebody begins to read a journal is recorded too.
    """
    # Any of the clinical chains reads the whole journal.
    store = portal.site.access if journal == "access" else portal.site.journal("")
    found = store.read_back(before, limit + 1)
    if before == _NEWEST:
        portal.note(session, "journal read", {"journal": journal})
    rows = [_entry(portal, one) for one in found[:limit]]
    return {"rows": rows, "next": rows[-1]["position"] if len(found) > limit else None}


def _entry(portal: Portal, sealed: Sealed) -> dict[str, Any]:
    header = sealed.header
    return {
        "position": sealed.position, "writer": header.writer, "seq": header.seq,
        "at": iso(Stamp.parse(header.clock).ms), "kind": header.kind, "actor": header.actor,
        "subject": header.subject, "link": sealed.link,
        "body": open_record(sealed, portal.site.secrets).body,
    }  # fmt: skip
