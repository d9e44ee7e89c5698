"""The service over a real socket, pynetdicom as the client."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pydicom import dcmread
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
    ModalityPerformedProcedureStep,
    PatientRootQueryRetrieveInformationModelFind,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from core.dicom.head import read_head
from edge.intake.dimse.commitment import request_commitment
from edge.intake.dimse.errors import CommitmentRefusedError, PeerUnreachableError
from edge.intake.dimse.ports import DimseSettings, Peer, Reference
from edge.intake.dimse.service import DimsePorts, start_service
from edge.intake.dimse.suboperation import data_set_stream, fragments
from tests.dimse_fakes import CT, Answers, Log, MemoryArchive, Steps, file_of, make_instance

FIND = StudyRootQueryRetrieveInformationModelFind
MOVE = StudyRootQueryRetrieveInformationModelMove
GET = StudyRootQueryRetrieveInformationModelGet
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"


@dataclass
class Box:
    port: int
    peers: dict[str, Peer]
    archive: MemoryArchive
    steps: Steps
    answers: Answers
    log: Log


class Receiver:
    """A storage provider that keeps messages, and takes commitment reports."""

    def __init__(self, *syntaxes: str, report_status: int = 0x0000) -> None:
        self.stored: list[tuple[str, bytes]] = []
        self.reports: list[tuple[int, Dataset]] = []
        self.reported = threading.Event()
        ae = AE("DST")
        ae.add_supported_context(CTImageStorage, list(syntaxes) or [ExplicitVRLittleEndian])
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)

        def store(event: evt.Event) -> int:
            self.stored.append(
                (str(event.context.transfer_syntax), event.request.DataSet.getvalue())
            )
            return 0x0000

        def report(event: evt.Event) -> tuple[int, None]:
            self.reports.append((event.event_type, event.event_information))
            self.reported.set()
            return report_status, None

        self.server = ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            evt_handlers=[(evt.EVT_C_STORE, store), (evt.EVT_N_EVENT_REPORT, report)],
        )
        self.port = self.server.server_address[1]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def archive() -> MemoryArchive:
    held = MemoryArchive()
    for number in (1, 2, 3):
        held.add(file_of(make_instance("P1", "ZHANG^SAN=张^三", "1.2.1", "1.2.1.1", number)))
    held.add(file_of(make_instance("P2", "LI^SI=李^四", "1.2.2", "1.2.2.1", 1)))
    source = dcmread(io.BytesIO(file_of(make_instance("P3", "𠮷^田", "1.2.3", "1.2.3.1", 1))))
    source.compress(RLELossless, generate_instance_uid=False)
    held.add(file_of(source, RLELossless))
    return held


def running(**settings: object) -> Iterator[Box]:
    held, steps, answers, log = archive(), Steps(), Answers(), Log()
    peers: dict[str, Peer] = {}
    table: dict[str, object] = {"timeout_s": 10, "max_message_bytes": 1 << 17, "peers": peers}
    service = start_service(
        DimseSettings("XINGLIN", **{**table, **settings}),  # type: ignore[arg-type]  # a table
        DimsePorts(held, steps, answers, log),
    )
    yield Box(service.port, peers, held, steps, answers, log)
    service.stop()


@pytest.fixture(scope="module")
def shared_box() -> Iterator[Box]:
    yield from running()


@pytest.fixture
def box(shared_box: Box) -> Box:
    for kept in (shared_box.log.events, shared_box.steps.saved, shared_box.answers.taken):
        kept.clear()
    shared_box.peers.clear()
    return shared_box


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    shared_receiver.stored.clear()
    shared_receiver.reports.clear()
    shared_receiver.reported.clear()
    return shared_receiver


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    one = Receiver(ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless)
    yield one
    one.stop()


def associate(box: Box, *contexts: str, **more: object):
    ae = AE("CLIENT")
    for context in contexts:
        ae.add_requested_context(context)
    association = ae.associate("127.0.0.1", box.port, ae_title="XINGLIN", **more)
    assert association.is_established
    return association


def query(**keys: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset


def found(box: Box, model: str, **keys: object) -> list[Dataset]:
    association = associate(box, model)
    results = list(association.send_c_find(query(**keys), model))
    association.release()
    assert results[-1][0].Status == 0x0000
    return [d for s, d in results if s.Status == 0xFF00]


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        ("STUDY", {"PatientName": "zhang*"}, 1),
        ("STUDY", {"PatientName": "zs"}, 1),
        ("STUDY", {"StudyInstanceUID": ["1.2.1", "1.2.2"]}, 2),
        ("STUDY", {"StudyDate": "20261101-20261130"}, 3),
        ("STUDY", {"StudyDate": "-20261031"}, 0),
        ("SERIES", {"StudyInstanceUID": "1.2.1"}, 1),
        ("IMAGE", {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1"}, 3),
    ],
)
def test_find(box, level, keys, count):
    answers = found(box, FIND, QueryRetrieveLevel=level, **keys)
    assert len(answers) == count
    assert all(a.QueryRetrieveLevel == level for a in answers)
    assert box.log.wait_for("find").count == count


def test_find_patient_level_and_unknown_key_empty(box):
    model = PatientRootQueryRetrieveInformationModelFind
    answers = found(
        box, model, QueryRetrieveLevel="PATIENT", PatientName="", PatientID="P3", EthnicGroup=""
    )
    assert [(str(a.PatientName), a.EthnicGroup) for a in answers] == [("𠮷^田", "")]
    assert answers[0].SpecificCharacterSet == "ISO_IR 192"


def test_find_with_a_level_of_another_model_is_refused(box):
    association = associate(box, FIND)
    results = list(association.send_c_find(query(QueryRetrieveLevel="PATIENT"), FIND))
    association.release()
    assert [s.Status for s, _ in results] == [0xA900]


def test_find_over_the_limit_says_so():
    for small in running(max_matches=2):
        association = associate(small, FIND)
        results = list(association.send_c_find(query(QueryRetrieveLevel="STUDY"), FIND))
        association.release()
        assert [s.Status for s, _ in results] == [0xFF00, 0xFF00, 0xA700]


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


def test_storing_is_not_offered_here(box):
    association = associate(box, CTImageStorage)
    dataset = make_instance("P9", "A", "1.9", "1.9.1", 1)
    file_of(dataset)
    status = association.send_c_store(dataset)
    association.release()
    assert status.Status == 0x0122


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


def stored_data_set(stored: io.BytesIO) -> bytes:
    return data_set_stream(stored).read()


def references(*uids: str) -> Dataset:
    dataset = Dataset()
    dataset.TransactionUID = "1.5.1"
    dataset.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID = CT
        item.ReferencedSOPInstanceUID = uid
        dataset.ReferencedSOPSequence.append(item)
    return dataset


def test_commitment_on_the_same_association(box):
    reports: list[Dataset] = []
    arrived = threading.Event()

    def report(event: evt.Event) -> tuple[int, None]:
        reports.append(event.event_information)
        arrived.set()
        return 0x0000, None

    association = associate(
        box, StorageCommitmentPushModel, evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)]
    )
    status, _ = association.send_n_action(
        references("1.2.1.1.1", "1.2.1.1.2"), 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE
    )
    assert status.Status == 0x0000
    assert arrived.wait(10)
    association.release()
    assert len(reports[0].ReferencedSOPSequence) == 2
    assert "FailedSOPSequence" not in reports[0]


def test_commitment_on_a_new_association_names_what_is_missing(box, receiver):
    box.peers["CLIENT"] = Peer("DST", "127.0.0.1", receiver.port)
    association = associate(box, StorageCommitmentPushModel)
    association.send_n_action(
        references("1.2.1.1.1", "9.9"), 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE
    )
    association.release()
    assert receiver.reported.wait(10)
    ((kind, information),) = receiver.reports
    assert kind == 2
    assert information.TransactionUID == "1.5.1"
    assert [i.ReferencedSOPInstanceUID for i in information.ReferencedSOPSequence] == ["1.2.1.1.1"]
    (failed,) = information.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("9.9", 0x0112)
    assert box.log.wait_for("commit").status == 0x0000


def test_commitment_of_another_class_is_a_conflict(box, receiver):
    box.peers["CLIENT"] = Peer("DST", "127.0.0.1", receiver.port)
    asked = references("1.2.1.1.1")
    asked.ReferencedSOPSequence[0].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    association = associate(box, StorageCommitmentPushModel)
    association.send_n_action(asked, 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE)
    association.release()
    assert receiver.reported.wait(10)
    (failed,) = receiver.reports[0][1].FailedSOPSequence
    assert failed.FailureReason == 0x0119


def test_commitment_without_references_is_refused(box):
    association = associate(box, StorageCommitmentPushModel)
    status, _ = association.send_n_action(
        references(), 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE
    )
    association.release()
    assert status.Status == 0x0115


def test_we_ask_another_box_for_commitment(box):
    """Two of ours: the answer comes on the association of the request."""
    peer = Peer("XINGLIN", "127.0.0.1", box.port)
    answer = request_commitment(
        peer,
        [Reference(CT, "1.2.1.1.1"), Reference(CT, "9.9")],
        "1.5.2",
        ae_title="ASKER",
        wait_s=10,
    )
    assert answer is not None
    assert answer.committed == (Reference(CT, "1.2.1.1.1"),)
    assert answer.failed == {"9.9": 0x0112}


def test_answer_to_our_request_with_reversed_roles(box):
    box.answers.known = "1.5.3"
    ae = AE("PACS")
    ae.add_requested_context(StorageCommitmentPushModel)
    association = ae.associate(
        "127.0.0.1",
        box.port,
        ae_title="XINGLIN",
        ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
    )
    information = references("1.2.1.1.1")
    information.TransactionUID = "1.5.3"
    known, _ = association.send_n_event_report(
        information, 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE
    )
    information.TransactionUID = "1.5.4"
    unknown, _ = association.send_n_event_report(
        information, 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE
    )
    association.release()
    assert (known.Status, unknown.Status) == (0x0000, 0x0112)
    assert box.answers.taken[0].committed == (Reference(CT, "1.2.1.1.1"),)


@pytest.mark.filterwarnings(
    # pynetdicom drops the socket of a refused connection without closing it.
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_peer_without_commitment_and_peer_that_is_not_there():
    ae = AE("STORE")
    ae.add_supported_context(CTImageStorage)
    server = ae.start_server(("127.0.0.1", 0), block=False)
    port = server.server_address[1]
    asked = [Reference(CT, "1.2")]
    with pytest.raises(CommitmentRefusedError):
        request_commitment(Peer("STORE", "127.0.0.1", port), asked, "1.5", ae_title="A")
    server.shutdown()
    server.server_close()
    with pytest.raises(PeerUnreachableError):
        request_commitment(Peer("STORE", "127.0.0.1", port), asked, "1.5", ae_title="A")


def performed(status: str) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "GB18030"
    dataset.PerformedProcedureStepStatus = status
    dataset.Modality = "CT"
    dataset.PatientID = "P1"
    dataset.PatientName = "张^三"
    dataset.PerformedProcedureStepStartDate = "20261122"
    dataset.PerformedProcedureStepStartTime = "0930"
    scheduled = Dataset()
    scheduled.StudyInstanceUID = "1.2.1"
    scheduled.AccessionNumber = "A7"
    dataset.ScheduledStepAttributesSequence = [scheduled]
    return dataset


def test_procedure_step_from_start_to_end(box):
    association = associate(box, ModalityPerformedProcedureStep)
    model = ModalityPerformedProcedureStep
    created, _ = association.send_n_create(performed("IN PROGRESS"), model, "1.7.1")
    again, _ = association.send_n_create(performed("IN PROGRESS"), model, "1.7.1")
    change = Dataset()
    change.PerformedProcedureStepStatus = "COMPLETED"
    series = Dataset()
    series.SeriesInstanceUID = "1.2.1.1"
    series.SeriesDescription = "胸部"
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CT, "1.2.1.1.1"
    series.ReferencedImageSequence = [image]
    change.SpecificCharacterSet = "ISO_IR 192"
    change.PerformedSeriesSequence = [series]
    changed, _ = association.send_n_set(change, model, "1.7.1")
    late, _ = association.send_n_set(change, model, "1.7.1")
    unknown, _ = association.send_n_set(change, model, "1.7.9")
    association.release()
    assert [s.Status for s in (created, again, changed, late, unknown)] == [
        0x0000, 0x0111, 0x0000, 0x0110, 0x0112,
    ]  # fmt: skip
    first, second = box.steps.saved
    assert (first.created, first.study_uids, first.accessions) == (True, ("1.2.1",), ("A7",))
    assert first.started == "202611220930"
    assert second.series[0].instance_uids == ("1.2.1.1.1",)
    assert second.series[0].description == "胸部"


def test_step_that_starts_finished_is_refused(box):
    association = associate(box, ModalityPerformedProcedureStep)
    status, _ = association.send_n_create(
        performed("COMPLETED"), ModalityPerformedProcedureStep, "1.7.2"
    )
    association.release()
    assert status.Status == 0x0106
    assert box.steps.saved == []


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


def test_nothing_of_a_query_reaches_the_log(box, caplog, capfd):
    caplog.set_level("DEBUG")
    name = "SECRETNAME" * 8  # longer than a component may be: the libraries would warn
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")  # the client's own, in this process
        assert found(box, FIND, QueryRetrieveLevel="STUDY", PatientName=name) == []
    shown = capfd.readouterr()
    assert "SECRETNAME" not in caplog.text + shown.out + shown.err
