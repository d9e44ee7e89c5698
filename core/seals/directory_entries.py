"""Entries of the key directory: how each kind is written and read back."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from core.records.canonical import Json, from_bytes, to_bytes
from core.seals.errors import DirectoryMalformed
from core.seals.keybook import person_key_id

GENESIS = "0" * 64
MOST_BYTES = 16 * 1024
KINDS = {
    "hospital": {"name", "recovery_public"},
    "node": {"hospital", "sign_public", "seal_public"},
    "person": {
        "hospital",
        "name",
        "department",
        "title",
        "role",
        "key",
        "agree_public",
        "sign_public",
        "attested",
    },
    "retired": {"key"},
    "revoked": set(),  # exactly one of node, person
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)  # sorts as text
ATTEST_DOMAIN = "xinglin person key v1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the directory.

    Attributes
    ----------
    seq : int
        From 1, without a hole.
    prev : str
        Link of the entry before, hex; :data:`GENESIS` for the first.
    at : str
        The hub's time, ISO 8601 UTC with milliseconds: ``2026-11-22T23:59:19.000Z``.
    kind, id : str
        What it says, of whom.
    """

    seq: int
    prev: str
    at: str
    kind: str
    id: str
    body: Json

    def to_bytes(self) -> bytes:
        """Return the canonical bytes."""
        return to_bytes(
            {
                "at": self.at,
                "body": self.body,
                "id": self.id,
                "kind": self.kind,
                "prev": self.prev,
                "seq": self.seq,
            }
        )

    @property
    def link(self) -> str:
        """SHA-256 of the bytes, hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def read_entry(data: bytes) -> Entry:
    """Return an entry of its bytes; what the kinds' bodies mean is checked when it is added.

    Raises
    ------
    DirectoryMalformed
        If the bytes are not the canonical form of an entry of a known kind.
    """
    if len(data) > MOST_BYTES:
        raise DirectoryMalformed(seq=0, fault="size")
    try:
        value = from_bytes(data)
        if to_bytes(value) != data:
            raise DirectoryMalformed(seq=0, fault="canonical")
        entry = Entry(**value)
    except (ValueError, TypeError, RecursionError):
        raise DirectoryMalformed(seq=0, fault="json") from None
    texts = (entry.prev, entry.at, entry.kind, entry.id)
    if type(entry.seq) is not int or not all(isinstance(one, str) for one in texts):
        raise DirectoryMalformed(seq=0, fault="fields")
    if not isinstance(entry.body, dict) or not 1 <= len(entry.id) <= 80:
        raise DirectoryMalformed(seq=entry.seq, fault="fields")
    if not _TIME.fullmatch(entry.at):
        raise DirectoryMalformed(seq=entry.seq, fault="at")
    if entry.kind not in KINDS or not all(isinstance(v, str) for v in entry.body.values()):
        raise DirectoryMalformed(seq=entry.seq, fault="kind")
    fits = entry.body.keys() == KINDS[entry.kind]
    if entry.kind == "revoked":
        fits = entry.body in ({"node": entry.id}, {"person": entry.id})
    if not fits:
        raise DirectoryMalformed(seq=entry.seq, fault="body")
    return entry


def hospital_body(name: str, recovery_public: bytes) -> Json:
    """Return the body of a ``hospital`` entry; no recovery key yet is empty."""
    return {"name": name, "recovery_public": recovery_public.hex()}


def node_body(hospital: str, sign_public: bytes, seal_public: bytes) -> Json:
    """Return the body of a ``node`` entry."""
    return {
        "hospital": hospital,
        "seal_public": seal_public.hex(),
        "sign_public": sign_public.hex(),
    }


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What a ``person`` entry says beside the keys."""

    hospital: str
    name: str
    department: str
    title: str
    role: str


def person_body(
    facts: PersonFacts, agree_public: bytes, sign_public: bytes, attested: str = ""
) -> Json:
    """Return the body of a ``person`` entry; the key id is made of both public keys."""
    return {
        "agree_public": agree_public.hex(),
        "attested": attested,
        "department": facts.department,
        "hospital": facts.hospital,
        "key": person_key_id(agree_public, sign_public),
        "name": facts.name,
        "role": facts.role,
        "sign_public": sign_public.hex(),
        "title": facts.title,
    }


def attestation_body(person: str, name: str, hospital: str, key: str) -> Json:
    """Return what a box of the person's hospital says: this is the key of who goes by this name.

    The key id commits to both public keys. The name is in it, so that nobody can hang an attested
    key on another name.
    """
    return {"hospital": hospital, "key": key, "name": name, "person": person}


def attestation_bytes(node: str, person: str, name: str, hospital: str, key: str) -> bytes:
    """Return what a node of the person's hospital signs to attest a key: a statement's bytes.

    See :mod:`core.seals.attestation` for the statement as it travels.
    """
    return to_bytes(
        {
            "body": attestation_body(person, name, hospital, key),
            "domain": ATTEST_DOMAIN,
            "signer": {"node": node},
        }
    )
