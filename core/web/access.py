"""What both web servers ask before they let somebody in; rules and arithmetic, no storage.

Passwords are kept as Argon2id; a session's token is kept as its hash, so that a stolen database
opens no session; each failed log-in past the fourth doubles the wait.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from core.web.errors import InputWrong, PasswordWeak

IDLE_MS = 30 * 60_000
LONGEST_MS = 12 * 3_600_000
#: A session is marked as used at most this often.
SEEN_EVERY_MS = 30_000
_FREE_TRIES = 4
_LONGEST_LOCK_MS = 15 * 60_000
_STEP_S = 30


class Passwords:
    """Hashes passwords and compares; an unknown user's comparison takes as long as a known one's.

    Parameters
    ----------
    randomness : callable
        For the password of nobody.
    """

    def __init__(self, randomness: Callable[[int], bytes]) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        #: Verified against when the user is unknown.
        self.nobody = self._hasher.hash(randomness(16).hex())

    def hashed(self, password: str) -> str:
        """Return what is kept of a password."""
        return self._hasher.hash(password)

    def fits(self, kept: str, password: str) -> bool:
        """Say whether a password is the one that was kept."""
        try:
            return self._hasher.verify(kept, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False


def check_user(user: str) -> None:
    """Refuse what is no user name: InputWrong."""
    if not user or len(user) > 64 or not user.isprintable() or user != user.strip():
        raise InputWrong(field="user")


def check_password(user: str, password: Any) -> None:
    """Refuse a password that does not meet the rule: PasswordWeak."""
    if not isinstance(password, str) or not 10 <= len(password) <= 256 or password == user:
        raise PasswordWeak


def check_language(language: str) -> None:
    """Refuse a language that the page does not speak: InputWrong."""
    if language not in ("zh", "en"):
        raise InputWrong(field="language")


def lock_ms(failures: int) -> int:
    """Return how long an account waits after so many failures in a row; 0 for the first four."""
    if failures <= _FREE_TRIES:
        return 0
    return min(2_000 * 2 ** min(failures - _FREE_TRIES, 20), _LONGEST_LOCK_MS)


def is_over(created_ms: int, seen_ms: int, now_ms: int) -> bool:
    """Say whether a session idled too long or lasted longer than a shift."""
    return now_ms - seen_ms > IDLE_MS or now_ms - created_ms > LONGEST_MS


def fresh_otp(user: str) -> dict[str, str]:
    """Return a fresh second factor for the person to confirm: the secret and its otpauth URI."""
    secret = pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(name=user, issuer_name="Xinglin")
    return {"secret": secret, "uri": uri}


def otp_step(secret: str, otp: str, now_ms: int) -> int | None:
    """Return the half minute (RFC 6238 step) whose code this is; None where it is wrong.

    Half a minute of drift is allowed either way.

    Raises
    ------
    InputWrong
        If the secret is none: ours have 160 bits, and an empty one would switch the factor off.
    """
    if not 32 <= len(secret) <= 128:
        raise InputWrong(field="secret")
    if not otp.isascii():
        return None
    step = now_ms // 1000 // _STEP_S
    try:
        codes = {near: pyotp.TOTP(secret).at(near * _STEP_S) for near in (step - 1, step, step + 1)}
    except ValueError:
        raise InputWrong(field="secret") from None
    right = [near for near, code in codes.items() if same(code, otp)]
    return right[-1] if right else None


def hashed_token(token: str) -> bytes:
    """Return what is kept of a session's token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def same(first: str, second: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(first.encode("utf-8", "replace"), second.encode("utf-8", "replace"))
