"""Ask the sending PACS how many images a study has (C-FIND at study level)."""

from __future__ import annotations

from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from edge.store.peer_tls import peer_context
from edge.store.settings import DicomSettings, PeerSettings

_PENDING = (0xFF00, 0xFF01)


def count_at(peer: PeerSettings, study_uid: str, dicom: DicomSettings) -> int | None:
    """Return NumberOfStudyRelatedInstances, or None where the peer does not say.

    A peer that cannot be reached, refuses the service or leaves the attribute empty says nothing;
    completeness then rests on the other rules.
    """
    ae = AE(dicom.ae_title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = 2
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    tls = peer_context(dicom, peer)
    association = ae.associate(
        peer.host, peer.port, ae_title=peer.ae_title, tls_args=tls and (tls, peer.host)
    )
    if not association.is_established:
        return None
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "STUDY"
    wanted.StudyInstanceUID = study_uid
    wanted.NumberOfStudyRelatedInstances = None
    found: int | None = None
    try:
        for status, answer in association.send_c_find(
            wanted, StudyRootQueryRetrieveInformationModelFind
        ):
            if "Status" in status and status.Status in _PENDING and answer is not None:
                value = answer.get("NumberOfStudyRelatedInstances")
                found = int(value) if str(value or "").isdigit() else found
    finally:
        association.release()
    return found
