"""A small region for tests of seals: a hub, two hospitals with a box each, two experts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.seals.directory import Head, sign_head
from core.seals.directory_entries import (
    GENESIS,
    Entry,
    PersonFacts,
    attestation_bytes,
    hospital_body,
    node_body,
    person_body,
)
from core.seals.keybook import person_key_id, raw_public
from core.vault.identity import NodeIdentity

A, B = "h_" + "a" * 16, "h_" + "b" * 16
CONSULT = "c_" + "1" * 32
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def secret(name: str) -> bytes:
    """32 bytes that are the same in every run."""
    return hashlib.sha256(b"test secret " + name.encode()).digest()


def node_key(name: str) -> NodeIdentity:
    return NodeIdentity.of(Ed25519PrivateKey.from_private_bytes(secret(name)))


def x25519_key(name: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(secret(name))


def p256_key(name: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(secret(name), "big") % (P256_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def at_time(minute: int) -> str:
    return f"2026-11-22T{minute // 60:02}:{minute % 60:02}:00.000Z"


@dataclass(frozen=True)
class PersonPair:
    """A person's private keys."""

    id: str
    agree: ec.EllipticCurvePrivateKey
    sign: ec.EllipticCurvePrivateKey

    @staticmethod
    def of(person: str, version: str = "1") -> PersonPair:
        return PersonPair(
            person, p256_key(f"{person} agree {version}"), p256_key(f"{person} sign {version}")
        )

    @property
    def agree_public(self) -> bytes:
        return raw_public(self.agree.public_key())

    @property
    def sign_public(self) -> bytes:
        return raw_public(self.sign.public_key())

    @property
    def key(self) -> str:
        return person_key_id(self.agree_public, self.sign_public)


class Log:
    """A hub that appends to a directory, honestly or not."""

    def __init__(self, hub: NodeIdentity | None = None) -> None:
        self.hub = hub or node_key("hub")
        self.entries: list[Entry] = []
        self._minute = count()

    @property
    def hub_public(self) -> bytes:
        return raw_public(self.hub.key.public_key())

    def add(self, kind: str, subject: str, body: dict) -> Entry:
        prev = self.entries[-1].link if self.entries else GENESIS
        at = at_time(next(self._minute))
        self.entries.append(Entry(len(self.entries) + 1, prev, at, kind, subject, body))
        return self.entries[-1]

    def hospital(self, hospital: str, name: str) -> None:
        recovery = raw_public(x25519_key(f"{hospital} recovery").public_key())
        self.add("hospital", hospital, hospital_body(name, recovery))

    def node(self, hospital: str) -> NodeIdentity:
        box = node_key(f"{hospital} box")
        seal = raw_public(x25519_key(f"{hospital} seal").public_key())
        body = node_body(hospital, raw_public(box.key.public_key()), seal)
        self.add("node", box.id, body)
        return box

    def person(self, pair: PersonPair, hospital: str, box: NodeIdentity | None = None) -> None:
        attested = ""
        facts = PersonFacts(hospital, f"医师{pair.id[2:4]}", "respiratory", "主任医师", "expert")
        if box is not None:
            said = attestation_bytes(box.id, pair.id, facts.name, hospital, pair.key)
            attested = box.key.sign(said).hex()
        body = person_body(facts, pair.agree_public, pair.sign_public, attested)
        self.add("person", pair.id, body)

    def data(self, size: int | None = None) -> list[bytes]:
        return [entry.to_bytes() for entry in self.entries[:size]]

    def head(self, size: int | None = None) -> bytes:
        upto = self.entries[:size]
        last = upto[-1].link if upto else GENESIS
        at = upto[-1].at if upto else at_time(0)
        return sign_head(Head(len(upto), last, at), self.hub)


EXPERT, MEMBER = PersonPair.of("p_" + "e" * 16), PersonPair.of("p_" + "d" * 16)


def region() -> Log:
    """Two hospitals, their boxes, an expert whose key the box attested, a member without."""
    log = Log()
    log.hospital(A, "甲县人民医院")
    log.hospital(B, "市胸科医院")
    log.node(A)
    box = log.node(B)
    log.person(EXPERT, B, box)
    log.person(MEMBER, B)
    return log
