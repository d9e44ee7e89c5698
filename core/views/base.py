"""What a view is: tables, a group per record, a pure step. No IO here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.records.record import Record

State = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a view.

    Attributes
    ----------
    columns : mapping of name to type (str, int, float, bytes)
        The first columns named in ``key`` are the primary key. Every table has a column ``grp``:
        the group the row belongs to, so that a group can be dropped whole.
    indexes : sequence of column tuples
    """

    name: str
    columns: Mapping[str, type]
    key: tuple[str, ...]
    indexes: Sequence[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class Upsert:
    """Write a row, whole."""

    table: str
    row: Row


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove the rows that have these values."""

    table: str
    where: Row


Change = Upsert | Remove


@dataclass(frozen=True, slots=True)
class Step:
    """Outcome of folding one record: the next state and what changes in the tables."""

    state: State
    changes: list[Change] = field(default_factory=list)


class View(Protocol):
    """A fold from records to rows."""

    @property
    def name(self) -> str:
        """Name in ``view_state``; never reused."""
        ...

    @property
    def version(self) -> int:
        """Grows with every change of the fold; a change forces a rebuild."""
        ...

    @property
    def tables(self) -> Sequence[Table]:
        """The tables the view owns."""
        ...

    def group(self, record: Record) -> str | None:
        """Return the group the record belongs to, or None where the view ignores it."""
        ...

    def step(self, state: State, record: Record) -> Step:
        """Fold one record; ``state`` is {} at the start of a group and JSON throughout. Pure."""
        ...
