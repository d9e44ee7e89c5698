"""The journals as an auditor reads them: who did what, when, about which opaque study.

Of the clinical journal only headers are shown: bodies hold identities. The access journal holds
none, so its bodies are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.journal.errors import SealBroken
from core.journal.seal import open_record
from core.records.clock import Stamp
from core.records.record import Sealed
from edge.store.box import Box

JournalName = Literal["access", "clinical"]
JOURNALS: tuple[JournalName, ...] = get_args(JournalName)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show.

    Attributes
    ----------
    study : str
        Opaque id of the one study; "" for all.
    """

    journal: JournalName = "access"
    study: str = ""


def entries_after(box: Box, wanted: Wanted, after: int) -> Iterator[dict[str, Any]]:
    """Yield entries with position > ``after``, oldest first."""
    journal = box.access if wanted.journal == "access" else box.journal
    while page := journal.read(after, _PAGE):
        yield from _entries(box, wanted, page)
        after = page[-1].position


def entries_before(box: Box, wanted: Wanted, before: int) -> Iterator[dict[str, Any]]:
    """Yield entries with position < ``before``, newest first."""
    journal = box.access if wanted.journal == "access" else box.journal
    while page := journal.read_back(before, _PAGE):
        yield from _entries(box, wanted, page)
        before = page[-1].position


def _entries(box: Box, wanted: Wanted, page: list[Sealed]) -> Iterator[dict[str, Any]]:
    for sealed in page:
        entry = _entry(box, wanted.journal, sealed)
        if not wanted.study or wanted.study in entry["studies"]:
            yield entry


def _entry(box: Box, journal: JournalName, sealed: Sealed) -> dict[str, Any]:
    header = sealed.header
    studies = {text for text in (header.subject, header.key) if text.startswith("st_")}
    body: dict[str, Any] = {}
    if journal == "access":
        try:
            body = dict(open_record(sealed, box.vault).body)
        except SealBroken:
            body = {"action": "unreadable"}
        studies |= {body["study"]} if body.get("study") else set()
        studies |= set(body.get("studies", []))
    return {
        "position": sealed.position,
        "at": Stamp.parse(header.clock).iso(),
        "actor": header.actor,
        "kind": header.kind,
        "action": body.pop("action", header.kind),
        "user": body.pop("user", ""),
        "studies": sorted(studies),
        "detail": body,
    }
