"""Routes: sign in and out, the own account, the own key."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from core.seals.text import from_base64url, to_base64url
from core.web.access import LONGEST_MS
from core.web.errors import LoginWrong, OtpWrong
from core.web.text import Text
from hub.api.context import (
    COOKIE,
    Address,
    Anyone,
    Portal,
    ThePortal,
    Token,
    address_of,
    check_box,
    need,
    when,
)
from hub.api.errors import NotThisBox
from hub.registry.errors import (
    KeyWrong,
    NoKey,
    OidcFailed,
    OidcUnknownPerson,
    OtpUsed,
    TooManyTries,
)
from hub.registry.keys import read_key
from hub.registry.oidc import JOURNEY_MS
from hub.registry.roles import MAY
from hub.registry.sessions import NewOtp, Session, Try

router = APIRouter(prefix="/api")
MayOwnKey = Annotated[Session, Depends(need("key.own"))]
_JOURNEY = "xl_journey"
Wrapped = Annotated[str, Field(max_length=24 * 1024)]


class Login(BaseModel):
    """What the log-in form sends."""

    user: Text
    password: Text
    otp: Text = ""


class Code(BaseModel):
    """A one-time code."""

    otp: Text


class Language(BaseModel):
    """The page's language."""

    language: Text


class Password(BaseModel):
    """A change of the own password."""

    old: Text
    new: Text


class Otp(BaseModel):
    """Confirmation of a second factor; ``current`` is a code of the one it replaces."""

    secret: Text
    otp: Text
    current: Text = ""


class Key(BaseModel):
    """A key as the browser made it: publics as hex, private halves wrapped."""

    id: Text
    agree_public: Text
    sign_public: Text
    wrapped: Wrapped
    recovery: Wrapped = ""
    attested: Text = ""


class Rewrapped(BaseModel):
    """The private halves under another passphrase, base64url."""

    wrapped: Wrapped


def me_of(portal: Portal, session: Session) -> dict[str, Any]:
    """Return what the page knows about its user."""
    return {
        "id": session.person, "user": session.user, "name": session.name, "role": session.role,
        "hospital": session.hospital, "department": session.department,
        "language": session.language, "csrf": session.csrf,
        "permissions": sorted(MAY[session.role]), "must_change": session.must_change,
        "must_set_otp": session.must_set_otp, "must_show_otp": session.must_show_otp,
        "key": key_of(portal, session),
    }  # fmt: skip


def key_of(portal: Portal, session: Session) -> dict[str, Any] | None:
    """Return the key in force as the page shows it."""
    try:
        key = portal.keys.current(session.person)
    except NoKey:
        return None
    return {"id": key.id, "created_at": when(key.created_at)}


@router.get("/about")
def about(portal: ThePortal) -> dict[str, Any]:
    """Say which hub this is, before anybody has signed in."""
    settings = portal.site.settings
    return {
        "region": settings.region,
        "hub": portal.site.identity.id,
        "oidc": portal.provider.is_on,
    }


@router.post("/login")
def login(
    portal: ThePortal, request: Request, response: Response, address: Address, body: Login
) -> dict[str, Any]:
    """Sign in; the token goes into a cookie that scripts cannot read."""
    try:
        token, session = portal.sessions.log_in(Try(body.user, body.password, body.otp, address))
    except (LoginWrong, OtpWrong, OtpUsed, TooManyTries) as error:
        _note_failed(portal, body.user, error.code, address)
        raise
    _check_box(portal, request, token, session)
    portal.note(session, "login", {"address": address})
    _give(request, response, token)
    return me_of(portal, session)


@router.post("/login/otp")
def show_otp(portal: ThePortal, session: Anyone, token: Token, address: Address, body: Code) -> Any:
    """Show the second factor that the identity provider did not ask for."""
    try:
        portal.sessions.confirm(token, body.otp, address)
    except (LoginWrong, OtpWrong, OtpUsed, TooManyTries) as error:
        _note_failed(portal, session.user, error.code, address)
        raise
    return me_of(portal, portal.sessions.session(token))


