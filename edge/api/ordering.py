"""In which order the worklist stands, and where in it a page begins. Pure.

Whatever the list is sorted by, equal rows stand newest first, so that every row has one place and a
page's last row says where the next begins (keyset paging).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.views.reading import REPORT_STATES
from core.web.errors import InputWrong

SortKey = str | int
RowKey = tuple[str, str]

#: Sorts by a text of the row, as kept.
TEXT_SORTS: Final = ("date", "name", "patient")
#: Sorts by a state: its values from first to last.
STATE_SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "finding": ("3", "2", "1", "0", ""),
    "qc": ("reject", "failed", "warn", "pending", "none", "pass"),
    "ai": ("failed", "refused", "waiting", "ok", "not_applicable"),
    "report": REPORT_STATES,
}
#: Sorts by a name with few values, in the alphabet's order.
NAME_SORTS: Final[Mapping[str, str]] = {"source": "institution", "device": "model"}
SORTS: Final = ("received", *TEXT_SORTS, *STATE_SORTS, *NAME_SORTS)


@dataclass(frozen=True, slots=True)
class Sort:
    """What the list is sorted by; ``received`` is newest first, the others as they rise."""

    by: str = "received"
    falling: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of the page before: its key in the sort, and which row it was."""

    key: SortKey
    row: RowKey


def sort_of(text: str) -> Sort:
    """Return the sort of a query's word: a name of :data:`SORTS`, "-" in front for falling.

    Raises
    ------
    InputWrong
    """
    by = text.removeprefix("-") or "received"
    if by not in SORTS or text == "-received":
        raise InputWrong(field="sort")
    return Sort(by, text.startswith("-"))


def place_of(sort: Sort, text: str) -> Place | None:
    """Return the place that :func:`place_text` wrote; None for the first page.

    Raises
    ------
    InputWrong
    """
    if not text:
        return None
    parts = text.rsplit("~", 2)
    if sort.by == "received":
        if len(parts) != 2:
            raise InputWrong(field="after")
        return Place(0, (parts[0], parts[1]))
    if len(parts) != 3:
        raise InputWrong(field="after")
    if sort.by in TEXT_SORTS or sort.by in NAME_SORTS:
        return Place(parts[0], (parts[1], parts[2]))
    if not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 4):
        raise InputWrong(field="after")
    return Place(int(parts[0]), (parts[1], parts[2]))


def place_text(sort: Sort, key: SortKey, row: RowKey) -> str:
    """Return a row's place as the page carries it to the next request."""
    at = "~".join(row)
    return at if sort.by == "received" else f"{key}~{at}"


def ordered(keys: Sequence[SortKey], falling: bool) -> list[int]:
    """Return the rows' numbers in the order shown.

    Parameters
    ----------
    keys : sequence
        Of each row, rows standing oldest first.
    """
    # A stable sort of the rows newest first: reverse keeps equal ones in their order.
    newest_first = range(len(keys) - 1, -1, -1)
    return sorted(newest_first, key=keys.__getitem__, reverse=falling)


def behind(
    order: NDArray[np.int64], keys: Sequence[SortKey], rows: Sequence[RowKey], place: Place,
    falling: bool,
) -> int:  # fmt: skip
    """Return how many rows of an order stand up to and with a place (binary search).

    The row itself may have moved or gone: what counts is where it stood.
    """
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        row = int(order[middle])
        if _passed(keys[row], rows[row], place, falling):
            low = middle + 1
        else:
            high = middle
    return low


def _passed(key: SortKey, row: RowKey, place: Place, falling: bool) -> bool:
    if key != place.key:
        # Keys of one sort have one type: both are texts or both are ranks.
        before = key < place.key  # type: ignore[operator]
        return before != falling
    return row >= place.row
