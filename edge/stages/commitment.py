"""Stage ``commitment``: tell a peer our verdict on an association of our own (reversed role)."""

from __future__ import annotations

import json

from pynetdicom import AE, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel

from edge.intake.dimse.commitment import CommitmentRequest, event_information
from edge.intake.dimse.ports import CommitmentAnswer, Reference
from edge.stages.errors import NotDelivered
from edge.stages.queue import Job
from edge.stages.work import Done, Outcome, Work
from edge.store.peer_tls import peer_context

_INSTANCE = "1.2.840.10008.1.20.1.1"
_SUCCESS = 0x0000


def commitment(work: Work, job: Job) -> Outcome:
    """Send one N-EVENT-REPORT; a peer that cannot be reached is tried again."""
    box = work.box
    transaction = job.payload["transaction_uid"]
    rows = box.database.query(
        "SELECT body, state FROM commitment WHERE transaction_uid = ?", (transaction,)
    )
    peer = box.settings.peer_of_ae(job.payload["peer"])
    if not rows or rows[0][1] == "told" or peer is None or not peer.host:
        return Done()
    verdict = json.loads(rows[0][0])
    committed = tuple(Reference(*pair) for pair in verdict["committed"])
    failed = tuple(Reference(one[0], one[1]) for one in verdict["failed"])
    reasons = {one[1]: one[2] for one in verdict["failed"]}
    request = CommitmentRequest(transaction, committed + failed)
    kind, information = event_information(
        request, CommitmentAnswer(transaction, committed, reasons)
    )
    ae = AE(box.settings.dicom.ae_title)
    ae.add_requested_context(StorageCommitmentPushModel)
    role = build_role(StorageCommitmentPushModel, scp_role=True)
    tls = peer_context(box.settings.dicom, peer)
    association = ae.associate(
        peer.host, peer.port, ae_title=peer.ae_title, ext_neg=[role],
        tls_args=tls and (tls, peer.host),
    )  # fmt: skip
    if not association.is_established:
        raise NotDelivered(peer=peer.name, count=len(committed), cause="association")
    try:
        status, _ = association.send_n_event_report(
            information, kind, StorageCommitmentPushModel, _INSTANCE
        )
    finally:
        association.release()
    if "Status" not in status or status.Status != _SUCCESS:
        raise NotDelivered(peer=peer.name, count=len(committed), cause="status")
    with box.database.transaction() as sql:
        sql.execute(
            "UPDATE commitment SET state = 'told' WHERE transaction_uid = ?", (transaction,)
        )
    return Done()
