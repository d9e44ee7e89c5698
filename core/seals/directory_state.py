"""What a key directory says: the fold of its entries, and the rules of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature

from core.seals.directory_entries import Entry, attestation_bytes
from core.seals.errors import DirectoryMalformed, PublicKeyInvalid
from core.seals.keybook import (
    ED25519_PUBLIC,
    P256_PUBLIC,
    X25519_PUBLIC,
    ed25519_public,
    node_id,
    p256_public,
    person_key_id,
    x25519_public,
)
from core.seals.text import from_hex


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital and the key that recovers for it."""

    name: str
    recovery_public: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class Node:
    """A box and its public keys."""

    hospital: str
    sign_public: bytes
    seal_public: bytes
    seq: int
    revoked_at: str = ""


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A person as one entry shows them, with the key of that entry.

    Attributes
    ----------
    attested : str
        Node id of the box of the person's hospital that attested the key, or empty.
    """

    person: str
    hospital: str
    name: str
    department: str
    title: str
    role: str
    key: str
    agree_public: bytes
    sign_public: bytes
    attested: str
    seq: int
    at: str
    retired_at: str = ""


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """A key that took the place of another.

    Attributes
    ----------
    kind : str
        ``person`` (key ids), ``node`` (agreement key, hex), ``hospital`` (recovery key, hex), or
        ``box``: a hospital (``id``) has a further node beside one it had (node ids). The hub's CA
        lets nodes in, so that people of that hospital must be shown each one.
    """

    kind: str
    id: str
    old: str
    new: str
    seq: int
    at: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that the entries say, folded.

    Attributes
    ----------
    people : mapping
        Person id to the newest key.
    keys : mapping
        (person id, key id) to that key, retired ones too: they still verify what was signed before.
    revoked : mapping
        Person id to when.
    changes : tuple
        Every key that took another's place, in order.
    """

    hospitals: Mapping[str, Hospital] = field(default_factory=lambda: MappingProxyType({}))
    nodes: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))
    people: Mapping[str, PersonKey] = field(default_factory=lambda: MappingProxyType({}))
    keys: Mapping[tuple[str, str], PersonKey] = field(default_factory=lambda: MappingProxyType({}))
    revoked: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    changes: tuple[ChangedKey, ...] = ()

    def vouched(self, key: PersonKey) -> bool:
        """Say whether a box of the person's hospital that still stands has attested the key."""
        box = self.nodes.get(key.attested)
        return box is not None and not box.revoked_at

    def has_box(self, hospital: str) -> bool:
        """Say whether a hospital has a box that could attest its people's keys."""
        return any(one.hospital == hospital and not one.revoked_at for one in self.nodes.values())

    def fold(self) -> Fold:
        """Return something that takes further entries; these contents stay as they are."""
        return Fold(self)


