"""The box's certificate is renewed by itself, at two thirds of its life; late ones wait for people.

The enrolment port is asked, with the signature of the node's key: a lost or ended certificate is no
obstacle to that. A wrong clock is none either: the hub refuses a request that is five minutes off
and says its time, the box asks again with that time, and the page says which clock is wrong.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import structlog

from core.errors import XinglinError
from core.records.clock import iso
from core.records.record import Draft
from core.vault.enrol_errors import ClockWrong, NodeRevoked
from core.vault.enrolment import NONCE_BYTES, Renew, sign
from edge.store.box import Box
from edge.uplink.certificates import Credentials, Device, Region
from edge.uplink.enrol_client import EnrolClient, enrol_client
from edge.uplink.join import recovery_key, software
from edge.uplink.join_errors import AnswerWrong, NothingToConsent
from protos.gen import enrol_pb2 as pb

State = Literal["none", "good", "due", "expired", "waiting", "revoked"]
CONSENT_MS = 7 * 86_400_000
_STATUS, _CONSENT = "region certificate", "region consent"
_LOOK_S = 5.0
_WAITING_MS = 20_000
_REVOKED_MS = 600_000
_FIRST_MS, _LONGEST_MS = 30_000, 1_800_000
_SUSPICIOUS_MS = 3_600_000

_log = structlog.get_logger("uplink")


@dataclass(frozen=True, slots=True)
class Status:
    """How the certificate stands, as the page shows it.

    Attributes
    ----------
    waits_for : {"", "local", "hub"}
        Whose click is missing.
    error : dict or None
        The last refusal, ``as_json``.
    clock : dict or None
        The refusal that names both clocks, while they differ.
    serial : str
        Of the certificate that was looked at.
    next_ms : int
        When the hub is asked again, at the earliest.
    """

    state: State
    at: int
    waits_for: str = ""
    error: dict[str, object] | None = None
    clock: dict[str, object] | None = None
    failures: int = 0
    serial: str = ""
    next_ms: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the row that other processes read."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def renew_at(device: Device) -> int:
    """Return when to renew: two thirds of the life, ten per cent of that earlier or later.

    The jitter follows from the serial number, which is random: the same on each look, another for
    each box and certificate. Pure.
    """
    draw = int.from_bytes(hashlib.sha256(device.serial.encode()).digest()[:4], "big") / 2**32
    share = 2 / 3 * (0.9 + 0.2 * draw)
    return device.begins_ms + int((device.ends_ms - device.begins_ms) * share)


def standing(device: Device, now: int) -> State:
    """Return whether a certificate is good, due or expired; pure.

    A clock from long before the certificate was made is wrong: asking tells.
    """
    if now >= device.ends_ms:
        return "expired"
    if now >= renew_at(device) or now < device.begins_ms - _SUSPICIOUS_MS:
        return "due"
    return "good"


def pause_ms(failures: int, draw: float) -> int:
    """Return the wait after a number of failures in a row; ``draw`` is uniform in 0 to 1. Pure."""
    longest = min(_FIRST_MS * 2 ** min(failures, 10), _LONGEST_MS)
    return int(longest * (0.5 + 0.5 * draw))


class Renewer:
    """Keeps the certificate of a box good; one per box, in the uplink process."""

    def __init__(self, box: Box, credentials: Credentials) -> None:
        self._box = box
        self._credentials = credentials

    def step(self) -> Status:
        """Look once, renew where it is time, and say how it stands."""
        now = self._box.outside.now_ms()
        if not self._credentials.joined:
            return Status("none", now)
        before = status_of(self._box)
        device: Device | None = None
        try:
            device = self._credentials.device()
            if self._pauses(before, device, now):
                return before
            made = self._look(device, before, now)
        except XinglinError as error:
            made = self._failed(error, device, before)
        if replace(made, at=before.at) != before:  # an idle box writes nothing
            _keep(self._box, _STATUS, made.as_json())
        return made

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop; a person may have agreed meanwhile, or joined anew."""
        while True:
            self.step()
            if stop.wait(_LOOK_S):
                return

    def _pauses(self, before: Status, device: Device, now: int) -> bool:
        if before.serial != device.serial or not before.at <= now < before.next_ms:
            return False
        agreed = consent_of(self._box)
        return agreed is None or int(agreed["at"]) < before.at

    def _look(self, device: Device, before: Status, now: int) -> Status:
        state = standing(device, now)
        if state == "good":
            return Status("good", now, clock=before.clock, serial=device.serial)
        return self._renew(device, state)

    def _renew(self, device: Device, state: State) -> Status:
        region = self._credentials.region()
        with enrol_client(region.enrol_address, region.enrol_pin) as client:
            reply, clock = self._asked(client, device)
        now = self._box.outside.now_ms()
        if reply.state == pb.RenewReply.WAITING:
            waits_for = "hub" if consent_of(self._box) else "local"
            return Status(
                "waiting", now, waits_for, clock=clock, serial=device.serial,
                next_ms=now + _WAITING_MS,
            )  # fmt: skip
        if reply.state != pb.RenewReply.ISSUED:
            raise AnswerWrong(fault="state")
        made = self._install(region, reply)
        _log.info("certificate renewed", late=state == "expired")
        return Status("good", now, clock=clock, serial=made.serial)

    def _asked(
        self, client: EnrolClient, device: Device
    ) -> tuple[pb.RenewReply, dict[str, object] | None]:
        now = self._box.outside.now_ms()
        try:
            return client.renew(self._request(device, now)), None
        except ClockWrong as error:
            hub_ms = _hub_time(error)
            if hub_ms is None:
                raise
            return client.renew(self._request(device, hub_ms)), error.as_json()

    def _request(self, device: Device, at_ms: int) -> pb.RenewRequest:
        box = self._box
        renew = Renew(
            node=box.identity.id,
            serial=device.serial,
            csr=self._credentials.pending().csr,
            at_ms=at_ms,
            nonce=box.outside.randomness(NONCE_BYTES),
            local_consent=consent_of(box) is not None,
            recovery_public=recovery_key(box),
            software=software(),
        )
        return pb.RenewRequest(
            node=renew.node,
            serial=renew.serial,
            csr=renew.csr,
            at_ms=renew.at_ms,
            nonce=renew.nonce,
            signature=sign(box.identity.key, renew),
            local_consent=renew.local_consent,
            recovery_public=renew.recovery_public,
            software=renew.software,
        )

    def _install(self, region: Region, reply: pb.RenewReply) -> Device:
        pending = self._credentials.pending()
        made = self._credentials.install(
            pending, list(reply.chain), self._box.identity.id, region.root.encode()
        )
        told = replace(
            region,
            sync_address=reply.sync_address or region.sync_address,
            relay_address=reply.relay_address,
            notice_address=reply.notice_address,
        )
        if told != region:
            self._credentials.keep_region(told)
        self._credentials.forget_pending()
        with self._box.database.transaction() as sql:
            sql.execute("DELETE FROM house WHERE task = ?", (_CONSENT,))
        return made

    def _failed(self, error: XinglinError, device: Device | None, before: Status) -> Status:
        now, serial = self._box.outside.now_ms(), device.serial if device else ""
        _log.warning("certificate not renewed", code=f"E{error.code}")
        state: State = standing(device, now) if device else "expired"
        failures = before.failures + 1
        wait = pause_ms(failures, int.from_bytes(self._box.outside.randomness(4), "big") / 2**32)
        if isinstance(error, NodeRevoked):
            state, wait = "revoked", _REVOKED_MS
        said = error.as_json()
        return Status(
            state, now, error=said, clock=said if isinstance(error, ClockWrong) else before.clock,
            failures=failures, serial=serial, next_ms=now + wait,
        )  # fmt: skip


