"""A box joins: a one-time code becomes a certificate, in one transaction, once.

Order of the checks: form, the address's limit, the code's secret, the node's signature, freshness,
the code's state, the clock. Before the secret is proved, every refusal says the same, so that a
guesser learns nothing; after that the sentence says what a person can do.

An answer that was lost on the way is asked for anew by the same box with the same keys and a fresh
nonce, and gives the same certificate; to anyone else the code is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Row, insert, select, update

from core.records.canonical import Json
from core.records.record import Draft
from core.seals.directory_entries import hospital_body, node_body
from core.seals.errors import DirectoryMalformed
from core.vault.certificates import key_of_csr, not_after_ms, not_before_ms, serial_of
from core.vault.enrol_errors import (
    CodeExpired,
    CodeUsed,
    CodeWithdrawn,
    CodeWrong,
    EnrolRefusal,
    NodeOfAnotherHospital,
    NodeRevoked,
    Replayed,
    RequestMalformed,
)
from core.vault.enrolment import Join, check_clock, check_signature, proves
from hub.registry.attempts import Attempt, check_limit, is_fresh, keep_refusal
from hub.registry.authority import Authority
from hub.registry.invites import MOST_FAILURES, secret_purpose
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import CERTIFICATE, HOSPITAL, INVITE, NODE

#: How long a box may ask again for an answer that did not reach it.
LOST_ANSWER_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class AskedJoin:
    """A join as it came over the wire."""

    join: Join
    proof: bytes
    signature: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Joined:
    """What a box is told: its certificate, its hospital, how far the directory is."""

    certificate: x509.Certificate
    hospital: str
    hospital_name: str
    directory_size: int
    directory_head: bytes


class Enrolment:
    """Joins boxes to the region."""

    def __init__(self, site: HubSite, authority: Authority) -> None:
        self._site = site
        self._authority = authority

    def join(self, asked: AskedJoin) -> Joined:
        """Return what the box needs; everything about it is durable then.

        Raises
        ------
        EnrolRefusal
            Any of ``core.vault.enrol_errors``; it is written down.
        """
        attempt = Attempt("join", asked.join.invite, asked.address)
        now = self._site.outside.now_ms()
        try:
            asked.join.check()
            with self._site.database.write() as sql:
                check_limit(sql, attempt, now)
                return self._judge(sql, asked, now)
        except EnrolRefusal as refusal:
            self._keep(attempt, refusal, now)
            raise

    def _judge(self, sql: Connection, asked: AskedJoin, now: int) -> Joined:
        join = asked.join
        invite = self._proved(sql, asked)
        check_signature(join.sign_public, join, asked.signature)
        key = key_of_csr(join.csr)
        if not is_fresh(sql, join.nonce, now):
            raise Replayed
        if invite.revoked_at is not None:
            raise CodeWithdrawn
        hospital = self._hospital(sql, invite.hospital)
        if invite.used_at is not None:
            kept = self._lost_answer(sql, invite, join, key, now)
            return self._told(sql, kept, hospital)
        if invite.expires_at <= now:
            raise CodeExpired
        check_clock(join.at_ms, now)
        certificate = self._enrol(sql, join, hospital, key, now)
        sql.execute(
            update(INVITE).where(INVITE.c.id == invite.id).values(used_at=now, used_by=join.node)
        )
        body = {
            "action": "box joined", "node": join.node, "hospital": hospital.id,
            "invite": invite.id, "serial": serial_of(certificate), "address": asked.address,
        }  # fmt: skip
        self._site.access.append_in(sql, [Draft("audit.logged", body)])
        return self._told(sql, certificate, hospital)

    def _proved(self, sql: Connection, asked: AskedJoin) -> Row[Any]:
        query = locked(select(INVITE).where(INVITE.c.id == asked.join.invite))
        invite = sql.execute(query).first()
        if invite is None:
            raise CodeWrong
        secret = self._site.secrets.unwrap(invite.secret, secret_purpose(invite.id))
        if not proves(secret, asked.join, asked.proof):
            raise CodeWrong
        return invite

    def _lost_answer(
        self,
        sql: Connection,
        invite: Row[Any],
        join: Join,
        key: ec.EllipticCurvePublicKey,
        now: int,
    ) -> x509.Certificate:
        if invite.used_by != join.node or now - invite.used_at > LOST_ANSWER_MS:
            raise CodeUsed
        query = select(CERTIFICATE.c.der).where(
            CERTIFICATE.c.node == join.node, CERTIFICATE.c.revoked_at.is_(None)
        )
        for (der,) in sql.execute(query):
            kept = x509.load_der_x509_certificate(bytes(der))
            if kept.public_key() == key:
                return kept
        raise CodeUsed

    def _hospital(self, sql: Connection, hospital: str) -> Row[Any]:
        return sql.execute(locked(select(HOSPITAL).where(HOSPITAL.c.id == hospital))).one()

    def _enrol(
        self,
        sql: Connection,
        join: Join,
        hospital: Row[Any],
        key: ec.EllipticCurvePublicKey,
        now: int,
    ) -> x509.Certificate:
        known = sql.execute(locked(select(NODE).where(NODE.c.id == join.node))).first()
        if known is not None and known.revoked_at is not None:
            raise NodeRevoked
        if known is not None and known.hospital != hospital.id:
            raise NodeOfAnotherHospital
        values = {
            "seal_public": join.seal_public, "software": join.software,
            "clock_skew_ms": join.at_ms - now, "seen_at": now,
        }  # fmt: skip
        if known is None:
            sql.execute(
                insert(NODE).values(
                    id=join.node, hospital=hospital.id, sign_public=join.sign_public,
                    joined_at=now, **values,
                )
            )  # fmt: skip
        else:
            sql.execute(update(NODE).where(NODE.c.id == join.node).values(**values))
        take_recovery_key(self._site, sql, hospital, join.recovery_public)
        if known is None or bytes(known.seal_public) != join.seal_public:
            body = node_body(hospital.id, join.sign_public, join.seal_public)
            announce(self._site, sql, "node", join.node, body)
        return issue(self._site, self._authority, sql, join.node, key)

    def _told(self, sql: Connection, certificate: x509.Certificate, hospital: Row[Any]) -> Joined:
        now = self._site.directory.current_in(sql)
        head = bytes.fromhex(now.link(now.size))
        return Joined(certificate, hospital.id, hospital.name, now.size, head)

    def _keep(self, attempt: Attempt, refusal: EnrolRefusal, now: int) -> None:
        with self._site.database.write() as sql:
            if not keep_refusal(sql, attempt, refusal, now):
                return
            if isinstance(refusal, CodeWrong):
                _count_failure(sql, attempt.who, now)
            note_refusal(self._site, sql, attempt, refusal)


def issue(
    site: HubSite,
    authority: Authority,
    sql: Connection,
    node: str,
    key: ec.EllipticCurvePublicKey,
) -> x509.Certificate:
    """Issue a certificate and write it down in the caller's transaction."""
    life = timedelta(hours=site.settings.enrol.device_hours)
    made = authority.issue_device(node, key, life)
    sql.execute(
        insert(CERTIFICATE).values(
            serial=serial_of(made), node=node, not_before=not_before_ms(made),
            not_after=not_after_ms(made), der=authority.chain(made)[0],
        )
    )  # fmt: skip
    return made