class Fold:
    """Takes entries one after the other; :meth:`contents` is what they say."""

    def __init__(self, start: Contents) -> None:
        self.hospitals = dict(start.hospitals)
        self.nodes = dict(start.nodes)
        self.people = dict(start.people)
        self.keys = dict(start.keys)
        self.revoked = dict(start.revoked)
        self.changes = list(start.changes)

    def contents(self) -> Contents:
        """Return what all entries so far say."""
        return Contents(
            MappingProxyType(dict(self.hospitals)),
            MappingProxyType(dict(self.nodes)),
            MappingProxyType(dict(self.people)),
            MappingProxyType(dict(self.keys)),
            MappingProxyType(dict(self.revoked)),
            tuple(self.changes),
        )

    def add(self, entry: Entry) -> None:
        """Take one more entry.

        Raises
        ------
        DirectoryMalformed
            If the entry breaks a rule: an unknown hospital, a key that is no key, an id that does
            not commit to its key, an attestation that is no node's of the hospital.
        """
        rules = {
            "hospital": self._hospital,
            "node": self._node,
            "person": self._person,
            "retired": self._retired,
            "revoked": self._revoked,
        }
        try:
            rules[entry.kind](entry)
        except ValueError:
            raise DirectoryMalformed(seq=entry.seq, fault="hex") from None
        except PublicKeyInvalid:
            raise DirectoryMalformed(seq=entry.seq, fault="key") from None

    def _hospital(self, entry: Entry) -> None:
        text = entry.body["recovery_public"]
        raw = from_hex(text, X25519_PUBLIC) if text else b""
        if raw:
            x25519_public(raw)
        before = self.hospitals.get(entry.id)
        old = before.recovery_public.hex() if before else ""
        self.hospitals[entry.id] = Hospital(entry.body["name"], raw, entry.seq)
        self._changed(entry, old, text)

    def _node(self, entry: Entry) -> None:
        body = entry.body
        sign = from_hex(body["sign_public"], ED25519_PUBLIC)
        seal = from_hex(body["seal_public"], X25519_PUBLIC)
        ed25519_public(sign)
        x25519_public(seal)
        before = self.nodes.get(entry.id)
        if body["hospital"] not in self.hospitals:
            raise DirectoryMalformed(seq=entry.seq, fault="hospital")
        if entry.id != node_id(sign) or (before and before.revoked_at):
            raise DirectoryMalformed(seq=entry.seq, fault="node")
        if before and before.hospital != body["hospital"]:
            raise DirectoryMalformed(seq=entry.seq, fault="moved")
        if before:
            self._changed(entry, before.seal_public.hex(), body["seal_public"])
        else:
            self._joined(entry)
        self.nodes[entry.id] = Node(body["hospital"], sign, seal, entry.seq)

    def _person(self, entry: Entry) -> None:
        body = entry.body
        agree = from_hex(body["agree_public"], P256_PUBLIC)
        sign = from_hex(body["sign_public"], P256_PUBLIC)
        p256_public(agree)
        p256_public(sign)
        if body["hospital"] not in self.hospitals:
            raise DirectoryMalformed(seq=entry.seq, fault="hospital")
        if body["key"] != person_key_id(agree, sign) or entry.id in self.revoked:
            raise DirectoryMalformed(seq=entry.seq, fault="person")
        before, known = self.people.get(entry.id), self.keys.get((entry.id, body["key"]))
        if known is not None and known.retired_at:  # a retired key never comes back
            raise DirectoryMalformed(seq=entry.seq, fault="retired")
        person = PersonKey(
            person=entry.id,
            hospital=body["hospital"],
            name=body["name"],
            department=body["department"],
            title=body["title"],
            role=body["role"],
            key=body["key"],
            agree_public=agree,
            sign_public=sign,
            attested=self._attested_by(entry),
            seq=entry.seq,
            at=entry.at,
        )
        self.people[entry.id] = person
        self.keys[entry.id, person.key] = person
        self._changed(entry, before.key if before else "", person.key)

    def _retired(self, entry: Entry) -> None:
        key = entry.body["key"]
        found = self.keys.get((entry.id, key))
        if found is None or found.retired_at:
            raise DirectoryMalformed(seq=entry.seq, fault="retired")
        retired = replace(found, retired_at=entry.at)
        self.keys[entry.id, key] = retired
        if self.people[entry.id].key == key:
            self.people[entry.id] = retired

    def _revoked(self, entry: Entry) -> None:
        if "person" in entry.body:
            if entry.id not in self.people:
                raise DirectoryMalformed(seq=entry.seq, fault="person")
            self.revoked.setdefault(entry.id, entry.at)
            return
        found = self.nodes.get(entry.id)
        if found is None:
            raise DirectoryMalformed(seq=entry.seq, fault="node")
        self.nodes[entry.id] = replace(found, revoked_at=found.revoked_at or entry.at)

    def _attested_by(self, entry: Entry) -> str:
        body = entry.body
        if not body["attested"]:
            return ""
        signature = from_hex(body["attested"], 64)
        for node, known in self.nodes.items():
            if known.hospital != body["hospital"]:
                continue
            message = attestation_bytes(node, entry.id, body["name"], body["hospital"], body["key"])
            try:
                ed25519_public(known.sign_public).verify(signature, message)
            except InvalidSignature:
                continue
            return "" if known.revoked_at else node  # a revoked box's word counts no more
        raise DirectoryMalformed(seq=entry.seq, fault="attested")

    def _joined(self, entry: Entry) -> None:
        hospital = entry.body["hospital"]
        earlier = [one for one, node in self.nodes.items() if node.hospital == hospital]
        if earlier:
            change = ChangedKey("box", hospital, earlier[-1], entry.id, entry.seq, entry.at)
            self.changes.append(change)

    def _changed(self, entry: Entry, old: str, new: str) -> None:
        if old and old != new:
            change = ChangedKey(entry.kind, entry.id, old, new, entry.seq, entry.at)
            self.changes.append(change)
