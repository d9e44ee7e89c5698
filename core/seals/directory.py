"""The directory of public keys: an append-only log that the hub signs and every box witnesses.

An entry is the canonical JSON of ``{"at", "body", "id", "kind", "prev", "seq"}``; its link is the
SHA-256 of those bytes, ``prev`` the link of entry ``seq - 1`` (64 zeros for entry 1). All keys are
lower-case hex. Kinds and bodies:

==========  ====================================================================================
hospital    ``name``, ``recovery_public`` (X25519 or ``""``); ``id`` is the hospital's
node        ``hospital``, ``sign_public`` (Ed25519), ``seal_public`` (X25519); ``id`` = SHA-256
            of ``sign_public``
person      ``hospital``, ``name``, ``department``, ``title``, ``role``, ``key`` (commits to both
            public keys), ``agree_public``, ``sign_public`` (P-256), ``attested`` (Ed25519 of a
            node of that hospital over :func:`attestation_bytes`, or ``""``)
retired     ``key``; ``id`` is the person's
revoked     ``node`` or ``person``, equal to ``id``
==========  ====================================================================================

The head is a statement of the hub, domain "xinglin directory v1". A reader keeps every entry and
accepts only what extends them; a hub that swaps a key must then show two histories, and the boxes'
witnesses meet. This module decides; fetching and keeping is the callers'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.records.canonical import Json
from core.seals.directory_entries import GENESIS, Entry, read_entry
from core.seals.directory_state import ChangedKey, Contents, PersonKey
from core.seals.errors import (
    DirectoryForked,
    DirectoryIncomplete,
    DirectoryMalformed,
    DirectoryRewound,
    DomainWrong,
    HeadUnsigned,
    KeyRetired,
    OwnKeySwapped,
    RecipientUnknown,
    SignatureWrong,
    SignerRevoked,
    SignerUnknown,
    StatementMalformed,
    WitnessConflict,
)
from core.seals.keybook import FixedKeys, ed25519_public, node_id, p256_public
from core.seals.statements import NodeKey, Statement, open_statement, sign_node
from core.seals.text import from_hex

HEAD_DOMAIN = "xinglin directory v1"
WITNESS_DOMAIN = "xinglin witness v1"


@dataclass(frozen=True, slots=True)
class Head:
    """How far the directory goes."""

    size: int
    head: str
    at: str

    def as_json(self) -> Json:
        """Return the body of a head or witness statement."""
        return {"at": self.at, "head": self.head, "size": self.size}


@dataclass(frozen=True, slots=True)
class Book:
    """A key book of a directory, as of one moment.

    Attributes
    ----------
    as_of : str
        ISO 8601 UTC; what was retired or revoked at or before it may not sign. Empty: as of now.
        Statements that are already in the journal are looked at with the time their row says,
        fresh ones as of now.
    """

    hub: str
    hub_public: bytes
    contents: Contents
    as_of: str = ""

    def node(self, node: str) -> Ed25519PublicKey:
        """Return a node's (or the hub's) signing key; see :class:`core.seals.keybook.KeyBook`."""
        if node == self.hub:
            return ed25519_public(self.hub_public)
        found = self.contents.nodes.get(node)
        if found is None:
            raise SignerUnknown(signer=node[:16])
        if self._over(found.revoked_at):
            raise SignerRevoked(signer=node[:16], at=found.revoked_at)
        return ed25519_public(found.sign_public)

    def person(self, person: str, key: str) -> EllipticCurvePublicKey:
        """Return a person's signing key; see :class:`core.seals.keybook.KeyBook`."""
        found = self.contents.keys.get((person, key))
        if found is None:
            raise SignerUnknown(signer=person)
        revoked = self.contents.revoked.get(person, "")
        if self._over(revoked):
            raise SignerRevoked(signer=person, at=revoked)
        if self._over(found.retired_at):
            raise KeyRetired(signer=person, at=found.retired_at)
        return p256_public(found.sign_public)

    def _over(self, at: str) -> bool:
        return bool(at) and (not self.as_of or at <= self.as_of)


