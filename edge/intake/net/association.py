"""The life of one connection: TLS, negotiation, then storage or handover, and a decent end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from core.errors import XinglinError
from edge.intake.net.admission import Admission, Slot
from edge.intake.net.command import CommandSet, Operation
from edge.intake.net.commitment import answer_request, give_up, take_confirmation, take_report
from edge.intake.net.errors import (
    AssociationRejected,
    PduTooLong,
    PduUnexpected,
    PeerAborted,
    PeerGone,
    PeerSilent,
    ProtocolViolation,
    ReceiverError,
    ReceiverStopping,
    TlsFailed,
)
from edge.intake.net.handover import reach, splice
from edge.intake.net.health import Tally
from edge.intake.net.negotiate import (
    Agreement,
    Origin,
    agree,
    belongs_to_query_service,
    find_rule,
)
from edge.intake.net.pdu import (
    ABORT,
    ASSOCIATE_RQ,
    HEADER,
    AssociateRequest,
    decode_request,
    encode_abort,
    encode_accept,
    encode_reject,
    encode_release_reply,
)
from edge.intake.net.session import Session
from edge.intake.net.settings import PeerRule, ReceiverSettings
from edge.intake.net.sink import Commitments, Ending, Peer, Sink
from edge.intake.net.store import echo, refuse_operation, store
from edge.intake.net.tls import shake_hands, speaks_tls, wrap
from edge.intake.net.wire import PdvReader, Released, Wire

_USER, _PROVIDER = 0, 2
_LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that an association needs from outside; shared by the associations of a receiver."""

    settings: ReceiverSettings
    storage_classes: frozenset[str]
    sink: Sink
    commitments: Commitments
    admission: Admission
    tally: Tally
    log: FilteringBoundLogger
    clock: Callable[[], float]
    new_id: Callable[[], str]
    tls: ssl.SSLContext | None = None
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _Greeting:
    """A decoded A-ASSOCIATE-RQ with its bytes, which are echoed or replayed."""

    request: AssociateRequest
    body: bytes


def run(slot: Slot, around: Surroundings) -> None:
    """Serve one connection to its end. Never raises: this is the edge of the thread."""
    try:
        origin = _secured(slot, around)
        wire = Wire(slot.sock, around.settings.limits.buffer, around.clock)
        _serve(slot, wire, origin, around)
    except XinglinError as error:
        _note(slot, error, around)
    except Exception as error:  # noqa: BLE001 - edge of the thread: recorded, never swallowed
        around.tally.refused(ReceiverError.code)
        around.log.error("association.broken", error=type(error).__name__, where=_where(error))
        _say(slot, around, encode_abort(_USER, 0))
    finally:
        around.admission.vacate(slot)
        _close(slot.sock)
        around.admission.leave(slot)


def _secured(slot: Slot, around: Surroundings) -> Origin:
    """Do the TLS handshake if the peer begins one, within the ARTIM time."""
    deadline = slot.opened + around.settings.limits.artim_s
    if not speaks_tls(slot.sock, max(0.001, deadline - around.clock())):
        return Origin(slot.address)
    # The slot holds the new socket from now on, so that it can be ended during the handshake.
    slot.sock = wrapped = wrap(slot.sock, around.tls)
    return shake_hands(wrapped, slot.address, max(0.001, deadline - around.clock()))


def _serve(slot: Slot, wire: Wire, origin: Origin, around: Surroundings) -> None:
    settings = around.settings
    try:
        greeting = _read_greeting(slot, wire, around)
        rule = find_rule(settings, greeting.request, origin)
        around.admission.seat(slot, rule, greeting.request.calling_ae, around.clock())
        if settings.query_service is not None and belongs_to_query_service(
            greeting.request, around.storage_classes, settings.private_storage
        ):
            _hand_over(slot, wire, greeting, around)
            return
        peer = _peer(greeting.request, rule, origin, around)
        session = _accept(wire, greeting, (peer, rule), around)
    except AssociationRejected as rejection:
        _say(slot, around, encode_reject(rejection))
        raise
    except ProtocolViolation as violation:
        _say(slot, around, encode_abort(_PROVIDER, violation.abort_reason))
        raise
    ending = Ending.LOST
    try:
        ending = _converse(session, slot, around)
    finally:
        try:
            give_up(peer, session.unanswered, around.commitments)
            around.sink.ended(peer, ending)
        finally:
            if ending is Ending.RELEASED:
                # Said last: whoever released reads of us what it stored.
                _say(slot, around, encode_release_reply())
        around.tally.ended(ending.value)
        around.log.info(
            "association.ended", calling_ae=peer.calling_ae, peer=peer.name, ending=ending.value
        )


def _read_greeting(slot: Slot, wire: Wire, around: Surroundings) -> _Greeting:
    limits = around.settings.limits
    wire.allow_until(slot.opened + limits.artim_s, limits.artim_s)
    kind, length = wire.header()
    if kind == ABORT:
        raise PeerAborted
    if kind != ASSOCIATE_RQ:
        raise PduUnexpected(kind=kind)
    if length > limits.associate_request:
        raise PduTooLong(length=length, limit=limits.associate_request)
    body = bytes(wire.take(length))
    return _Greeting(decode_request(body), body)


