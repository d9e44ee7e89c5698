"""Storage commitment as SCU (PS3.4 J): request, and the answer on any of its three ways.

The answer (N-EVENT-REPORT) comes on the same association, on a new one with reversed role, or much
later; all ways end in one :class:`CommitmentInbox`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel

from edge.report.delivery import Deliverable

# Well-known SOP Instance of the push model (PS3.4 J.3.5)
PUSH_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
_KEPT_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class CommitmentResult:
    """The peer's answer: what it keeps, and what it does not with the reason (0008,1197)."""

    transaction_uid: str
    committed: frozenset[str]
    refused: dict[str, int]


class CommitmentInbox(Protocol):
    """Where answers arrive; the box's own DICOM port puts in what it receives."""

    def put(self, result: CommitmentResult) -> None:
        """Deliver an answer."""

    def wait(self, transaction_uid: str, timeout_s: float) -> CommitmentResult | None:
        """Return the answer to a transaction, or ``None`` when none came in time."""


class MemoryInbox:
    """Inbox for one process. Answers nobody waits for are dropped, the oldest first."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._results: OrderedDict[str, CommitmentResult] = OrderedDict()

    def put(self, result: CommitmentResult) -> None:
        """Deliver an answer."""
        with self._arrived:
            self._results[result.transaction_uid] = result
            while len(self._results) > _KEPT_MAX:
                self._results.popitem(last=False)
            self._arrived.notify_all()

    def wait(self, transaction_uid: str, timeout_s: float) -> CommitmentResult | None:
        """Return the answer to a transaction, or ``None`` when none came in time."""
        with self._arrived:
            self._arrived.wait_for(lambda: transaction_uid in self._results, timeout_s)
            return self._results.pop(transaction_uid, None)


def request_of(objects: Sequence[Deliverable], transaction_uid: str) -> Dataset:
    """Return the Action Information of an N-ACTION (PS3.4 table J.3.2-1)."""
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = DicomSequence()
    for item in objects:
        reference = Dataset()
        reference.ReferencedSOPClassUID = item.sop_class_uid
        reference.ReferencedSOPInstanceUID = item.sop_instance_uid
        request.ReferencedSOPSequence.append(reference)
    return request


def result_of(event_information: Dataset) -> CommitmentResult:
    """Read the Event Information of an N-EVENT-REPORT (PS3.4 table J.3.3-1)."""
    committed = event_information.get("ReferencedSOPSequence") or []
    refused = event_information.get("FailedSOPSequence") or []
    return CommitmentResult(
        transaction_uid=str(event_information.get("TransactionUID", "")),
        committed=frozenset(str(item.ReferencedSOPInstanceUID) for item in committed),
        refused={
            str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason", 0x0110))
            for item in refused
        },
    )


def event_handler(inbox: CommitmentInbox) -> tuple[Any, Any]:
    """Return pynetdicom's handler pair that puts commitment answers into ``inbox``."""

    def received(event: Any) -> tuple[int, None]:
        inbox.put(result_of(event.event_information))
        return 0x0000, None

    return (evt.EVT_N_EVENT_REPORT, received)


class CommitmentListener:
    """A small SCP for answers on a new association, where the box's main port does not serve.

    Use as a context manager; ``port`` 0 takes a free one, ``address`` tells it.
    """

    def __init__(
        self, ae_title: str, inbox: CommitmentInbox, host: str = "", port: int = 0
    ) -> None:
        self._ae = AE(ae_title=ae_title)
        # The peer requests and is SCP: reversed role (PS3.7 D.3.3.4)
        self._ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        self._inbox = inbox
        self._bind = (host, port)
        self._server: Any = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are listened on."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def __enter__(self) -> CommitmentListener:
        self._server = self._ae.start_server(
            self._bind, block=False, evt_handlers=[event_handler(self._inbox)]
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
