"""A TCP proxy that is a bad line: delay, rate, loss, cuts; seeded, and it counts bytes.

Each direction is a pipe. A segment (1460 bytes) leaves when the line has carried it (rate) and
arrives half a round trip later. *Loss* is modelled, not made: a lost segment arrives one round trip
later for each time it is lost, and everything behind it waits (TCP delivers in order); the sender
is taken to keep its rate, as BBR does, so that the retransmitted bytes themselves are not counted.
A *cut* resets both sides: what was on its way is gone.
"""

from __future__ import annotations

import fcntl
import random
import selectors
import socket
import struct
import termios
import threading
import time
from collections import deque
from dataclasses import dataclass, field

SEGMENT = 1460
_READ = 16 * 1024


@dataclass(frozen=True)
class Line:
    """What the line is like."""

    bits_per_s: float = 0.0  # 0: as fast as it goes
    rtt_s: float = 0.0
    loss: float = 0.0
    queue_bytes: int = 64 * 1024  # what the modem holds before it stops reading
    shared: bool = False  # one rate for all connections together, as behind one modem


@dataclass
class _Wire:
    """When the line has carried what is before; a pipe's own, or one for all of a direction."""

    free_at: float = 0.0


@dataclass
class _Pipe:
    """One direction of one connection."""

    source: socket.socket
    target: socket.socket
    up: bool
    line: Line
    draw: random.Random
    queue: deque = field(default_factory=deque)  # (due, bytes)
    queued: int = 0
    wire: _Wire = field(default_factory=_Wire)
    last_due: float = 0.0
    source_ended: bool = False

    def take(self, data: bytes, now: float):
        line = self.line
        for at in range(0, len(data), SEGMENT):
            piece = data[at : at + SEGMENT]
            if line.bits_per_s:
                self.wire.free_at = max(self.wire.free_at, now) + len(piece) * 8 / line.bits_per_s
            else:
                self.wire.free_at = now
            due = self.wire.free_at + line.rtt_s / 2
            while line.loss and self.draw.random() < line.loss:
                due += line.rtt_s
            self.last_due = due = max(due, self.last_due)
            self.queue.append((due, piece))
            self.queued += len(piece)

    @property
    def room(self) -> bool:
        # Bytes in flight on a long line are not in the modem's queue.
        flight = int(self.line.bits_per_s / 8 * self.line.rtt_s)
        return self.queued < self.line.queue_bytes + flight


class NastyProxy:
    """Listens on a port of this machine and passes bytes on to another.

    Parameters
    ----------
    cut_at : list of int
        Cut the connection when this many bytes have come from clients, in total.
    """

    def __init__(self, port: int, line: Line = Line(), cut_at=(), seed: int = 1):
        self.target = port
        self.line = line
        self.cut_at = deque(sorted(cut_at))
        self.bytes_up = 0
        self.bytes_down = 0
        self.connections = 0
        self.cuts = 0
        self.refusing = False
        self._draw = random.Random(seed)
        self._wires = (_Wire(), _Wire()) if line.shared else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._stop = threading.Event()
        self._cut_now = threading.Event()
        self._pairs: list[tuple[_Pipe, _Pipe]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        """Reset every connection now."""
        self._cut_now.set()

    def close(self):
        self._stop.set()
        self._thread.join(10)
        self._listener.close()

    def _run(self):
        self._listener.setblocking(False)
        while not self._stop.is_set():
            self._accept()
            if self._cut_now.is_set():
                self._cut_now.clear()
                self._reset_all()
            moved = self._step(time.monotonic())
            if not moved:
                self._wait()
        self._reset_all()

    def _wait(self):
        """Sleep until a socket has something or a segment is due."""
        now = time.monotonic()
        dues = [pipe.queue[0][0] for pair in self._pairs for pipe in pair if pipe.queue]
        timeout = min([0.05, *(max(0.0005, due - now) for due in dues)])
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            for pair in self._pairs:
                for pipe in pair:
                    if pipe.room and not pipe.source_ended:
                        selector.register(pipe.source, selectors.EVENT_READ)
            selector.select(timeout)

    def _accept(self):
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            return
        if self.refusing:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            client.close()
            return
        self.connections += 1
        for one in (client, server):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.line.bits_per_s:
                # The kernel's own buffers must not hide a slow line from the sender.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        up = _Pipe(client, server, True, self.line, random.Random(self._draw.random()))
        down = _Pipe(server, client, False, self.line, random.Random(self._draw.random()))
        if self._wires is not None:
            up.wire, down.wire = self._wires
        self._pairs.append((up, down))

    def _step(self, now: float) -> bool:
        moved = False
        for pair in list(self._pairs):
            for pipe in pair:
                try:
                    moved |= self._read(pipe, now)
                    moved |= self._write(pipe, now)
                except OSError:
                    self._reset(pair)
                    break
            ended = any(pipe.source_ended and not pipe.queue for pipe in pair)
            if ended and pair in self._pairs:
                self._reset(pair, hard=False)
        return moved

    def _read(self, pipe: _Pipe, now: float) -> bool:
        if pipe.source_ended or not pipe.room:
            return False
        try:
            data = pipe.source.recv(_READ)
        except BlockingIOError:
            return False
        if not data:
            pipe.source_ended = True
            return False
        if pipe.up:
            self.bytes_up += len(data)
            if self.cut_at and self.bytes_up >= self.cut_at[0]:
                self.cut_at.popleft()
                self._reset_all()
                return True
        else:
            self.bytes_down += len(data)
        pipe.take(data, now)
        return True

    def _write(self, pipe: _Pipe, now: float) -> bool:
        moved = False
        while pipe.queue and pipe.queue[0][0] <= now:
            due, piece = pipe.queue[0]
            try:
                sent = pipe.target.send(piece)
            except BlockingIOError:
                return moved
            pipe.queued -= sent
            moved = True
            if sent < len(piece):
                pipe.queue[0] = (due, piece[sent:])
                return True
            pipe.queue.popleft()
        return moved

    def _reset_all(self):
        for pair in list(self._pairs):
            self._reset(pair)
            self.cuts += 1

    def _reset(self, pair, hard: bool = True):
        if pair not in self._pairs:
            return
        self._pairs.remove(pair)
        # What the kernel still holds was sent as well.
        waiting = fcntl.ioctl(pair[0].source, termios.FIONREAD, b"\0" * 4)
        self.bytes_up += struct.unpack("i", waiting)[0]
        for one in (pair[0].source, pair[1].source):
            if hard:  # RST, as a line that is gone and a modem that came back
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
