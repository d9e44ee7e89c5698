"""Delivery against real DICOM peers in this process: what each kind of PACS makes of results."""

from __future__ import annotations

import itertools
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    Comprehensive3DSRStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
)

from edge.report.commitment import CommitmentListener, CommitmentResult, MemoryInbox
from edge.report.delivery import Deliverable, PeerSettings, deliverable_of
from edge.report.errors import (
    CommitmentRefused,
    ContextRefused,
    NotEncodable,
    NotListed,
    PeerUnreachable,
    StoreRefused,
)
from edge.report.key_images import no_pictures
from edge.report.recode import dataset_of
from edge.report.sc import write_sc
from edge.report.scu import deliver
from edge.report.seg import write_seg
from edge.report.sr import write_sr
from tests import report_cases as cases

# pynetdicom 3.0.4 leaves a socket whose peer is gone to the garbage collector
# (transport.py, _shutdown_socket: close() is skipped when shutdown() raises).
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed.*socket:ResourceWarning",
)

ALL = (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    SegmentationStorage,
    Comprehensive3DSRStorage,
    SecondaryCaptureImageStorage,
)
PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


class Pacs:
    """A peer with switches: what it takes, what it answers, how it confirms."""

    def __init__(self) -> None:
        self.classes: tuple[str, ...] = ALL
        self.syntaxes: tuple[str, ...] = PLAIN
        self.status: Callable[[Dataset], int] = lambda _: 0x0000
        self.find = True
        self.commitment: str | None = None  # "same" | "new" | "refuses" | "silent"
        self.reply_to: tuple[str, int] | None = None
        self.forgets = False
        self.stored: dict[str, tuple[str, bytes]] = {}
        self.series: dict[str, str] = {}
        self.servers: list = []

    def start(self, tls: ssl.SSLContext | None = None) -> int:
        ae = AE(ae_title="PACS")
        for sop_class in self.classes:
            ae.add_supported_context(sop_class, list(self.syntaxes))
        if self.find:
            ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        if self.commitment:
            ae.add_supported_context(StorageCommitmentPushModel)
        server = ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            ssl_context=tls,
            evt_handlers=[
                (evt.EVT_C_STORE, self._store),
                (evt.EVT_C_FIND, self._find),
                (evt.EVT_N_ACTION, self._action),
            ],
        )
        self.servers.append(server)
        return server.server_address[1]

    def _store(self, event: evt.Event) -> int:
        status = self.status(event.dataset)
        if status == 0x0000 or status >> 12 == 0xB:
            uid = str(event.request.AffectedSOPInstanceUID)
            data = event.request.DataSet.getvalue()
            self.stored[uid] = (str(event.context.transfer_syntax), data)
            self.series[uid] = str(event.dataset.SeriesInstanceUID)
        return status

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for uid, series in self.series.items():
            if series == event.identifier.SeriesInstanceUID and not self.forgets:
                answer = Dataset()
                answer.QueryRetrieveLevel = "IMAGE"
                answer.SOPInstanceUID = uid
                yield 0xFF00, answer

    def _action(self, event: evt.Event) -> tuple[int, None]:
        request = event.action_information
        report = Dataset()
        report.TransactionUID = request.TransactionUID
        report.ReferencedSOPSequence = request.ReferencedSOPSequence
        if self.commitment == "refuses":
            for item in report.ReferencedSOPSequence:
                item.FailureReason = 0x0112
            report.FailedSOPSequence = report.ReferencedSOPSequence
            del report.ReferencedSOPSequence
        if self.commitment in {"same", "refuses"}:
            self.report = (event.assoc, report)
            event.assoc.bind(evt.EVT_DIMSE_SENT, self._report_on_same)
        elif self.commitment == "new" and self.reply_to:
            self._report_on_new(report)
        return 0x0000, None

    def _report_on_same(self, event: evt.Event) -> None:
        association, report = self.report
        association.unbind(evt.EVT_DIMSE_SENT, self._report_on_same)
        threading.Thread(
            target=lambda: association.send_n_event_report(
                report,
                1 if "FailedSOPSequence" not in report else 2,
                StorageCommitmentPushModel,
                "1.2.840.10008.1.20.1.1",
            ),
            daemon=True,
        ).start()

    def _report_on_new(self, report: Dataset) -> None:
        ae = AE(ae_title="PACS")
        ae.add_requested_context(StorageCommitmentPushModel)
        association = ae.associate(
            *self.reply_to,
            ae_title="XINGLIN",
            ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
        )
        association.send_n_event_report(
            report, 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
        )
        association.release()

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()


