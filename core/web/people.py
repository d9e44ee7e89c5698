"""People and sessions: Argon2 passwords, TOTP, lockout with delay, idle timeout, CSRF tokens.

Ordinary tables. A session's token is kept as its hash, so that a stolen database opens no session.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from core.journal.database import Database
from core.web.errors import (
    InputWrong,
    LoginWrong,
    NotFound,
    NotLoggedIn,
    OtpNeeded,
    OtpWrong,
    PasswordWeak,
    UserExists,
)
from core.web.roles import MAY, ROLES, Permission, Role

IDLE_MS = 30 * 60_000
LONGEST_MS = 12 * 3_600_000
_FREE_TRIES = 4
_LONGEST_LOCK_MS = 15 * 60_000
_SEEN_EVERY_MS = 30_000


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
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        # Verified against when the user is unknown, so that the answer takes as long.
        self._nobody = self._hasher.hash(randomness(16).hex())

    def add(self, user: str, name: str, role: str, password: str, *, must_change: bool) -> None:
        """Add a person.

        Raises
        ------
        InputWrong, PasswordWeak, UserExists
        """
        if role not in ROLES:
            raise InputWrong(field="role")
        if not user or len(user) > 64 or not user.isprintable() or user != user.strip():
            raise InputWrong(field="user")
        self._check_password(user, password)
        with self._database.transaction() as sql:
            if sql.execute("SELECT 1 FROM person WHERE user = ?", (user,)).fetchone():
                raise UserExists
            sql.execute(
                "INSERT INTO person (user, name, role, password, must_change, created)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (user, name or user, role, self._hasher.hash(password), int(must_change),
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
            self._check_password(user, fields["password"])
        with self._database.transaction() as sql:
            if not sql.execute("SELECT 1 FROM person WHERE user = ?", (user,)).fetchone():
                raise NotFound
            for column, value in fields.items():
                kept = self._hasher.hash(value) if column == "password" else value
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
        kept, totp, active, locked = rows[0] if rows else (self._nobody, "", 0, 0)
        right = self._verify(kept, password)
        if not rows or not active or locked > now or not right:
            if rows and active and locked <= now:
                self._failed(user, now)
            raise LoginWrong
        if totp and not otp:
            raise OtpNeeded
        if totp and not self._shown(totp, otp or ""):
            self._failed(user, now)
            raise OtpWrong
        token, csrf = self._randomness(32).hex(), self._randomness(16).hex()
        with self._database.transaction() as sql:
            sql.execute("UPDATE person SET failures = 0, locked_until = 0 WHERE user = ?", (user,))
            sql.execute("DELETE FROM session WHERE seen < ?", (now - IDLE_MS,))
            sql.execute(
                "INSERT INTO session (token, user, csrf, created, seen) VALUES (?, ?, ?, ?, ?)",
                (_hashed(token), user, csrf, now, now),
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
        if now - seen > _SEEN_EVERY_MS:
            with self._database.transaction() as sql:
                sql.execute("UPDATE session SET seen = ? WHERE token = ?", (now, _hashed(token)))
        return session

    def holds(self, token: str, permission: Permission) -> bool:
        """Say whether a session still stands and may; a stream asks, which is no activity."""
        try:
            return self._look(token)[0].may(permission)
        except NotLoggedIn:
            return False

    def _look(self, token: str) -> tuple[Session, int, int]:
        """Return the session, when it was last used, and the time now."""
        now, key = self._now_ms(), _hashed(token)
        rows = self._database.query(
            "SELECT s.user, p.name, p.role, s.csrf, p.language, s.created, s.seen, p.must_change"
            " FROM session s JOIN person p ON p.user = s.user"
            " WHERE s.token = ? AND p.active = 1",
            (key,),
        )
        if not rows or now - rows[0][6] > IDLE_MS or now - rows[0][5] > LONGEST_MS:
            raise NotLoggedIn
        user, name, role, csrf, language, _, seen, must_change = rows[0]
        session = Session(key.hex()[:24], user, name, role, csrf, language, bool(must_change))
        return session, seen, now

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM session WHERE token = ?", (_hashed(token),))

    def set_language(self, user: str, language: str) -> None:
        """Keep a person's language.

        Raises
        ------
        InputWrong
        """
        if language not in ("zh", "en"):
            raise InputWrong(field="language")
        with self._database.transaction() as sql:
            sql.execute("UPDATE person SET language = ? WHERE user = ?", (language, user))

    def set_password(self, user: str, old: str, new: str, token: str) -> None:
        """Change the own password; other sessions of the person than ``token``'s end.

        Raises
        ------
        LoginWrong, PasswordWeak
        """
        rows = self._database.query("SELECT password FROM person WHERE user = ?", (user,))
        if not rows or not self._verify(rows[0][0], old):
            raise LoginWrong
        self._check_password(user, new)
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE person SET password = ?, must_change = 0 WHERE user = ?",
                (self._hasher.hash(new), user),
            )
            sql.execute("DELETE FROM session WHERE user = ? AND token != ?", (user, _hashed(token)))

    def begin_otp(self, user: str) -> dict[str, str]:
        """Return a fresh second factor for the person to confirm; not in force yet."""
        secret = pyotp.random_base32()
        uri = pyotp.TOTP(secret).provisioning_uri(name=user, issuer_name="Xinglin")
        return {"secret": secret, "uri": uri}

    def confirm_otp(self, user: str, secret: str, otp: str) -> None:
        """Put a second factor in force once the person has shown a right code.

        Raises
        ------
        OtpWrong, InputWrong
        """
        if not 32 <= len(secret) <= 128:  # ours have 160 bits; an empty one would switch it off
            raise InputWrong(field="secret")
        try:
            right = self._shown(secret, otp)
        except ValueError:
            raise InputWrong(field="secret") from None
        if not right:
            raise OtpWrong
        with self._database.transaction() as sql:
            sql.execute("UPDATE person SET totp = ? WHERE user = ?", (secret, user))

    def _shown(self, secret: str, otp: str) -> bool:
        """Say whether a code is right now, half a minute of drift allowed either way."""
        now_s = self._now_ms() // 1000
        return otp.isascii() and bool(
            pyotp.TOTP(secret).verify(otp, for_time=now_s, valid_window=1)
        )

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False

    def _failed(self, user: str, now: int) -> None:
        with self._database.transaction() as sql:
            failures = sql.execute(
                "UPDATE person SET failures = failures + 1 WHERE user = ? RETURNING failures",
                (user,),
            ).fetchone()[0]
            if failures > _FREE_TRIES:
                wait = min(2_000 * 2 ** (failures - _FREE_TRIES), _LONGEST_LOCK_MS)
                sql.execute("UPDATE person SET locked_until = ? WHERE user = ?", (now + wait, user))

    def _check_password(self, user: str, password: Any) -> None:
        if not isinstance(password, str) or not 10 <= len(password) <= 256 or password == user:
            raise PasswordWeak


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def same(first: str, second: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(first.encode(), second.encode())