def take_recovery_key(site: HubSite, sql: Connection, hospital: Row[Any], public: bytes) -> None:
    """Keep a hospital's recovery key if it has none yet; the directory says so to everybody.

    One that is there stays: another box of the hospital, or whoever holds its key, changes nothing.

    Raises
    ------
    RequestMalformed
        If it is no public key.
    """
    kept = hospital.recovery_public
    if kept is None and public:
        kept = public
        sql.execute(
            update(HOSPITAL).where(HOSPITAL.c.id == hospital.id).values(recovery_public=public)
        )
    body = hospital_body(hospital.name, bytes(kept or b""))
    said = site.directory.current_in(sql).contents.hospitals.get(hospital.id)
    if said is None or hospital_body(said.name, said.recovery_public) != body:
        announce(site, sql, "hospital", hospital.id, body)


def announce(site: HubSite, sql: Connection, kind: str, identity: str, body: Json) -> None:
    """Append what a request said to the directory; a key that is none is the request's fault.

    Raises
    ------
    RequestMalformed
    """
    try:
        site.directory.append_in(sql, kind, identity, body)
    except DirectoryMalformed:
        field = "recovery_public" if kind == "hospital" else "seal_public"
        raise RequestMalformed(field=field) from None


def note_refusal(site: HubSite, sql: Connection, attempt: Attempt, refusal: EnrolRefusal) -> None:
    """Append a refusal to the access journal; the actor is the hub, nobody proved."""
    body = {
        "action": f"{attempt.what} refused", "who": attempt.who[:64], "address": attempt.address,
        "code": f"E{refusal.code}",
    }  # fmt: skip
    site.access.append_in(sql, [Draft("audit.logged", body)])


def _count_failure(sql: Connection, invite: str, now: int) -> None:
    """Count a wrong proof; the last one that is allowed kills the code."""
    sql.execute(update(INVITE).where(INVITE.c.id == invite).values(failures=INVITE.c.failures + 1))
    sql.execute(
        update(INVITE)
        .where(INVITE.c.id == invite, INVITE.c.failures >= MOST_FAILURES)
        .where(INVITE.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
