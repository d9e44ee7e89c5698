"""The hub's end of one link, pure: which messages may come, and what they ask for.

No clock, no socket, no database: the shell (``server``) gives each message to
:meth:`HubLink.take`, does the order that comes back, and reports with :meth:`HubLink.give` how
many bytes were taken. Whatever a box sends that the protocol does not have ends its link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from core.blobs.chunks import LARGEST
from hub.downlink.errors import LinkRefusal, ObjectAbsurd, WrongMessage, WrongProtocol
from protos.gen import sync_pb2 as pb
from protos.pieces import Broken, Piece

PROTOCOL = 1
CREDIT = 16 << 20
LARGEST_STATEMENT = 768 * 1024
MOST_NEEDS = 4096
#: What one message may hold: the largest Put, or a statement with everything around it.
LARGEST_MESSAGE = LARGEST + 256 * 1024
#: Rows of the chain that may be on their way to a box without its acknowledgement.
ROWS_UNDER_WAY = 500

_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}")
ItemKind = Literal["event", "wraps", "statistics", "access", "attestation"]


@dataclass(frozen=True, slots=True)
class Greet:
    """The box says who it is and what it has."""

    hello: pb.Hello


@dataclass(frozen=True, slots=True)
class BeginUpload:
    """The box asks what the hub holds of an object."""

    address: str
    size: int
    chunk: int


@dataclass(frozen=True, slots=True)
class Store:
    """Some chunks."""

    address: str
    index: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class CommitUpload:
    """The object should be whole."""

    address: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A small thing: an event of a consultation, key wraps, statistics, access records, a
    hospital's word for a key.

    Attributes
    ----------
    needs : tuple of str
        Addresses of objects that must be the hub's before it.
    """

    kind: ItemKind
    id: str
    consult: str
    statement: bytes
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowsKept:
    """The box has the hub's chain up to here, durably."""

    seq: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The box lives."""

    at_ms: int
    items: int
    size: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class Saw:
    """The box witnesses a directory head."""

    witness: pb.Witness


@dataclass(frozen=True, slots=True)
class OwnHead:
    """The signed head of one of the box's chains."""

    checkpoint: pb.Checkpoint


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing is refused; the link goes on."""

    id: str
    address: str
    refusal: LinkRefusal


Order = (
    Greet
    | BeginUpload
    | Store
    | CommitUpload
    | Arrived
    | RowsKept
    | Beat
    | Saw
    | OwnHead
    | Wrong
)  # fmt: skip


@dataclass(slots=True)
class HubLink:
    """State of one link.

    Attributes
    ----------
    credit : int
        Bytes of chunks that the box may still send.
    rows_sent, rows_kept : int
        How far the hub's chain was sent, and acknowledged.
    """

    credit: int = CREDIT
    greeted: bool = False
    rows_sent: int = 0
    rows_kept: int = 0
    directory_sent: int = 0
    _owed: int = field(default=0)

    def take(self, up: pb.Up | Piece | Broken) -> Order:
        """Return what a message asks for.

        Raises
        ------
        WrongMessage, WrongProtocol
            If it may not come, or not now: the link ends.
        """
        if isinstance(up, Broken):
            raise WrongMessage(fault="bytes")
        if isinstance(up, pb.Up) and up.HasField("hello"):
            return self._greet(up.hello)
        if not self.greeted:
            raise WrongMessage(fault="no hello")
        if isinstance(up, Piece):
            return self._store(up)
        what = up.WhichOneof("what")
        if what == "put":
            return self._store(up.put)
        if what == "begin":
            return BeginUpload(_address(up.begin.address), up.begin.size, up.begin.chunk)
        if what == "commit":
            return CommitUpload(_address(up.commit.address))
        if what == "ack":
            return self._kept(up.ack.chain_seq)
        return _other(up, what)

    def give(self, count: int) -> None:
        """Note that chunks were dealt with: the box may send as many bytes more."""
        self.credit += count

    def rows_room(self) -> int:
        """Return how many rows of the chain may go now."""
        return max(0, ROWS_UNDER_WAY - (self.rows_sent - self.rows_kept))

    def _greet(self, hello: pb.Hello) -> Order:
        if self.greeted:
            raise WrongMessage(fault="two hellos")
        if hello.protocol != PROTOCOL:
            raise WrongProtocol(version=hello.protocol)
        absurd = hello.chain_seq < 0 or hello.directory_size < 0 or len(hello.heads) > 16
        if absurd or not hello.software.isprintable():
            raise WrongMessage(fault="hello")
        self.greeted = True
        self.rows_sent = self.rows_kept = hello.chain_seq
        self.directory_sent = hello.directory_size
        return Greet(hello)

    def _store(self, put: pb.Put | Piece) -> Order:
        self.credit -= len(put.data)
        if self.credit < 0:
            raise WrongMessage(fault="credit")
        address = _address(put.address)
        if not put.data or len(put.data) > LARGEST:
            return Wrong("", address, ObjectAbsurd(fault="chunk"))
        return Store(address, put.index, put.data)

    def _kept(self, seq: int) -> Order:
        if not self.rows_kept <= seq <= self.rows_sent:
            raise WrongMessage(fault="ack")
        self.rows_kept = seq
        return RowsKept(seq)


def _other(up: pb.Up, what: str | None) -> Order:
    if what == "heartbeat":
        backlog = up.heartbeat.backlog
        return Beat(up.heartbeat.at_ms, backlog.items, backlog.bytes, backlog.oldest_ms)
    if what == "witness":
        return Saw(up.witness)
    if what == "checkpoint":
        return OwnHead(up.checkpoint)
    if what == "event":
        event = up.event
        if len(event.objects) > MOST_NEEDS:
            raise WrongMessage(fault="objects")
        needs = tuple(_address(one) for one in event.objects)
        return _arrived("event", event.id, event.consult, event.statement, needs)
    if what == "wraps":
        return _arrived("wraps", up.wraps.id, up.wraps.consult, up.wraps.statement)
    if what == "statistics":
        return _arrived("statistics", up.statistics.id, "", up.statistics.statement)
    if what == "access":
        return _arrived("access", up.access.id, up.access.consult, up.access.statement)
    if what == "attestation":
        return _arrived("attestation", up.attestation.id, "", up.attestation.statement)
    raise WrongMessage(fault="empty")


def _arrived(
    kind: ItemKind, id_: str, consult: str, statement: bytes, needs: tuple[str, ...] = ()
) -> Order:
    if not _ID.fullmatch(id_) or (consult and not _ID.fullmatch(consult)):
        raise WrongMessage(fault="id")
    if not statement or len(statement) > LARGEST_STATEMENT:
        return Wrong(id_, "", ObjectAbsurd(fault="statement"))
    return Arrived(kind, id_, consult, statement, needs)


def _address(raw: bytes) -> str:
    if len(raw) != 32:
        raise WrongMessage(fault="address")
    return raw.hex()
