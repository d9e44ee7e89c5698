"""Refusals by caller: the record of them, and the limit that follows from it.

An address that was refused ten times in ten minutes is refused before anything is looked at. Twice
that many are written down, then no more until the window has passed: the record says that the
address was shut out, and a flood does not fill the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from sqlalchemy import Connection, delete, func, insert, select

from core.vault.enrol_errors import EnrolRefusal, TooManyTries
from hub.store.tables import ATTEMPT, NONCE

WINDOW_MS = 10 * 60_000
MOST_REFUSALS = 10
_KEEP_MS = 200 * 86_400_000  # 网络安全法 art. 21 asks for six months
_KEEP_NONCES_MS = 8 * 86_400_000  # longer than any code lives


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tried what.

    Attributes
    ----------
    what : {"join", "renew"}
    who : str
        Invitation or node, as far as it was said.
    address : str
        As :func:`address_of` gives it.
    """

    what: str
    who: str
    address: str


def address_of(peer: str) -> str:
    """Return the address of a gRPC peer; of IPv6 its /64, which is one household's."""
    kind, _, rest = peer.partition(":")
    if kind == "ipv4":
        return rest.rpartition(":")[0][:64]
    if kind != "ipv6":
        return kind[:64]
    text = rest.replace("%5B", "[").replace("%5D", "]").rpartition(":")[0].strip("[]")
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return text[:64]
    if not isinstance(address, IPv6Address) or address.ipv4_mapped:
        return str(getattr(address, "ipv4_mapped", address))
    return str(IPv6Address(int(address) >> 64 << 64)) + "/64"


def check_limit(sql: Connection, attempt: Attempt, now: int) -> None:
    """Let through whoever was not refused too often of late.

    Raises
    ------
    TooManyTries
    """
    if refusals_of(sql, attempt, now) >= MOST_REFUSALS:
        raise TooManyTries(minutes=WINDOW_MS // 60_000)


def refusals_of(sql: Connection, attempt: Attempt, now: int) -> int:
    """Return how often an address was refused within the window."""
    query = select(func.count()).where(
        ATTEMPT.c.what == attempt.what,
        ATTEMPT.c.address == attempt.address,
        ATTEMPT.c.at > now - WINDOW_MS,
    )
    return int(sql.execute(query).scalar() or 0)


def keep_refusal(sql: Connection, attempt: Attempt, error: EnrolRefusal, now: int) -> bool:
    """Write a refusal down, and say whether it was (see the module)."""
    if refusals_of(sql, attempt, now) >= 2 * MOST_REFUSALS:
        return False
    sql.execute(
        insert(ATTEMPT).values(
            at=now, what=attempt.what, who=attempt.who[:64], address=attempt.address,
            code=error.code,
        )
    )  # fmt: skip
    return True


def is_fresh(sql: Connection, nonce: bytes, now: int) -> bool:
    """Remember a nonce; say whether it had not been seen. The caller holds a lock on its sender."""
    if sql.execute(select(NONCE.c.at).where(NONCE.c.value == nonce)).first():
        return False
    sql.execute(insert(NONCE).values(value=nonce, at=now))
    return True


def forget_old(sql: Connection, now: int) -> None:
    """Drop what no limit and no law asks for any more."""
    sql.execute(delete(ATTEMPT).where(ATTEMPT.c.at < now - _KEEP_MS))
    sql.execute(delete(NONCE).where(NONCE.c.at < now - _KEEP_NONCES_MS))
