"""C-GET and C-MOVE over a real socket: the stored bytes, decoded only where they must be."""

from __future__ import annotations

import io

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
)

from core.dicom.head import read_head
from edge.intake.dimse.ports import Peer
from edge.intake.dimse.suboperation import data_set_stream, fragments
from tests.dimse_cases import GET, MOVE, Box, Receiver, associate, query, stored_data_set
from tests.dimse_fakes import CT, file_of, make_instance


def getting(box: Box, syntaxes: list[str], **keys: object):
    received: list[tuple[str, bytes]] = []

    def store(event: evt.Event) -> int:
        received.append((str(event.context.transfer_syntax), event.request.DataSet.getvalue()))
        return 0x0000

    ae = AE("CLIENT")
    ae.add_requested_context(GET)
    for syntax in syntaxes:
        ae.add_requested_context(CTImageStorage, syntax)
    association = ae.associate(
        "127.0.0.1",
        box.port,
        ae_title="XINGLIN",
        ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )
    assert association.is_established
    results = list(association.send_c_get(query(**keys), GET))
    association.release()
    return results[-1][0], received


def test_get_sends_the_stored_bytes(box):
    status, received = getting(
        box, [ExplicitVRLittleEndian], QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"
    )
    assert status.Status == 0x0000
    assert status.NumberOfCompletedSuboperations == 3
    stored = [
        stored_data_set(io.BytesIO(c)) for u, c in box.archive.files.items() if "1.2.1.1" in u
    ]
    assert sorted(c for _, c in received) == sorted(stored)


def test_get_keeps_a_compressed_object_where_the_peer_can_take_it(box):
    status, received = getting(
        box,
        [ExplicitVRLittleEndian, RLELossless],
        QueryRetrieveLevel="IMAGE",
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.1",
        SOPInstanceUID="1.2.3.1.1",
    )
    assert status.Status == 0x0000
    assert received == [(RLELossless, stored_data_set(io.BytesIO(box.archive.files["1.2.3.1.1"])))]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_get_decodes_for_a_peer_that_takes_only_plain_syntaxes(box, syntax):
    status, received = getting(box, [syntax], QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")
    assert status.Status == 0x0000
    ((used, content),) = received
    assert used == syntax
    head = read_head(content, syntax)
    assert head.attributes["PatientName"] == "𠮷^田"
    assert bytes(range(256)) * 2 in content


def test_get_of_what_no_decoder_reads_fails_by_name(box):
    broken = make_instance("P4", "A", "1.2.4", "1.2.4.1", 1)
    box.archive.add(file_of(broken))
    ref = box.archive.refs["1.2.4.1.1"]
    box.archive.refs["1.2.4.1.1"] = type(ref)(CT, "1.2.4.1.1", JPEG2000Lossless, ref.key)
    status, received = getting(
        box, [ExplicitVRLittleEndian], QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.4"
    )
    for held in (box.archive.files, box.archive.heads, box.archive.refs):
        del held["1.2.4.1.1"]
    assert status.Status == 0xA702
    assert received == []


def test_get_without_its_key_is_refused(box):
    status, _ = getting(box, [ExplicitVRLittleEndian], QueryRetrieveLevel="STUDY")
    assert status.Status == 0xA900


def moving(box: Box, receiver: Receiver, destination: str, **keys: object) -> Dataset:
    box.peers["DST"] = Peer("DST", "127.0.0.1", receiver.port)
    association = associate(box, MOVE)
    results = list(association.send_c_move(query(**keys), destination, MOVE))
    association.release()
    return results[-1][0]


def test_move_to_a_configured_destination(box, receiver):
    status = moving(
        box, receiver, "DST", QueryRetrieveLevel="STUDY", StudyInstanceUID=["1.2.1", "1.2.3"]
    )
    assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, 4)
    assert sorted(s for s, _ in receiver.stored) == sorted(
        [ExplicitVRLittleEndian] * 3 + [RLELossless]
    )
    stored = {stored_data_set(io.BytesIO(c)) for c in box.archive.files.values()}
    assert {c for _, c in receiver.stored} <= stored


def test_move_to_a_stranger_is_refused(box, receiver):
    status = moving(box, receiver, "NOBODY", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    assert status.Status == 0xA801
    assert receiver.stored == []


def test_move_without_its_key_reaches_nobody(box, receiver):
    status = moving(box, receiver, "DST", QueryRetrieveLevel="STUDY")
    assert 0xC000 <= status.Status <= 0xCFFF
    assert receiver.stored == []


class Trickle(io.BytesIO):
    """A stream that gives fewer bytes than asked for, as a decrypting one may."""

    def read(self, count: int | None = -1, /) -> bytes:
        return super().read(min(count, 7) if count and count > 0 else count)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_fragments_are_the_data_set(size):
    content = file_of(make_instance("P1", "A", "1.2.1", "1.2.1.1", 1))
    whole = content[content.index(b"\x08\x00\x05\x00CS") :]
    pieces = list(fragments(data_set_stream(Trickle(content)), size))
    assert b"".join(p for p, _ in pieces) == whole
    assert [last for _, last in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(len(p) == size for p, last in pieces if not last)
    assert data_set_stream(io.BytesIO(whole)).read() == whole


def test_stored_bytes_that_turn_out_damaged_abort_the_association(box, receiver):
    """The peer must not take a part for the whole."""

    class Damaged(io.BytesIO):
        def read(self, count: int | None = -1, /) -> bytes:
            piece = super().read(count)
            if self.tell() > 600:
                raise OSError("damaged")
            return piece

    box.peers["DST"] = Peer("DST", "127.0.0.1", receiver.port)
    healthy = box.archive.open
    box.archive.open = lambda ref: Damaged(healthy(ref).read())
    try:
        status = moving(box, receiver, "DST", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")
    finally:
        box.archive.open = healthy
    assert status.Status == 0xA702
    assert receiver.stored == []
