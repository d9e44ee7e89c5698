"""The manifest: what a backup consists of, signed by the node. Pure.

Only the newest one counts. It names every object with length and SHA-256, so that a backup can be
checked without the recovery key; the blobs stand in an index object of their own.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.records.canonical import from_bytes, to_bytes
from core.vault.identity import NodeIdentity
from edge.backup.errors import ManifestUntrusted

_DOMAIN = b"xinglin backup manifest v1\n"
_ENTRY = 32 + 8


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object as a manifest names it."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """A segment as a manifest names it: records ``first`` … ``last`` of one writer."""

    name: str
    sha256: str
    bytes: int
    journal: str
    writer: str
    first: int
    last: int
    last_link: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One complete backup.

    Attributes
    ----------
    number : int
        Grows by one with every backup of this node.
    recovery : str
        Fingerprint of the recovery key that opens the sealed objects.
    destroyed : int
        Subjects whose keys were destroyed when the key set was written.
    keys, settings, blobs : ObjectRef
        Key set, settings with accounts, index of blobs.
    """

    node: str
    public_key: str
    number: int
    at: str
    recovery: str
    destroyed: int
    segments: tuple[SegmentRef, ...]
    keys: ObjectRef
    settings: ObjectRef
    blobs: ObjectRef
    blob_count: int
    blob_bytes: int
    version: int = 1

    @property
    def name(self) -> str:
        """Name of the object that holds it."""
        return f"{prefix_of(self.node)}manifest/{self.number:010d}.json"

    def heads(self) -> dict[tuple[str, str], SegmentRef]:
        """Return the last segment of every (journal, writer)."""
        found: dict[tuple[str, str], SegmentRef] = {}
        for one in self.segments:
            kept = found.get((one.journal, one.writer))
            if kept is None or one.last > kept.last:
                found[(one.journal, one.writer)] = one
        return found

    def objects(self) -> list[ObjectRef | SegmentRef]:
        """Return every object but the blobs themselves."""
        return [*self.segments, self.keys, self.settings, self.blobs]


def prefix_of(node: str) -> str:
    """Return under what a node's objects lie."""
    return f"{node[:32]}/"


def blob_name(node: str, address: str) -> str:
    """Return the name of a blob."""
    return f"{prefix_of(node)}blobs/{address[:2]}/{address}"


def ref_of(name: str, data: bytes) -> ObjectRef:
    """Return how a manifest names some bytes."""
    return ObjectRef(name, hashlib.sha256(data).hexdigest(), len(data))


def signed(manifest: Manifest, identity: NodeIdentity) -> bytes:
    """Return the manifest's object: its canonical JSON and the node's signature over it."""
    body = asdict(manifest)
    signature = identity.key.sign(_DOMAIN + to_bytes(body)).hex()
    return to_bytes({"manifest": body, "signature": signature})


def parse(data: bytes, name: str) -> Manifest:
    """Return a manifest whose signature holds and whose key is the node's that it names.

    Raises
    ------
    ManifestUntrusted
    """
    try:
        outer = from_bytes(data)
        body, signature = outer["manifest"], bytes.fromhex(outer["signature"])
        manifest = _from_body(body)
        public = bytes.fromhex(manifest.public_key)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _DOMAIN + to_bytes(body))
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
        raise ManifestUntrusted(name=name) from None
    if hashlib.sha256(public).hexdigest() != manifest.node or manifest.name != name:
        raise ManifestUntrusted(name=name)
    return manifest


def _from_body(body: dict[str, Any]) -> Manifest:
    if body["version"] != 1:
        raise ValueError(body["version"])
    values = {one.name: body[one.name] for one in fields(Manifest)}
    values["segments"] = tuple(SegmentRef(**one) for one in body["segments"])
    for name in ("keys", "settings", "blobs"):
        values[name] = ObjectRef(**body[name])
    return Manifest(**values)


def pack_index(blobs: dict[str, int]) -> bytes:
    """Return the index of blobs: address (32) ‖ length (8), sorted by address."""
    return b"".join(
        bytes.fromhex(address) + blobs[address].to_bytes(8, "big") for address in sorted(blobs)
    )


def unpack_index(data: bytes) -> dict[str, int]:
    """Return address → length of an index."""
    return {
        data[at : at + 32].hex(): int.from_bytes(data[at + 32 : at + _ENTRY], "big")
        for at in range(0, len(data) - _ENTRY + 1, _ENTRY)
    }
