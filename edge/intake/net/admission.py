"""Who may hold a slot: quotas per address and per peer, reserved slots, reaping under pressure.

A connection first *waits* (its AE title is not known; bounded apart, the eldest gives way), then is
*seated*. When all seats that a peer may use are taken, the association that has been idle longest
loses its seat, provided it has been idle for some time; an association in the middle of an object
never does (its own timers end it).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterable

from edge.intake.net.errors import QuotaReached, Reaped, ReceiverError, ReceiverFull
from edge.intake.net.settings import Limits, PeerRule

_WAIT_BEFORE_EVICTION_S = 1.0


class Slot:
    """One connection. ``idle_since`` is None while it is busy; ``ended_by`` why we closed it."""

    __slots__ = ("address", "ended_by", "idle_since", "opened", "peer_key", "sock", "urgent")

    def __init__(self, sock: socket.socket, address: str, opened: float) -> None:
        self.sock = sock
        self.address = address
        self.opened = opened
        self.peer_key: tuple[str, str] | None = None
        self.urgent = False
        self.idle_since: float | None = opened
        self.ended_by: ReceiverError | None = None

    def end(self, why: ReceiverError) -> None:
        """Wake the connection's thread: its next read finds the end of the stream.

        Only the reading side is shut, so that the thread can still send A-ABORT. The plain
        socket's method is called, because TLS's own forgets its session on shutdown.
        """
        self.ended_by = why
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RD)


class Admission:
    """Book of slots. All methods may be called from any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._waiting: dict[Slot, None] = {}
        self._seated: dict[Slot, None] = {}
        self._leaving: dict[Slot, None] = {}

    def enter(self, slot: Slot, now: float) -> None:
        """Let a new connection wait for its A-ASSOCIATE-RQ.

        Raises
        ------
        QuotaReached, ReceiverFull
            Too many of this address, or too many young connections.
        """
        limits = self._limits
        with self._lock:
            of_address = sum(s.address == slot.address for s in self._everyone())
            if of_address >= limits.per_address:
                raise QuotaReached(limit=limits.per_address)
            if len(self._waiting) >= limits.associations:
                eldest = next(iter(self._waiting))
                if now - eldest.opened < _WAIT_BEFORE_EVICTION_S:
                    raise ReceiverFull(limit=limits.associations)
                del self._waiting[eldest]
                self._leaving[eldest] = None
                eldest.end(Reaped())
            self._waiting[slot] = None

    def seat(self, slot: Slot, rule: PeerRule, calling_ae: str, now: float) -> None:
        """Give a waiting connection its seat.

        Raises
        ------
        QuotaReached, ReceiverFull
            The peer has its share, or all seats open to it are taken, by none that is idle enough.
        """
        limits = self._limits
        key = (rule.name, calling_ae)
        room = limits.associations if rule.urgent else limits.associations - limits.reserved
        with self._lock:
            own = [s for s in self._seated if s.peer_key == key]
            if len(own) >= rule.max_associations and not self._reap(own, now):
                raise QuotaReached(limit=rule.max_associations)
            others = [s for s in self._seated if rule.urgent or not s.urgent]
            taken = len(self._seated) if rule.urgent else len(others)
            if taken >= room and not self._reap(others, now):
                raise ReceiverFull(limit=room)
            slot.peer_key = key
            slot.urgent = rule.urgent
            slot.idle_since = None  # busy with the answer; set when it waits for a message
            self._waiting.pop(slot, None)
            self._seated[slot] = None

    def _reap(self, candidates: Iterable[Slot], now: float) -> bool:
        idle = [(s.idle_since, s) for s in candidates if s.idle_since is not None]
        if not idle:
            return False
        since, longest = min(idle, key=lambda pair: pair[0])
        if now - since < self._limits.pressure_idle_s:
            return False
        del self._seated[longest]
        self._leaving[longest] = None
        longest.end(Reaped())
        return True

    def wake(self, slot: Slot) -> None:
        """Mark a seated connection as busy: it has a message, and may not be reaped any more.

        Raises
        ------
        ReceiverError
            It was ended while the message arrived: shutting the reading side down does not stop
            bytes that come after it.
        """
        with self._lock:
            if slot.ended_by is not None:
                raise slot.ended_by
            slot.idle_since = None

    def vacate(self, slot: Slot) -> None:
        """Free the seat before the last words are said: the peer may come back at once.

        Until :meth:`leave` the connection counts only against its address.
        """
        with self._lock:
            self._waiting.pop(slot, None)
            self._seated.pop(slot, None)
            self._leaving[slot] = None

    def leave(self, slot: Slot) -> None:
        """Forget a connection; harmless if it is gone already."""
        with self._lock:
            self._waiting.pop(slot, None)
            self._seated.pop(slot, None)
            self._leaving.pop(slot, None)

    def end_all(self, why: ReceiverError, *, idle_only: bool) -> None:
        """End the waiting and the idle connections, or every one."""
        with self._lock:
            for slot in list(self._everyone()):
                if not idle_only or slot.idle_since is not None:
                    slot.end(why)

    def seated_by_peer(self) -> dict[str, int]:
        """Return how many associations each rule's peers hold."""
        with self._lock:
            return dict(Counter(s.peer_key[0] for s in self._seated if s.peer_key is not None))

    def _everyone(self) -> Iterable[Slot]:
        yield from self._waiting
        yield from self._seated
        yield from self._leaving
