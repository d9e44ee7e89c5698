"""One accepted association: reads commands, receives data sets, sends responses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.intake.net.command import CommandSet, Field, decode_command, encode_command
from edge.intake.net.errors import (
    CommandTooLong,
    DataSetTooLong,
    PduMalformed,
    PduUnexpected,
    PdvUnexpected,
    PeerTooSlow,
)
from edge.intake.net.pdu import RELEASE_RQ
from edge.intake.net.settings import Limits, PeerRule
from edge.intake.net.sink import Peer
from edge.intake.net.wire import COMMAND_BIT, LAST_BIT, PdvReader, Released, Wire, fragments

_SMALLEST_MAX_PDU = 64


@dataclass(slots=True)
class Session:
    """State of one association; used by one thread only.

    ``contexts`` maps a presentation context id to (abstract syntax, transfer syntax).
    ``unanswered`` maps the message id of an N-EVENT-REPORT of ours to its transaction.
    """

    wire: Wire
    pdvs: PdvReader
    limits: Limits
    peer: Peer
    rule: PeerRule
    contexts: dict[int, tuple[str, str]]
    peer_max_pdu: int
    clock: Callable[[], float]
    unanswered: dict[int, str] = field(default_factory=dict)
    next_message_id: int = 1

    def check(self) -> None:
        """Refuse a peer whose maximum PDU length cannot hold a response.

        Raises
        ------
        PduMalformed
        """
        if 0 < self.peer_max_pdu < _SMALLEST_MAX_PDU:
            raise PduMalformed(what="maximum length")

    def read_command(self) -> tuple[int, CommandSet]:
        """Read the next command set: (presentation context id, command).

        The whole command must come within the idle time.

        Raises
        ------
        Released
            The peer asks for release instead.
        ProtocolViolation, PeerSilent, PeerGone, PeerAborted
        """
        pdvs, limits = self.pdvs, self.limits
        self.wire.allow_until(self.clock() + limits.idle_s, limits.idle_s)
        pdvs.advance()
        context_id = pdvs.context_id
        if context_id not in self.contexts:
            raise PdvUnexpected(what="context not accepted")
        encoded = bytearray()
        while True:
            if not pdvs.control & COMMAND_BIT or pdvs.context_id != context_id:
                raise PdvUnexpected(what="command expected")
            if len(encoded) + pdvs.length > limits.command_set:
                raise CommandTooLong(limit=limits.command_set)
            left = pdvs.length
            while left:
                piece = self.wire.some(left)
                encoded += piece
                left -= len(piece)
            if pdvs.control & LAST_BIT:
                self.wire.allow(limits.network_s)
                return context_id, decode_command(encoded)
            self._advance_inside()

    def _advance_inside(self) -> None:
        try:
            self.pdvs.advance()
        except Released as error:
            raise PduUnexpected(kind=RELEASE_RQ) from error

    def receive_data_set(self, context_id: int, write: Callable[[memoryview], None]) -> int:
        """Pass a data set on, piece by piece; return its length in bytes.

        Raises
        ------
        ProtocolViolation, PeerTooSlow, PeerSilent, PeerGone, PeerAborted
        """
        wire, pdvs, clock = self.wire, self.pdvs, self.clock
        started = clock()
        patience = started + self.limits.rate_grace_s
        total = 0
        while True:
            self._advance_inside()
            if pdvs.context_id != context_id or pdvs.control & COMMAND_BIT:
                raise PdvUnexpected(what="data expected")
            left = pdvs.length
            while left:
                chunk = wire.some(left)
                write(chunk)
                size = len(chunk)
                left -= size
                total += size
                if clock() > patience:
                    self._demand_pace(total, clock() - started)
            if pdvs.control & LAST_BIT:
                return total
            if not pdvs.length and clock() > patience:
                self._demand_pace(total, clock() - started)

    def _demand_pace(self, total: int, seconds: float) -> None:
        limit = self.limits.minimum_rate_bytes_per_s
        if total < limit * seconds:
            raise PeerTooSlow(limit=limit)

    def collect_data_set(self, context_id: int) -> bytes:
        """Return a small data set whole.

        Raises
        ------
        DataSetTooLong
            It is longer than the cap.
        """
        limit = self.limits.commitment_data_set
        held = bytearray()

        def keep(chunk: memoryview) -> None:
            if len(held) + len(chunk) > limit:
                raise DataSetTooLong(limit=limit)
            held.extend(chunk)

        self.receive_data_set(context_id, keep)
        return bytes(held)

    def send(
        self, context_id: int, command: dict[Field, int | bytes | str], data_set: bytes = b""
    ) -> None:
        """Send one message in fragments that the peer can take."""
        encoded = fragments(
            context_id, command=True, data=encode_command(command), max_pdu=self.peer_max_pdu
        )
        if data_set:
            encoded += fragments(
                context_id, command=False, data=data_set, max_pdu=self.peer_max_pdu
            )
        self.wire.send(encoded)

    def new_message_id(self) -> int:
        """Return a message id for a request of ours."""
        number = self.next_message_id
        self.next_message_id = number % 0xFFFF + 1
        return number


def discard(chunk: memoryview) -> None:
    """Throw a chunk away (the rest of a refused object)."""
    del chunk
