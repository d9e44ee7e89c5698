"""Delivery to a PACS: C-STORE as stored, then confirmation by commitment, else by query.

1. An object goes out in the transfer syntax in which it was stored; only a peer that does not take
   it gets a decoded one.
2. A peer that refuses SEG or SR gets the secondary capture by itself.
3. Every object has an outcome; no refusal is silent, none is retried without end.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
)

from edge.report.commitment import (
    PUSH_INSTANCE,
    CommitmentInbox,
    MemoryInbox,
    event_handler,
    request_of,
)
from edge.report.delivery import Deliverable, PeerSettings, StoreOutcome
from edge.report.errors import (
    CommitmentRefused,
    ConnectionLost,
    ContextRefused,
    DeliveryError,
    NotEncodable,
    NotListed,
    PeerUnreachable,
    StoreRefused,
)
from edge.report.recode import even, recoded

_CONTEXTS_MAX: Final = 126  # of 128 (PS3.8 9.3.2.2)
_MAX_PDU: Final = 131072
_BREAKS_MAX: Final = 3
_UNCOMPRESSED: Final = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def deliver(
    objects: Sequence[Deliverable],
    peer: PeerSettings,
    new_uid: Callable[[], str],
    fallback: Sequence[Deliverable] = (),
    inbox: CommitmentInbox | None = None,
) -> list[StoreOutcome]:
    """Send objects to one peer and find out whether it has them.

    Parameters
    ----------
    objects : sequence of Deliverable
        In the order of sending: images before SEG, SEG before SR, so that references resolve.
    peer : PeerSettings
    new_uid : callable
        Gives transaction UIDs.
    fallback : sequence of Deliverable
        Pictures for a peer that refuses a SEG or SR among ``objects``; else not sent.
    inbox : CommitmentInbox or None
        Where the box's own port puts commitment answers that come on a new association; ``None``
        hears only the same association.

    Returns
    -------
    list of StoreOutcome
        One per object sent, in order; fallback pictures after the objects. No exception for a
        peer's fault.
    """
    outcomes = _store_all(objects, peer)
    refused = [o for o in outcomes if o.state == "refused" and o.kind in {"seg", "sr"}]
    everything = list(objects)
    if refused and fallback:
        pictures = _store_all(fallback, peer)
        uids = tuple(picture.sop_instance_uid for picture in pictures)
        outcomes = [replace(o, replaced_by=uids) if o in refused else o for o in outcomes]
        outcomes += pictures
        everything += fallback
    sent = [o.sop_instance_uid for o in outcomes if o.state == "unconfirmed"]
    waiting = [item for item in everything if item.sop_instance_uid in sent]
    verdicts = _confirm(waiting, peer, new_uid, inbox) if waiting else {}
    return [verdicts.get(o.sop_instance_uid, _same)(o) for o in outcomes]


def _same(outcome: StoreOutcome) -> StoreOutcome:
    return outcome


# --- storing -------------------------------------------------------------------------------------


def _batches(objects: Sequence[Deliverable]) -> Iterator[list[Deliverable]]:
    """Cut where one association's presentation contexts would not do (PS3.8 9.3.2.2: 128)."""
    batch: list[Deliverable] = []
    pairs: dict[tuple[str, str], None] = {}
    for item in objects:
        more = pairs | dict.fromkeys(_contexts(item))
        if len(more) > _CONTEXTS_MAX:
            yield batch
            batch, more = [], dict.fromkeys(_contexts(item))
        batch.append(item)
        pairs = more
    if batch:
        yield batch


def _contexts(item: Deliverable) -> list[tuple[str, str]]:
    """The object's own encoding first, and what a peer without it can take; one each."""
    syntaxes = dict.fromkeys((item.transfer_syntax_uid, *map(str, _UNCOMPRESSED)))
    return [(item.sop_class_uid, syntax) for syntax in syntaxes]


def _store_all(objects: Sequence[Deliverable], peer: PeerSettings) -> list[StoreOutcome]:
    return [outcome for batch in _batches(objects) for outcome in _store_each(batch, peer)]


def _store_each(objects: Sequence[Deliverable], peer: PeerSettings) -> list[StoreOutcome]:
    """Send a batch; an object on which the association broke does not take the others with it.

    The rest goes out on a new association; a peer that breaks off again and again is left alone.
    """
    outcomes: list[StoreOutcome] = []
    broken = 0
    while len(outcomes) < len(objects):
        sent = _store_batch(objects[len(outcomes) :], peer)
        lost = next((n for n, o in enumerate(sent) if isinstance(o.error, ConnectionLost)), None)
        broken += lost is not None
        if lost is None or broken > _BREAKS_MAX:
            return outcomes + sent
        outcomes += sent[: lost + 1]
    return outcomes


