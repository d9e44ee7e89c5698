"""The region's hospitals; each stands in the key directory from the day it is added."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import func, insert, select, update

from core.seals.directory_entries import hospital_body
from core.seals.errors import PublicKeyInvalid
from core.seals.keybook import x25519_public
from core.web.errors import Conflict, InputWrong, NotFound
from hub.registry.duty import lock_hospitals, tell_all_in
from hub.registry.errors import HospitalExists
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import HOSPITAL, NODE

_MOST_POLICY = 16 * 1024


def add_hospital(site: HubSite, name: str, recovery_public: bytes = b"") -> str:
    """Add a hospital and return its opaque id; its chain begins with the present duty roster.

    Parameters
    ----------
    recovery_public : bytes
        X25519, raw: of a hospital that has experts and no box. Else its first box brings it.

    Raises
    ------
    InputWrong, HospitalExists
    """
    if recovery_public:
        _check_recovery(recovery_public)
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InputWrong(field="name")
    identity = f"h_{site.outside.randomness(8).hex()}"
    with site.database.write() as sql:
        # A roster that changes meanwhile is told either here or by who changes it.
        lock_hospitals(sql)
        if sql.execute(select(HOSPITAL.c.id).where(HOSPITAL.c.name == name)).first():
            raise HospitalExists
        now = site.outside.now_ms()
        sql.execute(
            insert(HOSPITAL).values(
                id=identity, name=name, created_at=now, recovery_public=recovery_public or None
            )
        )
        site.directory.append_in(sql, "hospital", identity, hospital_body(name, recovery_public))
        tell_all_in(site, sql, identity)
    return identity


def set_recovery(site: HubSite, hospital: str, recovery_public: bytes) -> None:
    """Keep the recovery key of a hospital that has none yet; the directory tells everybody.

    Raises
    ------
    InputWrong, NotFound
    Conflict
        If it has one: who could exchange it could have later keys recovered by somebody else.
    """
    _check_recovery(recovery_public)
    with site.database.write() as sql:
        row = sql.execute(locked(select(HOSPITAL).where(HOSPITAL.c.id == hospital))).first()
        if row is None:
            raise NotFound
        if row.recovery_public is not None:
            raise Conflict(state="recovery key is set")
        values = {"recovery_public": recovery_public}
        sql.execute(update(HOSPITAL).where(HOSPITAL.c.id == hospital).values(values))
        body = hospital_body(row.name, recovery_public)
        site.directory.append_in(sql, "hospital", hospital, body)


def _check_recovery(public: bytes) -> None:
    try:
        x25519_public(public)
    except PublicKeyInvalid:
        raise InputWrong(field="recovery_public") from None


def set_policy(site: HubSite, hospital: str, policy: dict[str, Any]) -> None:
    """Keep which structured results a hospital lets out for the region's statistics.

    Raises
    ------
    InputWrong, NotFound
    """
    text = json.dumps(policy, ensure_ascii=False, sort_keys=True)
    if len(text.encode()) > _MOST_POLICY:
        raise InputWrong(field="policy")
    with site.database.write() as sql:
        done = sql.execute(update(HOSPITAL).where(HOSPITAL.c.id == hospital).values(policy=text))
        if not done.rowcount:
            raise NotFound


def hospitals(site: HubSite) -> list[dict[str, Any]]:
    """Return every hospital with how many boxes of it stand."""
    boxes = (
        select(NODE.c.hospital, func.count().label("boxes"))
        .where(NODE.c.revoked_at.is_(None))
        .group_by(NODE.c.hospital)
        .subquery()
    )
    query = (
        select(HOSPITAL, boxes.c.boxes)
        .outerjoin(boxes, boxes.c.hospital == HOSPITAL.c.id)
        .order_by(HOSPITAL.c.name)
    )
    with site.database.read() as sql:
        rows = sql.execute(query).all()
    return [
        {
            "id": row.id, "name": row.name, "created_at": row.created_at, "boxes": row.boxes or 0,
            "recovery": row.recovery_public is not None, "policy": json.loads(row.policy),
        }
        for row in rows
    ]  # fmt: skip
