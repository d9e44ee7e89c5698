"""Routes: what a request would send, how far it is, and what a person decides where it stopped."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict

from core.web.errors import InputWrong, NotFound
from core.web.people import Session
from core.web.text import Text
from edge.api.consult import MayAsk, TheDesk, found_case
from edge.api.context import Site, TheSite, need, visible_study
from edge.api.region import MayManage, MaySee, TheParts
from edge.consult.going import would_go
from edge.consult.papers import drafted
from edge.consult.region import Desk
from edge.consult.requests import Asker, discard_draft, include_of
from edge.uplink.alarms import Alarms
from edge.uplink.outbox import Outbox

router = APIRouter(prefix="/api")
MaySend = Annotated[Session, Depends(need("consult.request"))]
Code = Annotated[str, Path(pattern=r"^E[0-9]{4}$")]
Item = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,80}$")]
_LONGEST = 500


class Wanted(BaseModel):
    """What would go along with a study; the draft holds its documents."""

    model_config = ConfigDict(extra="forbid")
    consult: Text = ""
    include: dict[str, Any] = {}


class Reason(BaseModel):
    """Why a person decides so; it goes into the access journal."""

    reason: Text


@router.post("/studies/{study}/consult/preview")
def preview(
    site: TheSite, desk: TheDesk, session: MaySend, study: str, body: Wanted
) -> dict[str, Any]:
    """Return exactly what would be sealed and sent, with sizes and the time it takes."""
    visible_study(site, study)
    include = include_of(desk.box, study, body.include)
    for prior in include["priors"]:
        visible_study(site, prior)
    return would_go(desk.box, study, body.consult, include, session.name)


@router.get("/consults/{consult}/draft")
def read_draft(site: TheSite, desk: TheDesk, session: MaySend, consult: str) -> dict[str, Any]:
    """Return one's own draft as it was kept, with its documents."""
    found = drafted(desk, consult, session.user)
    visible_study(site, found["study"])
    return found


@router.delete("/consults/{consult}/draft", status_code=204)
def drop_draft(site: TheSite, desk: TheDesk, session: MaySend, consult: str) -> Response:
    """Throw one's own draft away."""
    visible_study(site, drafted(desk, consult, session.user)["study"])
    discard_draft(desk, consult, Asker(session.user, session.name, session.role))
    site.note(session, "draft discarded", {"consult": consult})
    return Response(status_code=204)


@router.post("/consults/{consult}/alarms/{code}/seen", status_code=204)
def dismiss(
    site: TheSite, desk: TheDesk, session: MayAsk, consult: str, code: Code, body: Reason
) -> Response:
    """Dismiss an alarm of a consultation with a reason; the thread keeps what caused it."""
    found_case(site, desk, consult, session)
    reason = _reason(body)
    alarms = Alarms(desk.box.database, desk.box.outside.now_ms)
    if not alarms.seen(int(code[1:]), session.user, consult):
        raise NotFound
    site.note(session, "alarm dismissed", {"code": code, "consult": consult, "reason": reason})
    return Response(status_code=204)


@router.post("/consults/{consult}/outbox/{item}/again", status_code=202)
def again(site: TheSite, desk: TheDesk, session: MayAsk, consult: str, item: Item) -> Response:
    """Send a refused part of a consultation again."""
    found_case(site, desk, consult, session)
    _send_again(site, session, _outbox(desk), (item, consult))
    return Response(status_code=202)


@router.post("/consults/{consult}/outbox/{item}/give-up", status_code=202)
def give_up(
    site: TheSite, desk: TheDesk, session: MayAsk, consult: str, item: Item, body: Reason
) -> Response:
    """Give up a refused part of a consultation, with a reason."""
    found_case(site, desk, consult, session)
    _give_up(site, session, _outbox(desk), (item, consult, _reason(body)))
    return Response(status_code=202)


@router.get("/region/outbox")
def outbox(parts: TheParts, _session: MaySee) -> dict[str, Any]:
    """Return what the hub refused for good, each with its numbered error; no patient's data."""
    return {"dead": parts.outbox().dead()}


@router.post("/region/outbox/{item}/again", status_code=202)
def region_again(site: TheSite, parts: TheParts, session: MayManage, item: Item) -> Response:
    """Send a refused item again."""
    _send_again(site, session, parts.outbox(), (item, None))
    return Response(status_code=202)


@router.post("/region/outbox/{item}/give-up", status_code=202)
def region_give_up(
    site: TheSite, parts: TheParts, session: MayManage, item: Item, body: Reason
) -> Response:
    """Give up a refused item, with a reason."""
    _give_up(site, session, parts.outbox(), (item, None, _reason(body)))
    return Response(status_code=202)


def _send_again(
    site: Site, session: Session, outbox: Outbox, about: tuple[str, str | None]
) -> None:
    item, consult = about
    if not _is_dead(outbox, item, consult) or not outbox.send_again(item):
        raise NotFound
    site.note(session, "outbox item sent again", {"item": item})


def _give_up(
    site: Site, session: Session, outbox: Outbox, about: tuple[str, str | None, str]
) -> None:
    item, consult, reason = about
    if not _is_dead(outbox, item, consult) or not outbox.give_up(item):
        raise NotFound
    site.note(session, "outbox item given up", {"item": item, "reason": reason})


def _is_dead(outbox: Outbox, item: str, consult: str | None) -> bool:
    """Say whether an item is a dead letter; with a consultation, one of it."""
    return any(one["id"] == item and consult in (None, one["consult"]) for one in outbox.dead())


def _outbox(desk: Desk) -> Outbox:
    if not isinstance(desk.post, Outbox):
        raise NotFound
    return desk.post


def _reason(body: Reason) -> str:
    reason = body.reason.strip()
    if not reason or len(reason) > _LONGEST:
        raise InputWrong(field="reason")
    return reason
