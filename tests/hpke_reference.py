"""RFC 9180 base mode written out from its text (sections 4 and 5), to hold the libraries against.

HKDF-SHA256 and AES-256-GCM only; KEMs 0x0010 (P-256) and 0x0020 (X25519).
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.seals.keybook import raw_public

P256, X25519 = 0x0010, 0x0020


def private_of(kem: int, raw: bytes):
    if kem == X25519:
        return X25519PrivateKey.from_private_bytes(raw)
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def _dh(kem: int, private, public: bytes) -> bytes:
    if kem == X25519:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    return private.exchange(ec.ECDH(), point)


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, sha256)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    out, block, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = hmac.digest(prk, block + labeled + bytes([count]), sha256)
        out += block
    return out[:length]


def shared_secret(kem: int, dh: bytes, enc: bytes, recipient: bytes) -> bytes:
    suite = b"KEM" + kem.to_bytes(2, "big")
    prk = _extract(suite, b"", b"eae_prk", dh)
    return _expand(suite, prk, b"shared_secret", enc + recipient, 32)


def schedule(kem: int, secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return key and base nonce."""
    suite = b"HPKE" + kem.to_bytes(2, "big") + b"\x00\x01\x00\x02"
    context = b"\x00" + _extract(suite, b"", b"psk_id_hash", b"")
    context += _extract(suite, b"", b"info_hash", info)
    prk = _extract(suite, secret, b"secret", b"")
    return _expand(suite, prk, b"key", context, 32), _expand(suite, prk, b"base_nonce", context, 12)


def encrypt(key: bytes, nonce: bytes, seq: int, aad: bytes, plain: bytes) -> bytes:
    number = int.from_bytes(nonce, "big") ^ seq
    return AESGCM(key).encrypt(number.to_bytes(12, "big"), plain, aad)


def seal(kem: int, ephemeral, recipient: bytes, info: bytes, plain: bytes) -> bytes:
    """Return enc ‖ ciphertext of the first message, without associated data."""
    enc = raw_public(ephemeral.public_key())
    secret = shared_secret(kem, _dh(kem, ephemeral, recipient), enc, recipient)
    key, nonce = schedule(kem, secret, info)
    return enc + encrypt(key, nonce, 0, b"", plain)


def unseal(kem: int, private, sealed: bytes, info: bytes) -> bytes:
    length = 32 if kem == X25519 else 65
    enc, recipient = sealed[:length], raw_public(private.public_key())
    secret = shared_secret(kem, _dh(kem, private, enc), enc, recipient)
    key, nonce = schedule(kem, secret, info)
    return AESGCM(key).decrypt(nonce, sealed[length:], b"")
