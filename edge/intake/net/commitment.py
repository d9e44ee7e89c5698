"""Storage commitment on the wire (PS3.4 annex J): N-ACTION in, N-EVENT-REPORT both ways."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from edge.intake.net.command import CommandSet, Field, Operation, is_uid, printable, response_to
from edge.intake.net.elements import Elements, read_elements
from edge.intake.net.errors import StoreRefused
from edge.intake.net.negotiate import COMMITMENT, IMPLICIT_LE
from edge.intake.net.session import Session
from edge.intake.net.sink import (
    SUCCESS,
    CommitmentReport,
    Commitments,
    Failure,
    Peer,
    Reference,
    Verdict,
)

WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
_TRANSACTION, _RETRIEVE_AE = 0x00081195, 0x00080054
_REFERENCES, _FAILED = 0x00081199, 0x00081198
_SEQUENCES = frozenset({_REFERENCES, _FAILED})
_CLASS, _INSTANCE, _REASON = 0x00081150, 0x00081155, 0x00081197
_NO_SUCH_ACTION, _NO_SUCH_EVENT, _INVALID_ARGUMENT = 0x0123, 0x0113, 0x0115
_PROCESSING_FAILURE = 0x0110
_REQUEST_ACTION, _ALL_COMMITTED, _SOME_FAILED = 1, 1, 2


@dataclass(frozen=True, slots=True)
class CommitmentData:
    """The data set of a request or a report."""

    transaction_uid: str
    references: tuple[Reference, ...]
    failures: tuple[Failure, ...]
    retrieve_ae: str


def decode_commitment(encoded: bytes, transfer_syntax: str) -> CommitmentData:
    """Decode the data set of N-ACTION or N-EVENT-REPORT.

    An invalid UID of a reference stays in its place as printable text, for the answer must name
    every reference.

    Raises
    ------
    ValueError
        The data set cannot be read or has no transaction.
    """
    data = read_elements(encoded, explicit=transfer_syntax != IMPLICIT_LE, sequences=_SEQUENCES)
    transaction = _text(data, _TRANSACTION)
    if not is_uid(transaction):
        raise ValueError("transaction UID")
    return CommitmentData(
        transaction,
        tuple(_reference(item) for item in _items(data, _REFERENCES)),
        tuple(Failure(_reference(item), _number(item, _REASON)) for item in _items(data, _FAILED)),
        _text(data, _RETRIEVE_AE),
    )


def _raw(data: Elements, tag: int) -> bytes:
    value = data.get(tag, b"")
    return value if isinstance(value, bytes) else b""


def _text(data: Elements, tag: int) -> str:
    return printable(_raw(data, tag).rstrip(b"\0 "), 65)


def _number(data: Elements, tag: int) -> int:
    raw = _raw(data, tag)
    return int.from_bytes(raw, "little") if len(raw) == 2 else _PROCESSING_FAILURE


def _items(data: Elements, tag: int) -> list[Elements]:
    value = data.get(tag, b"")
    return value if isinstance(value, list) else []


def _reference(item: Elements) -> Reference:
    return Reference(_text(item, _CLASS), _text(item, _INSTANCE))


def encode_verdict(transaction_uid: str, verdict: Verdict, transfer_syntax: str) -> bytes:
    """Encode the data set of N-EVENT-REPORT (PS3.4 table J.3-2)."""
    element = _implicit if transfer_syntax == IMPLICIT_LE else _explicit
    encoded = element(_TRANSACTION, b"UI", _padded(transaction_uid))
    if verdict.failed:
        items = b"".join(
            _item(
                _pair(f.reference, element) + element(_REASON, b"US", struct.pack("<H", f.reason))
            )
            for f in verdict.failed
        )
        encoded += element(_FAILED, b"SQ", items)
    if verdict.committed:
        items = b"".join(_item(_pair(r, element)) for r in verdict.committed)
        encoded += element(_REFERENCES, b"SQ", items)
    # Elements go in the order of their tags: 0008,1195 < 0008,1198 < 0008,1199.
    return encoded


_Encoder = Callable[[int, bytes, bytes], bytes]


def _pair(reference: Reference, element: _Encoder) -> bytes:
    return element(_CLASS, b"UI", _padded(reference.sop_class)) + element(
        _INSTANCE, b"UI", _padded(reference.sop_instance)
    )


def _padded(uid: str) -> bytes:
    raw = uid.encode("ascii", "replace")
    return raw + b"\0" * (len(raw) % 2)


def _item(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def _implicit(tag: int, vr: bytes, value: bytes) -> bytes:
    del vr
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def _explicit(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr == b"SQ":
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def answer_request(
    session: Session, context_id: int, command: CommandSet, commitments: Commitments
) -> None:
    """Answer N-ACTION; report the verdict at once if it is there and the peer's rule allows."""
    encoded = session.collect_data_set(context_id) if command.has_data_set else b""
    syntax = session.contexts[context_id][1]
    if command.number(Field.ACTION_TYPE, 0) != _REQUEST_ACTION or not _is_commitment(
        session, context_id
    ):
        _reply(session, context_id, command, _NO_SUCH_ACTION)
        return
    try:
        data = decode_commitment(encoded, syntax)
    except ValueError:
        _reply(session, context_id, command, _INVALID_ARGUMENT)
        return
    try:
        verdict = commitments.request(session.peer, data.transaction_uid, data.references)
    except StoreRefused as refusal:
        _reply(session, context_id, command, refusal.status)
        return
    _reply(session, context_id, command, SUCCESS)
    if not isinstance(verdict, Verdict):
        return
    if not session.rule.event_on_same_association:
        commitments.answered(session.peer, data.transaction_uid, delivered=False)
        return
    _report(session, context_id, data.transaction_uid, verdict)


