"""TLS of the listener: mutual, TLS 1.2 or later (PS3.15 B.9, BCP 195)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
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


def speaks_tls(connection: socket.socket, seconds: float) -> bool:
    """Look at the first byte without taking it: one port serves TLS and plain peers.

    Raises
    ------
    PeerSilent, PeerGone
    """
    try:
        connection.settimeout(seconds)
        first = connection.recv(1, socket.MSG_PEEK)
    except TimeoutError as error:
        raise PeerSilent(seconds=round(seconds, 3)) from error
    except OSError as error:
        raise PeerGone from error
    if not first:
        raise PeerGone
    return first[0] == _HANDSHAKE


def wrap(connection: socket.socket, context: ssl.SSLContext | None) -> ssl.SSLSocket:
    """Return the TLS socket, before its handshake; the plain one is spent.

    Raises
    ------
    TlsFailed
        The receiver has no certificate.
    PeerGone
        The peer left meanwhile.
    """
    if context is None:
        raise TlsFailed(what="no certificate is set up")
    try:
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    except OSError as error:
        raise PeerGone from error


def shake_hands(wrapped: ssl.SSLSocket, address: str, seconds: float) -> Origin:
    """Do the handshake; return who is there.

    Raises
    ------
    PeerSilent, PeerGone, TlsFailed
    """
    try:
        wrapped.settimeout(seconds)
        wrapped.do_handshake()
    except TimeoutError as error:
        raise PeerSilent(seconds=round(seconds, 3)) from error
    except ssl.SSLError as error:
        raise TlsFailed(what=error.reason or "unknown") from error
    except OSError as error:
        raise PeerGone from error
    return Origin(address, tls=True, certificate_names=_names(wrapped))


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
