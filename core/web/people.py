"""People and sessions: Argon2 passwords, TOTP, lockout with delay, idle timeout, CSRF tokens.

Ordinary tables. A session's token is kept as its hash, so that a stolen database opens no session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.journal.database import Database
from core.web.access import (
    IDLE_MS,
    LONGEST_MS,
    SEEN_EVERY_MS,
    Passwords,
    check_language,
    check_password,
    check_user,
    fresh_otp,
    hashed_token,
    is_over,
    lock_ms,
    otp_step,
    same,
)
from core.web.errors import (
    InputWrong,
    LoginWrong,
    NotFound,
    NotLoggedIn,
    OtpNeeded,
    OtpWrong,
    UserExists,
)
from core.web.roles import MAY, ROLES, Permission, Role

__all__ = ["IDLE_MS", "LONGEST_MS", "People", "Session", "same"]


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asking."""

    id: str
    user: str
    name: str
    role: Role
    csrf: str
    language: str
    must_change: bool

    def may(self, permission: Permission) -> bool:
        """Return whether this person may."""
        return permission in MAY[self.role]


class People:
    """The hospital's accounts.

    Parameters
    ----------
    now_ms, randomness : callable
    """

    def __init__(
        self, database: Database, now_ms: Callable[[], int], randomness: Callable[[int], bytes]
    ) -> None:
        self._database = database
        self._now_ms = now_ms
        self._randomness = randomness
        self._passwords = Passwords(randomness)

    def add(self, user: str, name: str, role: str, password: str, *, must_change: bool) -> None:
        """Add a person.

        Raises
        ------
        InputWrong, PasswordWeak, UserExists
        """
        if role not in ROLES:
            raise InputWrong(field="role")
        check_user(user)
        check_password(user, password)
        with self._database.transaction() as sql:
            if sql.execute("SELECT 1 FROM person WHERE user = ?", (user,)).fetchone():
                raise UserExists
            sql.execute(
                "INSERT INTO person (user, name, role, password, must_change, created)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (user, name or user, role, self._passwords.hashed(password), int(must_change),
                 self._now_ms()),
            )  # fmt: skip

    def change(self, user: str, fields: dict[str, Any]) -> None:
        """Change name, role, active or password of a person; ends their sessions where needed.

        Raises
        ------
        NotFound, InputWrong, PasswordWeak
        """
        allowed = {"name", "role", "active", "password"}
        if set(fields) - allowed:
            raise InputWrong(field=sorted(set(fields) - allowed)[0])
        if fields.get("role", "auditor") not in ROLES:
            raise InputWrong(field="role")
        if "password" in fields:
            check_password(user, fields["password"])
        with self._database.transaction() as sql:
            if not sql.execute("SELECT 1 FROM person WHERE user = ?", (user,)).fetchone():
                raise NotFound
            for column, value in fields.items():
                kept = self._passwords.hashed(value) if column == "password" else value
                sql.execute(f"UPDATE person SET {column} = ? WHERE user = ?", (kept, user))
            sql.execute("UPDATE person SET failures = 0, locked_until = 0 WHERE user = ?", (user,))
            if set(fields) & {"role", "active", "password"}:
                sql.execute("DELETE FROM session WHERE user = ?", (user,))

    def list(self) -> list[dict[str, Any]]:
        """Return everybody, without secrets."""
        rows = self._database.query(
            "SELECT user, name, role, active, totp != '', (SELECT max(seen) FROM session"
            " WHERE session.user = person.user) FROM person ORDER BY user"
        )
        return [
            {"user": r[0], "name": r[1], "role": r[2], "active": bool(r[3]), "otp": bool(r[4]),
             "last_login": r[5]}
            for r in rows
        ]  # fmt: skip

    def knows(self, user: str) -> bool:
        """Return whether there is an account of that name; for our own records only."""
        return bool(self._database.query("SELECT 1 FROM person WHERE user = ?", (user,)))

    def log_in(self, user: str, password: str, otp: str | None) -> tuple[str, Session]:
        """Return a fresh session token and its session.

        Raises
        ------
        LoginWrong
            Also while locked: each failure past the fourth doubles the wait.
        OtpNeeded, OtpWrong
            If the account has a second factor and the code is missing or wrong.
        """
        now = self._now_ms()
        rows = self._database.query(
            "SELECT password, totp, active, locked_until FROM person WHERE user = ?", (user,)
        )
        kept, totp, active, locked = rows[0] if rows else (self._passwords.nobody, "", 0, 0)
        right = self._passwords.fits(kept, password)
        if not rows or not active or locked > now or not right:
            if rows and active and locked <= now:
                self._failed(user, now)
            raise LoginWrong
        if totp and not otp:
            raise OtpNeeded
        if totp and otp_step(totp, otp or "", now) is None:
            self._failed(user, now)
            raise OtpWrong
        token, csrf = self._randomness(32).hex(), self._randomness(16).hex()
        with self._database.transaction() as sql:
            sql.execute("UPDATE person SET failures = 0, locked_until = 0 WHERE user = ?", (user,))
            sql.execute("DELETE FROM session WHERE seen < ?", (now - IDLE_MS,))
            sql.execute(
                "INSERT INTO session (token, user, csrf, created, seen) VALUES (?, ?, ?, ?, ?)",
                (hashed_token(token), user, csrf, now, now),
            )
        return token, self.session(token)

    def session(self, token: str) -> Session:
        """Return the session of a token; asking keeps it from idling.

        Raises
        ------
        NotLoggedIn
            If there is none, it idled too long, or the person was switched off.
        """
        session, seen, now = self._look(token)
        if now - seen > SEEN_EVERY_MS:
            with self._database.transaction() as sql:
                sql.execute(
                    "UPDATE session SET seen = ? WHERE token = ?", (now, hashed_token(token))
                )
        return session

    def holds(self, token: str, permission: Permission) -> bool:
        """Say whether a session still stands and may; a stream asks, which is no activity."""
        try:
            return self._look(token)[0].may(permission)
        except NotLoggedIn:
            return False

    def _look(self, token: str) -> tuple[Session, int, int]:
        """Return the session, when it was last used, and the time now."""
        now, key = self._now_ms(), hashed_token(token)
        rows = self._database.query(
            "SELECT s.user, p.name, p.role, s.csrf, p.language, s.created, s.seen, p.must_change"
            " FROM session s JOIN person p ON p.user = s.user"
            " WHERE s.token = ? AND p.active = 1",
            (key,),
        )
        if not rows or is_over(rows[0][5], rows[0][6], now):
            raise NotLoggedIn
        user, name, role, csrf, language, _, seen, must_change = rows[0]
        session = Session(key.hex()[:24], user, name, role, csrf, language, bool(must_change))
        return session, seen, now

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM session WHERE token = ?", (hashed_token(token),))

    def set_language(self, user: str, language: str) -> None:
        """Keep a person's language.

        Raises
        ------
        InputWrong
        """
        check_language(language)
        with self._database.transaction() as sql:
            sql.execute("UPDATE person SET language = ? WHERE user = ?", (language, user))

    def set_password(self, user: str, old: str, new: str, token: str) -> None:
        """Change the own password; other sessions of the person than ``token``'s end.

        Raises
        ------
        LoginWrong, PasswordWeak
        """
        rows = self._database.query("SELECT password FROM person WHERE user = ?", (user,))
        if not rows or not self._passwords.fits(rows[0][0], old):
            raise LoginWrong
        check_password(user, new)
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE person SET password = ?, must_change = 0 WHERE user = ?",
                (self._passwords.hashed(new), user),
            )
            sql.execute(
                "DELETE FROM session WHERE user = ? AND token != ?", (user, hashed_token(token))
            )

    def begin_otp(self, user: str) -> dict[str, str]:
        """Return a fresh second factor for the person to confirm; not in force yet."""
        return fresh_otp(user)

    def confirm_otp(self, user: str, secret: str, otp: str) -> None:
        """Put a second factor in force once the person has shown a right code.

        Raises
        ------
        OtpWrong, InputWrong
        """
        if otp_step(secret, otp, self._now_ms()) is None:
            raise OtpWrong
        with self._database.transaction() as sql:
            sql.execute("UPDATE person SET totp = ? WHERE user = ?", (secret, user))

    def show_factor(self, user: str, otp: str) -> bool:
        """Have a person show the second factor again, as a signature; False where they have none.

        A code signs once (RFC 6238, 5.2): the next signature waits for the next code. Wrong codes
        count and lock as at the log-in.

        Raises
        ------
        OtpWrong
        """
        now = self._now_ms()
        rows = self._database.query("SELECT totp, locked_until FROM person WHERE user = ?", (user,))
        if not rows or not rows[0][0]:
            return False
        step = otp_step(rows[0][0], otp, now) if rows[0][1] <= now else None
        with self._database.transaction() as sql:
            used = sql.execute("SELECT step FROM signing_step WHERE user = ?", (user,)).fetchone()
            if step is not None and (used is None or step > used[0]):
                sql.execute("REPLACE INTO signing_step VALUES (?, ?)", (user, step))
                return True
        if rows[0][1] <= now:
            self._failed(user, now)
        raise OtpWrong

    def _failed(self, user: str, now: int) -> None:
        with self._database.transaction() as sql:
            failures = sql.execute(
                "UPDATE person SET failures = failures + 1 WHERE user = ? RETURNING failures",
                (user,),
            ).fetchone()[0]
            wait = lock_ms(failures)
            if wait:
                sql.execute("UPDATE person SET locked_until = ? WHERE user = ?", (now + wait, user))
