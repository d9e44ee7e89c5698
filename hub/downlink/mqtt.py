"""The hub's voice at the region's MQTT broker: notices to boxes, at least once, never kept there.

The broker is a convenience. Where it is down, slow or lies, a box hears a little later: the link
(``hub.downlink.server``) is what carries everything and what is believed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.exc import SQLAlchemyError

from core.errors import XinglinError
from core.seals.notice import Notice, sign_notice, topic_of
from core.vault.certificates import broker_name
from core.web.broker import BrokerLink, BrokerSite, Ears, Said
from hub.downlink.chain import chain_ends
from hub.downlink.notify import Due, due, due_after
from hub.registry.authority import open_authority
from hub.registry.broker_files import keep_broker_files, keep_publisher
from hub.site import HubSite

_log = structlog.get_logger("notices")
#: What a box has not heard by then it hears by the link.
_EXPIRY_S = 600
#: So often a notice is said again that no box was there to hear, until it expires.
_AGAIN_S = 3.0
_MOST_UNHEARD = 1000
_FIRST_S, _LONGEST_S = 1.0, 30.0
#: A revoked certificate is in the broker's list by then.
_TEND_S = 10.0


class Notifier:
    """Tells boxes of rows of their hospital's chain; one thread, made, started, stopped.

    Parameters
    ----------
    where : callable
        Keeps the broker's files, and returns where it is and what to show there; asked before each
        connection and every ten seconds of it.
    """

    def __init__(self, site: HubSite, where: Callable[[], BrokerSite]) -> None:
        self._site = site
        self._where = where
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self._link: BrokerLink | None = None
        self._told: dict[str, int] | None = None
        self._batch: list[_Sent] = []
        self._reached: dict[str, int] = {}
        self._unheard: dict[tuple[str, int], _Again] = {}
        self._tended_s = 0.0

    def start(self) -> None:
        """Begin; what is in the chains by now is left to the link."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        link = self._link
        if link is not None:
            link.end()
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            worked, fault = self._once()
            failures = 0 if worked else failures + 1
            draw = int.from_bytes(self._site.outside.randomness(4), "big") / 2**32
            wait = min(_LONGEST_S, _FIRST_S * 2 ** min(failures, 6)) * (0.1 + 0.9 * draw)
            if not self._stop.is_set():
                _log.warning("no broker", fault=fault, again_in_s=round(wait, 1))
            self._stop.wait(wait)

    def _once(self) -> tuple[bool, str]:
        try:
            if self._told is None:
                self._told = chain_ends(self._site)
            ears = Ears(on_open=self._opened, on_turn=self._turn)
            link = BrokerLink(self._tended(), ears, self._site.outside.randomness(16).hex())
        except (OSError, SQLAlchemyError, XinglinError) as error:
            return False, type(error).__name__
        self._link = link
        if self._stop.is_set():
            link.end()
        ended = link.serve()
        self._link = None
        return ended.worked, ended.fault

    def _tended(self) -> BrokerSite:
        self._tended_s = time.monotonic()
        return self._where()

    def _opened(self) -> None:
        _log.info("broker connected")
        # What the last connection did not bring over is said again.
        self._batch, self._reached = [], {}

    def _turn(self, link: BrokerLink) -> None:
        if not all(one.said.answered for one in self._batch):
            return
        told = self._told if self._told is not None else {}
        told.update(self._reached)
        self._keep_unheard()
        self._batch, self._reached = [], {}
        try:
            if time.monotonic() - self._tended_s > _TEND_S:
                self._tended()
            fresh = due(self._site, told)
            again = self._again()
        except (OSError, SQLAlchemyError, XinglinError) as error:
            # A database that restarts must not end the connection.
            _log.error("notices wait", fault=type(error).__name__)
            return
        for one in fresh:
            self._reached[one.hospital] = one.upto
        for one in (*fresh, *again):
            self._say(link, one)

    def _say(self, link: BrokerLink, due_now: Due) -> None:
        hub = self._site.identity
        for node in due_now.nodes:
            for notice in due_now.notices:
                data = sign_notice(notice, node, hub)
                said = link.say(topic_of(hub.id, node), data, _EXPIRY_S)
                self._batch.append(_Sent(due_now.hospital, notice, said))

    def _keep_unheard(self) -> None:
        """Note which consultations' rows no box heard: its connection may be back in a moment."""
        now = time.monotonic()
        for one in self._batch:
            if one.said.fault:
                _log.info("nobody heard a notice", why=one.said.fault)
                if one.notice.consult and len(self._unheard) < _MOST_UNHEARD:
                    place = (one.hospital, one.notice.seq)
                    self._unheard.setdefault(place, _Again(now + _EXPIRY_S)).next_s = now + _AGAIN_S

    def _again(self) -> list[Due]:
        now = time.monotonic()
        found = []
        for (hospital, seq), one in list(self._unheard.items()):
            if now > one.until_s:
                del self._unheard[hospital, seq]
            elif now > one.next_s:
                one.next_s = now + _AGAIN_S
                due_now = due_after(self._site, hospital, seq - 1, 1)
                if due_now.notices and due_now.nodes:
                    found.append(due_now)
                else:
                    del self._unheard[hospital, seq]  # the link has brought it
        return found


@dataclass(frozen=True, slots=True)
class _Sent:
    hospital: str
    notice: Notice
    said: Said


@dataclass(slots=True)
class _Again:
    until_s: float
    next_s: float = 0.0


def notifier_of(site: HubSite) -> Notifier | None:
    """Return what tells boxes by the broker of the settings; None where there is none."""
    if not site.settings.mqtt.host or not (site.folder / "ca" / "root.crt").exists():
        return None

    def where() -> BrokerSite:
        authority = open_authority(site.folder, site.identity.id, site.outside)
        keep_broker_files(site, authority)
        return BrokerSite(
            host=site.settings.mqtt.host,
            port=site.settings.mqtt.port,
            name=broker_name(site.identity.id),
            root=authority.root.public_bytes(Encoding.PEM).decode(),
            certificate=keep_publisher(site, authority),
        )

    return Notifier(site, where)
