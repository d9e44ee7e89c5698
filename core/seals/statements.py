"""Statements: canonical JSON that a node or a person signs.

The signed bytes are the RFC 8785 form of ``{"body": {…}, "domain": "xinglin <what> v1", "signer":
{"node": id} | {"person": id, "key": key id}}``. On the wire and in tables a statement travels as
the canonical JSON of ``{"signature": hex, "statement": <that object>}``. Nodes sign with Ed25519,
people with ECDSA P-256 and SHA-256 (r ‖ s, WebCrypto's form).

What identifies a statement is :attr:`Statement.sha256`, the hash *without* the signature: an ECDSA
signature has a twin (r, n - s) that anybody can compute, so that a hash over the signature would
give one statement two names.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from core.records.canonical import Json, from_bytes, to_bytes
from core.seals.errors import DomainWrong, SignatureWrong, StatementMalformed
from core.seals.keybook import KeyBook
from core.seals.text import from_hex

MOST_BYTES = 1 << 20
_SIGNATURE = 64
_NAME = 160
_DEEPEST = 64  # the browser's stack is not ours; both refuse beyond it


class NodeKey(Protocol):
    """What signs for a node: ``core.vault.identity.NodeIdentity``."""

    @property
    def key(self) -> Ed25519PrivateKey:
        """The private key."""
        ...

    @property
    def id(self) -> str:
        """SHA-256 of the public key, hex."""
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """Who says it: a node, or a person under one of their keys."""

    node: str = ""
    person: str = ""
    key: str = ""

    def as_json(self) -> Json:
        """Return the form that is signed."""
        return {"node": self.node} if self.node else {"key": self.key, "person": self.person}

    @property
    def name(self) -> str:
        """What sentences call it."""
        return self.person or self.node[:16]


@dataclass(frozen=True, slots=True)
class Statement:
    """Something said by somebody, in a domain that says of what kind it is."""

    body: Json
    domain: str
    signer: Signer

    def to_bytes(self) -> bytes:
        """Return the bytes that are signed."""
        return statement_bytes(self.body, self.domain, self.signer)

    @property
    def sha256(self) -> str:
        """The statement's name, hex: SHA-256 of the signed bytes, without the signature."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement as it came, its signature not looked at yet."""

    statement: Statement
    signature: bytes


def statement_bytes(body: Json, domain: str, signer: Signer) -> bytes:
    """Return the bytes that are signed."""
    return to_bytes({"body": body, "domain": domain, "signer": signer.as_json()})


def sign_node(body: Json, domain: str, identity: NodeKey) -> bytes:
    """Return a node's signed statement."""
    statement = Statement(body, domain, Signer(node=identity.id))
    return join(statement, identity.key.sign(statement.to_bytes()))


def sign_person(
    body: Json, domain: str, person: str, key: str, private: EllipticCurvePrivateKey
) -> bytes:
    """Return a person's signed statement (in the product the browser's worker does this)."""
    statement = Statement(body, domain, Signer(person=person, key=key))
    r, s = decode_dss_signature(private.sign(statement.to_bytes(), ECDSA(SHA256())))
    return join(statement, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def join(statement: Statement, signature: bytes) -> bytes:
    """Return the wire form of a statement and its signature."""
    inner = {
        "body": statement.body,
        "domain": statement.domain,
        "signer": statement.signer.as_json(),
    }
    return to_bytes({"signature": signature.hex(), "statement": inner})


def parse(data: bytes) -> Signed:
    """Read the wire form without looking at the signature: for routing, never for belief.

    Raises
    ------
    StatementMalformed
        If it is not the canonical form of a signed statement, or larger than 1 MiB.
    """
    if len(data) > MOST_BYTES:
        raise StatementMalformed(fault="size")
    try:
        outer = from_bytes(data)
        if _is_deep(outer, _DEEPEST) or to_bytes(outer) != data:
            raise StatementMalformed(fault="canonical")
        signature = from_hex(outer["signature"], _SIGNATURE)
        inner = outer["statement"]
        fits = outer.keys() == {"signature", "statement"} and inner.keys() == {
            "body",
            "domain",
            "signer",
        }
        if not fits or not isinstance(inner["body"], dict) or not _is_name(inner["domain"]):
            raise StatementMalformed(fault="fields")
        return Signed(
            Statement(inner["body"], inner["domain"], _signer(inner["signer"])), signature
        )
    except (ValueError, KeyError, AttributeError, RecursionError):
        raise StatementMalformed(fault="json") from None


def open_statement(data: bytes, keys: KeyBook, domain: str | None = None) -> Statement:
    """Return a statement whose signature verifies.

    Parameters
    ----------
    data : bytes
        Wire form.
    keys : KeyBook
        Keys as of the moment that the reader has the statement from: a row's time, a position.
    domain : str, optional
        The kind that is needed. Callers that do not name it must look at ``Statement.domain``.

    Raises
    ------
    StatementMalformed, SignatureWrong, SignerUnknown, SignerRevoked, KeyRetired, DomainWrong
        Whatever is wrong with it first.
    """
    signed = parse(data)
    statement = signed.statement
    if domain is not None and statement.domain != domain:
        raise DomainWrong(expected=domain, found=statement.domain)
    verify(signed, keys)
    return statement


def verify(signed: Signed, keys: KeyBook) -> None:
    """Check a signature.

    Raises
    ------
    SignatureWrong, SignerUnknown, SignerRevoked, KeyRetired
        If it is not the signer's, or the signer may not sign.
    """
    signer, message = signed.statement.signer, signed.statement.to_bytes()
    try:
        if signer.node:
            keys.node(signer.node).verify(signed.signature, message)
        else:
            r, s = (int.from_bytes(half, "big") for half in _halves(signed.signature))
            key = keys.person(signer.person, signer.key)
            key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
    except InvalidSignature:
        raise SignatureWrong(signer=signer.name) from None


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:]


def _is_deep(value: object, left: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left < 0 or any(_is_deep(one, left - 1) for one in inner)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _NAME


def _signer(value: object) -> Signer:
    if isinstance(value, dict) and all(_is_name(one) for one in value.values()):
        if value.keys() == {"node"}:
            return Signer(node=value["node"])
        if value.keys() == {"person", "key"}:
            return Signer(person=value["person"], key=value["key"])
    raise StatementMalformed(fault="signer")
