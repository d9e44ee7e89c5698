"""The recovery key on paper, and sealing to it.

The key is an X25519 private key of 32 random bytes. It is printed once as 14 groups of four
letters (Crockford's base 32: no I, L, O, U) whose last group is a checksum; only the public half
stays on the box. An object is sealed with a fresh data key in the chunked envelope of
``core.blobs``; the data key is sealed to the public half with HPKE (RFC 9180, base mode,
DHKEM(X25519) HKDF-SHA256 AES-256-GCM) and bound to the node and the object's name by ``info``::

    magic "XLR" ‖ suite 0x01 ‖ length of the HPKE message (2) ‖ HPKE message ‖ envelope

Pure: randomness is an argument.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from core.blobs import envelope
from core.blobs.errors import BlobDamaged
from core.vault.errors import RecoveryKeyWrong
from edge.backup.errors import ObjectDamaged

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
_KEY_BYTES = 32
_DATA_CHARS, _CHECK_CHARS, _GROUP = 52, 4, 4
_MAGIC = b"XLR\x01"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _checksum(secret: bytes) -> int:
    digest = hashlib.sha256(b"xinglin recovery key v1" + secret).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - 5 * _CHECK_CHARS)


def to_text(secret: bytes) -> str:
    """Return the printed form of 32 bytes: 14 groups of four, the last a checksum."""
    number = (int.from_bytes(secret, "big") << 4) << (5 * _CHECK_CHARS) | _checksum(secret)
    count = _DATA_CHARS + _CHECK_CHARS
    letters = [_ALPHABET[number >> 5 * n & 31] for n in reversed(range(count))]
    text = "".join(letters)
    return "-".join(text[at : at + _GROUP] for at in range(0, count, _GROUP))


def from_text(text: str) -> bytes:
    """Return the 32 bytes of a typed key.

    Case, hyphens, blanks, full-width letters, and O for 0 or I and L for 1 do not matter.

    Raises
    ------
    RecoveryKeyWrong
        If a letter is impossible, letters are missing, or the checksum says no.
    """
    plain = unicodedata.normalize("NFKC", text).upper().translate(_LIKE)
    letters = [c for c in plain if not c.isspace() and unicodedata.category(c) != "Pd"]
    if len(letters) != _DATA_CHARS + _CHECK_CHARS or not set(letters) <= set(_ALPHABET):
        raise RecoveryKeyWrong
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    check = number & (1 << 5 * _CHECK_CHARS) - 1
    data = number >> 5 * _CHECK_CHARS
    secret = (data >> 4).to_bytes(_KEY_BYTES, "big")
    if data & 15 or check != _checksum(secret):
        raise RecoveryKeyWrong
    return secret


def public_of(secret: bytes) -> bytes:
    """Return the 32 bytes of the public half."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def fingerprint(public: bytes) -> str:
    """Return what a sheet and a manifest call a recovery key."""
    return hashlib.sha256(b"xinglin recovery public v1" + public).hexdigest()[:16]


def seal(plain: bytes, name: str, public: bytes, randomness: Callable[[int], bytes]) -> bytes:
    """Seal an object so that only the recovery key opens it, and only under its name."""
    key = randomness(_KEY_BYTES)
    message = _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(public), _info(name))
    head = _MAGIC + len(message).to_bytes(2, "big") + message
    return head + envelope.seal(plain, key, randomness(envelope.SALT))


def unseal(data: bytes, name: str, secret: bytes) -> bytes:
    """Return the plaintext of a sealed object.

    Raises
    ------
    ObjectDamaged
        If it is no sealed object, another one, changed, or sealed to another key.
    """
    length = int.from_bytes(data[4:6], "big")
    if data[:4] != _MAGIC or len(data) < 6 + length:
        raise ObjectDamaged(name=name, fault="header")
    try:
        key = _SUITE.decrypt(
            data[6 : 6 + length], X25519PrivateKey.from_private_bytes(secret), _info(name)
        )
        return envelope.open_whole(data[6 + length :], key)
    except (InvalidTag, ValueError, BlobDamaged):
        raise ObjectDamaged(name=name, fault="seal") from None


def _info(name: str) -> bytes:
    return b"xinglin backup v1\n" + name.encode()
