"""Signing in at the hub: password and second factor, or an identity provider; sessions.

A try is counted before it is looked at, so that a thousand tries at once are worth no more than a
thousand in a row; a right one takes its count back. A one-time code is taken once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from core.web.access import (
    IDLE_MS,
    LONGEST_MS,
    SEEN_EVERY_MS,
    Passwords,
    check_password,
    fresh_otp,
    hashed_token,
    is_over,
    lock_ms,
    otp_step,
)
from core.web.errors import LoginWrong, NotLoggedIn, OtpNeeded, OtpWrong
from hub.registry.errors import OidcUnknownPerson, OtpUsed, TooManyTries
from hub.registry.roles import MAY, Permission, Role
from hub.site import HubSite
from hub.store.tables import ATTEMPT, PERSON, SESSION

Via = Literal["password", "oidc", "provider"]
#: A hospital may sit behind one address: more failures than its people make, fewer than a guesser.
MOST_FAILURES = 60
WINDOW_MS = 10 * 60_000
_WHAT = "login"


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asking.

    Attributes
    ----------
    id : str
        Of the session, not secret.
    via : {"password", "oidc", "provider"}
        How they signed in; ``provider`` has asked for the second factor itself.
    """

    id: str
    person: str
    user: str
    name: str
    role: Role
    hospital: str
    department: str
    csrf: str
    language: str
    via: Via
    must_change: bool
    must_set_otp: bool
    must_show_otp: bool

    def may(self, permission: Permission) -> bool:
        """Return whether this person may."""
        return permission in MAY[self.role]


@dataclass(frozen=True, slots=True)
class Try:
    """A log-in as it is asked for; ``address`` is where from."""

    user: str
    password: str
    otp: str
    address: str


@dataclass(frozen=True, slots=True)
class NewOtp:
    """A second factor to put in force.

    Attributes
    ----------
    current : str
        A code of the factor that it takes the place of, where there is one.
    """

    secret: str
    otp: str
    current: str
    address: str


@dataclass(frozen=True, slots=True)
class _Tried:
    """A counted try: its number, the account as it was before, whether that was locked."""

    number: int
    who: Row[Any] | None
    locked: bool
    locked_until: int


