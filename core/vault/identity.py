"""The node's own identity and the box key: made at first start, kept in files with mode 0600.

In the appliance image the box key is sealed to the TPM; in development it is a file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A node: its signing key and what others call it.

    Attributes
    ----------
    id : str
        SHA-256 of the public key's raw bytes, hex: the writer of its chain.
    """

    key: Ed25519PrivateKey
    id: str

    @staticmethod
    def of(key: Ed25519PrivateKey) -> NodeIdentity:
        """Return the identity of a key."""
        raw = key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        return NodeIdentity(key, hashlib.sha256(raw).hexdigest())


def write_secret(path: Path, secret: bytes) -> None:
    """Write a file that only its owner reads, durably, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secret)
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def node_identity(path: Path) -> NodeIdentity:
    """Return the node's identity, made at first start."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        raw = key.private_bytes(
            serialization.Encoding.Raw,
            serialization.PrivateFormat.Raw,
            serialization.NoEncryption(),
        )
        write_secret(path, raw)
    return NodeIdentity.of(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))


def box_key(path: Path, randomness: Callable[[int], bytes]) -> bytes:
    """Return the 32-byte key that wraps everything on this box, made at first start."""
    if not path.exists():
        write_secret(path, randomness(32))
    return path.read_bytes()


def seal_key(path: Path) -> X25519PrivateKey:
    """Return the key that others seal to for this node (X25519), made at first start."""
    if not path.exists():
        write_secret(path, X25519PrivateKey.generate().private_bytes_raw())
    return X25519PrivateKey.from_private_bytes(path.read_bytes())


def derive(key: bytes, purpose: str) -> bytes:
    """Return a 32-byte key for one purpose (HKDF-SHA256)."""
    return HKDF(SHA256(), 32, salt=None, info=b"xinglin " + purpose.encode()).derive(key)
