"""Escalation: a consultation that nobody moves is told of, by an event that the hub itself signs.

Any number of processes may look: an escalation's id follows from the consultation, its level and
how far it had come, so that whoever comes second finds it there; the row lock lets one in at a
time. Times are the hub's own: a box's clock that is wrong delays no emergency.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, Row, select

from core.consult.events import DOMAIN
from core.consult.timers import due, iso_of
from core.seals.statements import sign_node
from hub.consult.service import ConsultService, Sender, by_hub_clock
from hub.consult.worklist import OPEN
from hub.downlink.chain import lock_hospital
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import CONSULT

EVERY_S = 5.0


class Escalations:
    """What the hub's clock runs every few seconds."""

    def __init__(self, site: HubSite) -> None:
        self._site = site
        self._service = ConsultService(site)

    def look(self) -> None:
        """Escalate what is due."""
        self.escalate()

    def escalate(self) -> int:
        """Escalate what is due; return how many were."""
        self._site.directory.current()
        with self._site.database.read() as sql:
            waiting = sql.execute(_waiting()).all()
            found = [row.id for row in waiting if self._level(sql, row)]
        return sum(self._escalate(consult) for consult in found)

    def _level(self, sql: Connection, row: Row[Any]) -> int:
        reached = due(by_hub_clock(sql, row), self._site.outside.now_ms())
        return reached.level if reached else 0

    def _escalate(self, consult: str) -> bool:
        """Escalate one, unless another process or its people were quicker."""
        with self._site.database.write() as sql:
            mine = CONSULT.c.id == consult
            hospital = sql.execute(select(CONSULT.c.hospital).where(mine)).scalar_one()
            lock_hospital(sql, hospital)
            row = sql.execute(locked(_waiting().where(mine))).first()
            level = self._level(sql, row) if row else 0
            if row is None or not level:
                return False
            return self._service.take(sql, self._statement(row, level), Sender(own=True)).fresh

    def _statement(self, row: Row[Any], level: int) -> bytes:
        mark = f"escalated {row.id} {row.last_link} {level}".encode()
        body = {
            "after": row.last_link, "at": iso_of(self._site.outside.now_ms()), "consult": row.id,
            "event": f"e_{hashlib.sha256(mark).hexdigest()[:32]}", "kind": "escalated",
            "level": level,
        }  # fmt: skip
        return sign_node(body, DOMAIN, self._site.identity)


def _waiting() -> Any:
    return select(CONSULT).where(CONSULT.c.state.in_(OPEN), CONSULT.c.business_state == "")
