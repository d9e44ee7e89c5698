"""Certificates are renewed by the node's own key; past their end only after two people agreed.

The request is signed by the Ed25519 key that joined, so that a stolen certificate or TLS key renews
nothing. While a certificate of the box is still good, the answer comes at once. After the last one
has ended, it is ``waiting`` until a person at the hub has approved and the request says that a
person at the box has agreed; an approval serves one request's key and a week at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from core.records.record import Draft
from core.vault.certificates import key_of_csr, serial_of
from core.vault.enrol_errors import (
    CertificateOfAnother,
    CertificateRevoked,
    CertificateUnknown,
    ClockWrong,
    EnrolRefusal,
    NodeRevoked,
    Replayed,
)
from core.vault.enrolment import Renew, check_clock, check_signature
from hub.registry.attempts import Attempt, check_limit, is_fresh, keep_refusal
from hub.registry.authority import Authority
from hub.registry.ca_errors import NothingToApprove
from hub.registry.devices import find_node, known
from hub.registry.enrol import issue, note_refusal, take_recovery_key
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import CERTIFICATE, HOSPITAL, NODE, RENEWAL

APPROVAL_MS = 7 * 86_400_000
_KEEP_EXPIRED_MS = 90 * 86_400_000


@dataclass(frozen=True, slots=True)
class AskedRenewal:
    """A renewal as it came over the wire."""

    renew: Renew
    signature: bytes
    address: str


class Renewals:
    """Renews certificates."""

    def __init__(self, site: HubSite, authority: Authority) -> None:
        self._site = site
        self._authority = authority

    def renew(self, asked: AskedRenewal) -> x509.Certificate | None:
        """Return a new certificate; None where two people have not yet agreed.

        Raises
        ------
        EnrolRefusal
            Any of ``core.vault.enrol_errors``; it is written down.
        """
        attempt = Attempt("renew", asked.renew.node, asked.address)
        now = self._site.outside.now_ms()
        try:
            asked.renew.check()
            with self._site.database.write() as sql:
                check_limit(sql, attempt, now)
                return self._judge(sql, asked, now)
        except EnrolRefusal as refusal:
            self._keep(attempt, asked.renew, refusal, now)
            raise

    def _judge(self, sql: Connection, asked: AskedRenewal, now: int) -> x509.Certificate | None:
        renew = asked.renew
        node = known(sql, renew.node)
        check_signature(bytes(node.sign_public), renew, asked.signature)
        if node.revoked_at is not None:
            raise NodeRevoked
        key = key_of_csr(renew.csr)
        self._check_serial(sql, renew)
        if not is_fresh(sql, renew.nonce, now):
            raise Replayed
        check_clock(renew.at_ms, now)
        sql.execute(
            update(NODE).where(NODE.c.id == node.id).values(seen_at=now, software=renew.software)
        )
        late = self._newest_end(sql, renew.node) <= now
        if late and not self._agreed(sql, renew, key, now):
            return None
        return self._issue(sql, asked, node, key, late=late)

    def _issue(
        self,
        sql: Connection,
        asked: AskedRenewal,
        node: Row[Any],
        key: ec.EllipticCurvePublicKey,
        *,
        late: bool,
    ) -> x509.Certificate:
        now = self._site.outside.now_ms()
        made = issue(self._site, self._authority, sql, node.id, key)
        sql.execute(delete(RENEWAL).where(RENEWAL.c.node == node.id))
        sql.execute(
            delete(CERTIFICATE).where(
                CERTIFICATE.c.node == node.id, CERTIFICATE.c.not_after < now - _KEEP_EXPIRED_MS
            )
        )
        hospital = sql.execute(locked(select(HOSPITAL).where(HOSPITAL.c.id == node.hospital))).one()
        take_recovery_key(self._site, sql, hospital, asked.renew.recovery_public)
        body = {
            "action": "certificate renewed", "node": node.id, "serial": serial_of(made),
            "late": late, "address": asked.address,
        }  # fmt: skip
        self._site.access.append_in(sql, [Draft("audit.logged", body)])
        return made

    def _check_serial(self, sql: Connection, renew: Renew) -> None:
        """Check the certificate that the box says it has; "" where it has lost it."""
        if not renew.serial:
            return
        row = sql.execute(select(CERTIFICATE).where(CERTIFICATE.c.serial == renew.serial)).first()
        if row is None:
            raise CertificateUnknown
        if row.node != renew.node:
            raise CertificateOfAnother
        if row.revoked_at is not None:
            raise CertificateRevoked

    def _newest_end(self, sql: Connection, node: str) -> int:
        query = select(func.max(CERTIFICATE.c.not_after)).where(
            CERTIFICATE.c.node == node, CERTIFICATE.c.revoked_at.is_(None)
        )
        return int(sql.execute(query).scalar() or 0)

    def _agreed(
        self, sql: Connection, renew: Renew, key: ec.EllipticCurvePublicKey, now: int
    ) -> bool:
        """Say whether both people agreed to this key's certificate; remember that the box asks."""
        row = sql.execute(locked(select(RENEWAL).where(RENEWAL.c.node == renew.node))).first()
        if row is None:
            values = {"node": renew.node, "csr": renew.csr, "asked_at": now}
            sql.execute(insert(RENEWAL).values(**values))
            return False
        fresh = row.approved_at is not None and now - row.approved_at < APPROVAL_MS
        if key_of_csr(bytes(row.csr)) == key and (fresh or row.approved_at is None):
            return fresh and renew.local_consent
        sql.execute(
            update(RENEWAL)
            .where(RENEWAL.c.node == renew.node)
            .values(csr=renew.csr, asked_at=now, approved_at=None, approved_by=None)
        )
        return False

    def _keep(self, attempt: Attempt, renew: Renew, refusal: EnrolRefusal, now: int) -> None:
        with self._site.database.write() as sql:
            if isinstance(refusal, ClockWrong):
                # Known to be signed: it must not be shown again when the clock says its hour.
                is_fresh(sql, renew.nonce, now)
                sql.execute(
                    update(NODE)
                    .where(NODE.c.id == renew.node)
                    .values(clock_skew_ms=renew.at_ms - now)
                )
            if keep_refusal(sql, attempt, refusal, now):
                note_refusal(self._site, sql, attempt, refusal)


