"""The uplink process: idle until the box has joined, then one link after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from core.errors import XinglinError
from edge.consult.keys import watch_pins
from edge.store.box import Box
from edge.uplink.alarms import Alarms
from edge.uplink.backoff import Backoff
from edge.uplink.budget import TokenBucket, budget_of
from edge.uplink.certificates import Credentials
from edge.uplink.client import Ended, LinkParts, LinkRun
from edge.uplink.directory import BoxDirectory
from edge.uplink.mqtt import NoticeListener
from edge.uplink.outbox import EMERGENCY, Outbox
from edge.uplink.pace import Pace
from edge.uplink.status import LinkStatus, keep_status

_log = structlog.get_logger("uplink")
_IDLE_S = 2.0
_STATUS_S = 10.0
_TIDY_S = 3600.0


def outbox_of(box: Box) -> Outbox:
    """Return the outbox of a box; any process may put into it."""
    outbox = Outbox(
        box.database,
        box.folder / "outgoing",
        box.outside.now_ms,
        box.settings.uplink.outbox_mb * 1_000_000,
    )
    outbox.create()
    return outbox


@dataclass(eq=False)
class Uplink:
    """Keeps the box connected."""

    box: Box
    credentials: Credentials
    outbox: Outbox
    bucket: TokenBucket
    pace: Pace = field(default_factory=Pace)
    mark: Callable[[str], None] = lambda _: None  # told each step: a test kills the process there
    _backoff: Backoff = field(default_factory=Backoff)
    _stop: threading.Event = field(default_factory=threading.Event)
    _awake: threading.Event = field(default_factory=threading.Event)
    _run: LinkRun | None = None
    _since_ms: int = 0
    _state: str = ""
    _error: dict[str, object] | None = None

    def run(self) -> None:
        """Connect, serve and connect again until told to stop."""
        clock = threading.Thread(target=self._clock, name="uplink clock", daemon=True)
        clock.start()
        while not self._stop.is_set():
            if not self.credentials.joined:
                self._show("idle")
                self._stop.wait(_IDLE_S)
                continue
            ended = self._once()
            if not self._stop.is_set():
                self._pause(ended)
        self._show("waiting")
        clock.join()

    def stop(self) -> None:
        """Tell it to stop; from any thread."""
        self._stop.set()
        self._awake.set()
        run = self._run
        if run is not None:
            run.end()

    def wake(self) -> None:
        """Have it try now rather than wait; from any thread. An open link goes on as it is."""
        self._awake.set()

    def _once(self) -> Ended:
        self._awake.clear()
        self._show("connecting")
        box = self.box
        try:
            region = self.credentials.region()
            parts = LinkParts(
                box, self.outbox, self.credentials, BoxDirectory(box, region),
                Alarms(box.database, box.outside.now_ms), self.bucket, self.pace, mark=self.mark,
                on_directory=lambda shown: watch_pins(box, shown),
            )  # fmt: skip
            self._run = LinkRun(parts, region, lambda _: self._show("open"))
            if self._stop.is_set():
                self._run.end()
            ended = self._run.run()
            self.pace.cut() if ended.error else self.pace.ended()
            return ended
        except XinglinError as error:
            return Ended(greeted=False, refused=True, error=error.as_json())
        finally:
            self._run = None

    def _pause(self, ended: Ended) -> None:
        draw = int.from_bytes(self.box.outside.randomness(4), "big") / 2**32
        if ended.refused:
            state, wait = "refused", self._backoff.after_refusal(draw)
        elif ended.greeted:
            state, wait = "waiting", self._backoff.after_cut(draw)
        else:
            state, wait = "waiting", self._backoff.after_failure(draw)
        self._error = ended.error
        code = ended.error["code"] if ended.error else ""
        _log.warning("link ended", code=code, again_in_s=round(wait, 1))
        self._show(state)
        if ended.greeted:
            self._awake.clear()  # it was for the link that was open then
        ends, newest = time.monotonic() + wait, self._newest_emergency()
        while time.monotonic() < ends and not self._awake.wait(min(1.0, wait)):
            if self._stop.is_set():
                return
            if self._newest_emergency() > newest:
                return  # somebody needs help now: the wait was for the hub's sake

    def _newest_emergency(self) -> int:
        rows = self.box.database.query(
            "SELECT coalesce(max(n), 0) FROM outbox WHERE state = 'waiting' AND priority = ?",
            (EMERGENCY,),
        )
        return int(rows[0][0])

    def _show(self, state: str) -> None:
        now = self.box.outside.now_ms()
        if state != self._state:
            self._state, self._since_ms = state, now
        run = self._run
        latency = run.latency_s if run is not None else None
        rate = int(run.link.pace.rate) if run is not None else 0
        keep_status(
            self.box,
            LinkStatus(
                state, self._since_ms, now,
                latency_ms=round(latency * 1000, 1) if latency is not None else None,
                rate_bytes_s=rate or None, last_error=None if state == "open" else self._error,
            ),
        )  # fmt: skip

    def _clock(self) -> None:
        tidied = time.monotonic()
        while not self._stop.wait(_STATUS_S):
            self._show(self._state or "idle")
            if time.monotonic() - tidied > _TIDY_S:
                tidied = time.monotonic()
                self.outbox.tidy()


def uplink_of(box: Box) -> Uplink:
    """Return the uplink of a box with its settings.

    Raises
    ------
    SettingsWrong
        If the hours of the budget are none.
    """
    from edge.store.errors import SettingsWrong

    settings = box.settings.uplink
    try:
        budget = budget_of(settings.kbit_s, dict(settings.hours))
    except ValueError as error:
        raise SettingsWrong(where="uplink.hours", fault=str(error)) from None
    return Uplink(box, Credentials(box.folder / "uplink"), outbox_of(box), TokenBucket(budget))


def run_uplink(folder: Path, stop: threading.Event) -> None:
    """Serve the link, and keep the certificate good, until told to stop."""
    from edge.store.box import open_box, real_outside
    from edge.uplink.renew import Renewer

    box = open_box(folder, real_outside())
    uplink = uplink_of(box)
    renewer = Renewer(box, uplink.credentials)
    listener = NoticeListener(box, uplink.credentials, uplink.wake)
    threads = [
        threading.Thread(target=uplink.run, name="uplink"),
        threading.Thread(target=renewer.run, args=(stop,), name="renewer"),
        threading.Thread(target=listener.run, name="notices"),
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    listener.stop()
    uplink.stop()
    for thread in threads:
        thread.join()
    box.close()
