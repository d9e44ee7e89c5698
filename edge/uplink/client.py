"""One link to the hub: the shell around :class:`edge.uplink.link.BoxLink`.

gRPC's thread pulls what goes next out of :meth:`LinkRun._speak`; ours takes what comes. Nothing is
compressed (what is sealed cannot be) and nothing is read before the line takes it.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import XinglinError
from core.seals.directory import Directory
from core.seals.statements import sign_node
from edge.store.box import Box
from edge.uplink.alarms import Alarms
from edge.uplink.budget import TokenBucket
from edge.uplink.certificates import Credentials, Region
from edge.uplink.chain import HubChain, check_witnessed, own_heads
from edge.uplink.directory import BoxDirectory
from edge.uplink.join import software
from edge.uplink.join_errors import HubUnreachable
from edge.uplink.link import BoxLink
from edge.uplink.link_errors import (
    ClockWrong,
    DeadLetter,
    DirectoryBroken,
    HubRefused,
    HubSilent,
    ObjectLost,
    OwnChainLost,
)
from edge.uplink.outbox import Outbox
from edge.uplink.pace import Pace
from edge.uplink.steps import (
    Beat,
    BeginObject,
    CommitObject,
    Delivered,
    Greeted,
    Latency,
    PutPiece,
    Small,
    Step,
    Turned,
    Wait,
)
from protos.gen import sync_pb2 as pb
from protos.pieces import LINK, put_bytes, up_bytes

_log = structlog.get_logger("uplink")
HELLO_DOMAIN = "xinglin hello v1"
PROTOCOL = 1
_LOOK_S = 0.2
_GLANCE_S = 0.02
_SETTLE_S = 0.05
_LOOK_SOONER_S = 0.01
_OFFERED = 200
_ROWS = 50
_RETRY_MS = 5_000
_CLOCK_MS = 300_000
_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.keepalive_time_ms", 30_000),  # the hub permits 20 s
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True)
class LinkParts:
    """What a link works with.

    Attributes
    ----------
    clock_s : callable
        A monotonic clock.
    hour : callable
        Hour of the day, local time, for the budget.
    on_directory : callable
        Told the verified directory each time the hub has shown it.
    """

    box: Box
    outbox: Outbox
    credentials: Credentials
    directory: BoxDirectory
    alarms: Alarms
    bucket: TokenBucket
    pace: Pace
    clock_s: Callable[[], float] = time.monotonic
    hour: Callable[[], int] = lambda: time.localtime().tm_hour
    mark: Callable[[str], None] = lambda _: None
    on_directory: Callable[[Directory], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a link ended.

    Attributes
    ----------
    greeted : bool
        It had worked: a cut, not a failure.
    refused : bool
        The hub turned the box away, or the box the hub.
    """

    greeted: bool
    refused: bool
    error: dict[str, Any] | None


