"""TLS of the listener: mutual, TLS 1.2 or later (PS3.15 B.9, BCP 195)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from edge.intake.net.errors import PeerGone, PeerSilent, TlsFailed
from edge.intake.net.negotiate import Origin
from edge.intake.net.settings import TlsFiles

# First byte of a TLS record that carries a ClientHello; an A-ASSOCIATE-RQ begins with 0x01.
_HANDSHAKE = 0x16


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a context that demands a certificate signed by the peers' authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.peer_ca)
    return context


def secure(
    connection: socket.socket,
    address: str,
    context: ssl.SSLContext | None,
    left: Callable[[], float],
) -> tuple[socket.socket, Origin]:
    """Look at the first byte; do the TLS handshake if it is one. One port serves both.

    Parameters
    ----------
    left : callable
        Seconds that remain of the ARTIM time.

    Raises
    ------
    PeerSilent, PeerGone, TlsFailed
    """
    try:
        connection.settimeout(left())
        first = connection.recv(1, socket.MSG_PEEK)
        if not first:
            raise PeerGone
        if first[0] != _HANDSHAKE:
            return connection, Origin(address)
        if context is None:
            raise TlsFailed(what="no certificate is set up")
        wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        wrapped.settimeout(left())
        wrapped.do_handshake()
    except TimeoutError as error:
        raise PeerSilent(seconds="ARTIM") from error
    except ssl.SSLError as error:
        raise TlsFailed(what=error.reason or "unknown") from error
    except OSError as error:
        raise PeerGone from error
    return wrapped, Origin(address, tls=True, certificate_names=_names(wrapped))


def _names(wrapped: ssl.SSLSocket) -> tuple[str, ...]:
    """Return common names and DNS names of the peer's certificate."""
    certificate: Mapping[str, Any] = wrapped.getpeercert() or {}
    names = [
        value
        for part in certificate.get("subject", ())
        for key, value in part
        if key == "commonName"
    ]
    names += [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    return tuple(names)
