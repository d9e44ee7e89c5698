"""The worklist's filter columns in memory: any filter of 100 000 studies in a few milliseconds.

A view like any other, only never written down: loaded from the study table when first asked, then
carried on by a cursor on the journal, and thrown away when that is simpler. Columns are small
integers, rows stand in the order of the list, so that a filter is a few passes over arrays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.store.box import Box

#: Columns with few different values, in the order they are read.
CODED = (
    "modality", "qc", "ai", "sex", "delivery", "completeness", "source_ae", "institution",
)  # fmt: skip
_READ = f"SELECT received_at, study, study_date, subject, {', '.join(CODED)} FROM study"
_RELOAD_AT = 5000  # studies changed at once: reading all is quicker

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Match:
    """What a filter found: how many, and the studies of one page, newest first."""

    total: int
    studies: list[str]
    more: bool


@dataclass
class _Columns:
    """The rows, oldest first by (received_at, study)."""

    keys: list[tuple[str, str]] = field(default_factory=list)
    place: dict[str, int] = field(default_factory=dict)
    subjects: list[str] = field(default_factory=list)
    dates: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    codes: NDArray[np.int32] = field(default_factory=lambda: np.zeros((len(CODED), 0), np.int32))


class Listing:
    """Filters of one box's worklist. Safe to call from several threads."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._lock = threading.Lock()
        self._position = -1
        self._values: list[dict[str, int]] = [{} for _ in CODED]
        self._columns = _Columns()

    def find(
        self, accept: Callable[[Listing], Mask], before: tuple[str, str] | None, limit: int
    ) -> Match:
        """Return the matches that stand before a key in the list.

        Parameters
        ----------
        accept : callable
            Makes the mask from :meth:`equal`, :meth:`dated`, … of the listing it is given.
        before : (received_at, study) or None
            The last row of the page before.
        """
        with self._lock:
            self._follow()
            columns = self._columns
            mask = accept(self) & self._visible()
            found = np.flatnonzero(mask)
            upto = len(found)
            if before is not None:
                upto = int(np.searchsorted(found, _below(columns.keys, before)))
            shown = found[max(0, upto - limit) : upto][::-1]
            studies = [columns.keys[n][1] for n in shown]
            return Match(len(found), studies, upto > limit)

    def everything(self) -> Mask:
        """Return a mask that lets all pass."""
        return np.ones(len(self._columns.keys), np.bool_)

    def equal(self, column: str, value: str) -> Mask:
        """Return which rows have a value."""
        at = CODED.index(column)
        code: Mask = self._columns.codes[at] == self._values[at].get(value, -1)
        return code

    def holds(self, column: str, text: str) -> Mask:
        """Return which rows' value contains a text, ASCII letters in either case."""
        at = CODED.index(column)
        lower = text.lower()
        codes = [code for value, code in self._values[at].items() if lower in value.lower()]
        return np.isin(self._columns.codes[at], codes)

    def dated(self, first: int, last: int) -> Mask:
        """Return which rows' study date (YYYYMMDD as a number) lies between two, inclusive."""
        dates = self._columns.dates
        return (dates >= first) & (dates <= last)

    def among(self, studies: Sequence[str]) -> Mask:
        """Return which rows are among these studies."""
        mask = np.zeros(len(self._columns.keys), np.bool_)
        place = self._columns.place
        mask[[place[one] for one in studies if one in place]] = True
        return mask

    def _visible(self) -> Mask:
        rows = self._box.database.query("SELECT subject FROM subject WHERE restricted = 1")
        hidden = {row[0] for row in rows}
        if not hidden:
            return self.everything()
        return np.array([one not in hidden for one in self._columns.subjects], np.bool_)

    def _follow(self) -> None:
        """Take in what was appended since; all of it anew where much was, or something erased."""
        database = self._box.database
        end = self._box.journal.last_position()
        if end == self._position:
            return
        changed: set[str] = set()
        anew = self._position < 0
        if not anew:
            rows = database.query(
                "SELECT DISTINCT kind = 'key.destroyed', key FROM record_clinical"
                " WHERE position > ?",
                (self._position,),
            )
            changed = {key for _, key in rows if key.startswith("st_")}
            anew = any(erased for erased, _ in rows) or len(changed) > _RELOAD_AT
        if anew:
            self._load(database.query(f"{_READ} ORDER BY received_at, study"))
        elif changed:
            marks = ", ".join("?" * len(changed))
            self._take(database.query(f"{_READ} WHERE study IN ({marks})", tuple(changed)))
        self._position = end

    def _load(self, rows: list[Any]) -> None:
        columns = _Columns()
        columns.keys = [(row[0], row[1]) for row in rows]
        columns.place = {row[1]: n for n, row in enumerate(rows)}
        columns.subjects = [row[3] for row in rows]
        columns.dates = np.array([_day(row[2]) for row in rows], np.int32)
        columns.codes = self._coded(rows)
        self._columns = columns

    def _take(self, rows: list[Any]) -> None:
        """Put changed rows in their places; new ones behind the last, in order."""
        columns = self._columns
        fresh = sorted(row for row in rows if row[1] not in columns.place)
        late = fresh and columns.keys and (fresh[0][0], fresh[0][1]) < columns.keys[-1]
        known = [row for row in rows if row[1] in columns.place]
        moved = any(columns.keys[columns.place[row[1]]][0] != row[0] for row in known)
        if late or moved:
            query = f"{_READ} ORDER BY received_at, study"
            self._load(self._box.database.query(query))
            return
        for row in known:
            at = columns.place[row[1]]
            columns.subjects[at] = row[3]
            columns.dates[at] = _day(row[2])
            columns.codes[:, at] = self._coded([row])[:, 0]
        for row in fresh:
            columns.place[row[1]] = len(columns.keys)
            columns.keys.append((row[0], row[1]))
            columns.subjects.append(row[3])
        if fresh:
            days = np.array([_day(row[2]) for row in fresh], np.int32)
            columns.dates = np.concatenate((columns.dates, days))
            columns.codes = np.concatenate((columns.codes, self._coded(fresh)), axis=1)

    def _coded(self, rows: list[Any]) -> NDArray[np.int32]:
        codes = np.zeros((len(CODED), len(rows)), np.int32)
        for at, values in enumerate(self._values):
            codes[at] = [values.setdefault(row[4 + at] or "", len(values)) for row in rows]
        return codes


def _below(keys: list[tuple[str, str]], key: tuple[str, str]) -> int:
    """Return how many keys stand before one (binary search)."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if keys[middle] < key else (low, middle)
    return low


def _day(text: str | None) -> int:
    return int(text) if text and len(text) == 8 and text.isascii() and text.isdigit() else 0