def waiting(site: HubSite) -> list[dict[str, Any]]:
    """Return the late renewals, those that wait for a person first."""
    query = (
        select(
            RENEWAL.c.node, RENEWAL.c.asked_at, RENEWAL.c.approved_at, RENEWAL.c.approved_by,
            NODE.c.hospital, HOSPITAL.c.name.label("hospital_name"), NODE.c.software,
            NODE.c.seen_at,
        )
        .join(NODE, NODE.c.id == RENEWAL.c.node)
        .join(HOSPITAL, HOSPITAL.c.id == NODE.c.hospital)
        .order_by(RENEWAL.c.approved_at.is_not(None), RENEWAL.c.asked_at)
    )  # fmt: skip
    with site.database.read() as sql:
        return [dict(row._mapping) for row in sql.execute(query)]


def approve(site: HubSite, prefix: str, by: str) -> str:
    """Approve a late renewal as a person at the hub; return the box's id.

    Raises
    ------
    DeviceUnknown, NothingToApprove
    """
    now = site.outside.now_ms()
    with site.database.write() as sql:
        node = find_node(sql, prefix)
        done = sql.execute(
            update(RENEWAL).where(RENEWAL.c.node == node.id).values(approved_at=now, approved_by=by)
        )
        if not done.rowcount or node.revoked_at is not None:
            raise NothingToApprove
        body = {
            "action": "renewal approved",
            "node": node.id,
            "hospital": node.hospital,
            "user": by,
        }
        site.access.append_in(sql, [Draft("audit.logged", body, actor=f"person:{by}")])
    return str(node.id)
