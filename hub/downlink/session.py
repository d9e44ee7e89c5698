"""One box's link at the hub: does what the machine orders, sends what must go.

Two threads a link: one takes what the box says, gRPC's handler yields what the hub says; a third
does the disk's part while a box sends objects. An answer is queued only when it is true:
``Accepted`` and ``Committed`` after the commit.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import XinglinError
from core.journal.checkpoint import Checkpoint
from core.seals.statements import open_statement
from hub.downlink import chain
from hub.downlink.errors import (
    HubBusy,
    HubDiskFull,
    LinkReplaced,
    NeedsMissing,
    OtherBoxsCertificate,
    QuotaSpent,
    WrongMessage,
)
from hub.downlink.inbox import Inbox
from hub.downlink.link import (
    Arrived,
    Beat,
    BeginUpload,
    CommitUpload,
    Greet,
    HubLink,
    Order,
    OwnHead,
    RowsKept,
    Saw,
    Store,
    Wrong,
)
from hub.downlink.sink import EventSink, From
from hub.downlink.uploads import Held, Sender, Uploads, Wanted
from hub.registry.devices import Caller, Devices
from hub.registry.directory import HubDirectory
from hub.site import HubSite
from hub.store.tables import OBJECT
from protos.gen import sync_pb2 as pb
from protos.pieces import Broken, Piece

_log = structlog.get_logger("sync")
HELLO_DOMAIN = "xinglin hello v1"
#: Box and hub may ping this often; the box is told in Welcome.
MIN_PING_S = 20
_SLOW_MS = 30_000
_ROWS = 100
_ENTRIES = 200
_LOOK_S = 1.0
#: A link that has not said hello by then holds a place that another box needs.
_HELLO_S = 30.0
_MOST_SKEW_MS = 10 * 365 * 86_400_000
#: A fast box is told of so much at once, or once nothing has come for so long: a message costs
#: both sides.
_CREDIT_AT_ONCE = 2 << 20
_CREDIT_S = 0.003
_BEGUN_TOGETHER = 64


@dataclass(frozen=True)
class Workplace:
    """What every link of a process shares."""

    site: HubSite
    devices: Devices
    directory: HubDirectory
    uploads: Uploads
    inbox: Inbox
    sink: EventSink
    pool: Executor
    beats: dict[str, dict[str, Any]]
    #: How far each hospital's chain and the directory ("") go, as the clock last saw.
    ends: dict[str, int]


@dataclass(eq=False)
class Session:
    """One link from its connection to its end."""

    place: Workplace
    caller: Caller
    certificate: bytes
    name: str
    on_greeted: Callable[[Session], None]
    on_look: Callable[[Session], None]
    machine: HubLink = field(default_factory=HubLink)
    refusal: XinglinError | None = None
    _out: deque[pb.Down] = field(default_factory=deque)
    _credit: int = 0
    _owed: int = 0  # credit that the box is not told of yet; the upload's thread's own
    _ended: bool = False
    _rung: bool = False
    _uploading: queue.SimpleQueue[Order | None] = field(default_factory=queue.SimpleQueue)
    _hand: threading.Thread | None = None
    _bell: threading.Condition = field(default_factory=threading.Condition)
    #: The box is owed a signed head though the directory has not grown.
    _head_due: bool = False
    _began: float = field(default_factory=time.monotonic)

    @property
    def sender(self) -> Sender:
        """Whose uploads these are."""
        return Sender(self.caller.node, self.caller.hospital, self.name)

    def ring(self) -> None:
        """Something may have to go: a row of the chain, a directory entry."""
        with self._bell:
            self._rung = True
            self._bell.notify()

    def end(self, refusal: XinglinError | None = None) -> None:
        """End the link; the box is told why where there is a reason."""
        with self._bell:
            if not self._ended:
                self._ended, self.refusal = True, refusal
            self._bell.notify()

    def replaced(self) -> None:
        """The same box has connected anew."""
        self.end(LinkReplaced())

    # -- what the box says -----------------------------------------------------------------------

    def listen(self, messages: Iterable[pb.Up | Piece | Broken]) -> None:
        """Take messages until the link ends; runs in a thread of its own."""
        self._guarded(lambda: self._take_all(messages))
        self.end()
        self._uploading.put(None)

    def finish(self) -> None:
        """Wait for what the disk still does for this link; after its end."""
        hand = self._hand
        if hand is not None:
            self._uploading.put(None)
            hand.join()

    def _take_all(self, messages: Iterable[pb.Up | Piece | Broken]) -> None:
        for up in messages:
            with self._bell:
                if self._ended:
                    return
                order = self.machine.take(up)
            if isinstance(order, Store | BeginUpload | CommitUpload):
                self._hand_over(order)
            else:
                self._do(order)

    def _hand_over(self, order: Order) -> None:
        """Have the disk's part done in a thread of its own: the next message comes meanwhile.

        What waits there is bounded by the credit. A box that sends no objects has no such thread.
        """
        if self._hand is None:
            self._hand = threading.Thread(target=self._upload, name="upload", daemon=True)
            self._hand.start()
        self._uploading.put(order)

    def _upload(self) -> None:
        begins: list[BeginUpload] = []
        while (order := self._next_order()) is not None:
            if isinstance(order, BeginUpload):
                begins.append(order)
                if not self._uploading.empty() and len(begins) < _BEGUN_TOGETHER:
                    continue
            if begins:
                self._guarded(partial(self._begin, begins))
                begins = []
            if not isinstance(order, BeginUpload):
                self._guarded(partial(self._do, order))

    def _next_order(self) -> Order | None:
        if self._owed:
            try:
                return self._uploading.get(timeout=_CREDIT_S)
            except queue.Empty:
                self._tell_credit()
        return self._uploading.get()

    def _tell_credit(self) -> None:
        with self._bell:
            self.machine.give(self._owed)
            self._credit, self._owed = self._credit + self._owed, 0
            self._bell.notify()

    def _guarded(self, deed: Callable[[], None]) -> None:
        """Do something for the link; a refusal or a defect ends it."""
        try:
            deed()
        except XinglinError as refusal:
            self.end(refusal)
        except SQLAlchemyError as error:
            _log.error("link ended by the database", fault=type(error).__name__)
            self.end(HubBusy())
        except Exception as error:  # noqa: BLE001 the process edge: gRPC's own, or a defect
            if type(error).__module__.partition(".")[0] != "grpc":
                _log.error("link crashed", fault=type(error).__name__, exc_info=error)
            self.end()

    def _do(self, order: Order) -> None:
        if isinstance(order, Store):
            self._store(order)
            return
        self.place.devices.check(self.caller.node)
        deeds: dict[type, Callable[[Any], None]] = {
            Greet: self._greet, CommitUpload: self._commit, Arrived: self._arrived,
            RowsKept: self._kept, Beat: self._beat, Saw: self._saw, OwnHead: self._own_head,
            Wrong: self._wrong,
        }  # fmt: skip
        deeds[type(order)](order)

    def _greet(self, order: Greet) -> None:
        hello, place = order.hello, self.place
        self._check_speaker(hello)
        now = place.site.outside.now_ms()
        ends = chain.chain_ends(place.site)
        node, hospital = self.caller.node, self.caller.hospital
        heads = [_checkpoint(one) for one in hello.heads]

        def work(sql: Connection) -> list[Checkpoint]:
            known = chain.witnessed_heads(sql, node)
            for head in heads:
                chain.keep_box_head(place.site, sql, node, hospital, head)
            chain.seen(
                place.site, sql, node,
                {"software": hello.software[:80], "clock_skew_ms": skew_of(hello.at_ms, now),
                 "backlog": chain.backlog_text(
                     hello.backlog.items, hello.backlog.bytes, hello.backlog.oldest_ms)},
            )  # fmt: skip
            chain.mark_delivered(place.site, sql, hospital, 0, hello.chain_seq)
            return known

        witnessed = place.inbox.do(work)
        place.ends[hospital] = max(ends.get(hospital, 0), place.ends.get(hospital, 0))
        self._send(
            pb.Down(
                welcome=pb.Welcome(
                    at_ms=place.site.outside.now_ms(),
                    credit=self.machine.credit,
                    chain_seq=ends.get(hospital, 0),
                    witnessed=[_message(one) for one in witnessed],
                    min_ping_s=MIN_PING_S,
                )
            )
        )
        self._send_heads()
        # Only the speaking thread sends of the directory: two would count its entries twice.
        self._head_due = True
        self.ring()
        self.on_greeted(self)

    def _check_speaker(self, hello: pb.Hello) -> None:
        """Hold the certificate against the node's own key: TLS knows only the certificate's."""
        try:
            said = open_statement(hello.statement, self.place.directory.current().book())
            body = said.body
            genuine = (said.domain, said.signer.node, body["hub"], body["certificate"]) == (
                HELLO_DOMAIN,
                self.caller.node,
                self.place.site.identity.id,
                hashlib.sha256(self.certificate).hexdigest(),
            )
        except (XinglinError, KeyError):
            genuine = False
        if not genuine:
            raise OtherBoxsCertificate

    def _begin(self, orders: list[BeginUpload]) -> None:
        self.place.devices.check(self.caller.node)
        wanted = [Wanted(one.address, one.size, one.chunk) for one in orders]
        answers = self.place.uploads.begin_all(self.sender, wanted)
        for one, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Held):
                have = pb.Have(
                    address=bytes.fromhex(one.address), chunk=answer.chunk, held=answer.bitmap,
                    committed=answer.committed,
                )  # fmt: skip
                self._send(pb.Down(have=have))
            else:
                self._refuse("", one.address, answer)

    def _store(self, order: Store) -> None:
        try:
            self.place.uploads.put(self.sender, order.address, order.index, order.data)
        except XinglinError as refusal:
            self._refuse("", order.address, refusal)
        self._owed += len(order.data)
        if self._owed >= _CREDIT_AT_ONCE:
            self._tell_credit()

    def _commit(self, order: CommitUpload) -> None:
        def done(future: Future[None]) -> None:
            error = future.exception()
            if error is None:
                committed = pb.Committed(address=bytes.fromhex(order.address))
                self._send(pb.Down(committed=committed))
            else:
                self._refuse("", order.address, _typed(error))

        def placed(future: Future[Future[None]]) -> None:
            error = future.exception()
            if error is None:
                future.result().add_done_callback(done)
            else:
                self._refuse("", order.address, _typed(error))

        commit = self.place.uploads.commit_soon
        self.place.pool.submit(commit, self.sender, order.address).add_done_callback(placed)

    def _arrived(self, order: Arrived) -> None:
        sender = From(self.caller.node, self.caller.hospital)

        def work(sql: Connection) -> int:
            check_needs(sql, order.needs)
            return self.place.sink.accept(sql, sender, order)

        def done(future: Future[int]) -> None:
            error = future.exception()
            if error is not None:
                self._refuse(order.id, "", _typed(error))
                return
            seq = future.result()
            self._send(pb.Down(accepted=pb.Accepted(id=order.id, seq=seq)))
            self.place.pool.submit(self.place.sink.committed, sender, order, seq)

        self.place.inbox.submit(work).add_done_callback(done)

    def _kept(self, order: RowsKept) -> None:
        site, hospital = self.place.site, self.caller.hospital
        after = max(0, order.seq - _ROWS)
        self.place.inbox.submit(
            lambda sql: chain.mark_delivered(site, sql, hospital, after, order.seq)
        )
        self.ring()

    def _beat(self, order: Beat) -> None:
        # Written by the clock, many at once: a heartbeat is worth no commit of its own.
        self.place.beats[self.caller.node] = {
            "backlog": chain.backlog_text(order.items, order.size, order.oldest_ms),
            "clock_skew_ms": skew_of(order.at_ms, self.place.site.outside.now_ms()),
        }
        self._send(pb.Down(heartbeat=pb.Heartbeat(at_ms=order.at_ms)))

    def _saw(self, order: Saw) -> None:
        directory, node, said = self.place.directory, self.caller.node, order.witness.statement

        def done(future: Future[Any]) -> None:
            error = future.exception()
            if error is not None:
                self._refuse("witness", "", _typed(error))

        self.place.inbox.submit(
            lambda sql: directory.keep_witness_in(sql, node, said)
        ).add_done_callback(done)

    def _own_head(self, order: OwnHead) -> None:
        site, node, hospital = self.place.site, self.caller.node, self.caller.hospital
        head = _checkpoint(order.checkpoint)
        self.place.inbox.submit(lambda sql: chain.keep_box_head(site, sql, node, hospital, head))

    def _wrong(self, order: Wrong) -> None:
        self._refuse(order.id, order.address, order.refusal)

    # -- what the hub says -----------------------------------------------------------------------

    def speak(self) -> Iterator[pb.Down]:
        """Yield what must go until the link ends; gRPC's handler thread."""
        while True:
            with self._bell:
                if not (self._out or self._credit or self._ended or self._rung):
                    self._bell.wait(_LOOK_S)
                self._rung = False
                ready = list(self._out)
                self._out.clear()
                credit, self._credit = self._credit, 0
                ended = self._ended
            if credit:
                yield pb.Down(credit=pb.Credit(bytes=credit))
            yield from ready
            if ended:
                if self.refusal is not None:
                    yield pb.Down(refused=refused_of(self.refusal))
                return
            self.on_look(self)
            if self.machine.greeted:
                yield from self._news()
            elif time.monotonic() - self._began > _HELLO_S:
                self.end(WrongMessage(fault="no hello"))

    def _news(self) -> Iterator[pb.Down]:
        """Yield rows of the chain, and the directory's, that the box does not have."""
        place, machine = self.place, self.machine
        end = place.ends.get(self.caller.hospital, 0)
        if machine.rows_sent < end and machine.rows_room():
            limit = min(_ROWS, machine.rows_room())
            rows = chain.rows_after(place.site, self.caller.hospital, machine.rows_sent, limit)
            for row in rows:
                machine.rows_sent = row.seq
                yield pb.Down(
                    row=pb.ChainRow(
                        writer=row.writer, seq=row.seq, header=row.header, sealed=row.sealed,
                        link=row.link,
                    )
                )  # fmt: skip
            if machine.rows_sent >= end:
                self._send_heads()
            self.ring()
        if self._head_due or machine.directory_sent < place.ends.get("", 0):
            always, self._head_due = self._head_due, False
            self._send_directory(always=always)

    def _send_heads(self) -> None:
        head = self.place.site.signed_head(self.caller.hospital)
        if head is not None:
            self._send(pb.Down(checkpoint=_message(head)))
        access = self.place.site.signed_access_head()
        if access is not None:
            self._send(pb.Down(access=pb.AccessCheckpoint(checkpoint=_message(access))))

    def _send_directory(self, *, always: bool) -> None:
        shown = self.place.directory.show(self.machine.directory_sent)
        first = self.machine.directory_sent + 1
        for at in range(0, len(shown.entries), _ENTRIES):
            some = shown.entries[at : at + _ENTRIES]
            self._send(pb.Down(directory=pb.DirectoryEntry(seq=first + at, entries=some)))
        self.machine.directory_sent += len(shown.entries)
        if shown.entries or always:
            head = pb.DirectoryHead(statement=shown.head, witnesses=shown.witnesses)
            self._send(pb.Down(directory_head=head))

    def _refuse(self, id_: str, address: str, refusal: XinglinError) -> None:
        message = refused_of(refusal)
        message.id = id_
        if address:
            message.address = bytes.fromhex(address)
        self._send(pb.Down(refused=message))
        if isinstance(refusal, HubDiskFull | QuotaSpent):
            self._send(pb.Down(slow_down=pb.SlowDown(for_ms=_SLOW_MS)))

    def _send(self, down: pb.Down) -> None:
        with self._bell:
            self._out.append(down)
            self._bell.notify()


