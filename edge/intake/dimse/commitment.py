"""Storage commitment, push model: we answer peers, and we ask the PACS.

Peers differ in where the answer travels: on the association of the request, on a new one that the
answering side opens with reversed roles, or both. All of them work here, in both directions.
Source: PS3.4 annex J.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel

from core.errors import XinglinError
from edge.intake.dimse.errors import CommitmentRefusedError, PeerUnreachableError
from edge.intake.dimse.ports import (
    Archive,
    CommitmentAnswer,
    CommitmentSink,
    DimseSettings,
    Observer,
    Peer,
    Reference,
    ServiceEvent,
)
from edge.intake.dimse.query import items_of, text_of
from edge.intake.dimse.retrieve import caller

INSTANCE = "1.2.840.10008.1.20.1.1"
SUCCESS, INVALID_ARGUMENT, NO_SUCH_ACTION, NO_SUCH_EVENT = 0x0000, 0x0115, 0x0123, 0x0113
UNKNOWN_TRANSACTION = 0x0112
NO_SUCH_INSTANCE, CLASS_CONFLICT, PROCESSING_FAILURE = 0x0112, 0x0119, 0x0110
_REQUEST, _ALL, _SOME_FAILED = 1, 1, 2
_MAX_REFERENCES = 100_000
_UIDS_AT_ONCE = 1000  # an archive on SQL has a limit of parameters


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """What a peer asks us to confirm."""

    transaction_uid: str
    references: tuple[Reference, ...]


def read_request(information: Dataset) -> CommitmentRequest | None:
    """Return a request, or None where the transaction or the references are missing."""
    transaction = text_of(information, "TransactionUID")
    references = _references(items_of(information, "ReferencedSOPSequence"))
    if not transaction or not references:
        return None
    return CommitmentRequest(transaction, references)


def judge(request: CommitmentRequest, stored: Mapping[str, str]) -> CommitmentAnswer:
    """Return the answer given what is stored (instance UID -> class UID). Pure."""
    failed: dict[str, int] = {}
    for reference in request.references:
        sop_class = stored.get(reference.sop_instance_uid)
        if sop_class is None:
            failed[reference.sop_instance_uid] = NO_SUCH_INSTANCE
        elif sop_class != reference.sop_class_uid:
            failed[reference.sop_instance_uid] = CLASS_CONFLICT
    return CommitmentAnswer(
        request.transaction_uid,
        tuple(r for r in request.references if r.sop_instance_uid not in failed),
        failed,
    )


def event_information(request: CommitmentRequest, answer: CommitmentAnswer) -> tuple[int, Dataset]:
    """Return the event type and the data set of the N-EVENT-REPORT."""
    information = Dataset()
    information.TransactionUID = answer.transaction_uid
    if answer.committed:
        information.ReferencedSOPSequence = _items(answer.committed, {})
    if answer.failed:
        lost = [r for r in request.references if r.sop_instance_uid in answer.failed]
        information.FailedSOPSequence = _items(lost, answer.failed)
    return (_SOME_FAILED if answer.failed else _ALL), information


def read_answer(information: Dataset) -> CommitmentAnswer | None:
    """Return what an N-EVENT-REPORT says, or None without a transaction."""
    transaction = text_of(information, "TransactionUID")
    if not transaction:
        return None
    failed = {
        text_of(item, "ReferencedSOPInstanceUID"): _reason(item)
        for item in items_of(information, "FailedSOPSequence")
    }
    return CommitmentAnswer(
        transaction, _references(items_of(information, "ReferencedSOPSequence")), failed
    )


@dataclass(frozen=True, slots=True)
class CommitmentProvider:
    """We are asked: N-ACTION in, the answer from a thread of its own after the response.

    `start` runs a callable elsewhere (a thread in the service, at once in a test); `wait` pauses
    between tries and returns True when the service stops.
    """

    settings: DimseSettings
    archive: Archive
    observe: Observer
    start: Callable[[Callable[[], None]], None]
    wait: Callable[[float], bool]

    def act(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """Answer N-ACTION; the report follows."""
        if event.action_type != _REQUEST:
            return NO_SUCH_ACTION, None
        request = read_request(event.action_information)
        if request is None:
            return INVALID_ARGUMENT, None
        association, sender = event.assoc, caller(event)
        response = _ResponseWatch(association)

        def report_afterwards() -> None:
            response.gone.wait(self.settings.timeout_s)
            self.report(request, sender, association)

        self.start(report_afterwards)
        return SUCCESS, None

    def report(self, request: CommitmentRequest, sender: str, association: Association) -> bool:
        """Judge a request and deliver the answer; say whether the peer took it."""
        uids = tuple(r.sop_instance_uid for r in request.references)
        try:
            found = [
                ref
                for start in range(0, len(uids), _UIDS_AT_ONCE)
                for ref in self.archive.locate(
                    "IMAGE", {"SOPInstanceUID": uids[start : start + _UIDS_AT_ONCE]}
                )
            ]
        except XinglinError:
            # No answer: the peer asks again, or keeps what it has.
            self.observe(ServiceEvent("commit", sender, "IMAGE", PROCESSING_FAILURE, 0))
            return False
        answer = judge(request, {r.sop_instance_uid: r.sop_class_uid for r in found})
        peer = self.settings.peers.get(sender)
        taken = False
        for pause_s in self.settings.commitment_retry_s:
            if pause_s and self.wait(pause_s):
                break
            taken = self._deliver(request, answer, peer, association)
            if taken:
                break
        status = SUCCESS if taken else PROCESSING_FAILURE
        self.observe(ServiceEvent("commit", sender, "IMAGE", status, len(answer.committed)))
        return taken

    def _deliver(
        self,
        request: CommitmentRequest,
        answer: CommitmentAnswer,
        peer: Peer | None,
        association: Association,
    ) -> bool:
        kind, information = event_information(request, answer)
        same_first = peer is None or peer.commitment_return == "same"
        if same_first and _report_on(association, kind, information):
            return True
        if peer is None:
            return False
        ae = AE(self.settings.ae_title)
        ae.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        opened = ae.associate(peer.host, peer.port, ext_neg=[role], **peer.connection())
        if not opened.is_established:
            return False
        try:
            return _report_on(opened, kind, information)
        finally:
            opened.release()


@dataclass(frozen=True, slots=True)
class CommitmentReceiver:
    """We have asked: N-EVENT-REPORT in, on an association that the peer opened."""

    sink: CommitmentSink
    observe: Observer

    def reported(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """Answer N-EVENT-REPORT; an unknown transaction is refused."""
        if event.event_type not in (_ALL, _SOME_FAILED):
            return NO_SUCH_EVENT, None
        answer = read_answer(event.event_information)
        if answer is None:
            return INVALID_ARGUMENT, None
        known = self.sink.answered(caller(event), answer)
        status = SUCCESS if known else UNKNOWN_TRANSACTION
        self.observe(ServiceEvent("commit", caller(event), "IMAGE", status, len(answer.committed)))
        return status, None


def request_commitment(
    peer: Peer,
    references: Sequence[Reference],
    transaction_uid: str,
    *,
    ae_title: str,
    wait_s: float = 5.0,
) -> CommitmentAnswer | None:
    """Ask a peer to commit to instances; return its answer if it comes on this association.

    None means that the request was accepted and the answer will come on an association that the
    peer opens (to the running service's `CommitmentSink`). Raises PeerUnreachableError, and
    CommitmentRefusedError if the peer offers no commitment or refuses this one.
    """
    inbox = _Inbox(transaction_uid)
    ae = AE(ae_title)
    ae.add_requested_context(StorageCommitmentPushModel)
    handlers = [(evt.EVT_N_EVENT_REPORT, inbox.reported)]
    association = ae.associate(peer.host, peer.port, evt_handlers=handlers, **peer.connection())
    if not association.is_established:
        refused = association.is_rejected
        association.abort()
        if refused or not association.rejected_contexts:
            raise PeerUnreachableError(ae_title=peer.ae_title)
        raise CommitmentRefusedError(ae_title=peer.ae_title, status="no context")
    try:
        information = Dataset()
        information.TransactionUID = transaction_uid
        information.ReferencedSOPSequence = _items(references, {})
        status, _ = association.send_n_action(
            information, _REQUEST, StorageCommitmentPushModel, INSTANCE
        )
        code = status.Status if "Status" in status else None
        if code != SUCCESS:
            shown = "none" if code is None else f"0x{code:04X}"
            raise CommitmentRefusedError(ae_title=peer.ae_title, status=shown)
        inbox.arrived.wait(wait_s)
        return inbox.answer
    finally:
        if association.is_established:
            association.release()


class _Inbox:
    """Takes the report for one transaction on the association of the request."""

    def __init__(self, transaction_uid: str) -> None:
        self._transaction_uid = transaction_uid
        self.arrived = Signal()
        self.answer: CommitmentAnswer | None = None

    def reported(self, event: evt.Event) -> tuple[int, Dataset | None]:
        answer = read_answer(event.event_information)
        if answer is None or answer.transaction_uid != self._transaction_uid:
            return UNKNOWN_TRANSACTION, None
        self.answer = answer
        self.arrived.set()
        return SUCCESS, None


class _ResponseWatch:
    """Tells when the N-ACTION response is on the wire; a report before it would confuse peers."""

    def __init__(self, association: Association) -> None:
        self.gone = Signal()
        self._association = association
        association.bind(evt.EVT_DIMSE_SENT, self._built)

    def _built(self, event: evt.Event) -> None:
        del event  # the only message this side sends between request and response
        self._association.unbind(evt.EVT_DIMSE_SENT, self._built)
        self._association.bind(evt.EVT_PDU_SENT, self._sent)

    def _sent(self, event: evt.Event) -> None:
        del event
        self._association.unbind(evt.EVT_PDU_SENT, self._sent)
        self.gone.set()


def in_thread(work: Callable[[], None]) -> None:
    """Run a callable in a daemon thread."""
    Thread(target=work, name="commitment-report", daemon=True).start()


def _report_on(association: Association, kind: int, information: Dataset) -> bool:
    if not association.is_established:
        return False
    try:
        status, _ = association.send_n_event_report(
            information, kind, StorageCommitmentPushModel, INSTANCE
        )
    except (RuntimeError, ValueError):
        # The library raises these when the peer has just released, or negotiated no such role.
        return False
    return "Status" in status and status.Status == SUCCESS


def _reason(item: Dataset) -> int:
    written = text_of(item, "FailureReason")
    return int(written) if written.isdecimal() else PROCESSING_FAILURE


def _references(items: Sequence[Dataset]) -> tuple[Reference, ...]:
    pairs = (
        (text_of(i, "ReferencedSOPClassUID"), text_of(i, "ReferencedSOPInstanceUID"))
        for i in items[:_MAX_REFERENCES]
    )
    return tuple(Reference(c, u) for c, u in pairs if c and u)


def _items(references: Iterable[Reference], reasons: Mapping[str, int]) -> Items:
    items = []
    for reference in references:
        item = Dataset()
        item.ReferencedSOPClassUID = reference.sop_class_uid
        item.ReferencedSOPInstanceUID = reference.sop_instance_uid
        if reference.sop_instance_uid in reasons:
            item.FailureReason = reasons[reference.sop_instance_uid]
        items.append(item)
    return Items(items)
