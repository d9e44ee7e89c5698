"""Sealing a record's body: AES-256-GCM, bound to the header's bytes.

Keys come from a :class:`Keyring`; a body key is derived from the study's, subject's or node's key
by HKDF, so that a blob key and a record key are never the same bits.

The kinds of scope ``clear`` are the exception: what the hub tells a hospital's box holds routing
facts and ciphertext, and both sides must read it without a shared key. The *kind* decides, never
the suite byte: a clear body under any other kind, or a sealed one under a clear kind, is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.journal.errors import SealBroken
from core.records.canonical import from_bytes
from core.records.kinds import KINDS, upcast
from core.records.record import Record, Sealed

_SUITE = b"\x01"  # AES-256-GCM with HKDF-SHA256; a national suite gets its own number
_CLEAR_SUITE = b"\x00"
#: What a header's ``key`` says where no key seals the body.
CLEAR_KEY = "clear"
_NONCE = 12

Randomness = Callable[[int], bytes]


class Keyring(Protocol):
    """Where keys come from."""

    def key(self, key_id: str) -> bytes:
        """Return the 32 bytes of a key.

        Raises
        ------
        core.vault.errors.KeyDestroyed
            If the key was destroyed; the record stays, unreadable.
        core.vault.errors.KeyUnknown
            If there never was such a key here.
        """
        ...


def _body_cipher(key: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"xinglin record body v1").derive(key))


def seal_body(plain: bytes, header: bytes, key: bytes, randomness: Randomness) -> bytes:
    """Return suite ‖ nonce ‖ ciphertext of a canonical body."""
    nonce = randomness(_NONCE)
    return _SUITE + nonce + _body_cipher(key).encrypt(nonce, plain, header)


def is_clear(kind: str) -> bool:
    """Return whether the bodies of a kind are kept in clear."""
    return kind in KINDS and KINDS[kind].scope == "clear"


def clear_body(plain: bytes) -> bytes:
    """Return suite ‖ canonical body of a clear kind; the chain's link binds it to its header."""
    return _CLEAR_SUITE + plain


def open_clear(sealed: Sealed) -> Record:
    """Return a record of a clear kind.

    Raises
    ------
    SealBroken
        If its kind is not a clear one, or the body is none.
    """
    header = sealed.header
    if not is_clear(header.kind) or sealed.sealed[:1] != _CLEAR_SUITE:
        raise SealBroken(seq=header.seq)
    try:
        body = from_bytes(sealed.sealed[1:])
    except ValueError:
        raise SealBroken(seq=header.seq) from None
    return Record(sealed.position, header, upcast(header.kind, header.version, body))


def open_record(sealed: Sealed, keyring: Keyring) -> Record:
    """Open a record and return its body as the newest version of its kind.

    Raises
    ------
    SealBroken
        If the bytes do not open under the key with this header, or the suite is unknown.
    """
    if is_clear(sealed.header.kind):
        return open_clear(sealed)
    key = keyring.key(sealed.header.key)
    data = sealed.sealed
    if data[:1] != _SUITE:
        raise SealBroken(seq=sealed.header.seq)
    try:
        plain = _body_cipher(key).decrypt(
            data[1 : 1 + _NONCE], data[1 + _NONCE :], sealed.header_bytes
        )
    except InvalidTag:
        raise SealBroken(seq=sealed.header.seq) from None
    body = upcast(sealed.header.kind, sealed.header.version, from_bytes(plain))
    return Record(sealed.position, sealed.header, body)
