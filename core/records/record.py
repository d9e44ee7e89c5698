"""What a record is: a clear header and a sealed body.

The header says who wrote what kind of thing when, about which opaque ids; the body is canonical
JSON, sealed. The chain is over the header's bytes and the *sealed* body, so that nothing about a
patient can be guessed from it once the key is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.records.canonical import from_bytes, to_bytes

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Header:
    """Clear part of a record.

    Attributes
    ----------
    writer : str
        Fingerprint of the writing node's key.
    seq : int
        1, 2, 3 … within (journal, writer).
    prev : str
        Link of the record before, hex; :data:`GENESIS` for the first.
    clock : str
        Hybrid logical clock, sortable text.
    kind, version
        See :mod:`core.records.kinds`.
    subject : str
        Opaque patient id, or "" where the record is about the box.
    actor : str
        ``node:…``, ``person:…`` or ``peer:…`` (an AE title), opaque.
    key : str
        Id of the key that seals the body: a study's, a subject's, or ``node``.
    """

    writer: str
    seq: int
    prev: str
    clock: str
    kind: str
    version: int
    subject: str
    actor: str
    key: str

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that the chain and the seal bind."""
        return to_bytes(
            {
                "actor": self.actor,
                "clock": self.clock,
                "key": self.key,
                "kind": self.kind,
                "prev": self.prev,
                "seq": self.seq,
                "subject": self.subject,
                "version": self.version,
                "writer": self.writer,
            }
        )

    @staticmethod
    def from_bytes(data: bytes) -> Header:
        """Return the header of canonical bytes.

        Raises
        ------
        ValueError, KeyError, TypeError
            If the bytes are no header; a chain verifier names the record then.
        """
        value = from_bytes(data)
        return Header(**{name: value[name] for name in Header.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer wants to append; the journal adds seq, prev and clock."""

    kind: str
    body: dict[str, Any]
    subject: str = ""
    key: str = "node"
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record as it is kept and travels: nothing here can be read without the key."""

    position: int
    header: Header
    header_bytes: bytes
    sealed: bytes
    link: str

    @property
    def order(self) -> tuple[str, str, int]:
        """Sort key among the records of a study: clock, writer, seq."""
        return (self.header.clock, self.header.writer, self.header.seq)


@dataclass(frozen=True, slots=True)
class Record:
    """An opened record: what views and readers see."""

    position: int
    header: Header
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        """The record's kind."""
        return self.header.kind

    @property
    def study(self) -> str:
        """Opaque study id: records of a study are sealed under its key."""
        return self.header.key if self.header.key.startswith("st_") else ""

    @property
    def order(self) -> tuple[str, str, int]:
        """Sort key among the records of a study: clock, writer, seq."""
        return (self.header.clock, self.header.writer, self.header.seq)
