"""TLS of the associations that the box opens (PS3.15 B.9, BCP 195)."""

from __future__ import annotations

import ssl

from edge.store.errors import SettingsWrong
from edge.store.settings import DicomSettings, PeerSettings


def peer_context(dicom: DicomSettings, peer: PeerSettings) -> ssl.SSLContext | None:
    """Return the context for a peer with ``tls``; None for a plain one.

    The peer's certificate must come from ``dicom.peer_ca`` (the system's authorities where none
    is set) and name its host; ours is shown where there is one.

    Raises
    ------
    SettingsWrong
        A file of the settings is missing or is no certificate or key.
    """
    if not peer.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=dicom.peer_ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if dicom.certificate:
            context.load_cert_chain(dicom.certificate, dicom.key or None)
    except OSError as error:  # ssl.SSLError is one
        where = "dicom.certificate, dicom.key, dicom.peer_ca"
        raise SettingsWrong(where=where, fault=type(error).__name__) from None
    return context
