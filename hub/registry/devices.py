"""Boxes: who may speak to the hub, and who no longer may.

A certificate alone opens nothing: with every call it is looked up here, byte for byte, so that one
that was revoked, or that somebody else than this hub made with a stolen key, is refused.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from sqlalchemy import Connection, Row, delete, func, select, update

from core.records.record import Draft
from core.vault.certificates import node_of, serial_of
from core.vault.enrol_errors import (
    CertificateExpired,
    CertificateRevoked,
    CertificateUnknown,
    NodeRevoked,
    NotEnrolled,
)
from hub.registry.ca_errors import DeviceUnknown
from hub.site import HubSite
from hub.store.tables import CERTIFICATE, HOSPITAL, NODE, RENEWAL

CACHE_MS = 15_000
_MOST_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """A box that showed its certificate."""

    node: str
    hospital: str
    serial: str


class Devices:
    """The region's boxes as a gRPC server asks for them; one per process, safe among threads."""

    def __init__(self, site: HubSite) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._standing: dict[str, tuple[int, bool]] = {}

    def admit(self, der: bytes) -> Caller:
        """Return who shows a certificate; TLS has checked its chain and its key's possession.

        Raises
        ------
        CertificateUnknown, CertificateRevoked, CertificateExpired, NodeRevoked
        """
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            raise CertificateUnknown from None
        node, serial = node_of(certificate), serial_of(certificate)
        query = (
            select(CERTIFICATE, NODE.c.hospital, NODE.c.revoked_at.label("node_revoked"))
            .join(NODE, NODE.c.id == CERTIFICATE.c.node)
            .where(CERTIFICATE.c.serial == serial, CERTIFICATE.c.node == node)
        )
        with self._site.database.read() as sql:
            row = sql.execute(query).first()
        if row is None or bytes(row.der) != der:
            raise CertificateUnknown
        if row.node_revoked is not None:
            raise NodeRevoked
        if row.revoked_at is not None:
            raise CertificateRevoked
        if row.not_after <= self._site.outside.now_ms():
            raise CertificateExpired
        return Caller(node, row.hospital, serial)

    def is_revoked(self, node: str) -> bool:
        """Say whether a box was revoked; the answer is at most fifteen seconds old.

        An unknown box counts as revoked.
        """
        now = self._site.outside.now_ms()
        with self._lock:
            kept = self._standing.get(node)
            if kept and 0 <= now - kept[0] < CACHE_MS:
                return kept[1]
        with self._site.database.read() as sql:
            row = sql.execute(select(NODE.c.revoked_at).where(NODE.c.id == node)).first()
        revoked = row is None or row.revoked_at is not None
        with self._lock:
            if len(self._standing) >= _MOST_CACHED:
                self._standing.clear()
            self._standing[node] = (now, revoked)
        return revoked

    def check(self, node: str) -> None:
        """Let through a box that stands.

        Raises
        ------
        NodeRevoked
        """
        if self.is_revoked(node):
            raise NodeRevoked


def devices(site: HubSite) -> list[dict[str, Any]]:
    """Return every box with its hospital and its newest certificate's end."""
    ends = (
        select(CERTIFICATE.c.node, func.max(CERTIFICATE.c.not_after).label("not_after"))
        .group_by(CERTIFICATE.c.node)
        .subquery()
    )
    waits = select(RENEWAL.c.node, RENEWAL.c.asked_at, RENEWAL.c.approved_at).subquery()
    query = (
        select(
            NODE.c.id, NODE.c.hospital, HOSPITAL.c.name.label("hospital_name"), NODE.c.name,
            NODE.c.software, NODE.c.joined_at, NODE.c.seen_at, NODE.c.clock_skew_ms,
            NODE.c.revoked_at, ends.c.not_after, waits.c.asked_at, waits.c.approved_at,
        )
        .join(HOSPITAL, HOSPITAL.c.id == NODE.c.hospital)
        .outerjoin(ends, ends.c.node == NODE.c.id)
        .outerjoin(waits, waits.c.node == NODE.c.id)
        .order_by(HOSPITAL.c.name, NODE.c.joined_at)
    )  # fmt: skip
    with site.database.read() as sql:
        return [dict(row._mapping) for row in sql.execute(query)]


def find_node(sql: Connection, prefix: str) -> Row[Any]:
    """Return the one box whose id begins so (eight digits at least).

    Raises
    ------
    DeviceUnknown
    """
    plain = prefix.strip().lower()
    if len(plain) < 8 or not set(plain) <= set("0123456789abcdef"):
        raise DeviceUnknown(node=prefix[:16])
    rows = sql.execute(select(NODE).where(NODE.c.id.startswith(plain))).all()
    if len(rows) != 1:
        raise DeviceUnknown(node=prefix[:16])
    return rows[0]


def revoke(site: HubSite, prefix: str, by: str) -> str:
    """Revoke a box: its certificates, its renewals, its key in the directory; return its id.

    Raises
    ------
    DeviceUnknown
    """
    now = site.outside.now_ms()
    with site.database.write() as sql:
        node = find_node(sql, prefix)
        if node.revoked_at is not None:
            return str(node.id)
        sql.execute(update(NODE).where(NODE.c.id == node.id).values(revoked_at=now))
        sql.execute(
            update(CERTIFICATE)
            .where(CERTIFICATE.c.node == node.id, CERTIFICATE.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        sql.execute(delete(RENEWAL).where(RENEWAL.c.node == node.id))
        site.directory.append_in(sql, "revoked", node.id, {"node": node.id})
        body = {"action": "box revoked", "node": node.id, "hospital": node.hospital, "user": by}
        site.access.append_in(sql, [Draft("audit.logged", body, actor=f"person:{by}")])
    return str(node.id)


def known(sql: Connection, node: str) -> Row[Any]:
    """Return a box's row, locked.

    Raises
    ------
    NotEnrolled
    """
    row = sql.execute(select(NODE).where(NODE.c.id == node).with_for_update()).first()
    if row is None:
        raise NotEnrolled
    return row