def _peer(request: AssociateRequest, rule: PeerRule, origin: Origin, around: Surroundings) -> Peer:
    return Peer(
        name=rule.name,
        calling_ae=request.calling_ae,
        called_ae=request.called_ae,
        address=origin.address,
        association=around.new_id(),
        certificate_names=origin.certificate_names,
        traits=rule.traits,
        urgent=rule.urgent,
    )


def _accept(
    wire: Wire, greeting: _Greeting, who: tuple[Peer, PeerRule], around: Surroundings
) -> Session:
    settings, request = around.settings, greeting.request
    agreement: Agreement = agree(request, around.storage_classes, settings.private_storage)
    session = Session(
        wire=wire,
        pdvs=PdvReader(wire, settings.limits.max_pdu),
        limits=settings.limits,
        peer=who[0],
        rule=who[1],
        contexts=agreement.accepted,
        peer_max_pdu=request.max_pdu,
        clock=around.clock,
    )
    session.check()
    wire.allow(settings.limits.network_s)
    wire.send(
        encode_accept(greeting.body, agreement.answers, agreement.roles, settings.limits.max_pdu)
    )
    around.tally.count("accepted")
    around.log.info(
        "association.accepted",
        calling_ae=request.calling_ae,
        called_ae=request.called_ae,
        peer=who[1].name,
        contexts=len(agreement.accepted),
    )
    return session


def _converse(session: Session, slot: Slot, around: Surroundings) -> Ending:
    """Serve messages until the association ends; say how. Only a release is not answered yet."""
    try:
        while True:
            slot.idle_since = around.clock()
            if around.stopping.is_set():
                raise ReceiverStopping
            context_id, command = session.read_command()
            around.admission.wake(slot)
            _perform(session, context_id, command, around)
    except Released:
        return Ending.RELEASED
    except PeerAborted:
        return Ending.ABORTED_BY_PEER
    except ProtocolViolation as violation:
        _refuse(slot, violation, around)
        _say(slot, around, encode_abort(_PROVIDER, violation.abort_reason))
        return Ending.ABORTED_BY_US
    except PeerGone as gone:
        why = slot.ended_by
        _refuse(slot, why or gone, around)
        if why is None:
            return Ending.LOST
        _say(slot, around, encode_abort(_USER, 0))
        return Ending.ABORTED_BY_US
    except ReceiverError as error:
        _refuse(slot, error, around)
        _say(slot, around, encode_abort(_USER, 0))
        return Ending.ABORTED_BY_US


def _perform(session: Session, context_id: int, command: CommandSet, around: Surroundings) -> None:
    operation = command.operation
    if operation == Operation.C_STORE_RQ:
        size, outcome, refusal = store(session, context_id, command, around.sink)
        if refusal is not None:
            around.tally.refused(refusal.code)
            around.log.warning(
                "object.refused",
                calling_ae=session.peer.calling_ae,
                code=f"E{refusal.code}",
                status=outcome.status,
                cause=type(refusal.__cause__).__name__ if refusal.__cause__ else None,
            )
        else:
            around.tally.stored(size, around.clock())
    elif operation == Operation.C_ECHO_RQ:
        echo(session, context_id, command)
        around.tally.count("echoes")
    elif operation == Operation.N_ACTION_RQ:
        around.tally.count("commitments")
        answer_request(session, context_id, command, around.commitments)
    elif operation == Operation.N_EVENT_REPORT_RSP:
        take_confirmation(session, context_id, command, around.commitments)
    elif operation == Operation.N_EVENT_REPORT_RQ:
        take_report(session, context_id, command, around.commitments)
    elif operation != Operation.C_CANCEL_RQ:
        refuse_operation(session, context_id, command)


def _hand_over(slot: Slot, wire: Wire, greeting: _Greeting, around: Surroundings) -> None:
    settings = around.settings
    address = settings.query_service
    if address is None:
        return
    log = around.log.bind(calling_ae=greeting.request.calling_ae)
    service = reach(address, settings.limits.artim_s)
    around.tally.count("handed_over")
    log.info("association.handed_over")

    def moved() -> None:
        slot.idle_since = around.clock()

    first = HEADER.pack(ASSOCIATE_RQ, len(greeting.body)) + greeting.body + wire.rest()
    with service:
        splice(wire.sock, service, first, settings.limits.idle_s, moved)
    around.tally.ended("handed over")


def _refuse(slot: Slot, error: XinglinError, around: Surroundings) -> None:
    around.tally.refused(error.code)
    around.log.warning(
        "association.failed", address=slot.address, code=f"E{error.code}", reason=str(error)
    )


def _note(slot: Slot, error: XinglinError, around: Surroundings) -> None:
    """Record what ended a connection before it became an association."""
    if isinstance(error, PeerGone | PeerSilent | TlsFailed) and slot.ended_by is not None:
        error = slot.ended_by
    _refuse(slot, error, around)


def _where(error: Exception) -> str:
    """Return file and line only: messages and values could hold what a peer sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _say(slot: Slot, around: Surroundings, last_words: bytes) -> None:
    """Free the seat, then send the last PDU."""
    around.admission.vacate(slot)
    connection = slot.sock
    with contextlib.suppress(OSError):
        connection.settimeout(_LINGER_S)
        connection.sendall(last_words)


def _close(connection: socket.socket) -> None:
    """Close so that the last PDU arrives: with unread bytes a plain close would reset it away."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_WR)
        connection.settimeout(_LINGER_S)
        for _ in range(64):
            if not socket.socket.recv(connection, 65536):
                break
    with contextlib.suppress(OSError):
        connection.close()