def status_of(box: Box) -> Status:
    """Return how the certificate stood at the last look."""
    value = _house(box, _STATUS)
    return Status(**value) if value else Status("none", 0)


def consent_of(box: Box) -> dict[str, Any] | None:
    """Return who agreed here to a late renewal, and when; None where nobody did of late."""
    value = _house(box, _CONSENT)
    fresh = value is not None and 0 <= box.outside.now_ms() - int(value["at"]) < CONSENT_MS
    return value if fresh else None


def consent(box: Box, user: str) -> None:
    """Agree, as a person at the box, to the renewal of its ended certificate.

    Raises
    ------
    NotJoined
    NothingToConsent
        While the certificate is good and the hub does not wait for anybody.
    """
    credentials = Credentials(box.folder / "uplink")
    now = box.outside.now_ms()
    good = standing(credentials.device(), now) != "expired"
    if good and status_of(box).state != "waiting":
        raise NothingToConsent
    _keep(box, _CONSENT, {"at": now, "user": user})
    body = {"action": "late renewal agreed", "user": user}
    box.access.append([Draft("audit.logged", body, actor=f"person:{user}")])


def certificate_of(box: Box, credentials: Credentials) -> dict[str, Any]:
    """Return how the certificate stands: by itself, and what the last renewal came to."""
    status, agreed = status_of(box), consent_of(box)
    try:
        device = credentials.device()
    except XinglinError as error:
        return {"state": "damaged", "error": error.as_json()}
    now = box.outside.now_ms()
    fresh = status.serial == device.serial and status.state in ("waiting", "revoked")
    return {
        "serial": device.serial,
        "not_before": iso(device.begins_ms),
        "not_after": iso(device.ends_ms),
        "renew_at": iso(renew_at(device)),
        "state": status.state if fresh else standing(device, now),
        "waits_for": status.waits_for if fresh else "",
        "consent": {"by": agreed["user"], "at": iso(agreed["at"])} if agreed else None,
        "error": status.error,
        "clock": status.clock,
    }


def _hub_time(error: ClockWrong) -> int | None:
    try:
        at = datetime.fromisoformat(str(error.facts["hub"]))
    except ValueError:
        return None
    return int(at.timestamp() * 1000) if at.tzinfo else None


def _keep(box: Box, task: str, value: dict[str, Any]) -> None:
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO house VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET"
            " value = excluded.value",
            (task, json.dumps(value, ensure_ascii=False)),
        )


def _house(box: Box, task: str) -> dict[str, Any] | None:
    rows = box.database.query("SELECT value FROM house WHERE task = ?", (task,))
    return json.loads(rows[0][0]) if rows else None
