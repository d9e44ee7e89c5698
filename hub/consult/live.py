"""What changed for somebody since they were last told: two looks at the database, compared.

Nothing is handed from process to process: whichever of them serves the page sees what any of them
wrote. A look is one query of each kind over what the person sees and what is open or moved lately;
it is taken when the pulse of the whole database has changed, and now and then anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from hub.consult.notices import unread
from hub.consult.presence import LIFE_MS
from hub.consult.viewers import Viewer, visible
from hub.consult.worklist import OPEN, rows_of
from hub.store.database import HubDatabase
from hub.store.tables import CONSULT, EVENT, HOSPITAL, NOTICE, PRESENCE, SEEN

_LATELY_MS = 3_600_000
Marks = tuple[Any, ...]


class Pulse:
    """What tells that something may have changed for somebody; one small query for all streams.

    Every event moves its hospital's chain in its own transaction, so that the sum of the chains'
    lengths misses none; the other marks are times, which two commits may share.

    Parameters
    ----------
    clock_s : callable
        A monotonic clock.
    """

    def __init__(self, database: HubDatabase, clock_s: Callable[[], float]) -> None:
        self._database = database
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._taken_s = -1.0
        self._marks: Marks = ()

    def take(self) -> Marks:
        """Return the marks, at most a fifth of a second old."""
        with self._lock:
            now = self._clock_s()
            if now - self._taken_s > _FRESH_S or self._taken_s < 0:
                with self._database.read() as sql:
                    self._marks = tuple(sql.execute(_MARKS).one())
                self._taken_s = now
            return self._marks


_FRESH_S = 0.2
_MARKS = select(
    select(func.sum(HOSPITAL.c.chain_seq)).scalar_subquery(),
    select(func.max(CONSULT.c.changed_at)).scalar_subquery(),
    select(func.max(EVENT.c.delivered_at)).scalar_subquery(),
    select(func.max(NOTICE.c.id)).scalar_subquery(),
    select(func.max(SEEN.c.at)).scalar_subquery(),
    select(func.max(PRESENCE.c.at)).scalar_subquery(),
)


@dataclass(slots=True)
class Look:
    """What was there at one look, by consultation."""

    consults: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    people: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    notices: set[int] = field(default_factory=set)


def look(
    sql: Connection, viewer: Viewer, before: Look | None, now_ms: int
) -> tuple[Look, list[dict[str, Any]]]:
    """Return what is there now, and the events that bring a page from ``before`` to it.

    The first look tells of nothing but unread notices.
    """
    known = list(before.consults) if before else []
    lately = or_(
        CONSULT.c.state.in_(OPEN),
        CONSULT.c.changed_at > now_ms - _LATELY_MS,
        CONSULT.c.id.in_(known),
    )
    rows = {r.id: r for r in sql.execute(select(CONSULT).where(visible(viewer), lately)).all()}
    fresh = Look(_states(sql, rows), _people(sql, list(rows), now_ms))
    waiting = unread(sql, viewer.person)
    fresh.notices = {row.id for row in waiting}
    told = before.notices if before else set()
    events: list[dict[str, Any]] = [
        {"kind": "notice", "consult": row.consult, "notice": row.kind}
        for row in waiting
        if row.id not in told
    ]
    return fresh, (_changes(sql, viewer, (before, fresh), rows, now_ms) if before else []) + events


def _changes(
    sql: Connection,
    viewer: Viewer,
    looks: tuple[Look, Look],
    rows: dict[str, Row[Any]],
    now_ms: int,
) -> list[dict[str, Any]]:
    before, fresh = looks
    changed = [one for one in rows if before.consults.get(one) != fresh.consults[one]]
    shown = {row["id"]: row for row in rows_of(sql, viewer, [rows[one] for one in changed], now_ms)}
    events: list[dict[str, Any]] = [
        {"kind": "consult", "consult": one, "row": shown[one]} for one in changed
    ]
    gone = [one for one in before.consults if one not in fresh.consults]
    events += [{"kind": "consult", "consult": one, "row": None} for one in gone]
    moved = [one for one in rows if before.people.get(one) != fresh.people.get(one)]
    events += [{"kind": "presence", "consult": one} for one in moved if one not in changed]
    return events


def _states(sql: Connection, rows: dict[str, Row[Any]]) -> dict[str, tuple[Any, ...]]:
    query = (
        select(EVENT.c.consult, func.count(EVENT.c.delivered_at).label("n"))
        .where(EVENT.c.consult.in_(list(rows)))
        .group_by(EVENT.c.consult)
    )
    delivered = {row.consult: row.n for row in sql.execute(query)}
    return {
        one: (row.events, row.changed_at, row.escalated, delivered.get(one, 0))
        for one, row in rows.items()
    }


def _people(sql: Connection, ids: list[str], now_ms: int) -> dict[str, tuple[Any, ...]]:
    here = select(PRESENCE.c.consult, PRESENCE.c.person).where(
        PRESENCE.c.consult.in_(ids), PRESENCE.c.at >= now_ms - LIFE_MS
    )
    seen = select(SEEN.c.consult, SEEN.c.person, SEEN.c.seq).where(SEEN.c.consult.in_(ids))
    found: dict[str, list[Any]] = {}
    for row in [*sql.execute(here).all(), *sql.execute(seen).all()]:
        found.setdefault(row[0], []).append(tuple(row[1:]))
    return {one: tuple(sorted(values, key=repr)) for one, values in found.items()}
