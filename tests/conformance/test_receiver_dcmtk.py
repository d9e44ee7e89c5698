"""The receiver against the clients that hospitals use: DCMTK and pynetdicom."""

from __future__ import annotations

import datetime
import socket
import ssl
import subprocess
from io import BytesIO
from pathlib import Path

import pydicom.data
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context

from edge.intake.net.negotiate import known_storage_classes
from edge.intake.net.settings import PeerRule, TlsFiles
from provisioning.dcmtk import dcmtk_program, need_dcmtk
from tests.raw_peer import (
    CT,
    IMPLICIT,
    PATIENT,
    Hello,
    RawPeer,
    context,
    node,
    p_data,
    pdv,
    store_request,
)

pytestmark = pytest.mark.skipif(
    dcmtk_program("storescu") is None, reason="DCMTK (Debian package dcmtk) is not installed"
)

COMMITMENT = "1.2.840.10008.1.20.1"
SAMPLES = Path(pydicom.data.get_testdata_file("CT_small.dcm")).parent


def dcmtk(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need_dcmtk(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def storescu(port: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    return dcmtk(
        "storescu", "-aec", "XINGLIN", "-v", *arguments[:-1], "127.0.0.1", port, arguments[-1]
    )


def converted(tool: str, *options: str, source: str = "CT_small.dcm") -> list[str]:
    return [tool, *options, str(SAMPLES / source)]


# storescu's option, the transfer syntax it stands for, how its file is made
SYNTAXES = {
    "-xe": ("1.2.840.10008.1.2.1", converted("dcmconv", "+te")),
    "-xi": ("1.2.840.10008.1.2", converted("dcmconv", "+ti")),
    "-xb": ("1.2.840.10008.1.2.2", converted("dcmconv", "+tb")),
    "-xd": ("1.2.840.10008.1.2.1.99", converted("dcmconv", "+td")),
    "-xs": ("1.2.840.10008.1.2.4.70", converted("dcmcjpeg", "+e1")),
    "-xy": ("1.2.840.10008.1.2.4.50", ["SC_rgb_jpeg_dcmtk.dcm"]),
    "-xx": ("1.2.840.10008.1.2.4.51", ["JPGExtended.dcm"]),
    "-xv": ("1.2.840.10008.1.2.4.90", ["MR_small_jp2klossless.dcm"]),
    "-xw": ("1.2.840.10008.1.2.4.91", ["JPEG2000.dcm"]),
    "-xt": ("1.2.840.10008.1.2.4.80", converted("dcmcjpls")),
    "-xu": ("1.2.840.10008.1.2.4.81", ["JPEGLSNearLossless_16.dcm"]),
    "-xr": ("1.2.840.10008.1.2.5", converted("dcmcrle")),
}


@pytest.fixture(scope="module")
def running():
    with node(limits=PATIENT) as started:
        yield started


@pytest.mark.parametrize("option", SYNTAXES)
def test_storescu_in_every_transfer_syntax(option, tmp_path, running):
    uid, recipe = SYNTAXES[option]
    path = SAMPLES / recipe[0]
    if len(recipe) > 1:
        path = tmp_path / "made.dcm"
        made = dcmtk(*recipe, path)
        assert made.returncode == 0, made.stderr
    sent = dcmread(path)
    assert sent.file_meta.TransferSyntaxUID == uid
    result = storescu(running.port, option, path)
    assert result.returncode == 0, result.stderr
    stored = running.sink.objects[-1]
    assert stored.command.transfer_syntax == uid
    assert stored.command.faults == frozenset()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(uid)
    with DicomBytesIO() as header:
        header.is_little_endian, header.is_implicit_VR = True, False
        write_dataset(header, meta)
        whole = b"\0" * 128 + b"DICM" + header.getvalue() + stored.data
    assert dcmread(BytesIO(whole)).PixelData == sent.PixelData


def test_echoscu_and_a_wrong_title(running):
    assert dcmtk("echoscu", "-aec", "XINGLIN", "127.0.0.1", running.port).returncode == 0
    refused = dcmtk("echoscu", "-aec", "WRONG", "127.0.0.1", running.port)
    assert refused.returncode != 0
    assert "Called AE Title Not Recognized" in refused.stderr


def test_a_stranger_is_told_so():
    with node(peers=[PeerRule("ct", calling_ae=frozenset({"CT1"}))]) as guarded:
        refused = dcmtk("echoscu", "-aet", "EVIL", "-aec", "XINGLIN", "127.0.0.1", guarded.port)
        assert "Calling AE Title Not Recognized" in refused.stderr


@pytest.mark.parametrize("size", ["4096", "131072"])
def test_storescu_with_its_smallest_and_largest_pdu(size, running):
    path = SAMPLES / "MR_small.dcm"
    assert storescu(running.port, "-pdu", size, path).returncode == 0
    assert len(running.sink.objects[-1].data) > 9000


# -- pynetdicom as client --------------------------------------------------------------------------


def tiny(sop_class: str, number: int) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"2.25.{number}"
    ds.PatientName = "Test^Class"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return ds


def test_every_storage_class_of_the_library(running):
    classes = sorted(known_storage_classes())
    before = len(running.sink.objects)
    for start in range(0, len(classes), 128):
        part = classes[start : start + 128]
        contexts = tuple(context(2 * n + 1, uid, IMPLICIT) for n, uid in enumerate(part))
        with RawPeer(running.port) as peer:
            peer.associate(Hello(contexts=contexts))
            for number, uid in enumerate(part):
                command = store_request(f"2.25.{start + number}", AFFECTED_SOP_CLASS=uid)
                peer.send(p_data(pdv(2 * number + 1, 3, command), pdv(2 * number + 1, 2, b"data")))
                assert peer.response()["status"] == 0
            assert peer.release() == 6
    stored = running.sink.objects[before:]
    assert [o.command.sop_class for o in stored] == classes
    assert all(not o.command.faults for o in stored)


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.110"]
)
def test_syntaxes_newer_than_the_clients(syntax, running):
    ds = tiny(CT, 1)
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ae = AE("MODALITY")
    ae.requested_contexts = [build_context(CT, [syntax, ImplicitVRLittleEndian])]
    association = ae.associate("127.0.0.1", running.port, ae_title="XINGLIN")
    assert association.accepted_contexts[0].transfer_syntax == [syntax]
    assert association.send_c_store(ds).Status == 0
    association.release()
    assert running.sink.objects[-1].command.transfer_syntax == syntax


def test_bytes_are_kept_as_sent(running):
    ds = dcmread(SAMPLES / "CT_small.dcm")
    with DicomBytesIO() as expected:
        expected.is_little_endian, expected.is_implicit_VR = True, False
        write_dataset(expected, ds)
        sent = expected.getvalue()
    ae = AE("MODALITY")
    ae.requested_contexts = [build_context(ds.SOPClassUID, ExplicitVRLittleEndian)]
    association = ae.associate("127.0.0.1", running.port, ae_title="XINGLIN")
    assert association.send_c_store(ds).Status == 0
    association.release()
    assert running.sink.objects[-1].data == sent


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_commitment_with_pynetdicom(syntax, undefined):
    reports: list[Dataset] = []

    def on_event(event: evt.Event) -> tuple[int, None]:
        reports.append(event.event_information)
        return 0x0000, None

    request = Dataset()
    request.TransactionUID = "2.25.5"
    held, lost = Dataset(), Dataset()
    for item, number in ((held, 1), (lost, 2)):
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, f"2.25.{number}"
    request.ReferencedSOPSequence = [held, lost]
    request["ReferencedSOPSequence"].is_undefined_length = undefined
    with node() as fresh:
        ae = AE("MODALITY")
        ae.requested_contexts = [
            build_context(CT, ImplicitVRLittleEndian),
            build_context(COMMITMENT, syntax),
        ]
        association = ae.associate(
            "127.0.0.1",
            fresh.port,
            ae_title="XINGLIN",
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_event)],
        )
        assert association.send_c_store(tiny(CT, 1)).Status == 0
        status, _ = association.send_n_action(request, 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
        assert status.Status == 0
        assert association.send_c_store(tiny(CT, 3)).Status == 0  # the event came before
        association.release()
        fresh.sink.await_endings(1)
    assert [i.ReferencedSOPInstanceUID for i in reports[0].ReferencedSOPSequence] == ["2.25.1"]
    assert [i.ReferencedSOPInstanceUID for i in reports[0].FailedSOPSequence] == ["2.25.2"]
    assert fresh.commitments.answers == [("2.25.5", True)]


def test_queries_are_answered_by_the_service_behind():
    find = "1.2.840.10008.5.1.4.1.2.2.1"

    def on_find(event: evt.Event):
        match = Dataset()
        match.QueryRetrieveLevel, match.StudyInstanceUID = "STUDY", "1.2.3"
        yield 0xFF00, match

    service = AE("XINGLIN")
    service.add_supported_context(find)
    server = service.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, on_find)]
    )
    try:
        with node(query_service=server.server_address) as fresh:
            found = dcmtk(
                "findscu", "-S", "-aec", "XINGLIN", "-k", "QueryRetrieveLevel=STUDY",
                "-k", "StudyInstanceUID", "127.0.0.1", fresh.port,
            )  # fmt: skip
            assert found.returncode == 0, found.stderr
            assert "1.2.3" in found.stdout + found.stderr
            assert storescu(fresh.port, SAMPLES / "CT_small.dcm").returncode == 0
            assert fresh.receiver.health().handed_over == 1
    finally:
        server.shutdown()


