"""What a box signs when it joins or renews, and how both sides check it. Pure.

Everything a request says is signed by the node's Ed25519 key, and in a join proved by the code's
secret as well, over the same bytes: a domain line and the canonical JSON of every field. So nothing
can be exchanged between two requests, and the secret itself is never sent.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from core.records.canonical import to_bytes
from core.records.clock import Stamp
from core.vault.enrol_errors import ClockWrong, RequestMalformed, SignatureWrong

_JOIN = b"xinglin join v1\n"
_RENEW = b"xinglin renew v1\n"
NONCE_BYTES = 16
KEY_BYTES = 32
CSR_LIMIT = 4096
SOFTWARE_LIMIT = 64
SKEW_MS = 5 * 60_000
_LATEST_MS = 253_402_300_799_000  # the year 9999


@dataclass(frozen=True, slots=True)
class Join:
    """The fields of a join that are signed; see ``protos/enrol.proto``."""

    invite: str
    csr: bytes
    sign_public: bytes
    seal_public: bytes
    recovery_public: bytes
    software: str
    nonce: bytes
    at_ms: int

    @property
    def node(self) -> str:
        """The node's id: SHA-256 of its signing key, hex."""
        return hashlib.sha256(self.sign_public).hexdigest()

    def signed_bytes(self) -> bytes:
        """Return what the secret proves and the node signs."""
        return _JOIN + to_bytes(_said(self))

    def check(self) -> None:
        """Refuse fields of impossible form, before anything is looked up.

        Raises
        ------
        RequestMalformed
        """
        _need(len(self.invite) == 10 and _is_hex(self.invite), "invite")
        _need(len(self.sign_public) == KEY_BYTES, "sign_public")
        _need(_can_be_sealed_to(self.seal_public), "seal_public")
        _need(
            not self.recovery_public or _can_be_sealed_to(self.recovery_public), "recovery_public"
        )
        _check_common(self.csr, self.nonce, self.at_ms, self.software)


@dataclass(frozen=True, slots=True)
class Renew:
    """The fields of a renewal that are signed; see ``protos/enrol.proto``."""

    node: str
    serial: str
    csr: bytes
    at_ms: int
    nonce: bytes
    local_consent: bool
    recovery_public: bytes
    software: str

    def signed_bytes(self) -> bytes:
        """Return what the node signs."""
        return _RENEW + to_bytes(_said(self))

    def check(self) -> None:
        """Refuse fields of impossible form, before anything is looked up.

        Raises
        ------
        RequestMalformed
        """
        _need(len(self.node) == 64 and _is_hex(self.node), "node")
        _need(len(self.serial) <= 48 and _is_hex(self.serial), "serial")
        _need(
            not self.recovery_public or _can_be_sealed_to(self.recovery_public), "recovery_public"
        )
        _check_common(self.csr, self.nonce, self.at_ms, self.software)


def prove(secret: bytes, join: Join) -> bytes:
    """Return the proof that whoever joins holds the code's secret."""
    return hmac.new(secret, join.signed_bytes(), hashlib.sha256).digest()


def proves(secret: bytes, join: Join, proof: bytes) -> bool:
    """Say whether a proof is right, in constant time."""
    return hmac.compare_digest(prove(secret, join), proof)


def sign(key: Ed25519PrivateKey, request: Join | Renew) -> bytes:
    """Return the node's signature over a request."""
    return key.sign(request.signed_bytes())


def check_signature(public: bytes, request: Join | Renew, signature: bytes) -> None:
    """Let through what the key signed.

    Raises
    ------
    SignatureWrong
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, request.signed_bytes())
    except (InvalidSignature, ValueError):
        raise SignatureWrong from None


def check_clock(box_ms: int, hub_ms: int) -> None:
    """Let through a request of the last minutes.

    Raises
    ------
    ClockWrong
        Naming both clocks, so that a person sees which one to set.
    """
    if abs(box_ms - hub_ms) > SKEW_MS:
        raise clock_wrong(box_ms, hub_ms)


def clock_wrong(box_ms: int, hub_ms: int) -> ClockWrong:
    """Return the refusal that names both clocks."""
    return ClockWrong(
        minutes=round(abs(box_ms - hub_ms) / 60_000),
        hub=Stamp(hub_ms).iso(),
        box=Stamp(box_ms).iso(),
    )


def pin_of(public_key_info: bytes) -> bytes:
    """Return the pin of a server's public key (SubjectPublicKeyInfo, DER)."""
    return hashlib.sha256(public_key_info).digest()[:16]


def _said(request: Join | Renew) -> dict[str, Any]:
    # Hex throughout: one form for every length, and nothing to escape.
    return {
        name: value.hex() if isinstance(value := getattr(request, name), bytes) else value
        for name in request.__dataclass_fields__
    }


def _check_common(csr: bytes, nonce: bytes, at_ms: int, software: str) -> None:
    _need(0 < len(csr) <= CSR_LIMIT, "csr")
    _need(len(nonce) == NONCE_BYTES, "nonce")
    _need(0 <= at_ms <= _LATEST_MS, "at_ms")
    _need(len(software) <= SOFTWARE_LIMIT and software.isprintable(), "software")


def _need(right: bool, field: str) -> None:
    if not right:
        raise RequestMalformed(field=field)


def _can_be_sealed_to(public: bytes) -> bool:
    """Say whether bytes are an X25519 key of which something secret can come (RFC 7748 6.1).

    A point of small order gives zero with every private key, whichever is tried.
    """
    if len(public) != KEY_BYTES:
        return False
    try:
        X25519PrivateKey.from_private_bytes(bytes(KEY_BYTES)).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:
        return False
    return True


def _is_hex(text: str) -> bool:
    return set(text) <= set("0123456789abcdef")
