"""Routes of consultations: drafts, requests, the thread, documents; MDT in-house; whom to ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from core.consult.tables import EventKind
from core.web.errors import InputWrong
from core.web.people import Session
from core.web.text import Text
from edge.api.consult_rows import case_of, drafts_of, row_of, rows_of
from edge.api.context import COOKIE, Site, TheSite, need, visible_study, whole
from edge.api.multipart import PartReader
from edge.consult import house, papers
from edge.consult.access import tell_opened
from edge.consult.book import Kept, kept
from edge.consult.errors import ConsultUnknown, DocumentRefused
from edge.consult.inbox import confirm
from edge.consult.keys import trust_chosen
from edge.consult.people import roster, suggested
from edge.consult.post import Saying, send
from edge.consult.region import PRIORITY, Desk, local_person
from edge.consult.requests import Asker, keep_words, request, save_draft, seat_of
from edge.stages.queue import JobSpec
from edge.uplink.notices import awaited

router = APIRouter(prefix="/api")
MayRead = Annotated[Session, Depends(need("consult.read"))]
MayAsk = Annotated[Session, Depends(need("consult.request"))]
_POLL_S = 0.3
_BEAT_S = 15.0
Long = Annotated[str, Field(max_length=20_000)]


class Desks:
    """The desk of one web process; opened anew once the box has joined."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._desk: Desk | None = None

    def get(self) -> Desk:
        """Return the desk."""
        from edge.consult.desk import desk_of

        if self._desk is None or self._desk.region is None:
            self._desk = desk_of(self._site.box)
        return self._desk

    def use(self, desk: Desk) -> None:
        """Put another region behind the routes: tests do."""
        self._desk = desk


async def _desk(http: Request) -> Desk:
    desks: Desks = http.app.state.desks
    return desks.get()


TheDesk = Annotated[Desk, Depends(_desk)]


class Asked(BaseModel):
    """A request as the dialog sends it; its fields are checked one by one where they are used."""

    model_config = ConfigDict(extra="forbid")
    consult: Text = ""
    kind: Text = "consultation"
    house: bool = False
    to_hospital: Text = ""
    to_department: Text = ""
    to_level: Text = ""
    direction: Text = ""
    people: list[Any] = Field(default=[], max_length=64)
    urgency: Text = "routine"
    deadline_at: Text | None = None
    purpose: Long = ""
    summary: Long = ""
    consent: dict[str, Any] = {}
    include: dict[str, Any] = {}


class DraftForm(BaseModel):
    """What has been typed so far, of which study."""

    study: Text
    body: dict[str, Any]


class Said(BaseModel):
    """What somebody says in a consultation; which fields count follows from the kind."""

    model_config = ConfigDict(extra="forbid")
    kind: EventKind
    text: Long = ""
    words: dict[str, Any] = {}
    person: Text = ""
    part: Text = ""
    discipline: Text = ""
    reason: Text = ""
    to: Text = ""
    opinions: list[Text] = Field(default=[], max_length=256)
    documents: list[Text] = Field(default=[], max_length=64)


class KeyForm(BaseModel):
    """A person's key that somebody here has compared."""

    person: Text
    key: Text


@router.get("/region/roster")
def read_roster(desk: TheDesk, _session: MayAsk) -> dict[str, Any]:
    """Return whom a request can go to, with the state of their keys; and the suggested MDT."""
    directory = desk.region.directory() if desk.region is not None else None
    return {
        "joined": directory is not None,
        "departments": roster(desk.box, directory) if directory else [],
        "mdt": suggested(desk.box, directory) if directory else [],
        "colleagues": [
            {"person": person, **one} for person, one in house.colleagues(desk.box).items()
        ],
    }


@router.post("/region/keys/confirm")
def confirm_key(site: TheSite, desk: TheDesk, session: MayAsk, body: KeyForm) -> dict[str, Any]:
    """Confirm a person's changed key after comparing its fingerprint; what waited is wrapped."""
    confirm(desk, body.person, body.key, session.user)
    site.note(session, "key confirmed", {"person": body.person, "key": body.key})
    return {"person": body.person, "key": body.key}


@router.post("/studies/{study}/consult", status_code=201)
def ask(site: TheSite, desk: TheDesk, session: MayAsk, study: str, body: Asked) -> dict[str, str]:
    """Send a request, or open an in-house MDT."""
    visible_study(site, study)
    asker = Asker(session.user, session.name, session.role)
    asked = body.model_dump()
    if body.house:
        return {"consult": house.convene(desk, study, asked, asker)}
    return {"consult": request(desk, site.queue, study, asked, asker)}


