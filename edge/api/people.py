"""Routes: log in and out, the own account, and the hospital's accounts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from core.records.clock import Stamp
from core.web.errors import LoginWrong, NotLoggedIn, OtpWrong
from core.web.people import IDLE_MS, Session
from core.web.roles import MAY
from core.web.text import Text
from edge.api.context import COOKIE, Anyone, TheSite, need

router = APIRouter(prefix="/api")
MayManage = Annotated[Session, Depends(need("users.manage"))]


class Login(BaseModel):
    """What the log-in form sends."""

    user: Text
    password: Text
    otp: Text | None = None


class Language(BaseModel):
    """The page's language."""

    language: Text


class Password(BaseModel):
    """A change of the own password."""

    old: Text
    new: Text


class Otp(BaseModel):
    """Confirmation of a second factor."""

    secret: Text
    otp: Text


class NewPerson(BaseModel):
    """An account to add."""

    user: Text
    name: Text
    role: Text
    password: Text


class ChangedPerson(BaseModel):
    """What changes on an account."""

    name: Text | None = None
    role: Text | None = None
    active: bool | None = None
    password: Text | None = None


def me_of(session: Session) -> dict[str, Any]:
    """Return what the page knows about its user."""
    return {
        "user": session.user, "name": session.name, "role": session.role, "csrf": session.csrf,
        "language": session.language, "permissions": sorted(MAY[session.role]),
        "must_change": session.must_change,
    }  # fmt: skip


@router.post("/login")
def login(site: TheSite, request: Request, response: Response, body: Login) -> dict[str, Any]:
    """Log in; the token goes into a cookie that scripts cannot read."""
    try:
        token, session = site.people.log_in(body.user, body.password, body.otp)
    except (LoginWrong, OtpWrong) as error:
        # What was typed may be a password in the wrong field: only names of accounts are kept.
        user = body.user if site.people.knows(body.user) else "unknown"
        site.note_failed(user, error.code)
        raise
    site.note(session, "login", {})
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", path="/", max_age=IDLE_MS // 1000 * 24,
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return me_of(session)


@router.post("/logout", status_code=204)
def logout(site: TheSite, session: Anyone, request: Request, response: Response) -> None:
    """End the session."""
    token = request.cookies.get(COOKIE)
    if not token:
        raise NotLoggedIn
    site.people.log_out(token)
    site.note(session, "logout", {})
    response.delete_cookie(COOKIE, path="/")


@router.get("/me")
def me(session: Anyone) -> dict[str, Any]:
    """Say who is logged in."""
    return me_of(session)


@router.put("/me/language", status_code=204)
def language(site: TheSite, session: Anyone, body: Language) -> None:
    """Keep the language of the page."""
    site.people.set_language(session.user, body.language)


@router.post("/me/password", status_code=204)
def password(site: TheSite, session: Anyone, request: Request, body: Password) -> None:
    """Change the own password; the person's other sessions end."""
    token = request.cookies.get(COOKIE, "")
    site.people.set_password(session.user, body.old, body.new, token)
    site.note(session, "password changed", {})


@router.post("/me/otp")
def begin_otp(site: TheSite, session: Anyone) -> dict[str, str]:
    """Offer a fresh second factor."""
    return site.people.begin_otp(session.user)


@router.put("/me/otp", status_code=204)
def confirm_otp(site: TheSite, session: Anyone, body: Otp) -> None:
    """Put the second factor in force."""
    site.people.confirm_otp(session.user, body.secret, body.otp)
    site.note(session, "second factor set", {})


@router.get("/users")
def users(site: TheSite, _session: MayManage) -> dict[str, Any]:
    """List the accounts."""
    people = site.people.list()
    for person in people:
        seen = person["last_login"]
        person["last_login"] = Stamp(seen).iso() if seen else None
    return {"rows": people}


@router.post("/users", status_code=201)
def add_user(site: TheSite, session: MayManage, body: NewPerson) -> dict[str, str]:
    """Add an account; its password must be changed at the first log-in."""
    site.people.add(body.user, body.name, body.role, body.password, must_change=True)
    site.note(session, "user added", {"target": body.user, "role": body.role})
    return {"user": body.user}


@router.put("/users/{user}", status_code=204)
def change_user(site: TheSite, session: MayManage, user: str, body: ChangedPerson) -> None:
    """Change an account."""
    fields = {k: v for k, v in body.model_dump().items() if v is not None}
    site.people.change(user, fields)
    site.note(session, "user changed", {"target": user, "fields": sorted(fields)})
