"""Group commit: objects that are ready at the same time share one transaction.

Whoever gets the lock commits for all that wait; the others find their work done when it is their
turn. With one sender nothing waits; with four, one fsync of the journal serves several.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class _Ticket(Generic[Item]):
    __slots__ = ("done", "error", "item", "outcome")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.outcome: Any = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Item]):
    """Runs ``commit(items)`` for groups; it must return one outcome per item, in order."""

    def __init__(self, commit: Callable[[list[Item]], list[Any]], limit: int = 32) -> None:
        self._commit = commit
        self._limit = limit
        self._gather = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Ticket[Item]] = []

    def submit(self, item: Item) -> Any:
        """Return the item's outcome once its group is durable; raise what the commit raised."""
        ticket = _Ticket(item)
        with self._gather:
            self._waiting.append(ticket)
        with self._turn:
            while not ticket.done:
                with self._gather:
                    group = self._waiting[: self._limit]
                    del self._waiting[: self._limit]
                self._run(group)
        if ticket.error is not None:
            raise ticket.error
        return ticket.outcome

    def _run(self, group: list[_Ticket[Item]]) -> None:
        try:
            outcomes = self._commit([ticket.item for ticket in group])
            for ticket, outcome in zip(group, outcomes, strict=True):
                ticket.outcome = outcome
        except BaseException as error:  # noqa: BLE001 every waiting thread raises it
            for ticket in group:
                ticket.error = error
        for ticket in group:
            ticket.done = True
