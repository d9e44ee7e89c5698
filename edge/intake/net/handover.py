"""Hands an association to the query service: two sockets spliced, byte for byte.

TLS ends here. PDU headers of the peer are watched in passing, because the service behind has no
cap on their length.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable

from edge.intake.net.errors import PduTooLong, PeerGone, PeerSilent, ServiceUnreachable
from edge.intake.net.pdu import HEADER

_CHUNK = 64 * 1024
_LONGEST_PDU = 1024 * 1024


class PduWatch:
    """Follows PDU headers in a stream of arbitrary pieces. Pure.

    Raises from :meth:`see` when a PDU announces more than the limit.
    """

    __slots__ = ("_head", "_left", "_limit")

    def __init__(self, limit: int = _LONGEST_PDU) -> None:
        self._limit = limit
        self._left = 0
        self._head = bytearray()

    def see(self, piece: bytes) -> None:
        """Take the next bytes of the stream.

        Raises
        ------
        PduTooLong
        """
        offset, end = 0, len(piece)
        while offset < end:
            if self._left:
                step = min(self._left, end - offset)
                self._left -= step
                offset += step
                continue
            need = HEADER.size - len(self._head)
            self._head += piece[offset : offset + need]
            offset += min(need, end - offset)
            if len(self._head) == HEADER.size:
                _, self._left = HEADER.unpack(self._head)
                self._head.clear()
                if self._left > self._limit:
                    raise PduTooLong(length=self._left, limit=self._limit)


def reach(address: tuple[str, int], timeout_s: float) -> socket.socket:
    """Connect to the query service.

    Raises
    ------
    ServiceUnreachable
    """
    try:
        service = socket.create_connection(address, timeout_s)
    except OSError as error:
        raise ServiceUnreachable from error
    service.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return service


class _Side:
    """One end: its socket and what waits to be written to it."""

    __slots__ = ("closed", "outgoing", "sock")

    def __init__(self, sock: socket.socket, outgoing: bytes = b"") -> None:
        self.sock = sock
        self.outgoing = bytearray(outgoing)
        self.closed = False

    def read(self) -> bytes | None:
        """Return what is there, empty at the end of the stream, None if nothing is there yet."""
        try:
            return self.sock.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            return b""

    def write(self) -> None:
        """Write as much as goes."""
        try:
            sent = self.sock.send(self.outgoing[:_CHUNK])
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise PeerGone from error
        del self.outgoing[:sent]

    def pending(self) -> bool:
        """Say whether decrypted bytes wait inside the TLS layer, where no selector sees them."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0


def splice(
    peer: socket.socket,
    service: socket.socket,
    first: bytes,
    idle_s: float,
    moved: Callable[[], None],
) -> None:
    """Copy both ways until one side ends and its last bytes are delivered.

    Parameters
    ----------
    first : bytes
        What the peer has sent already (its A-ASSOCIATE-RQ), replayed to the service.
    idle_s : float
        Longest time without a byte in either direction.
    moved : callable
        Told whenever bytes come, so that an idle association can be told from a busy one.

    Raises
    ------
    PeerSilent
        Nothing moved for ``idle_s``.
    PduTooLong
        The peer announces an absurd PDU.
    PeerGone
        A side vanished with bytes undelivered.
    """
    watch = PduWatch()
    watch.see(first)
    theirs, ours = _Side(peer), _Side(service, first)
    peer.setblocking(False)
    service.setblocking(False)
    with selectors.DefaultSelector() as selector:
        for side in (theirs, ours):
            selector.register(side.sock, selectors.EVENT_READ, side)
        while not _finished(theirs, ours):
            _await(selector, (theirs, ours), idle_s)
            moved()
            _move(theirs, ours, watch)
            _move(ours, theirs, None)


def _finished(theirs: _Side, ours: _Side) -> bool:
    """One side has ended and what it said last has been written to the other."""
    return (theirs.closed and not ours.outgoing) or (ours.closed and not theirs.outgoing)


def _await(selector: selectors.BaseSelector, sides: tuple[_Side, _Side], idle_s: float) -> None:
    for side, other in (sides, sides[::-1]):
        # Nothing more is read from a side while the other has not taken what was read before.
        wanted = 0 if other.outgoing or side.closed else selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if side.outgoing else 0
        if side.sock in selector.get_map():
            selector.unregister(side.sock)
        if wanted:
            selector.register(side.sock, wanted, side)
    ready = any(s.pending() and not o.outgoing for s, o in (sides, sides[::-1]))
    if not selector.select(0 if ready else idle_s) and not ready:
        raise PeerSilent(seconds=idle_s)


def _move(source: _Side, target: _Side, watch: PduWatch | None) -> None:
    if target.outgoing:
        target.write()
    if target.outgoing or source.closed:
        return
    piece = source.read()
    if piece is None:
        return
    if not piece:
        source.closed = True
        return
    if watch is not None:
        watch.see(piece)
    target.outgoing += piece
    target.write()
