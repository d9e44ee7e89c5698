"""The sync port: gRPC over mutual TLS, one stream per box.

Who speaks is looked up by the certificate, byte for byte, when a link begins, every fifteen
seconds while it is open, and by the node's standing before each thing it asks for.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import XinglinError
from hub.downlink import chain
from hub.downlink.errors import NotYours
from hub.downlink.inbox import Inbox
from hub.downlink.link import LARGEST_MESSAGE
from hub.downlink.session import MIN_PING_S, Session, Workplace, refused_of
from hub.downlink.sink import EventSink
from hub.downlink.uploads import Limits, UploadParts, Uploads
from hub.registry.devices import Caller, Devices
from hub.registry.directory import HubDirectory
from hub.site import HubSite
from hub.store.tables import ATTACHED, CONSULT, DIRECTORY, OBJECT
from protos.gen import sync_pb2 as pb
from protos.pieces import SERVICE, Broken, Piece, read_up

_log = structlog.get_logger("sync")
_FETCH_PIECE = 256 * 1024
_CLOCK_S = 0.25
_BEATS_S = 2.0
_ADMIT_S = 15.0
_STALE_S = 3600.0
_KEEP_UPLOADS_MS = 60 * 86_400_000
_COMMITTERS = 4


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What the port shows and whom it believes, PEM."""

    key: bytes
    chain: bytes
    root: bytes


@dataclass(frozen=True)
class SyncParts:
    """What a sync server is made of.

    Attributes
    ----------
    tls : callable
        Gives the present key and certificate; asked at every handshake, so that it must be quick.
    links : int
        Boxes that may be connected to this process.
    """

    site: HubSite
    sink: EventSink
    tls: Callable[[], ServerTls]
    free: Callable[[], int]
    limits: Limits = field(default_factory=Limits)
    links: int = 1000
    mark: Callable[[str], None] = lambda _: None


