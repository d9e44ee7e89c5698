"""The query service on a real socket with a memory archive, a receiver, and a client's steps."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    RLELossless,
)
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from edge.intake.dimse.ports import DimseSettings, Peer
from edge.intake.dimse.service import DimsePorts, start_service
from edge.intake.dimse.suboperation import data_set_stream
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
