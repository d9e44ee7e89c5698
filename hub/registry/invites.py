"""Invitations: one-time codes for a hospital's next box; made, listed, withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from core.records.record import Draft
from core.vault.join_code import ID_BYTES, SECRET_BYTES, JoinCode
from hub.registry.ca_errors import HospitalUnknown, InviteLifeWrong, InviteUnknown
from hub.site import HubSite
from hub.store.tables import HOSPITAL, INVITE

SHORTEST_MS = 10 * 60_000
LONGEST_MS = 7 * 86_400_000
#: Wrong proofs after which a code is dead: its holder has it in print, a guesser never gets there.
MOST_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Invitation:
    """A fresh invitation; its code is shown once and is not kept in clear."""

    code: JoinCode
    hospital: str
    hospital_name: str
    expires_at: int


def secret_purpose(invite: str) -> str:
    """Return what an invitation's secret is wrapped for."""
    return f"invite {invite}"


def invite(site: HubSite, pin: bytes, hospital: str, life_ms: int, by: str) -> Invitation:
    """Make a code for a hospital.

    Parameters
    ----------
    hospital : str
        Its id or its exact name.
    pin : bytes
        Of the enrolment port's key.
    by : str
        Who asks: a person's id, or ``cli``.

    Raises
    ------
    HospitalUnknown, InviteLifeWrong
    """
    if not SHORTEST_MS <= life_ms <= LONGEST_MS:
        raise InviteLifeWrong
    draw, now = site.outside.randomness, site.outside.now_ms()
    code = JoinCode(draw(ID_BYTES).hex(), draw(SECRET_BYTES), pin)
    wrapped = site.secrets.wrap(code.secret, secret_purpose(code.invite))
    with site.database.write() as sql:
        found = sql.execute(
            select(HOSPITAL.c.id, HOSPITAL.c.name).where(
                (HOSPITAL.c.id == hospital) | (HOSPITAL.c.name == hospital)
            )
        ).all()
        if len(found) != 1:
            raise HospitalUnknown(hospital=hospital[:80])
        sql.execute(
            insert(INVITE).values(
                id=code.invite, hospital=found[0].id, secret=wrapped, created_at=now,
                created_by=by, expires_at=now + life_ms, failures=0,
            )
        )  # fmt: skip
        body = {"action": "invite made", "invite": code.invite, "hospital": found[0].id, "user": by}
        site.access.append_in(sql, [Draft("audit.logged", body, actor=f"person:{by}")])
    return Invitation(code, found[0].id, found[0].name, now + life_ms)


def withdraw(site: HubSite, invite_id: str, by: str) -> None:
    """Make a code worthless.

    Raises
    ------
    InviteUnknown
        Also where it was used or withdrawn before.
    """
    now = site.outside.now_ms()
    with site.database.write() as sql:
        done = sql.execute(
            update(INVITE)
            .where(INVITE.c.id == invite_id, INVITE.c.used_at.is_(None))
            .where(INVITE.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        if not done.rowcount:
            raise InviteUnknown
        body = {"action": "invite withdrawn", "invite": invite_id, "user": by}
        site.access.append_in(sql, [Draft("audit.logged", body, actor=f"person:{by}")])


def invitations(site: HubSite) -> list[dict[str, Any]]:
    """Return all invitations, newest first, without their secrets."""
    now = site.outside.now_ms()
    columns = [column for column in INVITE.c if column.name != "secret"]
    query = (
        select(*columns, HOSPITAL.c.name.label("hospital_name"))
        .join(HOSPITAL, HOSPITAL.c.id == INVITE.c.hospital)
        .order_by(INVITE.c.created_at.desc())
    )
    with site.database.read() as sql:
        rows = [dict(row._mapping) for row in sql.execute(query)]
    return [{**row, "state": _state(row, now)} for row in rows]


def _state(row: dict[str, Any], now: int) -> str:
    if row["used_at"] is not None:
        return "used"
    if row["revoked_at"] is not None:
        return "withdrawn"
    return "expired" if row["expires_at"] <= now else "open"