class SyncServer:
    """The sync port of one hub process: made, started, stopped."""

    def __init__(self, parts: SyncParts) -> None:
        site = parts.site
        self._parts = parts
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._shown: ServerTls | None = None
        self._inbox = Inbox(site.database)
        self._pool = ThreadPoolExecutor(_COMMITTERS, thread_name_prefix="commit")
        uploads = Uploads(
            UploadParts(
                folder=site.folder / "incoming", database=site.database, objects=site.objects,
                inbox=self._inbox, now_ms=site.outside.now_ms, free=parts.free,
                limits=parts.limits, mark=parts.mark,
            )
        )  # fmt: skip
        self._place = Workplace(
            site=site, devices=Devices(site),
            directory=HubDirectory(site.database, site.identity, site.outside.now_ms),
            uploads=uploads, inbox=self._inbox, sink=parts.sink, pool=self._pool, beats={}, ends={},
        )  # fmt: skip
        self._server = self._make_server()
        self._clock = threading.Thread(target=self._run_clock, name="sync clock", daemon=True)

    def start(self, host: str, port: int) -> int:
        """Bind, begin to serve, return the port.

        Raises
        ------
        RuntimeError
            If the address is taken.
        """
        first = self._shown = self._parts.tls()
        credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(first), self._fetch_tls, require_client_authentication=True
        )
        bound = self._server.add_secure_port(f"{host}:{port}", credentials)
        self._inbox.start()
        self._look()
        self._clock.start()
        self._server.start()
        return int(bound)

    def stop(self, grace_s: float = 3.0) -> None:
        """End every link, write what is held, end."""
        self._stop.set()
        for session in self._all():
            session.end()
        self._server.stop(grace_s).wait()
        self._clock.join()
        self._pool.shutdown()
        self._inbox.stop()

    def connected(self) -> list[str]:
        """Return the nodes that are connected to this process."""
        with self._lock:
            return sorted(self._sessions)

    def sessions(self) -> int:
        """Return how many links are open here."""
        return len(self._all())

    # -- gRPC's handlers -------------------------------------------------------------------------

    def Link(  # noqa: N802 gRPC's name
        self, messages: Iterator[pb.Up | Piece | Broken], context: grpc.ServicerContext
    ) -> Iterator[pb.Down]:
        """See ``protos/sync.proto``."""
        try:
            der = _certificate_of(context)
            caller = self._place.devices.admit(der)
        except XinglinError as refusal:
            yield pb.Down(refused=refused_of(refusal))
            _turn_away(context, refusal)
            return
        name = self._parts.site.outside.randomness(8).hex()
        session = Session(self._place, caller, der, name, self._greeted, self._looker(der))
        context.add_callback(session.end)
        ear = threading.Thread(target=session.listen, args=(messages,), daemon=True)
        ear.start()
        try:
            yield from session.speak()
        finally:
            session.end()
            self._forget(session)
            session.finish()
            self._place.uploads.release(name)
        if session.refusal is not None:
            _turn_away(context, session.refusal)

    def Fetch(  # noqa: N802 gRPC's name
        self, request: pb.FetchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.FetchPart]:
        """See ``protos/sync.proto``."""
        try:
            caller = self._place.devices.admit(_certificate_of(context))
            size = self._attached(caller, request.address.hex())
        except XinglinError as refusal:
            _turn_away(context, refusal)
            return
        offset, address = request.offset, request.address.hex()
        try:
            while offset < size:
                self._place.devices.check(caller.node)  # a box may be revoked in the middle
                piece = self._parts.site.objects.read(address, offset, _FETCH_PIECE)
                if not piece:
                    return
                offset += len(piece)
                yield pb.FetchPart(data=piece)
        except XinglinError as refusal:
            _turn_away(context, refusal)

    # -- parts -----------------------------------------------------------------------------------

    def _looker(self, der: bytes) -> Callable[[Session], None]:
        """Return what looks at a certificate again every fifteen seconds of its link."""
        last = [time.monotonic()]

        def look(session: Session) -> None:
            if time.monotonic() - last[0] > _ADMIT_S:
                last[0] = time.monotonic()
                try:
                    self._place.devices.admit(der)
                except XinglinError as refusal:
                    session.end(refusal)

        return look

    def _attached(self, caller: Caller, address: str) -> int:
        query = (
            select(CONSULT.c.id)
            .join(ATTACHED, ATTACHED.c.consult == CONSULT.c.id)
            .join(OBJECT, OBJECT.c.address == ATTACHED.c.address)
            # Whoever names an object before it has come does not own it by that.
            .where(
                ATTACHED.c.address == address, CONSULT.c.hospital == caller.hospital,
                OBJECT.c.hospital == caller.hospital, OBJECT.c.committed_at.is_not(None),
            )
        )  # fmt: skip
        with self._parts.site.database.read() as sql:
            if sql.execute(query).first() is None:
                raise NotYours
        return self._parts.site.objects.size(address)

    def _greeted(self, session: Session) -> None:
        with self._lock:
            before = self._sessions.get(session.caller.node)
            self._sessions[session.caller.node] = session
        if before is not None:
            before.replaced()

    def _forget(self, session: Session) -> None:
        with self._lock:
            if self._sessions.get(session.caller.node) is session:
                del self._sessions[session.caller.node]

    def _all(self) -> list[Session]:
        with self._lock:
            return list(self._sessions.values())

    def _make_server(self) -> grpc.Server:
        threads = ThreadPoolExecutor(self._parts.links + 16, thread_name_prefix="link")
        server = grpc.server(
            threads,
            options=(
                ("grpc.max_receive_message_length", LARGEST_MESSAGE),
                ("grpc.max_metadata_size", 8 * 1024),
                ("grpc.server_handshake_timeout_ms", 30_000),
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_pings_without_data", 0),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", MIN_PING_S * 1000 - 1000),
                ("grpc.max_concurrent_streams", 8),
                ("grpc.so_reuseport", 0),
            ),
            maximum_concurrent_rpcs=self._parts.links + 16,
        )
        server.add_generic_rpc_handlers((self._handlers(),))
        return server

    def _handlers(self) -> grpc.GenericRpcHandler:
        """Return the service's methods; what the generated code registers, but for the pieces."""
        methods: dict[str, Any] = {
            "Link": grpc.stream_stream_rpc_method_handler(
                self.Link, read_up, pb.Down.SerializeToString
            ),
            "Fetch": grpc.unary_stream_rpc_method_handler(
                self.Fetch, _read_fetch, pb.FetchPart.SerializeToString
            ),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _fetch_tls(self) -> Any:
        """Return a certificate that is new, for gRPC's next handshakes; None where it is not.

        gRPC may not be given the same one again: each time it replaces what handshakes are made
        from without waiting for those under way, and when two hundred boxes connect at once that
        ends the process (seen with grpcio 1.85: ``sync.cc … prior > 0``).
        """
        try:
            fresh = self._parts.tls()
        except (OSError, XinglinError) as error:
            _log.error("the sync port keeps its old certificate", fault=type(error).__name__)
            return None
        with self._lock:
            if fresh == self._shown:
                return None
            self._shown = fresh
        return _configuration(fresh)

    def _run_clock(self) -> None:
        beats = stale = time.monotonic()
        while not self._stop.wait(_CLOCK_S):
            try:
                self._place.uploads.flush_due()
                self._look()
                now = time.monotonic()
                if now - beats > _BEATS_S:
                    beats = now
                    self._write_beats()
                if now - stale > _STALE_S:
                    stale = now
                    before = self._parts.site.outside.now_ms() - _KEEP_UPLOADS_MS
                    self._place.uploads.forget_stale(before)
            except (SQLAlchemyError, OSError, XinglinError) as error:
                # A database that restarts must not stop the clock.
                _log.error("sync clock", fault=type(error).__name__)

    def _look(self) -> None:
        """See how far chains and directory go; wake the links that have something to send."""
        site, ends = self._parts.site, self._place.ends
        fresh = chain.chain_ends(site)
        with site.database.read() as sql:
            fresh[""] = int(sql.execute(select(func.max(DIRECTORY.c.seq))).scalar() or 0)
        grown = {name for name, end in fresh.items() if end > ends.get(name, 0)}
        ends.update(fresh)
        for session in self._all() if grown else ():
            if "" in grown or session.caller.hospital in grown:
                session.ring()

    def _write_beats(self) -> None:
        site, beats = self._parts.site, self._place.beats
        taken = [(node, beats.pop(node)) for node in list(beats)]
        if taken:

            def work(sql: Connection) -> None:
                for node, values in taken:
                    chain.seen(site, sql, node, values)

            self._inbox.submit(work)


def _configuration(tls: ServerTls) -> Any:
    return grpc.ssl_server_certificate_configuration([(tls.key, tls.chain)], tls.root)


def _read_fetch(data: bytes) -> pb.FetchRequest:
    """Return what is asked for; bytes that are no request ask for nothing that anybody has."""
    try:
        return pb.FetchRequest.FromString(data)
    except DecodeError:
        return pb.FetchRequest()


def _certificate_of(context: grpc.ServicerContext) -> bytes:
    shown: Any = context.auth_context().get("x509_pem_cert", [b""])
    return ssl.PEM_cert_to_DER_cert(shown[0].decode())


def _turn_away(context: grpc.ServicerContext, refusal: XinglinError) -> None:
    context.set_code(grpc.StatusCode.PERMISSION_DENIED)
    context.set_details(f"E{refusal.code}")
