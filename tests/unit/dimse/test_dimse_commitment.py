"""Storage commitment in both directions over a real socket."""

from __future__ import annotations

import threading

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StorageCommitmentPushModel,
)

from edge.intake.dimse.commitment import request_commitment
from edge.intake.dimse.errors import CommitmentRefusedError, PeerUnreachableError
from edge.intake.dimse.ports import Peer, Reference
from tests.dimse_cases import COMMITMENT_INSTANCE, associate, references
from tests.dimse_fakes import CT


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