@dataclass(eq=False)
class LinkRun:
    """One link from connecting to its end."""

    parts: LinkParts
    region: Region
    on_open: Callable[[LinkRun], None]
    link: BoxLink = field(init=False)
    chain: HubChain = field(init=False)
    latency_s: float | None = None
    _bell: threading.Condition = field(default_factory=threading.Condition)
    _control: deque[pb.Up] = field(default_factory=deque)
    _ended: bool = False
    _error: XinglinError | None = None
    _refused: bool = False
    _dirty: bool = True
    _looked_s: float = 0.0
    _newest: int = 0
    _more: bool = False  # there may be more in the outbox than was offered
    _rows: list[pb.ChainRow] = field(default_factory=list)
    _entries: list[bytes] = field(default_factory=list)
    _heads_sent: dict[str, int] = field(default_factory=dict)
    _files: dict[str, int] = field(default_factory=dict)
    _delivered: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _call: Any = None

    def __post_init__(self) -> None:
        self.link = BoxLink(self.parts.bucket, self.parts.clock_s(), self.parts.pace)
        self.chain = HubChain(self.parts.box, self.region)

    def run(self) -> Ended:
        """Connect, and serve the link until it ends."""
        options = [*self.parts.credentials.channel_options(), *_OPTIONS]
        credentials = self.parts.credentials.channel_credentials()
        settler = threading.Thread(target=self._settle, name="settler")
        settler.start()
        with grpc.secure_channel(self.region.sync_address, credentials, options) as channel:
            link = channel.stream_stream(LINK, up_bytes, pb.Down.FromString)
            self._call = link(self._speak())
            try:
                for down in self._call:
                    self._hear(down)
            except grpc.RpcError as error:
                self._note(HubUnreachable(address=self.region.sync_address, fault=_fault(error)))
            except XinglinError as error:
                self._note(error)
                self._refused = True
                self.parts.alarms.sound(error)
            finally:
                self.end()
                self._delivered.put("")
                settler.join()
        for handle in self._files.values():
            os.close(handle)
        said = self._error.as_json() if self._error else None
        return Ended(self.link.greeted, self._refused, said)

    def end(self) -> None:
        """End the link; from any thread."""
        with self._bell:
            self._ended = True
            self._bell.notify()
        if self._call is not None:
            self._call.cancel()

    # -- what goes -------------------------------------------------------------------------------

    def _speak(self) -> Iterator[pb.Up | bytes]:
        yield self._hello()
        while True:
            with self._bell:
                message, step = self._next()
                if self._ended:
                    return
            if message is not None:
                yield message
            elif not isinstance(step, Wait):
                made = self._message(step)
                if made is not None:
                    yield made

    def _next(self) -> tuple[pb.Up | None, Step]:
        """Return what goes now, waiting a moment where nothing does; the bell's lock is held."""
        now = self.parts.clock_s()
        if self._control:
            return self._control.popleft(), Wait(0)
        self._look(now)
        step = self.link.next_step(now, self.parts.hour())
        if isinstance(step, Wait):
            if self.link.silent_too_long(now):
                self._note(HubSilent(seconds=20))
                self._ended = True
                self._call.cancel()
            else:
                self._bell.wait(min(step.seconds, _GLANCE_S))
        return None, step

    def _look(self, now: float) -> None:
        """See what the outbox holds: other processes put things in."""
        since = now - self._looked_s
        if since < _LOOK_SOONER_S:
            return
        newest = self.parts.outbox.newest()
        if since < _LOOK_S and not self._dirty and newest == self._newest:
            return
        self._looked_s, self._dirty, self._newest = now, False, newest
        items = self.parts.outbox.waiting(_OFFERED)
        self._more = len(items) == _OFFERED
        needs = {address for item in items for address in item.needs}
        open_needs = frozenset(self.parts.outbox.open_needs(needs)) if needs else frozenset()
        self.link.offer(items, open_needs)

    def _message(self, step: Step) -> pb.Up | bytes | None:
        if isinstance(step, PutPiece):
            return self._put(step)
        if isinstance(step, BeginObject):
            begin = pb.Begin(
                address=bytes.fromhex(step.item.id), size=step.item.size, chunk=step.chunk,
                consult=step.item.consult, priority=step.item.priority,
            )  # fmt: skip
            return pb.Up(begin=begin)
        if isinstance(step, CommitObject):
            self._close_file(step.address)
            self.parts.mark("committing")
            return pb.Up(commit=pb.Commit(address=bytes.fromhex(step.address)))
        if isinstance(step, Small):
            return self._small(step)
        if isinstance(step, Beat):
            return self._beat()
        return None

    def _put(self, step: PutPiece) -> bytes | None:
        data = b""
        try:
            handle = self._files.get(step.address)
            if handle is None:
                handle = os.open(self.parts.outbox.path(step.address), os.O_RDONLY)
                self._files[step.address] = handle
            data = os.pread(handle, step.length, step.offset)
        except OSError as error:
            _log.error("an object cannot be read", fault=error.strerror)
        if len(data) != step.length:
            self._lost(step.address)
            return None
        self.parts.mark("putting")
        return put_bytes(bytes.fromhex(step.address), step.index, data)

    def _lost(self, address: str) -> None:
        """Our own copy is gone or short: a dead letter that people see, and the link goes on."""
        error = ObjectLost(address=address[:16])
        self.parts.outbox.refused(address, error.as_json(), None)
        self.parts.alarms.sound(error, address[:16])
        self.end()

    def _small(self, step: Small) -> pb.Up:
        item = step.item
        statement = self.parts.outbox.statement(item.id)
        if item.kind == "event":
            needs = [bytes.fromhex(one) for one in item.needs]
            event = pb.Event(
                id=item.id, consult=item.consult, statement=statement, objects=needs,
                priority=item.priority,
            )  # fmt: skip
            return pb.Up(event=event)
        if item.kind == "wraps":
            return pb.Up(wraps=pb.Wraps(id=item.id, consult=item.consult, statement=statement))
        if item.kind == "statistics":
            return pb.Up(statistics=pb.Statistics(id=item.id, statement=statement))
        if item.kind == "attestation":
            return pb.Up(attestation=pb.Attestation(id=item.id, statement=statement))
        return pb.Up(access=pb.AccessBatch(id=item.id, consult=item.consult, statement=statement))

    def _beat(self) -> pb.Up:
        for head in own_heads(self.parts.box):
            if self._heads_sent.get(head.journal, 0) < head.seq:
                self._heads_sent[head.journal] = head.seq
                self._control.append(pb.Up(checkpoint=head))
        at = self.parts.box.outside.now_ms()
        return pb.Up(heartbeat=pb.Heartbeat(at_ms=at, backlog=self._backlog()))

    def _hello(self) -> pb.Up:
        box = self.parts.box
        at = box.outside.now_ms()
        certificate = self.parts.credentials.device().certificate.public_bytes(Encoding.DER)
        body = {
            "at_ms": at, "certificate": hashlib.sha256(certificate).hexdigest(),
            "hub": self.region.hub,
        }  # fmt: skip
        seq, link = self.chain.head()
        directory = self.parts.directory.current()
        heads = own_heads(box)
        self._heads_sent = {head.journal: head.seq for head in heads}
        return pb.Up(
            hello=pb.Hello(
                protocol=PROTOCOL, software=software(), at_ms=at, heads=heads, chain_seq=seq,
                chain_link=link, directory_size=directory.size,
                directory_head=bytes.fromhex(directory.link(directory.size)),
                backlog=self._backlog(), statement=sign_node(body, HELLO_DOMAIN, box.identity),
            )
        )  # fmt: skip

    def _backlog(self) -> pb.Backlog:
        waits = self.parts.outbox.backlog()
        return pb.Backlog(items=waits.items, bytes=waits.size, oldest_ms=waits.oldest_ms)

    # -- what comes ------------------------------------------------------------------------------

    def _hear(self, down: pb.Down) -> None:
        what = down.WhichOneof("what")
        if what == "row":
            self._rows.append(down.row)
            if len(self._rows) < _ROWS:
                return
        self._adopt_rows()
        now = self.parts.clock_s()
        if what == "directory":
            self._entries.extend(down.directory.entries)
        elif what == "directory_head":
            self._take_directory(down.directory_head)
        elif what == "checkpoint":
            self.chain.signed(down.checkpoint, now)
        elif what == "access":
            self.chain.access_head(down.access.checkpoint)
        elif what != "row":
            with self._bell:
                heard = self.link.heard(down, now)
                self._bell.notify()
            for one in heard:
                self._act(one, down)
            self.chain.check_withheld(now)

    def _act(self, heard: Greeted | Delivered | Turned | Latency, down: pb.Down) -> None:
        if isinstance(heard, Delivered):
            self._delivered.put(heard.id)
        elif isinstance(heard, Turned):
            self._turned(heard)
        elif isinstance(heard, Latency):
            self.latency_s = heard.seconds
        else:
            self._greeted(heard, down.welcome)

    def _greeted(self, heard: Greeted, welcome: pb.Welcome) -> None:
        alarms = self.parts.alarms
        skew = self.parts.box.outside.now_ms() - heard.hub_ms
        if abs(skew) > _CLOCK_MS:
            alarms.sound(ClockWrong(minutes=round(abs(skew) / 60_000)))
        else:
            alarms.over(ClockWrong.code)
        self.chain.check_end(heard.chain_seq)
        try:
            check_witnessed(self.parts.box, list(welcome.witnessed))
        except OwnChainLost as error:
            # Our own loss is no reason not to send: people must know, patients must be helped.
            alarms.sound(error, str(error.facts["journal"]))
        self.on_open(self)

    def _settle(self) -> None:
        """Note deliveries, many in one commit: answers must not wait for the disk."""
        ends = False
        while not ends:
            ids = [self._delivered.get()]
            until = time.monotonic() + _SETTLE_S
            while ids[-1]:
                # While more is under way, a moment's patience saves commits.
                patience = 0.0 if self.link.idle else until - time.monotonic()
                try:
                    ids.append(self._delivered.get(timeout=max(0.0, patience)))
                except queue.Empty:
                    break
            ends = "" in ids
            self.parts.mark("delivered")
            self.parts.outbox.delivered([one for one in ids if one])
            if self._more:
                self._wake()

    def _turned(self, turned: Turned) -> None:
        if not turned.id:
            error = HubRefused(reason=f"E{turned.code} {turned.zh} / {turned.en}")
            if turned.for_good:
                raise error
            self._note(error)
            return
        said = {"code": f"E{turned.code}", "message_zh": turned.zh, "message_en": turned.en}
        outbox = self.parts.outbox
        if turned.for_good:
            outbox.refused(turned.id, said, None)
            alarm = DeadLetter(reason=f"E{turned.code} {turned.zh} / {turned.en}")
            self.parts.alarms.sound(alarm, turned.id[:16])
        else:
            outbox.refused(turned.id, said, self.parts.box.outside.now_ms() + _RETRY_MS)
        self._wake()

    def _adopt_rows(self) -> None:
        if self._rows:
            seq = self.chain.adopt(self._rows)
            self._rows.clear()
            self.parts.mark("adopted")
            self._say(pb.Up(ack=pb.Ack(chain_seq=seq)))

    def _take_directory(self, head: pb.DirectoryHead) -> None:
        entries, self._entries = self._entries, []
        directory = self.parts.directory
        try:
            self.parts.on_directory(directory.extend(entries, head.statement))
            directory.compare(list(head.witnesses))
        except DirectoryBroken as error:
            # What is known stays in use; nothing new is believed, and people see why.
            self.parts.alarms.sound(error)
            return
        if directory.current().size:
            self._say(pb.Up(witness=pb.Witness(statement=directory.statement())))

    def _say(self, up: pb.Up) -> None:
        with self._bell:
            self._control.append(up)
            self._bell.notify()

    def _wake(self) -> None:
        with self._bell:
            self._dirty = True
            self._bell.notify()

    def _note(self, error: XinglinError) -> None:
        if self._error is None:
            self._error = error

    def _close_file(self, address: str) -> None:
        handle = self._files.pop(address, None)
        if handle is not None:
            os.close(handle)


def _fault(error: object) -> str:
    code = error.code() if isinstance(error, grpc.Call) else None
    return code.name if code is not None else type(error).__name__
