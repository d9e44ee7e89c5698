"""The box listens at the region's broker: a notice wakes the link, and people see it was announced.

The listener believes the hub's signature only. What else comes (another box's, old, oversized,
garbage) is counted by its number and dropped; a broker that lies can at most be silent.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from core.errors import XinglinError
from core.records.clock import iso
from core.vault.certificates import broker_name
from core.web.broker import BrokerLink, BrokerSite, Ears, Ended
from edge.store.box import Box
from edge.uplink.backoff import Backoff
from edge.uplink.certificates import Credentials, Region
from edge.uplink.notice_errors import (
    BrokerAddressWrong,
    BrokerRefused,
    BrokerUnreachable,
    NoticesTooMany,
)
from edge.uplink.notices import Notices
from edge.uplink.status import NoticeStatus, keep_notice_status

_log = structlog.get_logger("notices")
_IDLE_S = 5.0
_TURN_S = 1.0
_STATUS_EVERY = 10
#: A hub says some notices a minute; a broker that says more is broken or hostile.
_MOST_A_TURN = 100


@dataclass(eq=False)
class NoticeListener:
    """Keeps the box listening; made, run in a thread, stopped.

    Attributes
    ----------
    wake : callable
        Has the link try now; called for each new notice and whenever the broker is there again.
    """

    box: Box
    credentials: Credentials
    wake: Callable[[], None]
    _backoff: Backoff = field(default_factory=Backoff)
    _stop: threading.Event = field(default_factory=threading.Event)
    _link: BrokerLink | None = None
    _notices: Notices | None = None
    _state: str = ""
    _since_ms: int = 0
    _heard: int = 0
    _ignored: Counter[str] = field(default_factory=Counter)
    _turn: int = 0
    _this_turn: int = 0
    _error: XinglinError | None = None

    def run(self) -> None:
        """Connect, listen and connect again until told to stop."""
        while not self._stop.is_set():
            region = self._region()
            if region is None or not region.notice_address:
                self._show("idle")
                self._stop.wait(_IDLE_S)
                continue
            ended = self._once(region)
            if not self._stop.is_set():
                self._pause(ended)
        self._show("idle")

    def stop(self) -> None:
        """Tell it to stop; from any thread."""
        self._stop.set()
        link = self._link
        if link is not None:
            link.end()

    def _region(self) -> Region | None:
        try:
            return self.credentials.region() if self.credentials.joined else None
        except XinglinError:
            return None  # the link says what is wrong with it

    def _once(self, region: Region) -> Ended:
        self._show("connecting")
        try:
            site = self._site(region)
        except XinglinError as error:
            self._error = error
            return Ended(worked=False, fault="address")
        self._notices = Notices(self.box, region)
        self._notices.forget_others()
        ears = Ears(self._opened, self._hear, self._turned, _TURN_S)
        link = BrokerLink(site, ears, self.box.outside.randomness(16).hex())
        self._link = link
        if self._stop.is_set():
            link.end()
        ended = link.serve()
        self._link = None
        kind = BrokerRefused if ended.refused else BrokerUnreachable
        self._error = kind(fault=ended.fault)
        return ended

    def _site(self, region: Region) -> BrokerSite:
        host, _, port = region.notice_address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
            raise BrokerAddressWrong
        return BrokerSite(
            host=host.strip("[]"),
            port=int(port),
            name=broker_name(region.hub),
            root=region.root,
            certificate=self.credentials.device_file,
            topic=Notices(self.box, region).topic,
        )

    def _opened(self) -> None:
        self._error = None
        self._show("open")
        # The line is there: the link need not wait. What was announced meanwhile it brings.
        self.wake()

    def _hear(self, topic: str, payload: bytes) -> None:
        self._this_turn += 1
        try:
            if self._notices is None or self._this_turn > _MOST_A_TURN:
                raise NoticesTooMany
            notice = self._notices.take(topic, payload)
        except XinglinError as error:
            self._ignored[f"E{error.code}"] += 1
            return
        self._heard += 1
        _log.info("notice", kind=notice.kind, urgency=notice.urgency, seq=notice.seq)
        self.wake()
        self._show("open")

    def _turned(self, _link: BrokerLink) -> None:
        self._this_turn = 0
        self._turn += 1
        if self._turn % _STATUS_EVERY == 0:
            self._show("open")

    def _pause(self, ended: Ended) -> None:
        draw = int.from_bytes(self.box.outside.randomness(4), "big") / 2**32
        if ended.refused:
            wait = self._backoff.after_refusal(draw)
        elif ended.worked:
            wait = self._backoff.after_cut(draw)
        else:
            wait = self._backoff.after_failure(draw)
        _log.warning("no broker", fault=ended.fault, again_in_s=round(wait, 1))
        self._show("refused" if ended.refused else "waiting")
        self._stop.wait(wait)

    def _show(self, state: str) -> None:
        now = self.box.outside.now_ms()
        if state != self._state:
            self._state, self._since_ms = state, now
        elif state == "idle":
            return
        error = self._error.as_json() if self._error and state != "open" else None
        status = NoticeStatus(
            state, iso(self._since_ms), iso(now), self._heard, dict(self._ignored), error
        )
        keep_notice_status(self.box, status)
