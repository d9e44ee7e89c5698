"""Associations that the box opens to a peer with ``tls`` are TLS, its certificate checked."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find

from edge.stages.deliver import destination_of
from edge.stages.pacs_count import count_at
from edge.store.errors import SettingsWrong
from edge.store.peer_tls import peer_context
from edge.store.settings import DicomSettings, PeerSettings
from tests.chain_site import Site


@pytest.fixture
def files(tmp_path):
    """A self-signed certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pacs")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "pacs.pem").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "pacs.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path


@pytest.fixture
def port(files):
    """A PACS behind TLS that counts twelve images."""

    def find(_event):
        answer = Dataset()
        answer.NumberOfStudyRelatedInstances = "12"
        yield 0xFF00, answer
        yield 0x0000, None

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files / "pacs.pem", files / "pacs.key")
    ae = AE("PACS")
    ae.add_supported_context(Find)
    running = ae.start_server(
        ("127.0.0.1", 0), block=False, ssl_context=server, evt_handlers=[(evt.EVT_C_FIND, find)]
    )
    yield running.server_address[1]
    running.shutdown()
    running.server_close()


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_tls_peer_is_asked_over_tls_if_its_certificate_is_trusted(files, port):
    peer = PeerSettings("pacs", "PACS", "127.0.0.1", port, tls=True)
    trusting = DicomSettings(peer_ca=str(files / "pacs.pem"))
    assert count_at(peer, "1.2.3", trusting) == 12
    assert count_at(peer, "1.2.3", DicomSettings()) is None


def test_delivery_takes_the_peers_context(tmp_path, files):
    ca = f'[dicom]\npeer_ca = "{files / "pacs.pem"}"\n'
    peers = '[[peers]]\nname = "a"\nae_title = "A"\ntls = true\n'
    peers += '[[peers]]\nname = "b"\nae_title = "B"\n'
    box = Site(tmp_path / "box", ca + peers).box
    secure, plain = (destination_of(box, peer) for peer in box.settings.peers)
    assert secure.tls is not None
    assert secure.tls.verify_mode == ssl.CERT_REQUIRED
    assert plain.tls is None


def test_missing_certificate_is_a_fault_of_the_settings():
    peer = PeerSettings("pacs", "PACS", "h", 1, tls=True)
    with pytest.raises(SettingsWrong, match="dicom"):
        peer_context(DicomSettings(certificate="/nowhere.pem"), peer)


def test_who_may_query():
    assert PeerSettings("a", "A", traits=("may-query",)).may_query
    assert PeerSettings("a", "A", traits=("pacs",)).may_query
    assert not PeerSettings("a", "A", traits=("modality", "may-correct")).may_query
