"""The worklist's filter and sort columns in memory: 100 000 studies in a few milliseconds.

A view like any other, only never written down: loaded from the study table when first asked, then
carried on by a cursor on the journal, and thrown away when that is simpler. Columns are small
integers, rows stand oldest first, so that a filter is a few passes over arrays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.dicom.person import display_name, display_text
from edge.api.ordering import (
    NAME_SORTS,
    STATE_SORTS,
    TEXT_SORTS,
    Place,
    RowKey,
    Sort,
    SortKey,
    behind,
    ordered,
    place_text,
)
from edge.store.box import Box

#: Columns with few different values, in the order they are read.
CODED = (
    "modality", "qc", "ai", "sex", "delivery", "completeness", "source_ae", "institution",
    "modalities", "manufacturer", "model", "department", "report", "screening", "finding",
    "repeat", "qc_codes", "operator", "station",
)  # fmt: skip
_AHEAD = ("received_at", "study", "study_date", "subject", "sort_name", "patient_id", "study_time")
_READ = f"SELECT {', '.join((*_AHEAD, *CODED))} FROM study"
_FIRST_CODED = len(_AHEAD)
_RELOAD_AT = 5000  # studies changed at once: reading all is quicker

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Match:
    """What a filter found: how many, the studies of one page in order, where the next begins."""

    total: int
    studies: list[str]
    next: str | None


@dataclass
class _Columns:
    """The rows, oldest first by (received_at, study)."""

    keys: list[RowKey] = field(default_factory=list)
    place: dict[str, int] = field(default_factory=dict)
    subjects: list[str] = field(default_factory=list)
    dates: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    codes: NDArray[np.int32] = field(default_factory=lambda: np.zeros((len(CODED), 0), np.int32))
    texts: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in TEXT_SORTS})


class Listing:
    """Filters and orders of one box's worklist. Safe to call from several threads."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._lock = threading.Lock()
        self._position = -1
        self._values: list[dict[str, int]] = [{} for _ in CODED]
        self._columns = _Columns()
        self._orders: dict[Sort, tuple[list[SortKey], NDArray[np.int64]]] = {}

    def find(
        self,
        accept: Callable[[Listing], Mask],
        place: Place | None,
        limit: int,
        sort: Sort | None = None,
    ) -> Match:
        """Return the matches that stand behind a place in the list.

        Parameters
        ----------
        accept : callable
            Makes the mask from :meth:`equal`, :meth:`dated`, … of the listing it is given.
        place : Place or None
            The last row of the page before.
        """
        sort = sort or Sort()
        with self._lock:
            self._follow()
            columns = self._columns
            mask = accept(self) & self._visible()
            keys, order = self._ordered(sort)
            start = 0
            if place is not None:
                start = behind(order, keys, columns.keys, place, sort.falling)
            found = order[start:][mask[order[start:]]][: limit + 1]
            shown = [int(row) for row in found[:limit]]
            following = None
            if len(found) > limit:
                last = shown[-1]
                following = place_text(sort, keys[last], columns.keys[last])
            total = int(np.count_nonzero(mask))
            return Match(total, [columns.keys[row][1] for row in shown], following)

    def count(
        self, accept: Callable[[Listing], Mapping[str, Mask]], columns: Sequence[str]
    ) -> dict[str, dict[str, int]]:
        """Return how often each value of some columns stands in the list.

        Parameters
        ----------
        accept : callable
            Makes one mask for each filtered column by its name, "" for all else. A column is
            counted under all masks but its own: what could be chosen instead has its count too.
        """
        with self._lock:
            self._follow()
            masks = accept(self)
            visible = self._visible()
            counted = {}
            for column in columns:
                mask = visible.copy()
                for name, one in masks.items():
                    if name != column:
                        mask &= one
                counted[column] = self._counts(column, mask)
            return counted

    def together(
        self, accept: Callable[[Listing], Mask], columns: Sequence[str]
    ) -> dict[tuple[str, ...], int]:
        """Return how often each combination of some columns' values stands under a filter."""
        with self._lock:
            self._follow()
            mask = accept(self) & self._visible()
            at = [CODED.index(column) for column in columns]
            found, counts = np.unique(self._columns.codes[at][:, mask], axis=1, return_counts=True)
            names = [list(self._values[one]) for one in at]
            return {
                tuple(name[code] for name, code in zip(names, one, strict=True)): int(count)
                for one, count in zip(found.T, counts, strict=True)
            }

    def everything(self) -> Mask:
        """Return a mask that lets all pass."""
        return np.ones(len(self._columns.keys), np.bool_)

    def equal(self, column: str, values: Sequence[str]) -> Mask:
        """Return which rows have one of some values."""
        at = CODED.index(column)
        codes = [self._values[at].get(value, -1) for value in values]
        return self._with_codes(at, codes)

    def shown_as(self, column: str, text: str) -> Mask:
        """Return which rows' value is shown as a text (control characters are never shown)."""
        at = CODED.index(column)
        codes = [code for value, code in self._values[at].items() if display_text(value) == text]
        return self._with_codes(at, codes)

    def named(self, column: str, text: str) -> Mask:
        """Return which rows' person name is shown as a text."""
        at = CODED.index(column)
        codes = [code for value, code in self._values[at].items() if display_name(value) == text]
        return self._with_codes(at, codes)

    def among_parts(self, column: str, parts: Sequence[str]) -> Mask:
        """Return which rows' value, parts apart by backslash as in DICOM, holds one of some."""
        at = CODED.index(column)
        wanted = set(parts)
        codes = [c for v, c in self._values[at].items() if wanted & set(v.split("\\"))]
        return self._with_codes(at, codes)

    def holds(self, column: str, text: str) -> Mask:
        """Return which rows' value contains a text, ASCII letters in either case."""
        at = CODED.index(column)
        lower = text.lower()
        codes = [code for value, code in self._values[at].items() if lower in value.lower()]
        return self._with_codes(at, codes)

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

    def _with_codes(self, at: int, codes: Sequence[int]) -> Mask:
        if len(codes) == 1:
            only: Mask = self._columns.codes[at] == codes[0]
            return only
        return np.isin(self._columns.codes[at], codes)

    def _counts(self, column: str, mask: Mask) -> dict[str, int]:
        at = CODED.index(column)
        sums = np.bincount(self._columns.codes[at][mask], minlength=len(self._values[at]))
        return {v: int(sums[c]) for v, c in self._values[at].items() if v and sums[c]}

    def _ordered(self, sort: Sort) -> tuple[list[SortKey], NDArray[np.int64]]:
        """Return each row's key and the order; kept until a key of this sort changes."""
        if sort not in self._orders:
            keys = self._keys(sort.by)
            self._orders[sort] = keys, np.array(ordered(keys, sort.falling), np.int64)
        return self._orders[sort]

    def _keys(self, by: str) -> list[SortKey]:
        columns = self._columns
        if by in TEXT_SORTS:
            return list(columns.texts[by])
        if by in NAME_SORTS:
            at = CODED.index(NAME_SORTS[by])
            names = list(self._values[at])
            return [names[code] for code in columns.codes[at]]
        if by in STATE_SORTS:
            at, states = CODED.index(by), STATE_SORTS[by]
            rank = [states.index(v) if v in states else len(states) for v in self._values[at]]
            return [rank[code] for code in columns.codes[at]]
        return [0] * len(columns.keys)

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
        columns.texts = {name: [_texts(row)[name] for row in rows] for name in TEXT_SORTS}
        self._columns = columns
        self._orders.clear()

    def _take(self, rows: list[Any]) -> None:
        """Put changed rows in their places; new ones behind the last, in order."""
        columns = self._columns
        fresh = sorted((row for row in rows if row[1] not in columns.place), key=_row_key)
        late = fresh and columns.keys and _row_key(fresh[0]) < columns.keys[-1]
        known = [row for row in rows if row[1] in columns.place]
        moved = any(columns.keys[columns.place[row[1]]][0] != row[0] for row in known)
        if late or moved:
            query = f"{_READ} ORDER BY received_at, study"
            self._load(self._box.database.query(query))
            return
        for row in known:
            self._change(columns.place[row[1]], row)
        for row in fresh:
            columns.place[row[1]] = len(columns.keys)
            columns.keys.append((row[0], row[1]))
            columns.subjects.append(row[3])
            for name, text in _texts(row).items():
                columns.texts[name].append(text)
        if fresh:
            days = np.array([_day(row[2]) for row in fresh], np.int32)
            columns.dates = np.concatenate((columns.dates, days))
            columns.codes = np.concatenate((columns.codes, self._coded(fresh)), axis=1)
            self._orders.clear()

    def _change(self, at: int, row: Any) -> None:
        """Take a known row's new values; an order is kept where no key of it changed."""
        columns = self._columns
        columns.subjects[at] = row[3]
        columns.dates[at] = _day(row[2])
        codes = self._coded([row])[:, 0]
        before, texts = columns.codes[:, at], _texts(row)
        changed = {CODED[n] for n in np.flatnonzero(before != codes)}
        changed |= {name for name, text in texts.items() if columns.texts[name][at] != text}
        for sort in list(self._orders):
            if NAME_SORTS.get(sort.by, sort.by) in changed:
                del self._orders[sort]
        columns.codes[:, at] = codes
        for name, text in texts.items():
            columns.texts[name][at] = text

    def _coded(self, rows: list[Any]) -> NDArray[np.int32]:
        codes = np.zeros((len(CODED), len(rows)), np.int32)
        for at, values in enumerate(self._values):
            codes[at] = [
                values.setdefault(_word(row[_FIRST_CODED + at]), len(values)) for row in rows
            ]
        return codes


def _row_key(row: Any) -> RowKey:
    return row[0], row[1]


def _word(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _texts(row: Any) -> dict[str, str]:
    """Return what a row is sorted by where that is a text of its own."""
    return {
        "date": f"{row[2] or ''}{row[6] or ''}", "name": row[4] or "", "patient": row[5] or "",
    }  # fmt: skip


def _day(text: str | None) -> int:
    return int(text) if text and len(text) == 8 and text.isascii() and text.isdigit() else 0
