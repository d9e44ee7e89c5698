"""Signed heads: how far a chain went, said by its writer under its Ed25519 key.

A checkpoint is kept outside the journal (vault, peer, hub), so that a cut tail shows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.records.canonical import to_bytes

_DOMAIN = b"xinglin checkpoint v1\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head of one chain."""

    journal: str
    writer: str
    seq: int
    link: str
    at: str
    signature: str = ""

    def statement(self) -> bytes:
        """Return the bytes that are signed."""
        fields = asdict(self)
        del fields["signature"]
        return _DOMAIN + to_bytes(fields)


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> Checkpoint:
    """Return the checkpoint with its signature."""
    signature = key.sign(checkpoint.statement()).hex()
    return Checkpoint(
        checkpoint.journal,
        checkpoint.writer,
        checkpoint.seq,
        checkpoint.link,
        checkpoint.at,
        signature,
    )


def is_signed_by(checkpoint: Checkpoint, key: Ed25519PublicKey) -> bool:
    """Return whether the signature is this key's."""
    try:
        key.verify(bytes.fromhex(checkpoint.signature), checkpoint.statement())
    except (InvalidSignature, ValueError):
        return False
    return True