@router.get("/oidc/login")
def oidc_login(portal: ThePortal, request: Request) -> Response:
    """Send the browser to the identity provider."""
    journey = portal.provider.begin()
    answer = RedirectResponse(journey.url, 303)
    answer.set_cookie(
        _JOURNEY, journey.cookie, httponly=True, samesite="lax", path="/api/oidc",
        max_age=JOURNEY_MS // 1000, secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@router.get("/oidc/callback")
def oidc_callback(
    portal: ThePortal,
    request: Request,
    address: Address,
    code: Text = "",
    state: Text = "",
    xl_journey: Annotated[str, Cookie(max_length=4096)] = "",
) -> Response:
    """Take the browser back from the provider; the page shows a refusal by its number."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(_JOURNEY, path="/api/oidc")
    try:
        subject = portal.provider.finish(code, state, xl_journey)
        token, session = portal.sessions.log_in_by_provider(
            subject, second_factor=portal.provider.asks_second_factor
        )
    except (OidcFailed, OidcUnknownPerson) as error:
        portal.note(None, "login failed", {"code": f"E{error.code}", "address": address})
        answer.headers["location"] = f"/?refused=E{error.code}"
        return answer
    portal.note(session, "login", {"address": address, "via": "provider"})
    _give(request, answer, token)
    return answer


@router.post("/logout", status_code=204)
def logout(portal: ThePortal, session: Anyone, token: Token, response: Response) -> None:
    """End the session."""
    portal.sessions.log_out(token)
    portal.note(session, "logout", {})
    response.delete_cookie(COOKIE, path="/")


@router.get("/me")
def me(portal: ThePortal, session: Anyone) -> dict[str, Any]:
    """Say who is signed in."""
    return me_of(portal, session)


@router.put("/me/language", status_code=204)
def language(portal: ThePortal, session: Anyone, body: Language) -> None:
    """Keep the language of the page."""
    portal.people.set_language(session.person, body.language)


@router.post("/me/password", status_code=204)
def password(
    portal: ThePortal, session: Anyone, token: Token, address: Address, body: Password
) -> None:
    """Change the own password; the person's other sessions end."""
    portal.sessions.set_password(token, body.old, body.new, address)
    portal.note(session, "password changed", {})


@router.post("/me/otp")
def begin_otp(portal: ThePortal, session: Anyone) -> dict[str, Any]:
    """Offer a fresh second factor; ``replaces`` one that is in force, a code of which is needed."""
    replaces = portal.people.has_otp(session.person)
    return portal.sessions.begin_otp(session) | {"replaces": replaces}


@router.put("/me/otp", status_code=204)
def confirm_otp(
    portal: ThePortal, session: Anyone, token: Token, address: Address, body: Otp
) -> None:
    """Put the second factor in force."""
    portal.sessions.confirm_otp(token, NewOtp(body.secret, body.otp, body.current, address))
    portal.note(session, "second factor set", {})


@router.get("/me/key")
def own_key(portal: ThePortal, session: MayOwnKey) -> dict[str, Any]:
    """Return the own key with its wrapped private halves, for a second computer."""
    key = portal.keys.current(session.person)
    return {
        "id": key.id, "created_at": when(key.created_at),
        "agree_public": bytes(key.agree_public).hex(), "sign_public": bytes(key.sign_public).hex(),
        "wrapped": to_base64url(bytes(key.wrapped or b"")),
        "recovery": to_base64url(bytes(key.recovery or b"")),
    }  # fmt: skip


@router.post("/me/key", status_code=201)
def set_key(portal: ThePortal, session: MayOwnKey, body: Key) -> dict[str, str]:
    """Put a key in force; it is announced in the directory, where everybody sees it."""
    key = read_key(body.model_dump())
    portal.keys.register(session.person, key)
    portal.note(session, "key set", {"key": key.id})
    return {"id": key.id}


@router.put("/me/key", status_code=204)
def rewrap_key(portal: ThePortal, session: MayOwnKey, body: Rewrapped) -> None:
    """Keep the own private halves under another passphrase; the key stays the same."""
    try:
        wrapped = from_base64url(body.wrapped)
    except ValueError:
        raise KeyWrong(fault="wrapped") from None
    key = portal.keys.rewrap(session.person, wrapped)
    portal.note(session, "key wrapped anew", {"key": key})


@router.delete("/me/key", status_code=204)
def retire_key(portal: ThePortal, session: MayOwnKey) -> None:
    """Retire the own key: nothing is sealed to it any more."""
    key = portal.keys.retire(session.person)
    portal.note(session, "key retired", {"key": key})


def _check_box(portal: Portal, request: Request, token: str, session: Session) -> None:
    """End at once what somebody of another hospital has begun by a box: NotThisBox."""
    try:
        check_box(request, session)
    except NotThisBox as refusal:
        portal.sessions.log_out(token)
        detail = {"code": f"E{refusal.code}", "address": address_of(request)}
        portal.note(session, "login refused", detail)
        raise


def _give(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", path="/", max_age=LONGEST_MS // 1000,
        secure=request.url.scheme == "https",
    )  # fmt: skip


def _note_failed(portal: Portal, user: str, code: int, address: str) -> None:
    # What was typed may be a password in the wrong field: only names of accounts are kept.
    known = user if portal.sessions.knows(user) else "unknown"
    portal.note(None, "login failed", {"code": f"E{code}", "account": known, "address": address})
