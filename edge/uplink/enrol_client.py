"""Speaking to the enrolment port: its certificate is fetched, its key is compared, then trusted.

Nothing is sent before the pin fits. Channels trust exactly the certificate that fits it: no system
authority, no name service, no clock (the certificate has no end).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import XinglinError
from core.vault.certificates import ENROL_NAME
from core.vault.enrol_errors import from_details
from core.vault.join_code import host_and_port
from edge.uplink.certificates import enrol_options, full_pin
from edge.uplink.join_errors import HubUnreachable, ServerNotPinned
from protos.gen import enrol_pb2 as pb
from protos.gen import enrol_pb2_grpc as rpc

_CONNECT_S = 15.0
_CALL_S = 45.0


class EnrolClient:
    """Both calls of the port, as refusals of ours."""

    def __init__(self, address: str, stub: rpc.EnrolmentStub, pin: str) -> None:
        self._address = address
        self._stub = stub
        self.pin = pin

    def join(self, request: pb.JoinRequest) -> pb.JoinReply:
        """Ask to join.

        Raises
        ------
        EnrolRefusal, HubUnreachable
        """
        try:
            reply: pb.JoinReply = self._stub.Join(request, timeout=_CALL_S)
        except grpc.RpcError as error:
            raise self._refusal(error) from None
        return reply

    def renew(self, request: pb.RenewRequest) -> pb.RenewReply:
        """Ask for a renewal; raises as :meth:`join`."""
        try:
            reply: pb.RenewReply = self._stub.Renew(request, timeout=_CALL_S)
        except grpc.RpcError as error:
            raise self._refusal(error) from None
        return reply

    def _refusal(self, error: object) -> XinglinError:
        if not isinstance(error, grpc.Call):
            return HubUnreachable(address=self._address, fault="RPC")
        said = from_details(error.details() or "")
        return said or HubUnreachable(address=self._address, fault=error.code().name)


@contextmanager
def enrol_client(address: str, pin: str) -> Iterator[EnrolClient]:
    """Open the enrolment port.

    Parameters
    ----------
    address : str
        ``host:port``.
    pin : str
        Hex, the beginning of the server key's hash or the whole of it.

    Raises
    ------
    AddressWrong, HubUnreachable, ServerNotPinned
    """
    host, port = host_and_port(address)
    certificate = _shown_by(host, port)
    whole = full_pin(certificate)
    if len(pin) < 32 or not whole.startswith(pin):
        raise ServerNotPinned
    trusted = grpc.ssl_channel_credentials(certificate.public_bytes(Encoding.PEM))
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with grpc.secure_channel(target, trusted, options=enrol_options()) as channel:
        yield EnrolClient(address, rpc.EnrolmentStub(channel), whole)


def _shown_by(host: str, port: int) -> x509.Certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the pin decides, and the channel checks possession again
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host, port), timeout=_CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=ENROL_NAME) as wrapped,
        ):
            der = wrapped.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der or b"")
    except (OSError, ValueError, UnicodeError) as error:
        fault = type(error).__name__
        raise HubUnreachable(address=f"{host}:{port}"[:80], fault=fault) from None