def skew_of(at_ms: int, now_ms: int) -> int:
    """Return how far a box's clock is off; what no clock says is ten years."""
    return max(-_MOST_SKEW_MS, min(at_ms - now_ms, _MOST_SKEW_MS))


def refused_of(refusal: XinglinError) -> pb.Refused:
    """Return a refusal as it travels."""
    return pb.Refused(
        code=refusal.code,
        zh=refusal.sentence("zh"),
        en=refusal.sentence("en"),
        for_good=bool(getattr(refusal, "for_good", True)),
    )


def check_needs(sql: Connection, needs: tuple[str, ...]) -> None:
    """Let an item through whose objects are all the hub's.

    Raises
    ------
    NeedsMissing
        The box sends it again when they are.
    """
    for first in range(0, len(needs), 500):
        some = needs[first : first + 500]
        query = select(OBJECT.c.address).where(
            OBJECT.c.address.in_(some), OBJECT.c.committed_at.is_not(None)
        )
        found = set(sql.execute(query).scalars())
        if len(found) < len(set(some)):
            raise NeedsMissing(missing=len(set(some)) - len(found))


def _typed(error: BaseException) -> XinglinError:
    """Return what the box is told of an error: a defect of ours is a hub that is busy."""
    if isinstance(error, XinglinError):
        return error
    _log.error("an item was not taken", fault=type(error).__name__, exc_info=error)
    return HubBusy()


def _checkpoint(message: pb.Checkpoint) -> Checkpoint:
    return Checkpoint(
        message.journal, message.writer, message.seq, message.link, message.at, message.signature
    )


def _message(head: Checkpoint) -> pb.Checkpoint:
    return pb.Checkpoint(
        journal=head.journal, writer=head.writer, seq=head.seq, link=head.link, at=head.at,
        signature=head.signature,
    )  # fmt: skip
