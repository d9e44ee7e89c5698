"""Verify a backup: every object there and unchanged, every chain whole, everything opens.

Without the recovery key, hashes are held against the signed manifest; with it, segments, keys and
settings are opened too and every record's chain is walked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import XinglinError
from core.journal.chain import Fault, verify
from core.vault.errors import RecoveryKeyWrong
from core.vault.identity import NodeIdentity
from edge.backup.errors import NothingThere, ObjectDamaged, ObjectMissing, SeveralNodes
from edge.backup.manifest import (
    Manifest,
    ObjectRef,
    SegmentRef,
    blob_name,
    parse,
    ref_of,
    unpack_index,
)
from edge.backup.recovery import fingerprint, public_of, unseal
from edge.backup.segment import Placed, unpack
from edge.backup.target import Target

Say = Callable[[str], None]


@dataclass
class Findings:
    """What a verification found.

    Attributes
    ----------
    faults : list of XinglinError
        Each names one object.
    opened : bool
        Whether the sealed objects were opened (the recovery key was given).
    """

    manifest: Manifest
    records: int = 0
    blobs: int = 0
    opened: bool = False
    faults: list[XinglinError] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        made = self.manifest
        return {
            "node": made.node, "number": made.number, "at": made.at, "records": self.records,
            "segments": len(made.segments), "blobs": self.blobs, "opened": self.opened,
            "destroyed": made.destroyed, "faults": [one.as_json() for one in self.faults],
            "ok": not self.faults,
        }  # fmt: skip


def manifests(target: Target) -> list[Manifest]:
    """Return the newest manifest of every node on a target.

    Raises
    ------
    ManifestUntrusted
    """
    found = []
    for folder in target.folders():
        names = sorted(name for name, _ in target.listing(f"{folder}/manifest/"))
        if names:
            found.append(parse(target.get(names[-1]), names[-1]))
    return found


def choose(target: Target, node: str = "") -> Manifest:
    """Return the newest manifest of the one node, or of the one whose id begins with ``node``.

    Raises
    ------
    NothingThere, SeveralNodes, ManifestUntrusted
    """
    found = [one for one in manifests(target) if one.node.startswith(node)]
    if not found:
        raise NothingThere
    if len(found) > 1:
        raise SeveralNodes(nodes=", ".join(one.node[:16] for one in found))
    return found[0]


def fetch(target: Target, ref: ObjectRef | SegmentRef) -> bytes:
    """Return an object whose bytes are those the manifest names.

    Raises
    ------
    ObjectMissing, ObjectDamaged
    """
    data = target.get(ref.name)
    if ref_of(ref.name, data).sha256 != ref.sha256:
        raise ObjectDamaged(name=ref.name, fault="SHA-256")
    return data


def require_key(manifest: Manifest, secret: bytes) -> None:
    """Refuse a recovery key that is not this backup's.

    Raises
    ------
    RecoveryKeyWrong
    """
    if fingerprint(public_of(secret)) != manifest.recovery:
        raise RecoveryKeyWrong


def open_keys(target: Target, manifest: Manifest, secret: bytes) -> dict[str, Any]:
    """Return the key set; its node key must be the one that signed the manifest.

    Raises
    ------
    ObjectMissing, ObjectDamaged
    """
    keys = _open_json(target, manifest.keys, secret)
    try:
        node = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(keys["files"]["node.key"]))
    except (KeyError, ValueError, TypeError):
        raise ObjectDamaged(name=manifest.keys.name, fault="node key") from None
    if NodeIdentity.of(node).id != manifest.node:
        raise ObjectDamaged(name=manifest.keys.name, fault="node key")
    return keys


def open_settings(target: Target, manifest: Manifest, secret: bytes) -> dict[str, Any]:
    """Return settings and tables.

    Raises
    ------
    ObjectMissing, ObjectDamaged
    """
    return _open_json(target, manifest.settings, secret)


def open_segment(target: Target, ref: SegmentRef, secret: bytes) -> Iterator[Placed]:
    """Yield a segment's records.

    Raises
    ------
    ObjectMissing, ObjectDamaged
    """
    yield from unpack(unseal(fetch(target, ref), ref.name, secret), ref.name)


def chains(manifest: Manifest) -> dict[tuple[str, str], list[SegmentRef]]:
    """Return every chain's segments in order; that they follow each other is checked here.

    Raises
    ------
    ObjectDamaged
        Of the manifest, if a segment is left out.
    """
    found: dict[tuple[str, str], list[SegmentRef]] = {}
    for one in sorted(manifest.segments, key=lambda s: (s.journal, s.writer, s.first)):
        own = found.setdefault((one.journal, one.writer), [])
        if one.first != (own[-1].last if own else 0) + 1:
            raise ObjectDamaged(name=manifest.name, fault=f"{one.journal} {one.first}")
        own.append(one)
    return found


def blob_index(target: Target, manifest: Manifest) -> dict[str, int]:
    """Return address → length of every blob of a backup.

    Raises
    ------
    ObjectMissing, ObjectDamaged
    """
    index = unpack_index(fetch(target, manifest.blobs))
    if len(index) != manifest.blob_count:
        raise ObjectDamaged(name=manifest.blobs.name, fault="count")
    return index


def verify_target(
    target: Target, node: str = "", secret: bytes | None = None, say: Say = lambda _text: None
) -> Findings:
    """Re-read a whole backup and return what is wrong with it.

    Raises
    ------
    NothingThere, SeveralNodes, ManifestUntrusted, RecoveryKeyWrong, TargetUnusable
    """
    manifest = choose(target, node)
    found = Findings(manifest, opened=secret is not None)
    if secret is not None:
        require_key(manifest, secret)
    for (journal, writer), segments in _tried(found, partial(chains, manifest), {}).items():
        say(f"{journal} {writer[:16]}")
        _verify_chain(target, segments, secret, found)
    for ref, read in ((manifest.keys, open_keys), (manifest.settings, open_settings)):
        if secret is None:
            _tried(found, partial(fetch, target, ref), b"")
        else:
            _tried(found, partial(read, target, manifest, secret), {})
    index = _tried(found, partial(blob_index, target, manifest), {})
    for count, address in enumerate(index):
        if count % 1000 == 0:
            say(f"blobs {count}/{len(index)}")
        if _tried(found, partial(_verify_blob, target, manifest, address), False):
            found.blobs += 1
    return found


def _verify_chain(
    target: Target, segments: list[SegmentRef], secret: bytes | None, found: Findings
) -> None:
    """Check one chain's segments; the first that fails is named, the rest are still hashed."""
    whole = True
    rows: list[Iterator[Placed]] = []
    for ref in segments:
        if not _tried(found, partial(fetch, target, ref), b""):
            whole = False
        elif secret is not None:
            rows.append(open_segment(target, ref, secret))
    found.records += sum(ref.last - ref.first + 1 for ref in segments) if whole else 0
    if secret is None or not whole:
        return

    def walk() -> None:
        kept = (placed.row for one in rows for placed in one)
        for fault in verify(kept):
            if isinstance(fault, Fault):
                name = next((s.name for s in segments if s.first <= fault.seq <= s.last), "")
                raise ObjectDamaged(name=name, fault=f"{fault.kind} {fault.seq}")
            if fault.seq != segments[-1].last or fault.link.hex() != segments[-1].last_link:
                raise ObjectDamaged(name=segments[-1].name, fault="head")

    _tried(found, walk, None)


def _verify_blob(target: Target, manifest: Manifest, address: str) -> bool:
    name = blob_name(manifest.node, address)
    digest = hashlib.sha256()
    for piece in target.stream(name):
        digest.update(piece)
    if digest.hexdigest() != address:
        raise ObjectDamaged(name=name, fault="SHA-256")
    return True


def _tried(found: Findings, read: Callable[[], Any], otherwise: Any) -> Any:
    """Return what a reading gives; a missing or damaged object becomes a fault."""
    try:
        return read()
    except (ObjectMissing, ObjectDamaged) as error:
        found.faults.append(error)
        return otherwise


def _open_json(target: Target, ref: ObjectRef, secret: bytes) -> dict[str, Any]:
    plain = unseal(fetch(target, ref), ref.name, secret)
    try:
        value = json.loads(plain)
        if value["version"] != 1:
            raise ObjectDamaged(name=ref.name, fault=f"version {value['version']}")
    except (ValueError, KeyError, TypeError):
        raise ObjectDamaged(name=ref.name, fault="JSON") from None
    return dict(value)
