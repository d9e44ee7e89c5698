"""Where small things go: a port, and the plain part that the link itself serves.

The consultation service (``hub.consult``) takes events and wraps, the data centre statistics. Each
is called inside the inbox's transaction, possibly twice, and is idempotent by the item's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, insert, select

from core.seals.keybook import FixedKeys, ed25519_public
from core.seals.statements import Statement, open_statement
from hub.downlink.errors import NotServed, NotSigned
from hub.downlink.link import Arrived
from hub.registry.keys import attest_in
from hub.site import HubSite
from hub.store.tables import BOX_ACCESS, NODE, STATISTIC

STATISTICS_DOMAIN = "xinglin statistics v1"
ACCESS_DOMAIN = "xinglin access v1"


@dataclass(frozen=True, slots=True)
class From:
    """The box that sent something: its certificate and its signature at hello say so."""

    node: str
    hospital: str


class EventSink(Protocol):
    """What a hub does with the small things that boxes send.

    ``sql`` is the transaction that the answer stands for: what is written through it is durable
    when the box hears ``Accepted``. A refusal is a typed error; ``for_good = False`` on its class
    has the box try again later.
    """

    def accept(self, sql: Connection, sender: From, item: Arrived) -> int:
        """Take an item; return its place (an event's seq), the same for the same id again."""
        ...

    def committed(self, sender: From, item: Arrived, seq: int) -> None:
        """Called after the commit: wake pages and timers. May be left out by a crash."""
        ...


class PlainSink:
    """Statistics and access records, kept as signed, and the boxes' words for people's keys.

    Everything else is not served.
    """

    def __init__(self, site: HubSite) -> None:
        self._site = site

    def accept(self, sql: Connection, sender: From, item: Arrived) -> int:
        """See :class:`EventSink`."""
        if item.kind == "statistics":
            return keep_statistic(self._site, sql, sender, item)
        if item.kind == "access":
            return keep_access(self._site, sql, sender, item)
        if item.kind == "attestation":
            return attest_in(self._site, sql, sender.node, item.statement)
        raise NotServed

    def committed(self, sender: From, item: Arrived, seq: int) -> None:
        """See :class:`EventSink`."""


def signed_by_box(sql: Connection, sender: From, data: bytes, domain: str) -> Statement:
    """Return a statement that the sending box itself signed.

    Raises
    ------
    NotSigned
        If another node did.
    core.errors.XinglinError
        If it is no signed statement of that domain.
    """
    public = sql.execute(select(NODE.c.sign_public).where(NODE.c.id == sender.node)).scalar()
    if public is None:
        raise NotSigned
    keys = FixedKeys(nodes={sender.node: ed25519_public(bytes(public))})
    return open_statement(data, keys, domain)


def keep_statistic(site: HubSite, sql: Connection, sender: From, item: Arrived) -> int:
    """Keep a de-identified result as signed; the same id again changes nothing."""
    known = select(STATISTIC.c.at).where(
        STATISTIC.c.hospital == sender.hospital, STATISTIC.c.id == item.id
    )
    if sql.execute(known).first() is None:
        signed_by_box(sql, sender, item.statement, STATISTICS_DOMAIN)
        body = item.statement.decode()
        now = site.outside.now_ms()
        sql.execute(
            insert(STATISTIC).values(hospital=sender.hospital, id=item.id, body=body, at=now)
        )
    return 0


def keep_access(site: HubSite, sql: Connection, sender: From, item: Arrived) -> int:
    """Keep a box's statement of who opened what; the same id again changes nothing."""
    known = select(BOX_ACCESS.c.at).where(BOX_ACCESS.c.id == item.id)
    if sql.execute(known).first() is None:
        signed_by_box(sql, sender, item.statement, ACCESS_DOMAIN)
        now = site.outside.now_ms()
        sql.execute(
            insert(BOX_ACCESS).values(
                id=item.id, node=sender.node, consult=item.consult, statement=item.statement, at=now
            )
        )
    return 0
