"""The consultations of a box as kept: rows, events, keys, alarms. Reads and small writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.consult.machine import Consult
from core.errors import XinglinError
from core.journal.seal import open_record
from core.records.record import Record
from edge.consult.errors import ConsultUnknown
from edge.store.box import Box
from edge.uplink.alarms import Alarms

_ACCESS = frozenset({"access.granted", "access.revoked"})


@dataclass(frozen=True, slots=True)
class Kept:
    """One consultation as the view holds it."""

    consult: str
    study: str
    authority: str
    state: Consult
    request: dict[str, Any]
    last_seq: int
    last_link: str

    @property
    def house(self) -> bool:
        """Whether the box itself is its authority."""
        return self.authority == "house"


def kept(box: Box, consult: str) -> Kept:
    """Return a consultation.

    Raises
    ------
    ConsultUnknown
    """
    rows = box.database.query(
        "SELECT consult, study, authority, folded, request, last_seq, last_link FROM consult"
        " WHERE consult = ?",
        (consult,),
    )
    if not rows:
        raise ConsultUnknown
    id_, study, authority, folded, request, last_seq, last_link = rows[0]
    state = Consult.from_json(json.loads(folded))
    return Kept(
        id_, study, authority, state, json.loads(request or "{}"), last_seq, last_link or ""
    )


def known_event(box: Box, consult: str, event: str) -> str:
    """Return the digest under which an event was kept, "" where it was not."""
    rows = box.database.query(
        "SELECT digest FROM consult_event WHERE consult = ? AND event = ?", (consult, event)
    )
    return str(rows[0][0]) if rows else ""


def has_link(box: Box, consult: str, link: str) -> bool:
    """Return whether a link is one of the consultation's as we hold them."""
    return not link or bool(
        box.database.query(
            "SELECT 1 FROM consult_event WHERE consult = ? AND link = ?", (consult, link)
        )
    )


@dataclass(frozen=True, slots=True)
class Grants:
    """A consultation's keys by epoch, and who holds which.

    Attributes
    ----------
    held : set of (epoch, recipient, fingerprint)
    """

    keys: dict[int, bytes]
    held: frozenset[tuple[int, str, str]]

    @property
    def newest(self) -> int:
        """The last epoch that has a key; 0 for none."""
        return max(self.keys, default=0)


def grants_of(box: Box, study: str, consult: str) -> Grants:
    """Return the keys that this box made for a consultation: they lie in the study's records."""
    keys: dict[int, bytes] = {}
    held: set[tuple[int, str, str]] = set()
    for record in _access_records(box, study):
        body = record.body
        if body["consult"] != consult or record.kind != "access.granted":
            continue
        if "key" in body:
            keys[body["epoch"]] = bytes.fromhex(body["key"])
        held |= {(body["epoch"], one["recipient"], one["fingerprint"]) for one in body["granted"]}
    return Grants(keys, frozenset(held))


def _access_records(box: Box, study: str) -> list[Record]:
    return [
        open_record(sealed, box.vault)
        for sealed in box.journal.of_key(study)
        if sealed.header.kind in _ACCESS
    ]


def subject_of(box: Box, study: str) -> str:
    """Return the study's subject; "" where the study is gone."""
    rows = box.database.query("SELECT subject FROM study WHERE study = ?", (study,))
    return str(rows[0][0]) if rows else ""


def raise_alarm(box: Box, error: XinglinError, consult: str = "") -> None:
    """Make something that must be seen visible on the page, with the region's other alarms."""
    Alarms(box.database, box.outside.now_ms).sound(error, consult)


def alarms_about(box: Box, consult: str) -> list[dict[str, Any]]:
    """Return the alarms of one consultation, newest first."""
    shown = Alarms(box.database, box.outside.now_ms).shown()
    return [one for one in shown if one["about"] == consult]
