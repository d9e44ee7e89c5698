"""A DICOM peer that can misbehave: raw PDUs over a socket, for tests of the receiver."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from edge.intake.net.command import Field, Operation, decode_command, encode_command
from edge.intake.net.receiver import Receiver
from edge.intake.net.settings import Limits, PeerRule, ReceiverSettings
from edge.intake.net.sink_memory import MemoryCommitments, MemorySink

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
APPLICATION = "1.2.840.10008.3.1.1.1"

PATIENT = Limits(artim_s=5.0, idle_s=5.0, network_s=5.0, stop_grace_s=5.0)


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


def context(number: int, abstract: str, *transfers: str) -> bytes:
    syntaxes = b"".join(item(0x40, t.encode()) for t in transfers)
    return item(0x20, bytes([number, 0, 0, 0]) + item(0x30, abstract.encode()) + syntaxes)


def role(uid: str, scu: int, scp: int) -> bytes:
    return item(0x54, struct.pack(">H", len(uid)) + uid.encode() + bytes([scu, scp]))


DEFAULT_CONTEXTS = (
    context(1, VERIFICATION, IMPLICIT),
    context(3, CT, EXPLICIT, IMPLICIT),
    context(5, COMMITMENT, IMPLICIT),
)


@dataclass(frozen=True)
class Hello:
    """The parts of an A-ASSOCIATE-RQ."""

    calling: bytes = b"CT1"
    called: bytes = b"XINGLIN"
    version: int = 1
    application: str = APPLICATION
    contexts: tuple[bytes, ...] = DEFAULT_CONTEXTS
    max_pdu: int = 16384
    user_items: tuple[bytes, ...] = ()
    more_items: tuple[bytes, ...] = field(default=())

    def encode(self) -> bytes:
        user = item(0x51, struct.pack(">I", self.max_pdu)) + item(0x52, b"1.2.3")
        body = struct.pack(">HH", self.version, 0)
        body += self.called.ljust(16) + self.calling.ljust(16) + bytes(32)
        body += item(0x10, self.application.encode()) + b"".join(self.contexts)
        body += b"".join(self.more_items) + item(0x50, user + b"".join(self.user_items))
        return struct.pack(">BxI", 1, len(body)) + body


def pdv(number: int, control: int, data: bytes) -> bytes:
    return struct.pack(">IBB", len(data) + 2, number, control) + data


def p_data(*pdvs: bytes) -> bytes:
    body = b"".join(pdvs)
    return struct.pack(">BxI", 4, len(body)) + body


def store_request(instance: str = "1.2.3.4", message_id: int = 1, **changes: object) -> bytes:
    fields: dict[Field, int | bytes | str] = {
        Field.AFFECTED_SOP_CLASS: CT,
        Field.COMMAND: Operation.C_STORE_RQ,
        Field.MESSAGE_ID: message_id,
        Field.PRIORITY: 0,
        Field.DATA_SET_TYPE: 1,
        Field.AFFECTED_SOP_INSTANCE: instance,
    }
    return encode_command(fields | {Field[k]: v for k, v in changes.items()})


def echo_request(message_id: int = 7) -> bytes:
    return encode_command(
        {
            Field.AFFECTED_SOP_CLASS: VERIFICATION,
            Field.COMMAND: Operation.C_ECHO_RQ,
            Field.MESSAGE_ID: message_id,
            Field.DATA_SET_TYPE: 0x0101,
        }
    )


class RawPeer:
    """One connection. Reads time out after some seconds, so that a test fails and never hangs."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def _exactly(self, count: int) -> bytes:
        held = b""
        while len(held) < count:
            piece = self.sock.recv(count - len(held))
            if not piece:
                raise EOFError
            held += piece
        return held

    def read(self) -> tuple[int, bytes]:
        """Return the next PDU: (type, body)."""
        kind, length = struct.unpack(">BxI", self._exactly(6))
        return kind, self._exactly(length)

    def associate(self, hello: Hello | None = None) -> bytes:
        self.send((hello or Hello()).encode())
        kind, body = self.read()
        assert kind == 2, (kind, body)
        return body

    def response(self) -> dict[str, object]:
        """Return status, comment and operation of the next response."""
        kind, body = self.read()
        assert kind == 4, (kind, body)
        command = decode_command(body[6:])
        return {
            "operation": command.operation,
            "status": command.number(Field.STATUS, -1),
            "comment": command.text(Field.ERROR_COMMENT),
            "message_id": command.number(Field.MESSAGE_ID_RESPONDED_TO, 0),
            "instance": command.text(Field.AFFECTED_SOP_INSTANCE),
        }

    def store(self, data: bytes, instance: str = "1.2.3.4") -> int:
        self.send(p_data(pdv(3, 3, store_request(instance))) + p_data(pdv(3, 2, data)))
        return int(str(self.response()["status"]))

    def echo(self) -> int:
        self.send(p_data(pdv(1, 3, echo_request())))
        return int(str(self.response()["status"]))

    def release(self) -> int:
        self.send(struct.pack(">BxII", 5, 4, 0))
        return self.read()[0]

    def ended(self) -> bool:
        """Say whether the other side closes without another byte."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True


@dataclass
class Node:
    """A running receiver with its memory sink."""

    receiver: Receiver
    sink: MemorySink
    commitments: MemoryCommitments

    @property
    def port(self) -> int:
        return self.receiver.port


@contextlib.contextmanager
def node(
    peers: Iterable[PeerRule] = (PeerRule("any"),),
    limits: Limits = PATIENT,
    sink: MemorySink | None = None,
    **changes: object,
) -> Iterator[Node]:
    held = sink or MemorySink()
    commitments = MemoryCommitments(held)
    settings = ReceiverSettings(
        ae_titles=frozenset({"XINGLIN"}),
        peers=tuple(peers),
        host="127.0.0.1",
        port=0,
        limits=limits,
        **changes,  # type: ignore[arg-type]  # the tests' own keywords
    )
    with Receiver(settings, held, commitments) as receiver:
        yield Node(receiver, held, commitments)
