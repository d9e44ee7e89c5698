"""One consultation as the page reads it: signed events, own wraps, who is there, who has seen."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from core.consult.events import parse_event
from core.errors import XinglinError
from core.records.clock import iso
from core.seals.statements import parse
from core.seals.text import to_base64url
from hub.consult.objects import objects_of
from hub.consult.presence import present
from hub.consult.viewers import Viewer, Way, way_of
from hub.consult.worklist import hospital_of_node, names_of, rows_of
from hub.store.tables import EVENT, PERSON, SEEN, WRAP


def case_of(sql: Connection, viewer: Viewer, consult: str, now_ms: int) -> dict[str, Any]:
    """Return a case; what somebody may not read is not in it.

    Raises
    ------
    NoSuchConsult
    """
    way, found = way_of(sql, viewer, consult)
    row = rows_of(sql, viewer, [found], now_ms)[0]
    return {
        "row": row,
        "way": way,
        "events": _events(sql, consult, way),
        "wraps": _wraps(sql, consult, viewer.person) if way == "party" else [],
        "objects": objects_of(sql, consult) if way == "party" else [],
        "parties": row["parties"],
        "presence": present(sql, consult, now_ms),
        "seen": _seen(sql, consult),
    }


def _events(sql: Connection, consult: str, way: Way) -> list[dict[str, Any]]:
    rows = sql.execute(select(EVENT).where(EVENT.c.consult == consult).order_by(EVENT.c.seq)).all()
    names = names_of(sql, {row.actor for row in rows})
    names |= {
        actor: hospital_of_node(sql, actor) for actor in {r.actor for r in rows} if len(actor) == 64
    }
    return [
        {
            "seq": row.seq, "id": row.id, "kind": row.kind, "actor": row.actor,
            "actor_name": names.get(row.actor, ""), "at": iso(row.at),
            "statement": _statement(row, way), "link": row.link,
            "delivered_at": iso(row.delivered_at) if row.delivered_at else None,
        }
        for row in rows
    ]  # fmt: skip


def _statement(row: Row[Any], way: Way) -> str:
    """Return what was signed; to who only routes, nothing that has words in it, sealed or not."""
    data = bytes(row.statement)
    if way != "party" and has_words(data):
        return ""
    return data.decode("utf-8", "replace")


def has_words(data: bytes) -> bool:
    """Say whether a statement carries a sealed part."""
    try:
        said = parse(data).statement
        return bool(parse_event(said.body, "", "person", said.sha256).sealed)
    except XinglinError:
        return True


def _wraps(sql: Connection, consult: str, person: str) -> list[dict[str, Any]]:
    query = (
        select(WRAP)
        .where(WRAP.c.consult == consult, WRAP.c.recipient == person, WRAP.c.revoked_at.is_(None))
        .order_by(WRAP.c.epoch)
    )
    return [
        {
            "epoch": row.epoch, "sealed": to_base64url(bytes(row.sealed)),
            "statement": bytes(row.statement).decode("utf-8", "replace"),
        }
        for row in sql.execute(query)
    ]  # fmt: skip


def _seen(sql: Connection, consult: str) -> list[dict[str, Any]]:
    query = (
        select(SEEN, PERSON.c.name)
        .outerjoin(PERSON, PERSON.c.id == SEEN.c.person)
        .where(SEEN.c.consult == consult)
        .order_by(SEEN.c.at)
    )
    return [
        {"person": row.person, "name": row.name or "", "seq": row.seq, "at": iso(row.at)}
        for row in sql.execute(query)
    ]
