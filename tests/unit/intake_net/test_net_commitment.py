"""Storage commitment on the association that asked, and reports of others."""

import contextlib
import dataclasses
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset

from edge.intake.net.command import Field, Operation, decode_command, encode_command
from edge.intake.net.commitment import decode_commitment, encode_verdict
from edge.intake.net.settings import PeerRule
from edge.intake.net.sink import Failure, Reference, Verdict
from tests.raw_peer import (
    COMMITMENT,
    CT,
    EXPLICIT,
    IMPLICIT,
    PATIENT,
    Hello,
    RawPeer,
    context,
    node,
    p_data,
    pdv,
    role,
)

HELD, LOST = Reference(CT, "1.2.3.4"), Reference(CT, "1.2.3.99")
TRANSACTION = "2.25.77"


def request_data(*references: Reference, syntax: str = IMPLICIT) -> bytes:
    return encode_verdict(TRANSACTION, Verdict(references), syntax)


def action(data: bytes | None = None, **changes: object) -> bytes:
    fields: dict[Field, int | bytes | str] = {
        Field.REQUESTED_SOP_CLASS: COMMITMENT,
        Field.COMMAND: Operation.N_ACTION_RQ,
        Field.MESSAGE_ID: 11,
        Field.DATA_SET_TYPE: 1,
        Field.REQUESTED_SOP_INSTANCE: "1.2.840.10008.1.20.1.1",
        Field.ACTION_TYPE: 1,
    }
    command = encode_command(fields | {Field[k]: v for k, v in changes.items()})
    data = request_data(HELD, LOST) if data is None else data
    return p_data(pdv(5, 3, command)) + p_data(pdv(5, 2, data))


def read_event(peer: RawPeer):
    """Return the N-EVENT-REPORT's command and data set."""
    kind, body = peer.read()
    assert kind == 4
    command = decode_command(body[6:])
    data = b""
    while True:
        kind, body = peer.read()
        assert kind == 4
        data += body[6:]
        if body[5] & 2:
            return command, read_dataset(BytesIO(data), True, True, bytelength=len(data))


def confirm(message_id: int, status: int = 0) -> bytes:
    fields: dict[Field, int | bytes | str] = {
        Field.AFFECTED_SOP_CLASS: COMMITMENT,
        Field.COMMAND: Operation.N_EVENT_REPORT_RSP,
        Field.MESSAGE_ID_RESPONDED_TO: message_id,
        Field.DATA_SET_TYPE: 0x0101,
        Field.STATUS: status,
    }
    return p_data(pdv(5, 3, encode_command(fields)))


def test_verdict_on_the_same_association():
    with node() as running, RawPeer(running.port) as peer:
        peer.associate(Hello(max_pdu=4096))
        assert peer.store(b"data", HELD.sop_instance) == 0
        peer.send(action())
        answer = peer.response()
        assert (answer["operation"], answer["status"]) == (Operation.N_ACTION_RSP, 0)
        command, data = read_event(peer)
        assert command.number(Field.EVENT_TYPE) == 2
        assert data.TransactionUID == TRANSACTION
        assert [i.ReferencedSOPInstanceUID for i in data.ReferencedSOPSequence] == ["1.2.3.4"]
        assert data.FailedSOPSequence[0].FailureReason == 0x0112
        peer.send(confirm(command.number(Field.MESSAGE_ID)))
        assert peer.release() == 6
        running.sink.await_endings(1)
        assert running.commitments.answers == [(TRANSACTION, True)]


@pytest.mark.parametrize("how", ["release", "drop", "refuse"])
def test_an_unconfirmed_verdict_goes_back_to_its_owner(how):
    with node() as running, RawPeer(running.port) as peer:
        peer.associate()
        peer.send(action())
        assert peer.response()["status"] == 0
        command, _ = read_event(peer)
        if how == "release":
            assert peer.release() == 6
        elif how == "refuse":
            peer.send(confirm(command.number(Field.MESSAGE_ID), 0x0110))
        peer.sock.close()
        running.sink.await_endings(1)
        assert running.commitments.answers == [(TRANSACTION, False)]