@dataclass(frozen=True, slots=True)
class Directory:
    """A verified directory; grows only by :meth:`extend`.

    Attributes
    ----------
    hub, hub_public : str, bytes
        The hub's node id and raw Ed25519 key, pinned when the box joined.
    entries : tuple of bytes
        Every entry as it came, from 1.
    """

    hub: str
    hub_public: bytes
    entries: tuple[bytes, ...] = ()
    links: tuple[str, ...] = ()
    head: Head = field(default_factory=lambda: Head(0, GENESIS, ""))
    contents: Contents = field(default_factory=Contents)

    @staticmethod
    def of(hub_public: bytes) -> Directory:
        """Return the empty directory of a hub."""
        return Directory(node_id(hub_public), hub_public)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return len(self.entries)

    def link(self, size: int) -> str:
        """Return the head of the first ``size`` entries."""
        return self.links[size - 1] if size else GENESIS

    def book(self, as_of: str = "") -> Book:
        """Return the keys that may sign as of a time (ISO 8601 UTC), or now."""
        return Book(self.hub, self.hub_public, self.contents, as_of)

    def extend(self, entries: Sequence[bytes], head: bytes) -> Directory:
        """Return the directory with what the hub shows beyond it.

        Parameters
        ----------
        entries : sequence of bytes
            Entries in order; they may begin before this directory's end (then they must be the
            same), never after it.
        head : bytes
            The hub's signed head, wire form.

        Raises
        ------
        HeadUnsigned, DirectoryRewound, DirectoryForked, DirectoryIncomplete, DirectoryMalformed
            If the hub's story is not an extension of the one that is known.
        """
        signed = read_head(head, self.hub_public)
        if signed.size < self.size:
            if self.link(signed.size) != signed.head:
                raise DirectoryForked(seq=signed.size)
            raise DirectoryRewound(known=self.size, offered=signed.size)
        fresh = self._fresh(entries)
        if self.size + len(fresh) != signed.size:
            raise DirectoryIncomplete(signed=signed.size, found=self.size + len(fresh))
        fold, links, prev = self.contents.fold(), list(self.links), self.link(self.size)
        for entry in fresh:
            if entry.seq != len(links) + 1:
                raise DirectoryMalformed(seq=entry.seq, fault="seq")
            if entry.prev != prev:
                raise DirectoryForked(seq=entry.seq)
            fold.add(entry)
            prev = entry.link
            links.append(prev)
        if prev != signed.head:
            raise DirectoryForked(seq=signed.size)
        kept = (*self.entries, *(entry.to_bytes() for entry in fresh))
        return Directory(self.hub, self.hub_public, kept, tuple(links), signed, fold.contents())

    def _fresh(self, entries: Sequence[bytes]) -> list[Entry]:
        fresh: list[Entry] = []
        for data in entries:
            entry = read_entry(data)
            if entry.seq > self.size:
                fresh.append(entry)
            elif self.entries[entry.seq - 1] != data:
                raise DirectoryForked(seq=entry.seq)
        return fresh

    def recipient(self, person: str) -> PersonKey:
        """Return the key to seal to for a person: the newest one.

        Raises
        ------
        RecipientUnknown
            If the person is not here, was revoked, or has retired the newest key.
        """
        found = self.contents.people.get(person)
        if found is None or found.retired_at or person in self.contents.revoked:
            raise RecipientUnknown(recipient=person)
        return found

    def changed_keys(self, since: int) -> tuple[ChangedKey, ...]:
        """Return every key after entry ``since`` that took the place of another one."""
        return tuple(one for one in self.contents.changes if one.seq > since)


def check_own(directory: Directory, hospital: str, recovery_public: bytes, node: str) -> None:
    """Compare what the directory says of this hospital and box with what the box itself holds.

    People seal their private keys to the recovery key that the directory shows; only the box that
    made it can notice another one.

    Raises
    ------
    OwnKeySwapped
        If the hospital's recovery key or the box's entry is not ours.
    """
    ours = directory.contents.hospitals.get(hospital)
    if ours is None or ours.recovery_public != recovery_public:
        raise OwnKeySwapped(what="recovery")
    box = directory.contents.nodes.get(node)
    if box is None or box.hospital != hospital:
        raise OwnKeySwapped(what="node")


def read_head(data: bytes, hub_public: bytes) -> Head:
    """Return a head that the hub signed.

    Raises
    ------
    HeadUnsigned
        If it is not the hub's, or no head.
    """
    hub = FixedKeys({node_id(hub_public): ed25519_public(hub_public)})
    try:
        return _head_of(open_statement(data, hub, HEAD_DOMAIN))
    except (StatementMalformed, SignerUnknown, SignatureWrong, DomainWrong, ValueError):
        raise HeadUnsigned(fault="signature") from None


def sign_head(head: Head, hub: NodeKey) -> bytes:
    """Return the hub's signed head."""
    return sign_node(head.as_json(), HEAD_DOMAIN, hub)


def witness(directory: Directory, at: str, identity: NodeKey) -> bytes:
    """Return a box's statement of the head that it has seen."""
    body = Head(directory.size, directory.head.head, at).as_json()
    return sign_node(body, WITNESS_DOMAIN, identity)


def check_witness(directory: Directory, data: bytes) -> tuple[str, Head]:
    """Compare another box's witness with this copy.

    Returns
    -------
    tuple of str and Head
        Node id and what it saw. A head beyond this copy cannot be compared yet: look again after
        the next extension (``head.size > directory.size``).

    Raises
    ------
    WitnessConflict
        If that box saw another directory: the hub shows two.
    StatementMalformed, SignatureWrong, SignerUnknown, SignerRevoked, DomainWrong
        If it is no witness of a box of the region.
    """
    statement = open_statement(data, directory.book(), WITNESS_DOMAIN)
    try:
        head = _head_of(statement)
    except ValueError:
        raise StatementMalformed(fault="witness") from None
    if head.size <= directory.size and directory.link(head.size) != head.head:
        raise WitnessConflict(node=statement.signer.node[:16], size=head.size)
    return statement.signer.node, head


def verify_directory(entries: Sequence[bytes], head: bytes, hub_public: bytes) -> Directory:
    """Return a directory from its beginning; raises as :meth:`Directory.extend`."""
    return Directory.of(hub_public).extend(entries, head)


def _head_of(statement: Statement) -> Head:
    body = statement.body
    if not statement.signer.node or body.keys() != {"at", "head", "size"}:
        raise ValueError("no head")
    if type(body["size"]) is not int or body["size"] < 0 or not isinstance(body["at"], str):
        raise ValueError("no head")
    from_hex(body["head"], 32)
    return Head(body["size"], body["head"], body["at"])
