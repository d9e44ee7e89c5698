"""The region's hospitals; each stands in the key directory from the day it is added."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import func, insert, select, update

from core.seals.directory_entries import hospital_body
from core.web.errors import InputWrong, NotFound
from hub.registry.errors import HospitalExists
from hub.site import HubSite
from hub.store.tables import HOSPITAL, NODE

_MOST_POLICY = 16 * 1024


def add_hospital(site: HubSite, name: str) -> str:
    """Add a hospital and return its opaque id.

    Raises
    ------
    InputWrong, HospitalExists
    """
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InputWrong(field="name")
    identity = f"h_{site.outside.randomness(8).hex()}"
    with site.database.write() as sql:
        if sql.execute(select(HOSPITAL.c.id).where(HOSPITAL.c.name == name)).first():
            raise HospitalExists
        now = site.outside.now_ms()
        sql.execute(insert(HOSPITAL).values(id=identity, name=name, created_at=now))
        site.directory.append_in(sql, "hospital", identity, hospital_body(name, b""))
    return identity


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
