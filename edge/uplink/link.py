"""The box's end of one link, pure: which message goes next, and what an answer means.

No clock, no socket, no disk: the shell (``client``) asks :meth:`BoxLink.next_step` what to send,
reads the bytes, and tells :meth:`BoxLink.heard` what came. Order: the most urgent item whose turn
can come; among equally urgent ones small things first. A piece of an object is at most what the
line carries in some 60 ms, so that an emergency waits for one piece and not for a series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.blobs import chunks
from edge.uplink.budget import TokenBucket
from edge.uplink.link_errors import HubProtocol
from edge.uplink.outbox import EMERGENCY, Item
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

BEAT_S = 30.0
#: Objects begun ahead, so that the hub's answer is there when their turn comes; a few at a time, so
#: that the hub looks them up together.
_AHEAD, _AHEAD_AGAIN = 16, 8
_COMMITTING = 64
_SMALL_UNDER_WAY = 64
_RETRY_S = 5.0
_SILENCE_S = 20.0
_LONGEST_WAIT_S = 1.0

Heard = Greeted | Delivered | Turned | Latency


@dataclass(slots=True)
class _Sending:
    """An object on its way."""

    item: Item
    chunk: int
    held: bytearray | None = None  # None until the hub has said what it holds
    cursor: int = 0
    commit_sent: bool = False

    @property
    def total(self) -> int:
        return chunks.count(self.item.size, self.chunk)


@dataclass(slots=True)
class BoxLink:
    """State of one link from its connection to its end."""

    bucket: TokenBucket
    started_s: float
    pace: Pace
    greeted: bool = False
    credit: int = 0
    bytes_sent: int = 0
    _items: list[Item] = field(default_factory=list)
    _open_needs: frozenset[str] = frozenset()
    _sending: dict[str, _Sending] = field(default_factory=dict)
    _small: dict[str, Item] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _retry_at: dict[str, float] = field(default_factory=dict)
    _enough: bool = False  # are begun; items come by urgency, so nothing later may be either
    _beginning: int = -1  # the priority of which some are being begun together
    _slow_until: float = 0.0
    _next_beat: float = 0.0
    _beat_at: float = 0.0
    _heard_at: float = 0.0

    def offer(self, items: Sequence[Item], open_needs: frozenset[str]) -> None:
        """Say what waits, in order, and which needed objects are not at the hub yet."""
        self._items = [item for item in items if item.id not in self._done]
        self._open_needs = open_needs - self._done
        named = {item.id for item in items}
        self._done &= named

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not (self._sending or self._small or self.pace.under_way)

    def silent_too_long(self, now_s: float) -> bool:
        """Return whether the hub owes an answer for so long that the line must be dead."""
        since = max(self._heard_at, self.started_s)
        owed = not self.idle or self._beat_at > self._heard_at or not self.greeted
        return owed and now_s - max(since, self._asked_at()) > max(_SILENCE_S, 10 * self.pace.rtt_s)

    def _asked_at(self) -> float:
        return self._beat_at if self.idle else 0.0

    # -- what goes -------------------------------------------------------------------------------

    def next_step(self, now_s: float, hour: int) -> Step:
        """Return what to do now; what it returns counts as sent."""
        if not self.greeted:
            return Wait(_LONGEST_WAIT_S)
        if now_s >= self._next_beat:
            self._next_beat, self._beat_at = now_s + BEAT_S, now_s
            return Beat()
        budget_s = self.bucket.wait_s(now_s, hour)
        soonest = min(_LONGEST_WAIT_S, budget_s or _LONGEST_WAIT_S)
        self._enough = False
        for item in self._items:
            if item.id in self._done:
                continue
            pays = item.priority != EMERGENCY and budget_s > 0
            if item.kind == "object":
                step = self._object_step(item, now_s, pays)
            else:
                step = self._small_step(item, now_s, pays)
            if step is not None:
                return step
        return Wait(max(0.005, soonest))

    def _small_step(self, item: Item, now_s: float, pays: bool) -> Step | None:
        if item.id in self._small or pays or self._retry_at.get(item.id, 0.0) > now_s:
            return None
        if any(address in self._open_needs for address in item.needs):
            return None
        crowded = len(self._small) >= _SMALL_UNDER_WAY or not self.pace.room()
        if crowded and item.priority != EMERGENCY:
            return None
        self._small[item.id] = item
        self._went(item.size, now_s)
        return Small(item)

    def _object_step(self, item: Item, now_s: float, pays: bool) -> Step | None:
        sending = self._sending.get(item.id)
        if sending is None:
            return self._begin(item, now_s)
        if sending.held is None or sending.commit_sent:
            return None
        blocked = pays or not self.pace.room() or now_s < self._slow_until
        if blocked and sending.cursor < sending.total:
            return None
        most = max(1, self.pace.piece() // sending.chunk)
        run = chunks.next_missing(sending.held, sending.cursor, sending.total, most)
        if run is None:
            sending.commit_sent = True
            return CommitObject(item.id)
        offset = run[0] * sending.chunk
        length = min(run[1] * sending.chunk, item.size - offset)
        if length > self.credit:
            return None
        sending.cursor = run[0] + run[1]
        self.credit -= length
        self._went(length, now_s)
        return PutPiece(item.id, run[0], offset, length)

    def _begin(self, item: Item, now_s: float) -> Step | None:
        if self._enough or self._retry_at.get(item.id, 0.0) > now_s or now_s < self._slow_until:
            return None
        committing = sum(one.commit_sent for one in self._sending.values())
        if committing >= _COMMITTING or not self._may_begin(item.priority):
            self._enough = True
            return None
        self._sending[item.id] = _Sending(item, chunks.SMALLEST)
        return BeginObject(item, chunks.SMALLEST)

    def _may_begin(self, priority: int) -> bool:
        """Return whether one more may be begun: what is less urgent takes nobody's place."""
        ahead = sum(
            not one.commit_sent and one.item.priority <= priority for one in self._sending.values()
        )
        may = ahead < (_AHEAD if self._beginning == priority else _AHEAD_AGAIN)
        self._beginning = priority if may else -1
        return may or priority == EMERGENCY

    def _went(self, count: int, now_s: float) -> None:
        self.pace.sent(count, now_s)
        self.bucket.spend(count)
        self.bytes_sent += count

    # -- what comes ------------------------------------------------------------------------------

    def heard(self, down: pb.Down, now_s: float) -> list[Heard]:
        """Take one message of the hub's and return what it means for the outbox and the page.

        Chain rows, directory entries and checkpoints are not its business: the shell takes them.

        Raises
        ------
        HubProtocol
            If the hub says what it may not.
        """
        self._heard_at = now_s
        what = down.WhichOneof("what")
        if what == "welcome":
            return self._welcomed(down.welcome)
        if what == "refused":
            return self._refused(down.refused, now_s)
        if not self.greeted:
            raise HubProtocol(fault=f"{what} before welcome")
        if what == "credit":
            self.credit += down.credit.bytes
            self.pace.acknowledged(down.credit.bytes, now_s)
        elif what == "have":
            return self._have(down.have)
        elif what == "committed":
            return self._finished(down.committed.address.hex())
        elif what == "accepted":
            return self._accepted(down.accepted.id, now_s)
        elif what == "slow_down":
            self._slow_until = now_s + min(down.slow_down.for_ms, 600_000) / 1000
        elif what == "heartbeat":
            return [Latency(now_s - self._beat_at)] if self._beat_at else []
        return []

    def _welcomed(self, welcome: pb.Welcome) -> list[Heard]:
        if self.greeted:
            raise HubProtocol(fault="two welcomes")
        self.greeted = True
        self.credit = min(welcome.credit, 64 * 1024 * 1024)
        return [Greeted(welcome.at_ms, welcome.chain_seq)]

    def _have(self, have: pb.Have) -> list[Heard]:
        address = have.address.hex()
        sending = self._sending.get(address)
        if sending is None:
            return []
        if have.committed:
            return self._finished(address)
        size, chunk = sending.item.size, have.chunk
        if not chunks.is_chunk_size(chunk) or not chunks.fits(have.held, size, chunk):
            raise HubProtocol(fault="bitmap")
        sending.chunk, sending.held, sending.cursor = chunk, bytearray(have.held), 0
        return []

    def _finished(self, address: str) -> list[Heard]:
        if self._sending.pop(address, None) is None:
            return []
        self._done.add(address)
        self._open_needs -= {address}
        return [Delivered(address)]

    def _accepted(self, id_: str, now_s: float) -> list[Heard]:
        item = self._small.pop(id_, None)
        if item is None:
            return []
        self.pace.acknowledged(item.size, now_s)
        self._done.add(id_)
        return [Delivered(id_)]

    def _refused(self, refused: pb.Refused, now_s: float) -> list[Heard]:
        id_ = refused.id or refused.address.hex()
        turned = Turned(id_, refused.code, refused.zh, refused.en, refused.for_good)
        if not id_:
            return [turned]
        item = self._small.pop(id_, None)
        if item is not None:
            self.pace.acknowledged(item.size, now_s)
        elif self._sending.pop(id_, None) is None:
            return []  # an answer to a piece that was under way when the first refusal came
        if refused.for_good:
            self._done.add(id_)
        else:
            self._retry_at[id_] = now_s + _RETRY_S
        return [turned]
