"""The query service: one pynetdicom acceptor, its handlers and its limits.

It listens on a loopback port behind the front receiver, which ends TLS, checks the allow-list and
splices other associations through. Nothing is logged by the library: its messages would hold
identifiers.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from threading import Event as Signal
from typing import Any
from weakref import ref

from pydicom.uid import UID
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom import _config as library
from pynetdicom._globals import ALL_TRANSFER_SYNTAXES
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)
from pynetdicom.transport import ThreadedAssociationServer

from edge.intake.dimse.commitment import CommitmentProvider, CommitmentReceiver, in_thread
from edge.intake.dimse.mpps import ProcedureSteps
from edge.intake.dimse.ports import (
    Archive,
    CommitmentSink,
    DimseSettings,
    MppsSink,
    Observer,
)
from edge.intake.dimse.retrieve import Retrieval

_HTJ2K = tuple(UID(f"1.2.840.10008.1.2.4.{n}") for n in (201, 202, 203))
_SERVICES = (
    Verification,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelMove,
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelGet,
    ModalityPerformedProcedureStep,
)
_NOT_HERE = 0x0122


@dataclass(frozen=True, slots=True)
class DimsePorts:
    """What the service works on."""

    archive: Archive
    mpps: MppsSink
    commitments: CommitmentSink
    observe: Observer


@dataclass(frozen=True, slots=True)
class DimseService:
    """A running service; `port` is the one that was bound."""

    port: int
    server: ThreadedAssociationServer
    stopping: Signal

    def stop(self) -> None:
        """Abort what is open and free the port."""
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()


def start_service(settings: DimseSettings, ports: DimsePorts) -> DimseService:
    """Bind, listen and return at once; associations run in threads of the library.

    Raises OSError if the port is taken. Call in a process of its own: the library's settings are
    global, and its threads would compete with the receiver's for one interpreter.
    """
    quieten_library()
    stopping = Signal()
    server = application_entity(settings).start_server(
        (settings.host, settings.port),
        block=False,
        evt_handlers=handlers(settings, ports, stopping),
    )
    return DimseService(server.server_address[1], server, stopping)


def quieten_library() -> None:
    """Turn the library's log off: tracebacks and identifiers hold patients' data."""
    library.LOG_REQUEST_IDENTIFIERS = False
    library.LOG_RESPONSE_IDENTIFIERS = False
    library.LOG_HANDLER_LEVEL = "none"
    # pydicom's warnings quote the values they warn of, and go to the log and to stderr.
    warnings.filterwarnings("ignore", module="pydicom")
    for name in ("pynetdicom", "pydicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def application_entity(settings: DimseSettings) -> AE:
    """Return the acceptor with its contexts and limits."""
    ae = AE(settings.ae_title)
    ae.maximum_pdu_size = settings.max_pdu_bytes
    ae.maximum_associations = settings.max_associations
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = settings.timeout_s
    ae.require_called_aet = True
    if settings.known_callers_only:
        ae.require_calling_aet = list(settings.peers)
    for service in _SERVICES:
        ae.add_supported_context(service)
    # Either side may be the provider: answers to our own requests come with reversed roles.
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    syntaxes = [*ALL_TRANSFER_SYNTAXES, *(s for s in _HTJ2K if s not in ALL_TRANSFER_SYNTAXES)]
    for context in AllStoragePresentationContexts:
        # For C-GET the requestor is the storage provider; storing to us is the receiver's.
        ae.add_supported_context(context.abstract_syntax, syntaxes, scu_role=False, scp_role=True)
    return ae


def handlers(settings: DimseSettings, ports: DimsePorts, stopping: Signal) -> list[tuple[Any, Any]]:
    """Return the library's event handlers."""
    retrieval = Retrieval(settings, ports.archive, ports.observe)
    steps = ProcedureSteps(settings, ports.mpps, ports.observe)
    provider = CommitmentProvider(
        settings, ports.archive, ports.observe, start=in_thread, wait=stopping.wait
    )
    receiver = CommitmentReceiver(ports.commitments, ports.observe)
    return [
        (evt.EVT_C_ECHO, _echo),
        (evt.EVT_C_STORE, _store),
        (evt.EVT_C_FIND, retrieval.find),
        (evt.EVT_C_MOVE, retrieval.move),
        (evt.EVT_C_GET, retrieval.get),
        (evt.EVT_N_CREATE, steps.create),
        (evt.EVT_N_SET, steps.change),
        (evt.EVT_N_ACTION, provider.act),
        (evt.EVT_N_EVENT_REPORT, receiver.reported),
        (evt.EVT_CONN_OPEN, MessageCap(settings.max_message_bytes).watch),
    ]


def _echo(event: evt.Event) -> int:
    del event
    return 0x0000


def _store(event: evt.Event) -> tuple[int, None] | int:
    del event
    return _NOT_HERE


@dataclass(frozen=True, slots=True)
class MessageCap:
    """Limits what one association can make the library hold.

    pynetdicom reads a PDU of any announced length, and joins fragments until the last one comes.
    """

    max_bytes: int

    def watch(self, event: evt.Event) -> None:
        """Put the counting reader on a new connection (handler of EVT_CONN_OPEN)."""
        counted = _CountedSocket(event.assoc.dul.socket, self.max_bytes)
        event.assoc.dul.socket.recv = counted.recv
        event.assoc.bind(evt.EVT_DIMSE_RECV, counted.message_complete)


class _CountedSocket:
    """Reads like the library's socket until too much came for one message.

    The library leaves a socket that the peer has closed to the garbage collector; here it is
    closed, so that a peer that comes and goes cannot use up the descriptors.
    """

    def __init__(self, inner: Any, max_bytes: int) -> None:
        self._inner = ref(inner)  # weak: `inner` holds this object's method
        self._read = type(inner).recv
        self._max_bytes = max_bytes
        self._received = 0

    def recv(self, count: int) -> bytearray:
        """Read `count` bytes; OSError (which the library takes as a closed connection) if over."""
        inner = self._inner()
        self._received += count
        if inner is None or self._received > self._max_bytes:
            self._close(inner)
            raise OSError("message too long")
        try:
            got: bytearray = self._read(inner, count)
        except OSError:
            self._close(inner)
            raise
        if len(got) < count:
            self._close(inner)
        return got

    @staticmethod
    def _close(inner: Any) -> None:
        if inner is not None and inner.socket is not None:
            inner.socket.close()

    def message_complete(self, event: evt.Event) -> None:
        """Begin to count anew (handler of EVT_DIMSE_RECV)."""
        del event
        self._received = 0
