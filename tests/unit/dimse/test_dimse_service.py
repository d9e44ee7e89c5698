"""Who may come, what is not offered, and what hostile peers get."""

from __future__ import annotations

import contextlib
import socket

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
)

from edge.intake.dimse.ports import Peer
from tests.dimse_cases import FIND, GET, MOVE, associate, found, performed, query, running
from tests.dimse_fakes import file_of, make_instance


def test_storing_is_not_offered_here(box):
    association = associate(box, CTImageStorage)
    dataset = make_instance("P9", "A", "1.9", "1.9.1", 1)
    file_of(dataset)
    status = association.send_c_store(dataset)
    association.release()
    assert status.Status == 0x0122


def test_stranger_is_rejected_when_only_known_callers_may_come():
    for held in running(known_callers_only=True, peers={"FRIEND": Peer("FRIEND", "h", 1)}):
        ae = AE("STRANGER")
        ae.add_requested_context(FIND)
        association = ae.associate("127.0.0.1", held.port, ae_title="XINGLIN")
        assert association.is_rejected


def test_peer_without_the_trait_may_not_query_but_may_report_its_steps():
    peers = {
        "CLIENT": Peer("CLIENT", "127.0.0.1", 1, may_query=False),
        "DST": Peer("DST", "127.0.0.1", 1),
    }
    for held in running(peers=peers):
        asked = query(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
        association = associate(held, FIND, MOVE, GET, ModalityPerformedProcedureStep)
        answers = list(association.send_c_find(asked, FIND))
        answers += list(association.send_c_move(asked, "DST", MOVE))
        answers += list(association.send_c_get(asked, GET))
        assert [status.Status for status, _ in answers] == [0x0124] * 3
        again = list(association.send_c_move(asked, "DST", MOVE))
        assert [status.Status for status, _ in again] == [0x0124]
        status, _ = association.send_n_create(
            performed("IN PROGRESS"), ModalityPerformedProcedureStep, "1.7.9"
        )
        association.release()
        assert status.Status == 0x0000
        assert {(e.kind, e.status) for e in held.log.events} >= {
            ("find", 0x0124), ("move", 0x0124), ("get", 0x0124),
        }  # fmt: skip


@pytest.mark.parametrize(
    "attack",
    [
        b"\x01\x00\xff\xff\xff\xff" + bytes(100_000),
        b"\x00" * 500,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x04\x00\x7f\xff\xff\xff\x00\x00",
    ],
)
def test_garbage_ends_its_connection_only(box, attack):
    with socket.create_connection(("127.0.0.1", box.port), timeout=10) as peer:
        peer.sendall(attack)
        peer.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(4096):
                pass
    assert len(found(box, FIND, QueryRetrieveLevel="STUDY")) == 3


def test_message_over_the_cap_closes_the_connection(box):
    """The peer goes on sending and would be listened to for ever without the cap."""
    association = associate(box, FIND)
    huge = query(QueryRetrieveLevel="STUDY")
    huge.add_new(0x0040A160, "UT", "x" * (1 << 18))
    statuses = [s for s, _ in association.send_c_find(huge, FIND)]
    # The client's library leaves a socket that the other side closed to the garbage collector.
    association.dul.socket.socket.close()
    assert not any("Status" in s for s in statuses)
    assert len(found(box, FIND, QueryRetrieveLevel="STUDY")) == 3
