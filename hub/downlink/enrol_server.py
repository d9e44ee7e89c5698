"""The enrolment port: gRPC with server TLS only, on its own port, small messages.

Who speaks here has no certificate yet or an old one; nothing but joining and renewing is served.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError

from core.errors import XinglinError
from core.vault.enrol_errors import (
    CodeWrong,
    EnrolRefusal,
    RequestMalformed,
    TooManyTries,
    to_details,
)
from core.vault.enrolment import Join, Renew
from core.web.errors import Unexpected
from hub.registry.attempts import address_of
from hub.registry.authority import Authority, pem_pair
from hub.registry.enrol import AskedJoin, Enrolment
from hub.registry.renewals import AskedRenewal, Renewals
from hub.site import HubSite
from protos.gen import enrol_pb2 as pb

_log = structlog.get_logger("enrol")
_SERVICE = pb.DESCRIPTOR.services_by_name["Enrolment"].full_name
_Reply = TypeVar("_Reply")
_Request = TypeVar("_Request", pb.JoinRequest, pb.RenewRequest)
_MESSAGE_BYTES = 64 * 1024
_THREADS = 8
_OPTIONS = (
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_concurrent_streams", 4),
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class EnrolPort:
    """The servicer; what it decides is in ``hub.registry``."""

    site: HubSite
    authority: Authority
    enrolment: Enrolment
    renewals: Renewals

    def join(self, data: bytes, context: grpc.ServicerContext) -> pb.JoinReply:
        """Answer ``Join``; see ``protos/enrol.proto``."""
        address = address_of(context.peer())
        return self._answered(context, lambda: self._join(_read(pb.JoinRequest, data), address))

    def renew(self, data: bytes, context: grpc.ServicerContext) -> pb.RenewReply:
        """Answer ``Renew``; see ``protos/enrol.proto``."""
        address = address_of(context.peer())
        return self._answered(context, lambda: self._renew(_read(pb.RenewRequest, data), address))

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a server serves; messages are parsed here, not by gRPC.

        gRPC for Python never ends the stream of a message that it cannot parse: a few of them shut
        their connection, and there is no numbered refusal.
        """
        methods: dict[str, grpc.RpcMethodHandler[bytes, Any]] = {
            "Join": grpc.unary_unary_rpc_method_handler(
                self.join, response_serializer=pb.JoinReply.SerializeToString
            ),
            "Renew": grpc.unary_unary_rpc_method_handler(
                self.renew, response_serializer=pb.RenewReply.SerializeToString
            ),
        }
        return grpc.method_handlers_generic_handler(_SERVICE, methods)

    def _answered(self, context: grpc.ServicerContext, answer: Callable[[], _Reply]) -> _Reply:
        try:
            return answer()
        except EnrolRefusal as refusal:
            _refuse(context, _status_of(refusal), refusal)
        except XinglinError as refusal:
            _log.error("enrolment not possible", code=f"E{refusal.code}")
            _refuse(context, grpc.StatusCode.UNAVAILABLE, refusal)
        except Exception as error:  # noqa: BLE001 the process edge: the caller learns a number
            number = self.site.outside.randomness(4).hex()
            _log.error("enrolment crashed", number=number, error=type(error).__name__)
            _refuse(context, grpc.StatusCode.INTERNAL, Unexpected(number=number))

    def _join(self, request: pb.JoinRequest, address: str) -> pb.JoinReply:
        join = Join(
            invite=request.invite,
            csr=request.csr,
            sign_public=request.sign_public,
            seal_public=request.seal_public,
            recovery_public=request.recovery_public,
            software=request.software,
            nonce=request.nonce,
            at_ms=request.at_ms,
        )
        asked = AskedJoin(join, request.secret_proof, request.node_signature, address)
        joined = self.enrolment.join(asked)
        chain = self.authority.chain(joined.certificate)
        return pb.JoinReply(
            chain=chain,
            root=self.authority.root_der,
            hospital=joined.hospital,
            hospital_name=joined.hospital_name,
            hub=self.site.identity.id,
            hub_sign_public=self.site.identity.key.public_key().public_bytes_raw(),
            sync_address=self._sync_address(),
            directory_size=joined.directory_size,
            directory_head=joined.directory_head,
            at_ms=self.site.outside.now_ms(),
            relay_address=self._relay_address(),
            notice_address=self.site.settings.notice_address,
        )

    def _renew(self, request: pb.RenewRequest, address: str) -> pb.RenewReply:
        renew = Renew(
            node=request.node,
            serial=request.serial,
            csr=request.csr,
            at_ms=request.at_ms,
            nonce=request.nonce,
            local_consent=request.local_consent,
            recovery_public=request.recovery_public,
            software=request.software,
        )
        made = self.renewals.renew(AskedRenewal(renew, request.signature, address))
        now = self.site.outside.now_ms()
        if made is None:
            return pb.RenewReply(state=pb.RenewReply.WAITING, at_ms=now)
        return pb.RenewReply(
            state=pb.RenewReply.ISSUED,
            chain=self.authority.chain(made),
            at_ms=now,
            sync_address=self._sync_address(),
            relay_address=self._relay_address(),
            notice_address=self.site.settings.notice_address,
        )

    def _sync_address(self) -> str:
        return f"{self.site.settings.address}:{self.site.settings.sync.port}"

    def _relay_address(self) -> str:
        port = self.site.settings.relay.port
        return f"{self.site.settings.address}:{port}" if port else ""


def enrol_port(site: HubSite, authority: Authority) -> EnrolPort:
    """Return the servicer of a hub."""
    return EnrolPort(site, authority, Enrolment(site, authority), Renewals(site, authority))


def start(site: HubSite, authority: Authority) -> tuple[grpc.Server, int]:
    """Serve the enrolment port; return the started server and its port.

    Raises
    ------
    RuntimeError
        If the address cannot be bound.
    """
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="enrol")
    server = grpc.server(pool, options=_OPTIONS, maximum_concurrent_rpcs=4 * _THREADS)
    server.add_generic_rpc_handlers((enrol_port(site, authority).handler(),))
    credentials = grpc.ssl_server_credentials([pem_pair(authority.enrol)])
    settings = site.settings.enrol
    port = server.add_secure_port(f"{settings.host}:{settings.port}", credentials)
    server.start()
    return server, port


def _read(kind: type[_Request], data: bytes) -> _Request:
    try:
        return kind.FromString(data)
    except DecodeError:
        raise RequestMalformed(field="message") from None


def _status_of(refusal: EnrolRefusal) -> grpc.StatusCode:
    if isinstance(refusal, TooManyTries):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    if isinstance(refusal, CodeWrong):
        return grpc.StatusCode.UNAUTHENTICATED
    return grpc.StatusCode.PERMISSION_DENIED


def _refuse(
    context: grpc.ServicerContext, status: grpc.StatusCode, refusal: XinglinError
) -> NoReturn:
    context.abort(status, to_details(refusal))