def _is_commitment(session: Session, context_id: int) -> bool:
    return session.contexts[context_id][0] == COMMITMENT


def _reply(session: Session, context_id: int, command: CommandSet, status: int) -> None:
    fields = response_to(command, Operation.N_ACTION_RSP, status)
    if status == SUCCESS:
        fields[Field.ACTION_TYPE] = _REQUEST_ACTION
    session.send(context_id, fields)


def _report(session: Session, context_id: int, transaction_uid: str, verdict: Verdict) -> None:
    message_id = session.new_message_id()
    session.unanswered[message_id] = transaction_uid
    fields: dict[Field, int | bytes | str] = {
        Field.AFFECTED_SOP_CLASS: COMMITMENT,
        Field.COMMAND: Operation.N_EVENT_REPORT_RQ,
        Field.MESSAGE_ID: message_id,
        Field.DATA_SET_TYPE: 0x0001,
        Field.AFFECTED_SOP_INSTANCE: WELL_KNOWN_INSTANCE,
        Field.EVENT_TYPE: _SOME_FAILED if verdict.failed else _ALL_COMMITTED,
    }
    session.send(
        context_id,
        fields,
        encode_verdict(transaction_uid, verdict, session.contexts[context_id][1]),
    )


def take_confirmation(
    session: Session, context_id: int, command: CommandSet, commitments: Commitments
) -> None:
    """Take the peer's N-EVENT-REPORT-RSP; one that answers nothing of ours is passed over."""
    if command.has_data_set:
        session.collect_data_set(context_id)
    message_id = command.number(Field.MESSAGE_ID_RESPONDED_TO, 0)
    transaction = session.unanswered.pop(message_id, None)
    if transaction is not None:
        delivered = command.number(Field.STATUS) == SUCCESS
        commitments.answered(session.peer, transaction, delivered=delivered)


def give_up(peer: Peer, unanswered: dict[int, str], commitments: Commitments) -> None:
    """Tell the port which verdicts were not confirmed when the association ended."""
    for transaction in unanswered.values():
        commitments.answered(peer, transaction, delivered=False)
    unanswered.clear()


def take_report(
    session: Session, context_id: int, command: CommandSet, commitments: Commitments
) -> None:
    """Take a verdict on a request of ours and confirm it."""
    encoded = session.collect_data_set(context_id) if command.has_data_set else b""
    event = command.number(Field.EVENT_TYPE, 0)
    status = SUCCESS
    if event not in {_ALL_COMMITTED, _SOME_FAILED} or not _is_commitment(session, context_id):
        status = _NO_SUCH_EVENT
    else:
        try:
            data = decode_commitment(encoded, session.contexts[context_id][1])
            verdict = Verdict(data.references, data.failures)
            report = CommitmentReport(data.transaction_uid, verdict, data.retrieve_ae)
            commitments.reported(session.peer, report)
        except ValueError:
            status = _INVALID_ARGUMENT
        except StoreRefused as refusal:
            status = refusal.status
    fields = response_to(command, Operation.N_EVENT_REPORT_RSP, status)
    if status == SUCCESS:
        fields[Field.EVENT_TYPE] = event
    session.send(context_id, fields)
