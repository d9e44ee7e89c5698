"""What the worklist is narrowed down by: a query's words → masks over the listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.dicom.detect import has_han
from core.dicom.names import fold
from core.views.reading import FINDINGS
from core.web.errors import InputWrong
from edge.api.context import whole
from edge.api.listing import Listing, Mask
from edge.store.box import Box

#: Filters by state: one value, or several with commas.
STATES: Final = ("qc", "ai", "sex", "delivery", "completeness", "report", "screening", "repeat")
#: Filters by a name that is there, as it is shown: filter → column of the listing.
NAMES: Final[Mapping[str, str]] = {
    "manufacturer": "manufacturer", "model": "model", "department": "department",
    "institution": "institution", "ae": "source_ae", "station": "station",
}  # fmt: skip
#: Searches by the beginning of a word: filter → which kind of token, "" for any.
SEARCHES: Final[Mapping[str, str]] = {"q": "", "name": "name", "patient": "id"}
#: What a radiograph's device may call itself.
RADIOGRAPHS: Final = ("DX", "CR", "DR")
#: Filters whose values are offered with their counts: filter → column.
FACETS: Final[Mapping[str, str]] = {
    "modality": "modalities", **NAMES, **{state: state for state in STATES}, "finding": "finding",
}  # fmt: skip
_ANALYSIS = "('quality', 'inference', 'measuring')"
_RUNNING_NOW = f"SELECT DISTINCT study FROM job WHERE state = 'running' AND stage IN {_ANALYSIS}"
_MOST_VALUES = 200
_MOST_DAYS = 3650
#: As a name: the device or the request does not say.
NOT_STATED: Final = "—"

Masks = Callable[[Listing], dict[str, Mask]]


@dataclass(frozen=True, slots=True)
class Facet:
    """A value that could be chosen, and how many studies it would leave."""

    value: str
    count: int


def masks_of(box: Box, filters: Mapping[str, str]) -> Masks:
    """Return what makes a listing's masks of filters, one for each filtered column.

    What needs the database is asked now; the masks are made under the listing's lock.

    Raises
    ------
    InputWrong
    """
    first, last = _range(box, filters)
    findings = _findings(filters.get("finding", ""))
    searched = [
        _found(box, filters[name], kind)
        for name, kind in SEARCHES.items()
        if filters.get(name, "").strip()
    ]
    running = _running(box) if "running" in filters.get("ai", "").split(",") else []

    def masks(listing: Listing) -> dict[str, Mask]:
        made = {"": listing.dated(first, last)}
        for name in STATES:
            if wanted := filters.get(name):
                made[name] = _state(listing, name, wanted.split(","), running)
        if findings:
            made["finding"] = listing.equal("finding", findings)
        if wanted := filters.get("modality"):
            made["modalities"] = listing.among_parts("modalities", _modalities(wanted))
        made |= _named(listing, filters)
        if source := filters.get("source"):
            made[""] &= listing.holds("source_ae", source) | listing.holds("institution", source)
        for some in searched:
            made[""] &= listing.among(some)
        return made

    return masks


def accepting(masks: Masks) -> Callable[[Listing], Mask]:
    """Return what makes the one mask of all filters together."""

    def accept(listing: Listing) -> Mask:
        mask = listing.everything()
        for one in masks(listing).values():
            mask &= one
        return mask

    return accept


def facets(listing: Listing, masks: Masks) -> dict[str, list[Facet]]:
    """Return the values of each filter that there are, the most frequent first, with counts.

    A value is counted under all other filters: what it would leave if chosen instead.
    """
    counted = listing.count(masks, tuple(dict.fromkeys(FACETS.values())))
    return {
        name: _most_frequent(_apart(counted[column]) if name == "modality" else counted[column])
        for name, column in FACETS.items()
    }


def _most_frequent(counts: Mapping[str, int]) -> list[Facet]:
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [Facet(value, count) for value, count in ranked[:_MOST_VALUES]]


def _apart(counts: Mapping[str, int]) -> dict[str, int]:
    """Count each modality of studies that have several."""
    apart: dict[str, int] = {}
    for joined, count in counts.items():
        for one in joined.split("\\"):
            apart[one] = apart.get(one, 0) + count
    return apart


def _modalities(wanted: str) -> list[str]:
    """Return the modalities meant: "DR" is what its makers call it, DX and CR too."""
    parts = wanted.split(",")
    return [*parts, *RADIOGRAPHS] if "DR" in parts else parts


def _state(listing: Listing, name: str, wanted: list[str], running: list[str]) -> Mask:
    # Running is a study that waits and whose job is at work: the journal does not know of jobs.
    mask = listing.equal(name, [one for one in wanted if one != "running"])
    if name == "ai" and "running" in wanted:
        mask |= listing.equal("ai", ["waiting"]) & listing.among(running)
    return mask


def _named(listing: Listing, filters: Mapping[str, str]) -> dict[str, Mask]:
    """Return the masks of names and codes; :data:`NOT_STATED` is the name that was not given."""
    made = {}
    for name, column in (*NAMES.items(), ("operator", "operator")):
        wanted = filters.get(name, "")
        shown = listing.named if name == "operator" else listing.shown_as
        if wanted:
            made[column] = shown(column, "" if wanted == NOT_STATED else wanted)
    if codes := filters.get("reason"):
        made["qc_codes"] = listing.among_parts("qc_codes", codes.split(","))
    return made


def _findings(text: str) -> list[str]:
    """Return the ranks of findings by their names."""
    words = text.split(",") if text else []
    if any(word not in FINDINGS for word in words):
        raise InputWrong(field="finding")
    return [str(FINDINGS.index(word)) for word in words]


def _running(box: Box) -> list[str]:
    return [row[0] for row in box.database.query(_RUNNING_NOW)]


def _found(box: Box, text: str, kind: str) -> list[str]:
    low, high = _prefix(text)
    sql = "SELECT study FROM study_token WHERE token >= ? AND token < ?"
    if kind:
        return [r[0] for r in box.database.query(f"{sql} AND kind = ?", (low, high, kind))]
    return [row[0] for row in box.database.query(sql, (low, high))]


def _prefix(text: str) -> tuple[str, str]:
    """Return the half-open range of tokens that begin with what was typed."""
    plain = "".join(text.split()).casefold()
    # Letters are folded as the tokens were; ids keep their dashes and dots.
    folded = plain if has_han(plain) or any(c.isdigit() for c in plain) else fold(plain)
    low = folded or plain
    return low, low + "\U0010ffff"


def _range(box: Box, filters: Mapping[str, str]) -> tuple[int, int]:
    """Return the first and last study date (YYYYMMDD) that filters let through."""
    first = _date("from", filters["from"]) if filters.get("from") else 0
    if filters.get("days"):
        first = max(first, _days_back(box, filters["days"]))
    return first, _date("to", filters["to"]) if filters.get("to") else 99_999_999


def _days_back(box: Box, text: str) -> int:
    """Return the first day (YYYYMMDD) of the last so many, today counted."""
    days = whole(text)
    if days is None or not 1 <= days <= _MOST_DAYS:
        raise InputWrong(field="days")
    today = datetime.fromtimestamp(box.outside.now_ms() / 1000).astimezone().date()
    return int((today - timedelta(days=days - 1)).strftime("%Y%m%d"))


def _date(name: str, text: str) -> int:
    digits = text.replace("-", "")
    number = whole(digits) if len(digits) == 8 else None
    if number is None:
        raise InputWrong(field=name)
    return number
