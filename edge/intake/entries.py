"""What a frame of the arrival ledger holds: arrivals, each sealed under its study's key.

So a patient's key that is destroyed takes along what the ledger still says of them, as it does in
the journal. The frame around them is sealed under the box's key; see ``edge.intake.ledger``.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.journal.seal import Keyring
from core.vault.errors import KeyDestroyed, KeyUnknown, VaultSealed
from edge.intake.arrival import Arrival, from_bytes, to_bytes

_LENGTHS = struct.Struct(">HI")
_NONCE = 12


@dataclass(slots=True)
class Entries:
    """What a frame's contents say.

    Attributes
    ----------
    erased : int
        Entries whose key was destroyed.
    damaged : bool
        Something does not open, or is of another release's form.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    erased: int = 0
    damaged: bool = False


def pack(
    arrivals: Sequence[Arrival], keyring: Keyring, randomness: Callable[[int], bytes]
) -> bytes:
    """Return the contents of a frame.

    Raises
    ------
    KeyDestroyed
        The key of one was destroyed since it arrived.
    """
    parts: list[bytes] = []
    for one in arrivals:
        study, nonce = one.study.encode("ascii"), randomness(_NONCE)
        sealed = nonce + _cipher(keyring, one.study).encrypt(nonce, to_bytes(one), study)
        parts += (_LENGTHS.pack(len(study), len(sealed)), study, sealed)
    return b"".join(parts)


def unpack(plain: bytes, keyring: Keyring) -> Entries:
    """Return what a frame holds. Never raises."""
    found = Entries()
    try:
        for study, sealed in _parts(plain):
            try:
                cipher = _cipher(keyring, study)
            except KeyDestroyed:
                found.erased += 1
                continue
            data = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], study.encode("ascii"))
            found.arrivals.append(from_bytes(data))
    except (InvalidTag, KeyUnknown, VaultSealed, ValueError, TypeError):
        found.damaged = True
    return found


def _parts(plain: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(plain):
        if len(plain) - at < _LENGTHS.size:
            raise ValueError("truncated entry")
        name, length = _LENGTHS.unpack_from(plain, at)
        at += _LENGTHS.size
        if len(plain) - at < name + length:
            raise ValueError("truncated entry")
        yield plain[at : at + name].decode("ascii"), plain[at + name : at + name + length]
        at += name + length


def _cipher(keyring: Keyring, study: str) -> AESGCM:
    # One block of HKDF-Expand; the study's key is uniform already.
    key = hmac.digest(keyring.key(study), b"xinglin arrival entry v1\x01", "sha256")
    return AESGCM(key)
