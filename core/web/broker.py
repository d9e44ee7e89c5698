"""A connection to the region's MQTT broker, for both sides, over mutual TLS.

The broker is known by the region's certificate, not by its name on the network; nothing is kept
there (clean start, no will, nothing retained). What is carried is signed by who made it: the
broker can lose, delay and repeat, and no more.

paho-mqtt 2, callbacks of version 2, MQTT 5. Each connection is a new client: paho's own way of
connecting again has no jitter and keeps the first certificate. Its own loops are not used either:
they wait with select(2), which a hub with a thousand boxes has too many files for, and they let two
threads write at once. Here one thread reads, writes and calls back.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_log = structlog.get_logger("broker")
#: Shorter than what home routers and mobile networks forget a connection after.
_KEEPALIVE_S = 45
_CONNECT_S = 10.0
_ANSWER_S = 20.0
_LARGEST = 16 * 1024
_IN_FLIGHT = 200
_QOS = 1


@dataclass(frozen=True, slots=True)
class BrokerSite:
    """Where the broker is and what is shown to it.

    Attributes
    ----------
    name : str
        The name in the broker's certificate.
    root : str
        The region's root certificate, PEM: nobody else's is believed.
    certificate : Path
        Our key, certificate and issuing certificate, PEM, in one file.
    topic : str
        What to listen to, "" nothing.
    """

    host: str
    port: int
    name: str
    root: str
    certificate: Path
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a connection ended.

    Attributes
    ----------
    worked : bool
        It had been open (and listening, where it was to): a cut, not a failure.
    fault : str
        In words of the protocol, for the log and the error's fact.
    refused : bool
        The broker answered and said no.
    """

    worked: bool
    fault: str
    refused: bool = False


@dataclass(slots=True)
class Said:
    """What became of something that was published.

    Attributes
    ----------
    answered : bool
        The broker has said what it did with it.
    fault : str
        Why nobody gets it: ``No matching subscribers``, ``Not authorized`` …; "" where it goes on.
    """

    answered: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Ears:
    """What a connection calls, all from the thread that serves it.

    Attributes
    ----------
    on_open : callable
        The broker took us, and the subscription.
    on_message : callable
        Topic, payload; what the broker had retained is left out.
    on_turn : callable
        Every ``turn_s`` while it is open; may :meth:`BrokerLink.say`.
    """

    on_open: Callable[[], None] = lambda: None
    on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None
    on_turn: Callable[[BrokerLink], None] = lambda _link: None
    turn_s: float = 0.5


class NamedContext(ssl.SSLContext):
    """TLS 1.2 or later that holds the peer against a given name, wherever it was reached.

    It knows the connection that it made: paho leaves one open whose handshake fails.
    """

    name = ""
    made: ssl.SSLSocket | None = None

    def wrap_socket(self, sock: socket.socket, *args: Any, **more: Any) -> ssl.SSLSocket:
        """See :class:`ssl.SSLContext`."""
        self.made = super().wrap_socket(sock, *args, **{**more, "server_hostname": self.name})
        return self.made


def context_of(site: BrokerSite) -> NamedContext:
    """Return what a connection shows and trusts; reads the certificate anew.

    Raises
    ------
    OSError
        If the certificate cannot be read (``ssl.SSLError`` is one).
    """
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = site.name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=site.root)
    context.load_cert_chain(site.certificate)
    return context


class BrokerLink:
    """One connection: made, served by :meth:`serve`, over.

    Parameters
    ----------
    client_id : str
        Random, so that no other client takes this connection over by calling itself the same.
    """

    def __init__(self, site: BrokerSite, ears: Ears, client_id: str) -> None:
        self._site = site
        self._ears = ears
        self._id = client_id
        self._bell, self._ear = socket.socketpair()
        self._stopping = threading.Event()
        self._client: Client | None = None
        self._context: NamedContext | None = None
        self._said: dict[int, Said] = {}
        self._greeted = False
        self._worked = False
        self._fault = ""
        self._refused = False

    def serve(self) -> Ended:
        """Connect and serve until the connection ends or :meth:`end` is called."""
        try:
            self._client = self._new_client()
            self._connect(self._client)
            self._turn_until_end(self._client)
        except OSError as error:
            self._fault = _words(error)
        except Exception as error:  # noqa: BLE001 the process edge: a broker's bytes may break paho
            _log.error("broker connection crashed", fault=type(error).__name__, exc_info=error)
            self._fault = type(error).__name__
        finally:
            self._close()
        return Ended(self._worked, self._fault or "closed", self._refused)

    def end(self) -> None:
        """End the connection; from any thread, before or during :meth:`serve`."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._bell.send(b"!")

    def say(self, topic: str, payload: bytes, expiry_s: int) -> Said:
        """Publish at least once, never retained; only from ``on_turn``.

        Parameters
        ----------
        expiry_s : int
            How long the broker may keep what it cannot deliver.

        Returns
        -------
        Said
            Filled in when the broker answers.
        """
        said = Said()
        if self._client is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = expiry_s
            info = self._client.publish(topic, payload, qos=_QOS, properties=properties)
            self._said[info.mid] = said
        return said

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self._context = context_of(self._site)
        client.tls_set_context(self._context)
        client.connect_timeout = _CONNECT_S
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_disconnect = self._disconnected
        client.on_message = self._heard
        # Having this set leaves all writing to our loop.
        client.on_socket_register_write = lambda *_: None
        return client

    def _connect(self, client: Client) -> None:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0
        properties.MaximumPacketSize = _LARGEST
        client.connect(
            self._site.host, self._site.port, _KEEPALIVE_S, clean_start=True, properties=properties
        )

    def _turn_until_end(self, client: Client) -> None:
        connection = client.socket()
        if connection is None:
            return
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        began, turned = time.monotonic(), 0.0
        while not self._stopping.is_set():
            now = time.monotonic()
            if not self._worked and now - began > _ANSWER_S:
                self._fault = "no answer"
                return
            if self._worked and now - turned >= self._ears.turn_s:
                turned = now
                self._ears.on_turn(self)
            poll.register(connection, select.POLLIN | (select.POLLOUT * client.want_write()))
            waits = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
            poll.poll(0 if waits else self._ears.turn_s * 1000)
            # Both sides do not block: nothing there is no error.
            if client.loop_read() or (client.want_write() and client.loop_write()):
                return
            if client.loop_misc() or client.socket() is None:
                return

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.socket() is not None:
            with contextlib.suppress(OSError, ValueError):
                client.disconnect()
                client.loop_write()
        if self._context is not None and self._context.made is not None:
            self._context.made.close()
        self._bell.close()
        self._ear.close()

    def _connected(
        self,
        client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._greeted = not reason.is_failure
        if reason.is_failure:
            self._fault, self._refused = str(reason), True
        elif self._site.topic:
            client.subscribe(self._site.topic, qos=_QOS)
        else:
            self._opened()

    def _subscribed(
        self,
        client: Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(one.is_failure for one in reasons):
            self._fault, self._refused = str(reasons[0]), True
            client.disconnect()
        else:
            self._opened()

    def _published(
        self,
        _client: Client,
        _data: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        said = self._said.pop(mid, None)
        if said is not None:
            said.answered = True
            said.fault = "" if reason.value == 0 else str(reason)

    def _opened(self) -> None:
        self._worked = True
        self._ears.on_open()

    def _disconnected(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._fault = self._fault or str(reason)

    def _heard(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if self._greeted and not message.retain:
            self._ears.on_message(message.topic, bytes(message.payload))


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS"
    return error.strerror or type(error).__name__
