"""What a hub does by the clock; every process does it, and doing it twice changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import XinglinError
from hub.registry.attempts import forget_old
from hub.site import HubSite

_log = structlog.get_logger("timers")
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do every so often."""

    name: str
    every_s: float
    work: Callable[[], None]


class Timers:
    """Runs tasks in one thread until stopped; one that fails is due again."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._due = dict.fromkeys(tasks, 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the task that runs now."""
        self._stop.set()
        self._thread.join()

    def look(self, now: float) -> None:
        """Run what is due."""
        for task, due in self._due.items():
            if now < due or self._stop.is_set():
                continue
            self._due[task] = now + task.every_s
            try:
                task.work()
            except (OSError, SQLAlchemyError, XinglinError) as error:
                # A full disk or a database that restarts must not end the clock.
                _log.error("timer failed", task=task.name, exc_info=error)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            self.look(time.monotonic())


def housekeeping(site: HubSite, sweep: Callable[[], None]) -> tuple[Task, ...]:
    """Return the hub's own tasks.

    Parameters
    ----------
    sweep : callable
        Drops sessions that are over.
    """

    def forget() -> None:
        with site.database.write() as sql:
            forget_old(sql, site.outside.now_ms())

    def verify() -> None:
        site.directory.current()  # appends then build on what is known

    return (
        Task("sessions", 60.0, sweep),
        Task("attempts", 3600.0, forget),
        Task("directory", 30.0, verify),
    )