def _store_batch(objects: Sequence[Deliverable], peer: PeerSettings) -> list[StoreOutcome]:
    ae = _ae(peer)
    for sop_class, syntax in dict.fromkeys(pair for item in objects for pair in _contexts(item)):
        ae.add_requested_context(sop_class, [syntax])
    association = _associate(ae, peer, [])
    if not association.is_established and association.rejected_contexts:
        # The peer answered and takes none of it; the library aborts such an association by itself.
        return [_not_taken(item, peer) for item in objects]
    if not association.is_established:
        error = PeerUnreachable(peer=peer.name, detail=_why(association))
        return [_outcome(item, "failed", error) for item in objects]
    try:
        return [
            _store(association, item, peer, message_id)
            for message_id, item in enumerate(objects, start=1)
        ]
    finally:
        _close(association)


def _store(
    association: Association, item: Deliverable, peer: PeerSettings, message_id: int
) -> StoreOutcome:
    if not association.is_established:
        return _outcome(item, "failed", ConnectionLost(peer=peer.name))
    accepted = {
        UID(context.transfer_syntax[0]): context.context_id
        for context in association.accepted_contexts
        if context.abstract_syntax == item.sop_class_uid
    }
    if not accepted:
        return _not_taken(item, peer)
    chosen = _encoding(item, list(accepted))
    if chosen is None:
        name = UID(item.transfer_syntax_uid).name
        return _outcome(item, "refused", NotEncodable(peer=peer.name, syntax=name))
    syntax, data = chosen
    status = _send(association, item, data, accepted[syntax], message_id % 65535 + 1)
    return _judged(item, peer, status)


def _not_taken(item: Deliverable, peer: PeerSettings) -> StoreOutcome:
    error = ContextRefused(peer=peer.name, sop_class=UID(item.sop_class_uid).name)
    return _outcome(item, "refused", error)


def _encoding(item: Deliverable, accepted: Sequence[UID]) -> tuple[UID, bytes] | None:
    stored = UID(item.transfer_syntax_uid)
    if stored in accepted:
        return stored, even(item.read(), stored)
    for plain in _UNCOMPRESSED:
        if plain in accepted:
            data = recoded(item.read(), stored, plain)
            return None if data is None else (plain, data)
    return None


def _send(
    association: Association, item: Deliverable, data: bytes, context_id: int, message_id: int
) -> int | None:
    """Send one C-STORE with bytes as they are; ``None`` when no answer came.

    pynetdicom's ``send_c_store`` takes a parsed data set and encodes it again, or a plain file on
    disk. Stored objects must go out byte for byte and must never lie decrypted on disk, so this
    does what that method does with a ready byte string.
    """
    request = C_STORE()
    request.MessageID = message_id
    request.Priority = 2
    request.AffectedSOPClassUID = item.sop_class_uid
    request.AffectedSOPInstanceUID = item.sop_instance_uid
    request.DataSet = BytesIO(data)
    # The association's own thread must stand still, or it takes the answer from the queue.
    association._reactor_checkpoint.clear()
    try:
        while not association._is_paused and association.is_alive():
            time.sleep(0.0001)
        association.dimse.send_msg(request, context_id)
        _, response = association.dimse.get_msg(block=True)
    finally:
        association._reactor_checkpoint.set()
    if not isinstance(response, C_STORE) or response.Status is None:
        association.abort()
        return None
    return int(response.Status)


def _judged(item: Deliverable, peer: PeerSettings, status: int | None) -> StoreOutcome:
    """Read a C-STORE status (PS3.4 B.2.3): warnings store, 0xA7xx may pass, the rest will not."""
    if status is None:
        return _outcome(item, "failed", ConnectionLost(peer=peer.name))
    if status == 0x0000 or 0xB000 <= status <= 0xBFFF or status == 0x0107:
        return replace(_outcome(item, "unconfirmed", None), status=status)
    error = StoreRefused(peer=peer.name, status=f"0x{status:04X}")
    # Out of resources and "processing failure" pass; the others say something about the object.
    passing = 0xA700 <= status <= 0xA7FF or status in {0x0110, 0x0211, 0x0212}
    return replace(_outcome(item, "failed" if passing else "refused", error), status=status)


# --- confirming ----------------------------------------------------------------------------------

Verdict = Callable[[StoreOutcome], StoreOutcome]


@dataclass(frozen=True, slots=True)
class _Confirmed:
    by: str

    def __call__(self, outcome: StoreOutcome) -> StoreOutcome:
        how = "commitment" if self.by == "commitment" else "query"
        return replace(outcome, state="confirmed", confirmed_by=how)  # type: ignore[arg-type]  # a Literal chosen above