# -- TLS -------------------------------------------------------------------------------------------


def authority(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    return key, signed(name, key, name, key, is_authority=True)


def signed(subject, key, issuer, issuer_key, *, is_authority=False) -> x509.Certificate:
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for place in ("good", "evil"):
        ca_key, ca = authority(f"{place} authority")
        (folder / f"{place}-ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        for name in ("server", "ct1"):
            key = rsa.generate_private_key(65537, 2048)
            made = signed(name, key, f"{place} authority", ca_key)
            stem = folder / f"{place}-{name}"
            stem.with_suffix(".pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
            stem.with_suffix(".key").write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                )
            )
    return folder


@pytest.fixture
def secure(certificates):
    files = TlsFiles(
        certificates / "good-server.pem",
        certificates / "good-server.key",
        certificates / "good-ca.pem",
    )
    rules = [
        PeerRule("named", calling_ae=frozenset({"CT1"}), certificate_names=frozenset({"ct1"})),
        PeerRule("other", calling_ae=frozenset({"CT2"}), certificate_names=frozenset({"ct2"})),
        PeerRule("plain", calling_ae=frozenset({"OLD"})),
    ]
    with node(peers=rules, tls=files) as started:
        yield started


def with_tls(folder: Path, who: str, trusts: str = "good") -> list[object]:
    return [
        "+tls",
        folder / f"{who}-ct1.key",
        folder / f"{who}-ct1.pem",
        "+cf",
        folder / f"{trusts}-ca.pem",
    ]


def test_tls_and_plain_on_one_port(secure, certificates):
    path = SAMPLES / "CT_small.dcm"
    tls = with_tls(certificates, "good")
    stored = storescu(secure.port, "-aet", "CT1", *tls, path)
    assert stored.returncode == 0, stored.stderr
    assert secure.sink.objects[-1].peer.certificate_names == ("ct1",)
    assert storescu(secure.port, "-aet", "OLD", path).returncode == 0
    assert secure.sink.objects[0].data == secure.sink.objects[1].data


@pytest.mark.parametrize(
    ("title", "options", "word"),
    [
        ("CT1", lambda f: with_tls(f, "evil"), "Request Failed"),
        ("CT1", lambda f: ["+tla", "-ic"], "Request Failed"),
        ("CT1", lambda f: [], "Calling AE Title Not Recognized"),
        ("CT2", lambda f: with_tls(f, "good"), "Calling AE Title Not Recognized"),
    ],
    ids=["strange authority", "no certificate", "plain where TLS is due", "another's title"],
)
def test_bad_tls_is_refused(secure, certificates, title, options, word):
    arguments = ["-v", "-aet", title, "-aec", "XINGLIN", *options(certificates)]
    result = dcmtk("echoscu", *arguments, "127.0.0.1", secure.port)
    assert result.returncode != 0
    assert word in result.stderr + result.stdout
    good = dcmtk("echoscu", "-aet", "OLD", "-aec", "XINGLIN", "127.0.0.1", secure.port)
    assert good.returncode == 0


def test_old_tls_is_refused(secure, certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(certificates / "good-ca.pem")
    context.load_cert_chain(certificates / "good-ct1.pem", certificates / "good-ct1.key")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", secure.port), 10) as plain,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(plain)


def test_a_big_object_over_tls(secure, certificates, tmp_path):
    ds = dcmread(SAMPLES / "CT_small.dcm")
    ds.Rows = ds.Columns = 2048
    ds.PixelData = bytes(range(256)) * (2048 * 2048 * 2 // 256)
    ds.save_as(tmp_path / "big.dcm")
    tls = with_tls(certificates, "good")
    assert storescu(secure.port, "-aet", "CT1", *tls, tmp_path / "big.dcm").returncode == 0
    assert ds.PixelData in secure.sink.objects[-1].data
