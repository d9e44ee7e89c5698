"""HPKE base mode (RFC 9180), single shot, with the suite in front.

A sealed message is ``suite (1) ‖ enc ‖ ciphertext``. Suite 0x01 is DHKEM(P-256, HKDF-SHA256),
HKDF-SHA256, AES-256-GCM (people: also Chrome 109 has it); 0x02 the same with DHKEM(X25519,
HKDF-SHA256) (nodes and recovery keys). A recipient's key belongs to one suite; another number is
refused, never tried. The library draws the ephemeral key itself.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from core.seals.errors import SuiteUnknown, WrapBroken
from core.seals.keybook import P256_PUBLIC, SealPublicKey, p256_public, x25519_public

PEOPLE, NODES = 0x01, 0x02
SealPrivateKey = EllipticCurvePrivateKey | X25519PrivateKey


def public_of(raw: bytes) -> SealPublicKey:
    """Return a public key of its raw bytes; 65 are P-256, 32 X25519.

    Raises
    ------
    PublicKeyInvalid
        If they are neither.
    """
    return p256_public(raw) if len(raw) == P256_PUBLIC else x25519_public(raw)


def seal(plain: bytes, public: bytes, info: bytes) -> bytes:
    """Seal to a public key (raw bytes), bound to ``info``.

    Raises
    ------
    PublicKeyInvalid, WrapBroken
        If the bytes are no key, or a key that agrees on nothing (a point of small order).
    """
    key = public_of(public)
    number = PEOPLE if len(public) == P256_PUBLIC else NODES
    try:
        return bytes([number]) + _suite(number).encrypt(plain, key, info)
    except ValueError:
        raise WrapBroken from None


def unseal(sealed: bytes, private: SealPrivateKey, info: bytes) -> bytes:
    """Open what was sealed to a private key's public half under the same ``info``.

    Raises
    ------
    SuiteUnknown
        If the first byte is no suite, or not the suite of this key.
    WrapBroken
        If it does not open.
    """
    number = PEOPLE if isinstance(private, EllipticCurvePrivateKey) else NODES
    if sealed[:1] != bytes([number]):
        raise SuiteUnknown(suite=sealed[0] if sealed else 0, what="hpke")
    try:
        return _suite(number).decrypt(sealed[1:], private, info)
    except (InvalidTag, ValueError):
        raise WrapBroken from None


def _suite(number: int) -> Suite:
    kem = KEM.P256 if number == PEOPLE else KEM.X25519
    return Suite(kem, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