def test_a_verdict_that_is_not_there_yet_is_its_owners():
    with node() as running, RawPeer(running.port) as peer:
        running.commitments.later = True
        peer.associate()
        peer.send(action())
        assert peer.response()["status"] == 0
        assert peer.echo() == 0  # no event came in between
        assert running.commitments.answers == []


def test_a_peer_that_wants_a_new_association_gets_no_event_here():
    rule = PeerRule("old", event_on_same_association=False)
    with node(peers=[rule]) as running, RawPeer(running.port) as peer:
        peer.associate()
        peer.send(action())
        assert peer.response()["status"] == 0
        assert peer.echo() == 0
        assert running.commitments.answers == [(TRANSACTION, False)]


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (action(ACTION_TYPE=9), 0x0123),
        (action(b"\xff" * 40), 0x0115),
        (action(b""), 0x0115),
    ],
)
def test_bad_requests_get_their_status(stream, status):
    with node() as running, RawPeer(running.port) as peer:
        peer.associate()
        peer.send(stream)
        assert peer.response()["status"] == status
        assert peer.echo() == 0


def test_a_request_that_would_fill_memory_is_aborted():
    limits = dataclasses.replace(PATIENT, commitment_data_set=100)
    with node(limits=limits) as running, RawPeer(running.port) as peer:
        peer.associate()
        peer.send(action())
        assert peer.read() == (7, bytes([0, 0, 2, 6]))
    assert running.commitments.answers == []


def test_a_pacs_reports_on_our_own_request_in_the_reversed_role():
    hello = Hello(
        calling=b"PACS",
        contexts=(context(5, COMMITMENT, EXPLICIT),),
        user_items=(role(COMMITMENT, 0, 1),),
    )
    fields: dict[Field, int | bytes | str] = {
        Field.AFFECTED_SOP_CLASS: COMMITMENT,
        Field.COMMAND: Operation.N_EVENT_REPORT_RQ,
        Field.MESSAGE_ID: 3,
        Field.DATA_SET_TYPE: 1,
        Field.AFFECTED_SOP_INSTANCE: "1.2.840.10008.1.20.1.1",
        Field.EVENT_TYPE: 2,
    }
    verdict = Verdict((HELD,), (Failure(LOST, 0x0213),))
    data = encode_verdict(TRANSACTION, verdict, EXPLICIT)
    with node() as running, RawPeer(running.port) as peer:
        body = peer.associate(hello)
        assert role(COMMITMENT, 0, 1) in body
        peer.send(p_data(pdv(5, 3, encode_command(fields))) + p_data(pdv(5, 2, data)))
        answer = peer.response()
        assert (answer["operation"], answer["status"]) == (Operation.N_EVENT_REPORT_RSP, 0)
        (report,) = running.commitments.reports
        assert (report.transaction_uid, report.verdict) == (TRANSACTION, verdict)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_verdicts_survive_the_wire(syntax):
    verdict = Verdict((HELD, LOST), (Failure(Reference(CT, "9.9"), 0x0119),))
    data = decode_commitment(encode_verdict(TRANSACTION, verdict, syntax), syntax)
    assert (data.references, data.failures) == (verdict.committed, verdict.failed)


def test_invalid_uids_keep_their_place():
    odd = Reference(CT, "not a uid")
    data = decode_commitment(request_data(odd, HELD), IMPLICIT)
    assert data.references == (odd, HELD)


VALID = request_data(HELD, LOST)


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=5))
def test_damaged_requests_decode_or_are_refused(changes):
    encoded = bytearray(VALID)
    for place, value in changes:
        encoded[place] = value
    with contextlib.suppress(ValueError):
        decode_commitment(bytes(encoded), IMPLICIT)


@given(st.binary(max_size=120), st.sampled_from([IMPLICIT, EXPLICIT]))
def test_any_bytes_decode_or_are_refused(encoded, syntax):
    with contextlib.suppress(ValueError):
        decode_commitment(encoded, syntax)


def test_sequences_nested_without_end_are_refused():
    bomb = bytes.fromhex("08009911ffffffff feff00e0ffffffff") * 20_000
    with contextlib.suppress(ValueError):
        decode_commitment(bomb, IMPLICIT)
