"""Routes: the worklist, one consultation, what people sign into it, who is there."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from core.web.text import Text
from hub.api.context import Id, ThePortal
from hub.api.desk import ConsultDesk, guarded, viewer_of
from hub.consult import notices, presence
from hub.consult.case import case_of
from hub.consult.service import Sender, Taken
from hub.consult.suggest import experts, mdt_draft
from hub.consult.viewers import way_of
from hub.consult.worklist import worklist
from hub.registry.sessions import Session

router = APIRouter(prefix="/api")
MayList = Annotated[Session, Depends(guarded("consult.list"))]
MaySuggest = Annotated[Session, Depends(guarded("roster.read"))]
MayAct = Annotated[Session, Depends(guarded("consult.act"))]
_LONGEST = 500 * 1024


class SignedEvent(BaseModel):
    """A statement that the browser signed; the hub never signs for a person."""

    statement: Annotated[str, Field(max_length=_LONGEST)]


class Seen(BaseModel):
    """How far somebody has read."""

    seq: Annotated[int, Field(ge=0, le=2**31)]


@router.get("/consults")
def list_consults(
    portal: ThePortal,
    session: MayList,
    state: Annotated[str, Query(max_length=24, pattern=r"^[a-z-]*$")] = "",
    q: Text = "",
) -> dict[str, Any]:
    """Return what the caller sees, the most pressing first."""
    now = portal.site.outside.now_ms()
    with portal.site.database.read() as sql:
        return {"rows": worklist(sql, viewer_of(session), now, state=state, q=q)}


@router.get("/consults/{consult}")
def read_consult(
    portal: ThePortal, session: MayList, desk: ConsultDesk, consult: Id
) -> dict[str, Any]:
    """Return one consultation; that it was opened, and why it may be, is recorded."""
    now = portal.site.outside.now_ms()
    with desk.watching(session, consult), portal.site.database.read() as sql:
        case = case_of(sql, viewer_of(session), consult, now)
    desk.opened(session, consult, case["way"])
    return case


@router.post("/consults/{consult}/events", status_code=201)
def post_event(
    portal: ThePortal, session: MayAct, desk: ConsultDesk, consult: Id, body: SignedEvent
) -> dict[str, Any]:
    """Take an event that the caller has signed; the same one again is answered the same."""
    portal.site.directory.current()  # outside the transaction that holds the hospital's lock
    data = body.statement.encode("utf-8", "replace")

    def work(sql: Connection) -> Taken:
        way_of(sql, viewer_of(session), consult)
        return desk.service.take_for(sql, data, Sender(person=session.person), consult)

    with desk.watching(session, consult):
        taken = desk.write(work)
    return {"seq": taken.seq, "link": taken.link}


@router.post("/consults/{consult}/seen", status_code=204)
def saw(portal: ThePortal, session: MayList, desk: ConsultDesk, consult: Id, body: Seen) -> None:
    """Note how far the caller has read; notices about it count as read."""
    now = portal.site.outside.now_ms()

    def work(sql: Connection) -> None:
        way, _ = way_of(sql, viewer_of(session), consult)
        if way == "party":
            presence.saw(sql, consult, session.person, body.seq, now)
        notices.read(sql, session.person, consult, now)

    with desk.watching(session, consult):
        desk.write(work)


@router.post("/consults/{consult}/presence", status_code=204)
def here(portal: ThePortal, session: MayList, desk: ConsultDesk, consult: Id) -> None:
    """Note that the caller has the case open; good for half a minute."""
    now = portal.site.outside.now_ms()

    def work(sql: Connection) -> None:
        way, _ = way_of(sql, viewer_of(session), consult)
        if way == "party":
            presence.here(sql, consult, session.person, now)

    with desk.watching(session, consult):
        desk.write(work)


@router.post("/consults/{consult}/mdt")
def draft_mdt(portal: ThePortal, session: MayAct, desk: ConsultDesk, consult: Id) -> dict[str, Any]:
    """Return an invitation filled in; nothing is sent until the browser signs it."""
    with desk.watching(session, consult), portal.site.database.read() as sql:
        return mdt_draft(sql, viewer_of(session), consult)


@router.get("/people/suggest")
def suggest_people(
    portal: ThePortal, _session: MaySuggest, discipline: Text = ""
) -> dict[str, Any]:
    """Return who could be asked, those on duty first."""
    with portal.site.database.read() as sql:
        return {"rows": [one.row for one in experts(sql, discipline)]}
