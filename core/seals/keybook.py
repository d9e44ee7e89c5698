"""Who signs: ports for looking public keys up, and the public keys' own names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.seals.errors import PublicKeyInvalid, SignerUnknown

P256_PUBLIC, X25519_PUBLIC, ED25519_PUBLIC = 65, 32, 32
SealPublicKey = EllipticCurvePublicKey | X25519PublicKey


class KeyBook(Protocol):
    """Public keys that may sign, as of one moment."""

    def node(self, node: str) -> Ed25519PublicKey:
        """Return a node's signing key.

        Raises
        ------
        SignerUnknown, SignerRevoked
            If there is none, or the node was revoked by then.
        """
        ...

    def person(self, person: str, key: str) -> EllipticCurvePublicKey:
        """Return one of a person's signing keys (P-256).

        Raises
        ------
        SignerUnknown, SignerRevoked, KeyRetired
            If there is none, the person was revoked, or the key retired by then.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """A key book of keys that are known by other ways: the hub itself, a set-up, a test."""

    nodes: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)
    people: Mapping[tuple[str, str], EllipticCurvePublicKey] = field(default_factory=dict)

    def node(self, node: str) -> Ed25519PublicKey:
        """Return a node's signing key, or raise SignerUnknown."""
        if node not in self.nodes:
            raise SignerUnknown(signer=node[:16])
        return self.nodes[node]

    def person(self, person: str, key: str) -> EllipticCurvePublicKey:
        """Return a person's signing key, or raise SignerUnknown."""
        if (person, key) not in self.people:
            raise SignerUnknown(signer=person)
        return self.people[person, key]


def node_id(sign_public: bytes) -> str:
    """Return a node's id: SHA-256 of its raw Ed25519 public key, hex."""
    return hashlib.sha256(sign_public).hexdigest()


def person_key_id(agree_public: bytes, sign_public: bytes) -> str:
    """Return the id of a person's key pair of pairs: it commits to both public keys, hex."""
    return hashlib.sha256(b"xinglin person key v1" + agree_public + sign_public).hexdigest()


def fingerprint(public: bytes) -> str:
    """Return what a wrap calls a recipient's public key: SHA-256 of its raw bytes, hex."""
    return hashlib.sha256(public).hexdigest()


def spoken(key: str) -> str:
    """Return a key id as two people read it to each other: eight groups of four (128 bits).

    Twin: ``web/src/seals/text.ts``. Both pages show the same, so that they can be compared.
    """
    return " ".join(key[at : at + 4] for at in range(0, 32, 4))


def p256_public(raw: bytes) -> EllipticCurvePublicKey:
    """Return a P-256 key of its 65 uncompressed bytes.

    Raises
    ------
    PublicKeyInvalid
        If the bytes are no point of the curve in that form.
    """
    try:
        if len(raw) != P256_PUBLIC or raw[0] != 4:
            raise ValueError
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)
    except ValueError:
        raise PublicKeyInvalid(what="P-256") from None


def ed25519_public(raw: bytes) -> Ed25519PublicKey:
    """Return an Ed25519 key of its 32 raw bytes, or raise PublicKeyInvalid."""
    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise PublicKeyInvalid(what="Ed25519") from None


def x25519_public(raw: bytes) -> X25519PublicKey:
    """Return an X25519 key of its 32 raw bytes, or raise PublicKeyInvalid."""
    try:
        return X25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise PublicKeyInvalid(what="X25519") from None


def raw_public(key: SealPublicKey | Ed25519PublicKey) -> bytes:
    """Return a public key's raw bytes: 65 uncompressed (P-256) or 32."""
    if isinstance(key, EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes_raw()
