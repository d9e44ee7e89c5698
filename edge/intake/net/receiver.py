"""The listener: accepts connections, one thread each; starts, stops, reports its health."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import structlog
from structlog.typing import FilteringBoundLogger

from edge.intake.net.admission import Admission, Slot
from edge.intake.net.association import Surroundings, run
from edge.intake.net.errors import AssociationRejected, ReceiverStopping
from edge.intake.net.health import Health, Tally
from edge.intake.net.negotiate import known_storage_classes, plain_address
from edge.intake.net.pdu import encode_reject
from edge.intake.net.settings import ReceiverSettings
from edge.intake.net.sink import Commitments, Sink
from edge.intake.net.tls import server_context

_OUT_OF_FILES_PAUSE_S = 0.05


def _logger() -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger("xinglin.intake.net")
    return logger


@dataclass(frozen=True, slots=True)
class Outside:
    """Clock, ids and log; given by tests, real by default."""

    clock: Callable[[], float] = time.monotonic
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    log: FilteringBoundLogger = field(default_factory=_logger)


class Receiver:
    """A storage receiver on one port.

    Parameters
    ----------
    settings : ReceiverSettings
    sink : Sink
        Where objects go.
    commitments : Commitments
        Who answers storage commitment.
    outside : Outside, optional
    """

    def __init__(
        self,
        settings: ReceiverSettings,
        sink: Sink,
        commitments: Commitments,
        outside: Outside | None = None,
    ) -> None:
        outside = outside or Outside()
        self._settings = settings
        self._around = Surroundings(
            settings=settings,
            storage_classes=known_storage_classes(),
            sink=sink,
            commitments=commitments,
            admission=Admission(settings.limits),
            tally=Tally(),
            log=outside.log,
            clock=outside.clock,
            new_id=outside.new_id,
            tls=server_context(settings.tls) if settings.tls else None,
        )
        self._listener: socket.socket | None = None
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def start(self) -> int:
        """Listen; return the port (useful when the settings say 0)."""
        self._listener = listen(self._settings)
        port: int = self._listener.getsockname()[1]
        self._spawn(self._accept_loop, (self._listener,))
        return port

    def stop(self) -> None:
        """Take no more, let objects in transit finish, abort the rest; return when all is quiet."""
        self._around.stopping.set()
        if self._listener is not None:
            # Closing alone does not wake a thread that waits in accept().
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._around.admission.end_all(ReceiverStopping(), idle_only=True)
        self._join(self._settings.limits.stop_grace_s)
        self._around.admission.end_all(ReceiverStopping(), idle_only=False)
        self._join(self._settings.limits.network_s)

    def health(self) -> Health:
        """Return the counters."""
        around = self._around
        return around.tally.snapshot(
            around.admission.seated_by_peer(), around.clock(), stopping=around.stopping.is_set()
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port listened on; 0 before :meth:`start`."""
        if self._listener is None or self._listener.fileno() < 0:
            return 0
        port: int = self._listener.getsockname()[1]
        return port

    def _accept_loop(self, listener: socket.socket) -> None:
        around = self._around
        while not around.stopping.is_set():
            try:
                connection, address = listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError as error:
                # Out of file descriptors, or closed by stop(); the pause lets others end.
                if not around.stopping.wait(_OUT_OF_FILES_PAUSE_S):
                    around.log.error("accept.failed", error=type(error).__name__)
                continue
            self._welcome(connection, str(plain_address(address[0])))

    def _welcome(self, connection: socket.socket, address: str) -> None:
        around = self._around
        slot = Slot(connection, address, around.clock())
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            around.admission.enter(slot, slot.opened)
            self._spawn(run, (slot, around))
        except AssociationRejected as rejection:
            around.tally.refused(rejection.code)
            _turn_away(connection, encode_reject(rejection))
        except (RuntimeError, OSError) as error:
            # No thread could be started, or the peer is gone already.
            around.log.error("association.not_started", error=type(error).__name__)
            around.admission.leave(slot)
            connection.close()

    def _spawn(self, target: Callable[..., None], arguments: tuple[object, ...]) -> None:
        def body() -> None:
            try:
                target(*arguments)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=body, name="dicom-receiver", daemon=True)
        # Started under the lock: stop() joins what stands there, and an unstarted one cannot be.
        with self._lock:
            thread.start()
            self._threads.add(thread)

    def _join(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))


def listen(settings: ReceiverSettings) -> socket.socket:
    """Return the listening socket; several processes may share its port when settings say so."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.processes > 1:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((settings.host, settings.port))
    listener.listen(settings.backlog)
    return listener


def _turn_away(connection: socket.socket, last_words: bytes) -> None:
    """Refuse without a thread: the kernel's buffer takes the few bytes."""
    with contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(last_words)
        connection.shutdown(socket.SHUT_WR)
    connection.close()