@router.put("/consults/{consult}/draft")
def keep_draft(
    site: TheSite, desk: TheDesk, session: MayAsk, consult: str, body: DraftForm
) -> dict[str, str]:
    """Keep a draft; the page chooses its random id."""
    visible_study(site, body.study)
    asker = Asker(session.user, session.name, session.role)
    return {"consult": save_draft(desk, body.study, body.body, asker, consult)}


@router.get("/consults")
def read_consults(
    desk: TheDesk, session: MayRead, state: str = "", study: str = ""
) -> dict[str, Any]:
    """Return the consultations of this hospital, the caller's drafts, and what is on its way."""
    seat = _seat_needed(desk, session)
    rows = rows_of(desk, state, study, seat)
    announced = [] if seat else awaited(desk.box)
    return {"rows": rows, "drafts": drafts_of(desk, session.user), "notices": announced}


@router.get("/consults/events")
async def events(site: TheSite, _session: MayAsk, http: Request) -> StreamingResponse:
    """Stream which consultations changed; the event id is the journal's position.

    An event without a consultation says that the hub has announced something, or that what it
    had announced is here.
    """
    told = whole(http.headers.get("last-event-id", ""))
    start = site.box.journal.last_position() if told is None else told
    return StreamingResponse(
        _changes(site, http, start),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/consults/{consult}")
def read_case(site: TheSite, desk: TheDesk, session: MayRead, consult: str) -> dict[str, Any]:
    """Return one consultation, opened."""
    found = found_case(site, desk, consult, session)
    site.note_view(session, found.study, "" if session.may("study.read") else found.consult)
    tell_opened(desk, found, session.id, session.user, session.role)
    return case_of(desk, found, session.user)


@router.post("/consults/{consult}/events", status_code=202)
def say(site: TheSite, desk: TheDesk, session: MayRead, consult: str, body: Said) -> dict[str, str]:
    """Say something: to the hub by the box's signature, in-house by the caller's session."""
    found = found_case(site, desk, consult, session)
    by = local_person(desk.box, session.user)
    saying = Saying(body.kind, session.user, by, _words(found, body), _facts(desk, found, body))
    if found.house:
        return {"event": house.speak(desk, consult, saying).id}
    _may_speak(session)
    if body.kind == "information.given" and body.documents:
        return {"event": _answer(site, desk, found, (body, saying))}
    if body.kind == "invited":
        trust_chosen(desk.box, desk.joined.directory(), [body.person], session.user)
    return {"event": send(desk, found, saying).id}


@router.post("/consults/{consult}/documents", status_code=201)
async def add_document(
    site: TheSite, desk: TheDesk, session: MayAsk, consult: str, http: Request
) -> dict[str, Any]:
    """Take scanned documents (multipart/form-data) for a draft or a running consultation."""
    visible_study(site, papers.study_of(desk, consult))
    made = []
    for title, data in await _files(http):
        made.append(
            await run_in_threadpool(papers.keep_document, desk, consult, title, data, session.user)
        )
    return {"documents": made}


@router.get("/consults/{consult}/documents/{document}")
def read_document(
    site: TheSite, desk: TheDesk, session: MayRead, consult: str, document: str
) -> Response:
    """Return a document, to be shown in a sandbox only."""
    if _seat_needed(desk, session):
        found_case(site, desk, consult, session)
    study = papers.study_of(desk, consult)
    visible_study(site, study)
    site.note_view(session, study, "" if session.may("study.read") else consult)
    data, kind, title = papers.read_document(desk, consult, document)
    return Response(
        data,
        media_type=kind,
        headers={
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(title)}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def found_case(site: Site, desk: Desk, consult: str, session: Session) -> Kept:
    """Return a consultation that the caller may see.

    Raises
    ------
    ConsultUnknown, NotFound
    """
    found = kept(desk.box, consult)
    visible_study(site, found.study)
    seat = _seat_needed(desk, session)
    if seat and found.state.party(seat) is None:
        raise ConsultUnknown
    return found


def _seat_needed(desk: Desk, session: Session) -> str:
    """Return as whom a role must sit in a meeting to see it; "" for who may see all."""
    return "" if session.may("consult.request") else local_person(desk.box, session.user)


def _may_speak(session: Session) -> None:
    from core.web.errors import NotAllowed

    if not session.may("consult.request"):
        raise NotAllowed(permission="consult.request")


def _words(found: Kept, body: Said) -> dict[str, Any] | None:
    """Return the sealed part of an event; structured where the kind has a structure."""
    if body.kind in ("opinion", "summary", "offered"):
        words = {"text": body.text, **body.words}
        if body.kind == "opinion":
            words.setdefault("discipline", body.discipline)
            if found.house:
                words["case"] = house.HOUSE_CASE
        return words
    if body.kind in ("message", "information.asked", "information.given", "addendum"):
        if not body.text.strip():
            raise InputWrong(field="text")
        return {"text": body.text}
    return {"text": body.text} if body.text.strip() else None


def _facts(desk: Desk, found: Kept, body: Said) -> dict[str, Any]:
    """Return the clear routing fields of an event."""
    if body.kind in ("rejected", "failed", "cancelled"):
        return {"reason": body.reason}
    if body.kind == "invited":
        part = body.part or ("member" if found.state.kind == "mdt" else "expert")
        directory = desk.region.directory() if desk.region and not found.house else None
        seat = {"person": body.person, "part": part, "discipline": body.discipline}
        return dict(seat_of(seat, part, directory))
    if body.kind in ("removed", "assigned"):
        extra = {"discipline": body.discipline} if body.kind == "assigned" else {}
        return {"person": body.person, **extra}
    if body.kind == "opinion":
        return {"discipline": body.discipline or str(body.words.get("discipline", ""))}
    if body.kind == "addendum":
        return {"to": body.to}
    if body.kind == "summary":
        return {"opinions": body.opinions or [one.event for one in found.state.opinions()]}
    return {}


def _answer(site: Site, desk: Desk, found: Kept, told: tuple[Said, Saying]) -> str:
    """Queue an answer with documents: sealing them may take a while."""
    body, saying = told
    event = desk.fresh("e_")
    payload = {
        "consult": found.consult, "event": event, "documents": body.documents,
        "user": saying.user, "by": saying.by,
    }  # fmt: skip
    keep_words(desk, found.study, event, body.text)
    priority = PRIORITY[found.request["urgency"]]
    site.queue.put([JobSpec("consult_answer", event, found.study, priority, payload=payload)])
    return event


async def _files(http: Request) -> list[tuple[str, bytes]]:
    """Return the files of a form, each held to the largest size while it comes."""
    reader = PartReader(http.headers.get("content-type", ""), "multipart/form-data")
    found: list[tuple[str, bytes]] = []
    name, held = "", bytearray()
    async for chunk in http.stream():
        for part in reader.feed(chunk):
            if part.begins:
                name, held = part.filename[-200:], bytearray()
            elif part.ends:
                found.append((name, bytes(held)))
            else:
                for data in part.data:
                    held += data
            if len(held) > papers.LARGEST or len(found) > 20:
                raise DocumentRefused(limit_mb=papers.LARGEST // 1_000_000)
    if not reader.whole or not found:
        raise InputWrong(field="multipart")
    return found


async def _changes(site: Site, http: Request, position: int) -> AsyncIterator[str]:
    silent, announced = 0.0, awaited(site.box)
    yield ": hello\n\n"
    desks: Desks = http.app.state.desks
    while _goes_on(site, http) and not await http.is_disconnected():
        page = site.box.journal.read(position, 500)
        studies = {s.header.key for s in page if s.header.kind.startswith(("consult.", "access."))}
        position = page[-1].position if page else position
        for consult in _of_studies(site, studies):
            row = await run_in_threadpool(_row, desks, consult)
            event = json.dumps({"consult": consult, "row": row}, ensure_ascii=False)
            yield f"id: {position}\ndata: {event}\n\n"
        before, announced = announced, awaited(site.box)
        if announced != before:
            event = json.dumps({"consult": None, "notices": announced})
            yield f"id: {position}\ndata: {event}\n\n"
        silent = 0.0 if studies else silent + _POLL_S
        if silent >= _BEAT_S:
            silent = 0.0
            yield ": beat\n\n"
        await asyncio.sleep(_POLL_S)


def _row(desks: Desks, consult: str) -> dict[str, Any] | None:
    desk = desks.get()
    try:
        return row_of(desk, kept(desk.box, consult))
    except ConsultUnknown:
        return None


def _of_studies(site: Site, studies: set[str]) -> list[str]:
    found: list[str] = []
    for study in sorted(studies):
        rows = site.box.database.query(
            "SELECT c.consult FROM consult c JOIN study s ON s.study = c.study WHERE c.study = ?"
            " AND s.subject NOT IN (SELECT subject FROM subject WHERE restricted = 1)",
            (study,),
        )
        found += [row[0] for row in rows]
    return found


def _goes_on(site: Site, http: Request) -> bool:
    token = http.cookies.get(COOKIE, "")
    return not http.app.state.stopping.is_set() and site.people.holds(token, "consult.request")