class Sessions:
    """Log-ins and what they give."""

    def __init__(self, site: HubSite, passwords: Passwords) -> None:
        self._site = site
        self._passwords = passwords

    def log_in(self, one: Try) -> tuple[str, Session]:
        """Return a fresh session token and its session.

        Raises
        ------
        LoginWrong
            Also while locked: each failure past the fourth doubles the wait.
        OtpNeeded, OtpWrong, OtpUsed
            If the password is right and the second factor is not.
        TooManyTries
            If the address failed too often of late.
        """
        now = self._site.outside.now_ms()
        tried = self._reserve(one.user, one.address, now)
        who = self._checked(tried, one.password)
        if who.otp is not None and not one.otp:
            self._forgive(tried)
            raise OtpNeeded
        if who.otp is not None:
            self._take_otp(who, one.otp, now)
        self._clear(tried)
        return self._open(who.id, "password", now)

    def log_in_by_provider(self, subject: str, *, second_factor: bool) -> tuple[str, Session]:
        """Return a session for whom an identity provider has named.

        Without a second factor of the provider's, an account of ours must show its own next:
        such a session is served nothing but that (see :meth:`confirm`).

        Raises
        ------
        OidcUnknownPerson
        """
        query = select(PERSON.c.id).where(
            PERSON.c.oidc_subject == subject, PERSON.c.active.is_(True)
        )
        with self._site.database.read() as sql:
            person = sql.execute(query).scalar()
        if person is None:
            raise OidcUnknownPerson
        return self._open(
            person, "provider" if second_factor else "oidc", self._site.outside.now_ms()
        )

    def confirm(self, token: str, otp: str, address: str) -> None:
        """Show the second factor that the provider did not ask for.

        Raises
        ------
        OtpWrong, OtpUsed, LoginWrong, NotLoggedIn, TooManyTries
        """
        session, _, now = self._look(token)
        tried = self._reserve(session.user, address, now)
        if tried.who is None or tried.locked or tried.who.otp is None:
            raise LoginWrong
        self._take_otp(tried.who, otp, now)
        self._clear(tried)
        self._lift(token)

    def session(self, token: str) -> Session:
        """Return the session of a token; asking keeps it from idling.

        Raises
        ------
        NotLoggedIn
            If there is none, it idled too long, or the person was switched off.
        """
        session, seen, now = self._look(token)
        if now - seen > SEEN_EVERY_MS:
            with self._site.database.write() as sql:
                kept = SESSION.c.token == _kept(token)
                sql.execute(update(SESSION).where(kept).values(seen_at=now))
        return session

    def holds(self, token: str, permission: Permission) -> bool:
        """Say whether a session still stands and may; a stream asks, which is no activity."""
        try:
            return self._look(token)[0].may(permission)
        except NotLoggedIn:
            return False

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._site.database.write() as sql:
            sql.execute(delete(SESSION).where(SESSION.c.token == _kept(token)))

    def set_password(self, token: str, old: str, new: str, address: str) -> None:
        """Change the own password; other sessions of the person than ``token``'s end.

        Raises
        ------
        LoginWrong, PasswordWeak, TooManyTries
        """
        session, _, now = self._look(token)
        tried = self._reserve(session.user, address, now)
        self._checked(tried, old)
        self._clear(tried)
        check_password(session.user, new)
        values = {"password": self._passwords.hashed(new), "must_change": False}
        others = (SESSION.c.person == session.person) & (SESSION.c.token != _kept(token))
        with self._site.database.write() as sql:
            sql.execute(update(PERSON).where(PERSON.c.id == session.person).values(values))
            sql.execute(delete(SESSION).where(others))

    def begin_otp(self, session: Session) -> dict[str, str]:
        """Return a fresh second factor for the person to confirm; not in force yet."""
        return fresh_otp(session.user)

    def confirm_otp(self, token: str, new: NewOtp) -> None:
        """Put a second factor in force once the person has shown a right code of it.

        Raises
        ------
        OtpWrong, OtpUsed, InputWrong, LoginWrong, TooManyTries
        """
        session, _, now = self._look(token)
        step = otp_step(new.secret, new.otp, now)
        if step is None:
            raise OtpWrong
        tried = self._reserve(session.user, new.address, now)
        if tried.who is None or tried.locked:
            raise LoginWrong
        if tried.who.otp is not None:
            self._take_otp(tried.who, new.current, now)
        self._clear(tried)
        wrapped = self._site.secrets.wrap(new.secret.encode(), _purpose(session.person))
        values = {"otp": wrapped, "otp_step": step}
        with self._site.database.write() as sql:
            sql.execute(update(PERSON).where(PERSON.c.id == session.person).values(values))
        if session.via == "oidc":
            self._lift(token)

    def sweep(self) -> None:
        """Drop sessions that are over and old records of failures."""
        now = self._site.outside.now_ms()
        with self._site.database.write() as sql:
            over = (SESSION.c.seen_at < now - IDLE_MS) | (SESSION.c.created_at < now - LONGEST_MS)
            sql.execute(delete(SESSION).where(over))

    def knows(self, user: str) -> bool:
        """Return whether there is an account of that name; for our own records only."""
        with self._site.database.read() as sql:
            return sql.execute(select(PERSON.c.id).where(PERSON.c.user == user)).first() is not None

    def _reserve(self, user: str, address: str, now: int) -> _Tried:
        """Count a try as failed before it is looked at."""
        with self._site.database.write() as sql:
            self._check_address(sql, address, now)
            query = select(PERSON).where(PERSON.c.user == user).with_for_update()
            who = sql.execute(query).first()
            # What was typed may be a password in the wrong field: only ids of accounts are kept.
            values = {"at": now, "what": _WHAT, "who": who.id if who else "unknown",
                      "address": address[:64], "code": LoginWrong.code}  # fmt: skip
            number = sql.execute(insert(ATTEMPT).values(values).returning(ATTEMPT.c.id)).scalar()
            locked = who is not None and who.locked_until > now
            until = who.locked_until if who is not None else 0
            if who is not None and not locked:
                wait = lock_ms(who.failures + 1)
                until = now + wait if wait else 0
                counted = {"failures": who.failures + 1, "locked_until": until}
                sql.execute(update(PERSON).where(PERSON.c.id == who.id).values(counted))
        return _Tried(int(number or 0), who, locked, until)

    def _checked(self, tried: _Tried, password: str) -> Row[Any]:
        """Return whose password this is, taking as long for one who is not: LoginWrong."""
        who = tried.who
        kept = who.password if who is not None else ""
        right = self._passwords.fits(kept or self._passwords.nobody, password)
        if who is None or not kept or tried.locked or not who.active or not right:
            raise LoginWrong
        return who

    def _check_address(self, sql: Connection, address: str, now: int) -> None:
        query = select(func.count()).where(
            ATTEMPT.c.what == _WHAT,
            ATTEMPT.c.address == address[:64],
            ATTEMPT.c.at > now - WINDOW_MS,
        )
        if int(sql.execute(query).scalar() or 0) >= MOST_FAILURES:
            raise TooManyTries(minutes=WINDOW_MS // 60_000)

    def _clear(self, tried: _Tried) -> None:
        """It was right: nothing that failed before counts any more."""
        assert tried.who is not None
        values = {"failures": 0, "locked_until": 0}
        with self._site.database.write() as sql:
            sql.execute(delete(ATTEMPT).where(ATTEMPT.c.id == tried.number))
            sql.execute(update(PERSON).where(PERSON.c.id == tried.who.id).values(values))

    def _forgive(self, tried: _Tried) -> None:
        """It was right as far as it went: take back this try's own count and lock, no other's."""
        assert tried.who is not None
        mine = PERSON.c.id == tried.who.id
        with self._site.database.write() as sql:
            sql.execute(delete(ATTEMPT).where(ATTEMPT.c.id == tried.number))
            sql.execute(
                update(PERSON)
                .where(mine, PERSON.c.failures > 0)
                .values(failures=PERSON.c.failures - 1)
            )
            sql.execute(
                update(PERSON)
                .where(mine, PERSON.c.locked_until == tried.locked_until)
                .values(locked_until=0)
            )

    def _lift(self, token: str) -> None:
        """A session that began at a provider has now shown a second factor."""
        with self._site.database.write() as sql:
            kept = SESSION.c.token == _kept(token)
            sql.execute(update(SESSION).where(kept).values(via="provider"))

    def _take_otp(self, who: Row[Any], otp: str, now: int) -> None:
        secret = self._site.secrets.unwrap(bytes(who.otp), _purpose(who.id)).decode()
        step = otp_step(secret, otp, now)
        if step is None:
            raise OtpWrong
        fresh = (PERSON.c.otp_step.is_(None)) | (PERSON.c.otp_step < step)
        with self._site.database.write() as sql:
            taken = sql.execute(
                update(PERSON).where(PERSON.c.id == who.id, fresh).values(otp_step=step)
            )
            if not taken.rowcount:
                raise OtpUsed

    def _open(self, person: str, via: Via, now: int) -> tuple[str, Session]:
        draw = self._site.outside.randomness
        token, csrf = draw(32).hex(), draw(16).hex()
        with self._site.database.write() as sql:
            sql.execute(
                insert(SESSION).values(
                    token=_kept(token), person=person, csrf=csrf, via=via, created_at=now,
                    seen_at=now,
                )
            )  # fmt: skip
        return token, self._look(token)[0]

    def _look(self, token: str) -> tuple[Session, int, int]:
        """Return the session, when it was last used, and the time now."""
        now, kept = self._site.outside.now_ms(), _kept(token)
        query = (
            select(PERSON, SESSION.c.csrf, SESSION.c.via, SESSION.c.seen_at,
                   SESSION.c.created_at.label("begun_at"))
            .join(PERSON, PERSON.c.id == SESSION.c.person)
            .where(SESSION.c.token == kept, PERSON.c.active.is_(True))
        )  # fmt: skip
        with self._site.database.read() as sql:
            row = sql.execute(query).first()
        if row is None or is_over(row.begun_at, row.seen_at, now):
            raise NotLoggedIn
        return _session(row, kept), row.seen_at, now


def _session(row: Row[Any], kept: str) -> Session:
    return Session(
        id=kept[:24],
        person=row.id,
        user=row.user,
        name=row.name,
        role=row.role,
        hospital=row.hospital or "",
        department=row.department or "",
        csrf=row.csrf,
        language=row.language,
        via=row.via,
        must_change=row.must_change and row.via == "password",
        must_set_otp=row.via != "provider" and row.otp is None,
        must_show_otp=row.via == "oidc" and row.otp is not None,
    )


def _purpose(person: str) -> str:
    return f"otp {person}"


def _kept(token: str) -> str:
    return hashed_token(token).hex()
