"""Associations that are handed to the query service: byte for byte, from the first."""

import dataclasses
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.intake.net.errors import PduTooLong
from edge.intake.net.handover import PduWatch
from tests.raw_peer import (
    CT,
    IMPLICIT,
    PATIENT,
    STUDY_FIND,
    VERIFICATION,
    Hello,
    RawPeer,
    context,
    node,
    p_data,
    pdv,
    role,
)

FIND = Hello(contexts=(context(1, STUDY_FIND, IMPLICIT), context(3, VERIFICATION, IMPLICIT)))


class Service:
    """Stands where the query service stands: gives what it gets, prefixed, until told to end."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.got = bytearray()
        self.said_all = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()

    @property
    def address(self):
        return self.listener.getsockname()[:2]

    def serve(self) -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(10)
            while piece := connection.recv(65536):
                self.got += piece
                connection.sendall(piece)
        self.said_all.set()


def test_bytes_pass_both_ways_and_the_request_is_replayed():
    hello = FIND.encode()
    big = p_data(pdv(1, 0, b"q" * 200_000)) * 20
    with Service() as service, node(query_service=service.address) as running:
        with RawPeer(running.port) as peer:
            peer.send(hello)
            assert peer._exactly(len(hello)) == hello
            sender = threading.Thread(target=peer.send, args=(big,))
            sender.start()
            assert peer._exactly(len(big)) == big
            sender.join()
        assert service.said_all.wait(10)
        assert bytes(service.got) == hello + big
        running.receiver.stop()
        health = running.receiver.health()
        assert (health.handed_over, health.accepted) == (1, 0)
        assert running.sink.endings == []


def test_c_get_goes_over_with_its_storage_contexts():
    get = Hello(
        contexts=(context(1, "1.2.840.10008.5.1.4.1.2.2.3", IMPLICIT), context(3, CT, IMPLICIT)),
        user_items=(role(CT, 0, 1),),
    ).encode()
    with (
        Service() as service,
        node(query_service=service.address) as running,
        RawPeer(running.port) as peer,
    ):
        peer.send(get)
        assert peer._exactly(len(get)) == get


def test_the_allow_list_stands_before_the_handover():
    with Service() as service, node(query_service=service.address) as running:
        with RawPeer(running.port) as peer:
            peer.send(dataclasses.replace(FIND, called=b"OTHER").encode())
            assert peer.read() == (3, b"\0\1\1\7")
        assert not service.got


def test_an_absent_service_is_a_transient_rejection():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()[:2]
    with node(query_service=address) as running, RawPeer(running.port) as peer:
        peer.send(FIND.encode())
        assert peer.read() == (3, b"\0\2\3\1")


def test_without_a_service_queries_are_refused_context_by_context():
    with node() as running, RawPeer(running.port) as peer:
        body = peer.associate(FIND)
        assert bytes([0x21, 0, 0, 25, 1, 0, 3, 0]) in body
        assert bytes([0x21, 0, 0, 25, 3, 0, 0, 0]) in body


def test_an_idle_handed_over_association_ends():
    limits = dataclasses.replace(PATIENT, idle_s=0.05)
    with (
        Service() as service,
        node(limits=limits, query_service=service.address) as running,
        RawPeer(running.port) as peer,
    ):
        hello = FIND.encode()
        peer.send(hello)
        assert peer._exactly(len(hello)) == hello
        assert peer.ended()


def test_an_absurd_pdu_does_not_reach_the_service():
    with Service() as service, node(query_service=service.address) as running:
        with RawPeer(running.port) as peer:
            hello = FIND.encode()
            peer.send(hello)
            assert peer._exactly(len(hello)) == hello
            peer.send(bytes.fromhex("0400ffffffff"))
            assert peer.read() == (7, bytes([0, 0, 2, 6]))
        assert service.said_all.wait(10)
        assert bytes(service.got) == hello


def test_stopping_ends_a_spliced_association_at_once():
    limits = dataclasses.replace(PATIENT, stop_grace_s=60.0)
    with (
        Service() as service,
        node(limits=limits, query_service=service.address) as running,
        RawPeer(running.port) as peer,
    ):
        hello = FIND.encode()
        peer.send(hello)
        assert peer._exactly(len(hello)) == hello
        running.receiver.stop()
        assert peer.ended()
        assert running.receiver.health().open_associations == 0


@given(st.lists(st.integers(0, 50), max_size=20), st.lists(st.integers(1, 9), min_size=1))
def test_the_watch_follows_any_cutting(lengths, steps):
    stream = b"".join(bytes([4, 0]) + n.to_bytes(4, "big") + b"x" * n for n in lengths)
    watch, place = PduWatch(limit=50), 0
    while place < len(stream):
        for step in steps:
            watch.see(stream[place : place + step])
            place += step
    with pytest.raises(PduTooLong):
        watch.see(bytes([4, 0, 0, 0, 0, 51]))