@pytest.fixture(scope="module")
def closing() -> Iterator[list[threading.Thread]]:
    """A pynetdicom server takes half a second to stop; they all stop beside the tests."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def pacs(closing: list[threading.Thread]) -> Iterator[Pacs]:
    peer = Pacs()
    yield peer
    closing.append(threading.Thread(target=peer.stop))
    closing[-1].start()


def settings(port: int, **changes: object) -> PeerSettings:
    values = {
        "name": "PACS-1",
        "host": "127.0.0.1",
        "port": port,
        "ae_title": "PACS",
        "connect_s": 5.0,
        "answer_s": 5.0,
        "commitment_wait_s": 5.0,
        "commitment": False,
        "query": False,
    }
    return PeerSettings(**(values | changes))  # type: ignore[arg-type]  # a table of settings


def new_uid() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"2.25.{next(numbers)}"


def results() -> tuple[list[Deliverable], list[Deliverable]]:
    """SEG and SR; and the picture that stands for them."""
    sources = cases.ct_series()
    context = cases.context(sources)
    case = cases.CASES["ct_findings"]
    seg = write_seg(context, cases.lesions(), cases.label_map(), cases.planes(sources))
    sr = write_sr(context, case, seg)
    return (
        [deliverable_of(seg), deliverable_of(sr)],
        [deliverable_of(sc) for sc in write_sc(context, case, no_pictures)],
    )


def stored_image(syntax: str) -> Deliverable:
    """A radiograph stored in ``syntax``."""
    ds = cases.radiograph()
    if syntax == RLELossless:
        ds.compress(RLELossless, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        words = np.frombuffer(ds.PixelData, dtype="<u2")
        ds.PixelData = words.astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = syntax
    item = deliverable_of(ds)
    data = item.read()
    if syntax == DeflatedExplicitVRLittleEndian:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = packer.compress(data) + packer.flush()
        data += b"\0" * (len(data) % 2)
    return replace(item, read=lambda: data)


# --- storing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
    ],
)
def test_stored_bytes_arrive_as_they_are_in_their_own_syntax(pacs: Pacs, syntax: str) -> None:
    pacs.syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, syntax)
    item = stored_image(syntax)
    (outcome,) = deliver([item], settings(pacs.start()), new_uid())
    assert outcome.state == "unconfirmed"
    assert pacs.stored == {item.sop_instance_uid: (syntax, item.read())}


@pytest.mark.parametrize(
    "syntax", [RLELossless, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("offered", PLAIN)
def test_a_peer_that_does_not_take_the_syntax_gets_the_same_pixels_decoded(
    pacs: Pacs, syntax: str, offered: str
) -> None:
    pacs.syntaxes = (offered,)
    (outcome,) = deliver([stored_image(syntax)], settings(pacs.start()), new_uid())
    assert outcome.state == "unconfirmed"
    ((used, data),) = pacs.stored.values()
    assert used == offered
    arrived = dataset_of(data, UID(used))
    assert np.array_equal(arrived.pixel_array, cases.radiograph().pixel_array)
    assert str(arrived.PatientName) == "ZHANG^SAN=张^三"


def test_pixels_that_do_not_decode_are_refused_with_a_reason_not_sent_broken(pacs: Pacs) -> None:
    ds = cases.radiograph()
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.PixelData = encapsulate([b"not a codestream"])
    (outcome,) = deliver([deliverable_of(ds)], settings(pacs.start()), new_uid())
    assert outcome.state == "refused"
    assert isinstance(outcome.error, NotEncodable)
    assert not pacs.stored


def test_a_peer_without_seg_and_sr_gets_the_picture_by_itself(pacs: Pacs) -> None:
    pacs.classes = (CTImageStorage, SecondaryCaptureImageStorage)
    objects, pictures = results()
    outcomes = deliver(objects, settings(pacs.start(), query=True), new_uid(), pictures)
    assert [outcome.state for outcome in outcomes] == ["refused", "refused", "confirmed"]
    picture = pictures[0].sop_instance_uid
    assert [outcome.replaced_by for outcome in outcomes] == [(picture,), (picture,), ()]
    assert all(isinstance(outcome.error, ContextRefused) for outcome in outcomes[:2])
    assert set(pacs.stored) == {picture}


def test_a_failure_status_for_sr_alone_also_sends_the_picture(pacs: Pacs) -> None:
    pacs.status = lambda ds: 0xA900 if ds.Modality == "SR" else 0x0000
    objects, pictures = results()
    outcomes = deliver(objects, settings(pacs.start()), new_uid(), pictures)
    assert [outcome.state for outcome in outcomes] == ["unconfirmed", "refused", "unconfirmed"]
    assert outcomes[1].status == 0xA900
    assert isinstance(outcomes[1].error, StoreRefused)
    assert len(pacs.stored) == 2


def test_a_peer_that_takes_both_gets_no_picture(pacs: Pacs) -> None:
    objects, pictures = results()
    outcomes = deliver(objects, settings(pacs.start()), new_uid(), pictures)
    assert len(outcomes) == 2
    assert set(pacs.stored) == {item.sop_instance_uid for item in objects}


@pytest.mark.parametrize(
    ("status", "state"),
    [(0xA700, "failed"), (0xA702, "failed"), (0x0110, "failed"), (0xC000, "refused"),
     (0x0122, "refused"), (0xB000, "unconfirmed"), (0xB007, "unconfirmed")],
)  # fmt: skip
def test_statuses_are_read_as_ps3_4_says(pacs: Pacs, status: int, state: str) -> None:
    pacs.status = lambda _: status
    objects, _ = results()
    outcome = deliver(objects[:1], settings(pacs.start()), new_uid())[0]
    assert (outcome.state, outcome.status) == (state, status)
    assert outcome.retry == (state == "failed")


def test_an_unreachable_peer_fails_every_object_and_says_try_again() -> None:
    objects, pictures = results()
    outcomes = deliver(objects, settings(9, connect_s=1.0), new_uid(), pictures)
    assert [(o.state, o.retry) for o in outcomes] == [("failed", True), ("failed", True)]
    assert all(isinstance(o.error, PeerUnreachable) for o in outcomes)


def test_a_peer_that_hangs_up_in_the_middle_loses_nothing_silently(pacs: Pacs) -> None:
    def hang_up(event: evt.Event) -> int:
        event.assoc.abort()
        return 0xC000

    objects, _ = results()
    pacs._store = hang_up  # type: ignore[method-assign]  # a peer of another temper
    outcomes = deliver(objects, settings(pacs.start()), new_uid())
    assert [(o.state, o.retry) for o in outcomes] == [("failed", True), ("failed", True)]


def test_more_kinds_of_objects_than_one_association_negotiates(pacs: Pacs) -> None:
    """150 pairs of class and syntax, 128 contexts per association."""
    item = deliverable_of(cases.radiograph())
    strange = [
        replace(
            item, sop_class_uid=f"1.2.840.10008.5.1.4.1.1.9999.{n}", sop_instance_uid=f"2.25.{n}"
        )
        for n in range(1, 151)
    ]
    outcomes = deliver([*strange, item], settings(pacs.start()), new_uid())
    assert [o.state for o in outcomes] == ["refused"] * 150 + ["unconfirmed"]
    assert list(pacs.stored) == [item.sop_instance_uid]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A throw-away certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pacs")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
    )
    certificate, private = folder / "pacs.pem", folder / "pacs.key"
    certificate.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


def test_tls_to_a_peer_that_is_trusted_and_none_to_one_that_is_not(
    pacs: Pacs, tmp_path: Path
) -> None:
    certificate, private = self_signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, private)
    port = pacs.start(server)
    item = deliverable_of(cases.radiograph())
    trusting = ssl.create_default_context(cafile=str(certificate))
    (outcome,) = deliver([item], settings(port, tls=trusting), new_uid())
    assert outcome.state == "unconfirmed"
    (outcome,) = deliver([item], settings(port, tls=ssl.create_default_context()), new_uid())
    assert isinstance(outcome.error, PeerUnreachable)


def test_a_peer_that_rejects_the_association_says_so(pacs: Pacs) -> None:
    port = pacs.start()
    pacs.servers[0].ae.require_called_aet = True
    (outcome,) = deliver(
        [deliverable_of(cases.radiograph())], settings(port, ae_title="WRONG"), new_uid()
    )
    assert isinstance(outcome.error, PeerUnreachable)
    assert outcome.retry
    assert "association rejected" in str(outcome.error)


# --- confirming ----------------------------------------------------------------------------------


def test_commitment_on_the_same_association(pacs: Pacs) -> None:
    pacs.commitment = "same"
    objects, _ = results()
    outcomes = deliver(objects, settings(pacs.start(), commitment=True), new_uid())
    assert {(o.state, o.confirmed_by) for o in outcomes} == {("confirmed", "commitment")}


def test_commitment_on_a_new_association(pacs: Pacs) -> None:
    pacs.commitment = "new"
    objects, _ = results()
    inbox = MemoryInbox()
    with CommitmentListener("XINGLIN", inbox, "127.0.0.1") as listener:
        pacs.reply_to = listener.address
        outcomes = deliver(objects, settings(pacs.start(), commitment=True), new_uid(), inbox=inbox)
    assert {(o.state, o.confirmed_by) for o in outcomes} == {("confirmed", "commitment")}


def test_a_refused_commitment_is_a_failure_even_though_the_store_said_success(pacs: Pacs) -> None:
    pacs.commitment = "refuses"
    objects, _ = results()
    outcomes = deliver(objects, settings(pacs.start(), commitment=True), new_uid())
    assert {o.state for o in outcomes} == {"failed"}
    assert all(isinstance(o.error, CommitmentRefused) for o in outcomes)


def test_without_an_answer_to_commitment_the_query_decides(pacs: Pacs) -> None:
    pacs.commitment = "silent"
    objects, _ = results()
    peer = settings(pacs.start(), commitment=True, query=True, commitment_wait_s=0.2)
    outcomes = deliver(objects, peer, new_uid())
    assert {(o.state, o.confirmed_by) for o in outcomes} == {("confirmed", "query")}


def test_without_commitment_the_query_confirms(pacs: Pacs) -> None:
    objects, _ = results()
    outcomes = deliver(objects, settings(pacs.start(), commitment=True, query=True), new_uid())
    assert {(o.state, o.confirmed_by) for o in outcomes} == {("confirmed", "query")}


def test_a_peer_that_answers_success_and_lists_nothing_is_found_out(pacs: Pacs) -> None:
    pacs.forgets = True
    objects, _ = results()
    outcomes = deliver(objects, settings(pacs.start(), query=True), new_uid())
    assert [(o.state, o.retry) for o in outcomes] == [("failed", True)] * 2
    assert all(isinstance(o.error, NotListed) for o in outcomes)


def test_a_peer_that_offers_neither_ends_as_sent_unconfirmed(pacs: Pacs) -> None:
    pacs.find = False
    objects, _ = results()
    outcomes = deliver(objects, settings(pacs.start(), commitment=True, query=True), new_uid())
    assert [(o.state, o.retry, o.error) for o in outcomes] == [("unconfirmed", False, None)] * 2


def test_an_inbox_drops_what_nobody_waits_for_and_keeps_what_came_early() -> None:
    inbox = MemoryInbox()
    for number in range(1500):
        inbox.put(CommitmentResult(str(number), frozenset(), {}))
    assert inbox.wait("0", 0.0) is None
    early = inbox.wait("1499", 0.0)
    assert early is not None
    assert inbox.wait("1499", 0.0) is None