@dataclass(frozen=True, slots=True)
class _NotKept:
    error: DeliveryError

    def __call__(self, outcome: StoreOutcome) -> StoreOutcome:
        return replace(outcome, state="failed", error=self.error)


def _confirm(
    objects: Sequence[Deliverable],
    peer: PeerSettings,
    new_uid: Callable[[], str],
    inbox: CommitmentInbox | None,
) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    if peer.commitment:
        verdicts = _by_commitment(objects, peer, new_uid(), inbox or MemoryInbox())
    rest = [item for item in objects if item.sop_instance_uid not in verdicts]
    if rest and peer.query:
        verdicts |= _by_query(rest, peer)
    return verdicts


def _by_commitment(
    objects: Sequence[Deliverable],
    peer: PeerSettings,
    transaction_uid: str,
    inbox: CommitmentInbox,
) -> dict[str, Verdict]:
    """Ask for commitment; the association stays open while the answer may come on it."""
    ae = _ae(peer)
    ae.add_requested_context(StorageCommitmentPushModel)
    association = _associate(ae, peer, [event_handler(inbox)])
    if not association.is_established:
        return {}
    try:
        if not association.accepted_contexts:
            return {}
        status, _ = association.send_n_action(
            request_of(objects, transaction_uid), 1, StorageCommitmentPushModel, PUSH_INSTANCE
        )
        if status.get("Status", 0xFFFF) != 0x0000:
            return {}
        result = inbox.wait(transaction_uid, peer.commitment_wait_s)
    finally:
        _close(association)
    if result is None:
        return {}
    verdicts: dict[str, Verdict] = {uid: _Confirmed("commitment") for uid in result.committed}
    for uid, reason in result.refused.items():
        verdicts[uid] = _NotKept(CommitmentRefused(peer=peer.name, status=f"0x{reason:04X}"))
    return verdicts


def _by_query(objects: Sequence[Deliverable], peer: PeerSettings) -> dict[str, Verdict]:
    """Ask with C-FIND at IMAGE level, one query per series."""
    ae = _ae(peer)
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    association = _associate(ae, peer, [])
    if not association.is_established:
        return {}
    verdicts: dict[str, Verdict] = {}
    try:
        if not association.accepted_contexts:
            return {}
        for study, series in dict.fromkeys((item.study_uid, item.series_uid) for item in objects):
            listed = _listed(association, study, series)
            if listed is None:
                continue
            for item in objects:
                if item.series_uid == series:
                    found = item.sop_instance_uid in listed
                    verdicts[item.sop_instance_uid] = (
                        _Confirmed("query") if found else _NotKept(NotListed(peer=peer.name))
                    )
    finally:
        _close(association)
    return verdicts


def _listed(association: Association, study: str, series: str) -> set[str] | None:
    """Return the instances that the peer lists for a series; ``None`` when it cannot tell."""
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = study
    query.SeriesInstanceUID = series
    query.SOPInstanceUID = ""
    found: set[str] = set()
    if not association.is_established:
        return None
    for status, identifier in association.send_c_find(
        query, StudyRootQueryRetrieveInformationModelFind
    ):
        code = status.get("Status")
        if code in {0xFF00, 0xFF01} and identifier is not None:
            found.add(str(identifier.get("SOPInstanceUID", "")))
        elif code != 0x0000:
            return None
    return found


# --- associations --------------------------------------------------------------------------------


def _ae(peer: PeerSettings) -> AE:
    ae = AE(ae_title=peer.calling_ae_title)
    ae.connection_timeout = peer.connect_s
    ae.acse_timeout = peer.connect_s
    ae.dimse_timeout = peer.answer_s
    ae.network_timeout = peer.answer_s + peer.commitment_wait_s
    return ae


def _associate(ae: AE, peer: PeerSettings, handlers: list[Any]) -> Association:
    return ae.associate(
        peer.host,
        peer.port,
        ae_title=peer.ae_title,
        max_pdu=_MAX_PDU,
        evt_handlers=[(evt.EVT_CONN_OPEN, _without_delay), *handlers],
        tls_args=None if peer.tls is None else (peer.tls, peer.host),
    )


def _without_delay(event: Any) -> None:
    """A C-STORE is command then data: with Nagle's algorithm each waits for a delayed ACK."""
    connection = event.assoc.dul.socket.socket
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _close(association: Association) -> None:
    if association.is_established:
        association.release()


def _why(association: Association) -> str:
    if association.is_rejected:
        return "association rejected"
    return "association aborted" if association.is_aborted else "no connection"


def _outcome(item: Deliverable, state: Any, error: DeliveryError | None) -> StoreOutcome:
    return StoreOutcome(
        sop_class_uid=item.sop_class_uid,
        sop_instance_uid=item.sop_instance_uid,
        kind=item.kind,
        state=state,
        error=error,
    )
