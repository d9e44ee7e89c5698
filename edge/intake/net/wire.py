"""The receive buffer of one connection, and the walk through P-DATA-TF PDUs.

This is the hot loop. One buffer is allocated per connection; the kernel fills as much of it as is
there in one call; headers are unpacked in place; what a sink gets are windows of that buffer.
Nothing is gathered: a PDV of any length passes in pieces as they come.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from edge.intake.net.errors import (
    PduMalformed,
    PduTooLong,
    PduUnexpected,
    PduUnrecognised,
    PeerAborted,
    PeerGone,
    PeerSilent,
)
from edge.intake.net.pdu import ABORT, HEADER, KNOWN_PDUS, P_DATA, RELEASE_RQ

_PDV = struct.Struct(">IBB")
_PDV_HEAD = 6
_P_DATA_HEAD = struct.Struct(">BxIIBB")
COMMAND_BIT, LAST_BIT = 0x01, 0x02


class Released(Exception):
    """The peer asked for release between messages."""


class Wire:
    """Buffered reads with a deadline per read, whole writes.

    Parameters
    ----------
    connection : socket.socket
        A connected socket, plain or TLS.
    size : int
        Bytes of the buffer; nothing longer can be taken in one piece.
    clock : callable
        Monotonic seconds.
    """

    __slots__ = ("_clock", "_deadline", "_end", "_size", "_start", "_timeout", "_view", "sock")

    def __init__(self, connection: socket.socket, size: int, clock: Callable[[], float]) -> None:
        self.sock = connection
        self._clock = clock
        self._view = memoryview(bytearray(size))
        self._size = size
        self._start = self._end = 0
        self._timeout = 0.0
        self._deadline: float | None = None

    def allow(self, timeout_s: float) -> None:
        """Set how long each single read or write may take from now on."""
        # With a deadline each read has set the socket's timeout to what was left.
        if self._deadline is not None or timeout_s != self._timeout:
            self._deadline = None
            self._timeout = timeout_s
            self.sock.settimeout(timeout_s)

    def allow_until(self, deadline: float, timeout_s: float) -> None:
        """Set a moment by which all reads must be done, however many (ARTIM)."""
        self._deadline = deadline
        self._timeout = timeout_s

    def _receive(self) -> None:
        if self._start == self._end:
            self._start = self._end = 0
        if self._deadline is not None:
            left = self._deadline - self._clock()
            if left <= 0:
                raise PeerSilent(seconds=self._timeout)
            self.sock.settimeout(left)
        window = self._view[self._end :] if self._end else self._view
        try:
            count = self.sock.recv_into(window)
        except TimeoutError as error:
            raise PeerSilent(seconds=self._timeout) from error
        except OSError as error:
            raise PeerGone from error
        if not count:
            raise PeerGone
        self._end += count

    def take(self, count: int) -> memoryview:
        """Return exactly ``count`` bytes as a window, valid until the next read."""
        start = self._start
        if self._end - start < count:
            if start + count > self._size:
                held = bytes(self._view[start : self._end])
                self._start, self._end = 0, len(held)
                self._view[: len(held)] = held
            while self._end - self._start < count:
                self._receive()
            start = self._start
        self._start = start + count
        return self._view[start : start + count]

    def some(self, limit: int) -> memoryview:
        """Return between 1 and ``limit`` bytes, whatever is there, valid until the next read."""
        if self._start == self._end:
            self._receive()
        start = self._start
        stop = min(start + limit, self._end)
        self._start = stop
        return self._view[start:stop]

    def rest(self) -> bytes:
        """Return and forget what was received beyond what was taken."""
        held = bytes(self._view[self._start : self._end])
        self._start = self._end = 0
        return held

    def header(self) -> tuple[int, int]:
        """Read a PDU header: (type, length).

        Raises
        ------
        PduUnrecognised
            The type is none of PS3.8's.
        """
        kind, length = HEADER.unpack(self.take(6))
        if kind not in KNOWN_PDUS:
            raise PduUnrecognised(kind=kind)
        return kind, length

    def send(self, data: bytes) -> None:
        """Send all bytes.

        Raises
        ------
        PeerSilent, PeerGone
            The peer does not read, or is not there.
        """
        try:
            self.sock.sendall(data)
        except TimeoutError as error:
            raise PeerSilent(seconds=self._timeout) from error
        except OSError as error:
            raise PeerGone from error


class PdvReader:
    """Walks through the PDVs of an association, across PDU boundaries.

    Between two PDVs the position may stand inside a PDU (several PDVs in one PDU are allowed).
    """

    __slots__ = ("_in_pdu", "_max_pdu", "_wire", "context_id", "control", "length")

    def __init__(self, wire: Wire, max_pdu: int) -> None:
        self._wire = wire
        self._max_pdu = max_pdu
        self._in_pdu = 0
        self.context_id = 0
        self.control = 0
        self.length = 0

    def advance(self) -> None:
        """Read the next PDV's header into ``context_id``, ``control`` and ``length`` (of its data).

        Raises
        ------
        Released, PeerAborted
            The peer ends the association instead.
        PduTooLong, PduMalformed, PduUnexpected, PduUnrecognised
            The peer breaks the protocol.
        """
        while not self._in_pdu:
            self._in_pdu = self._next_pdu()
        if self._in_pdu < _PDV_HEAD:
            raise PduMalformed(what="PDV header beyond the PDU")
        length, self.context_id, self.control = _PDV.unpack(self._wire.take(_PDV_HEAD))
        if length < 2 or length + 4 > self._in_pdu:
            raise PduMalformed(what="PDV length")
        if self.control & ~(COMMAND_BIT | LAST_BIT):
            raise PduMalformed(what="message control header")
        self._in_pdu -= length + 4
        self.length = length - 2

    def _next_pdu(self) -> int:
        kind, length = self._wire.header()
        if kind == P_DATA:
            if length > self._max_pdu:
                raise PduTooLong(length=length, limit=self._max_pdu)
            if length < _PDV_HEAD:
                raise PduMalformed(what="P-DATA-TF without PDV")
            return length
        if kind == ABORT:
            raise PeerAborted
        if kind == RELEASE_RQ and length == 4:
            self._wire.take(4)
            raise Released
        raise PduUnexpected(kind=kind)


def fragments(context_id: int, *, command: bool, data: bytes, max_pdu: int) -> bytes:
    """Return one message part as P-DATA-TF PDUs of one PDV each.

    ``max_pdu`` is the receiver's limit on the PDU's variable field; 0 means none.
    """
    room = max_pdu - _PDV_HEAD if max_pdu else max(len(data), 1)
    encoded = bytearray()
    kind = COMMAND_BIT if command else 0
    for start in range(0, max(len(data), 1), room):
        piece = data[start : start + room]
        last = LAST_BIT if start + room >= len(data) else 0
        count = len(piece)
        encoded += _P_DATA_HEAD.pack(P_DATA, count + 6, count + 2, context_id, kind | last) + piece
    return bytes(encoded)
