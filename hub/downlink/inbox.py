"""Group commit: what many links want written goes into one transaction at a time.

On SQLite there is one writer anyway, and a queue in front of it waits fairly where its lock would
not; on PostgreSQL one commit serves many boxes. Whoever submits gets an answer after the commit,
never before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from core.errors import XinglinError
from hub.downlink.errors import HubBusy
from hub.store.database import HubDatabase

T = TypeVar("T")
Work = Callable[[Connection], Any]
RowsWork = Callable[[Connection, Sequence[Any]], None]
_MOST = 64
_TRIES = 3


@dataclass(slots=True)
class _Job:
    work: Work
    rows: RowsWork | None = None
    row: Any = None
    done: Future[Any] = field(default_factory=Future)


class Inbox:
    """One thread that writes for all links of this process.

    A piece of work may run more than once (its transaction was rolled back), so that it does
    nothing but write through the connection that it is given.
    """

    def __init__(self, database: HubDatabase) -> None:
        self._database = database
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what was submitted and end."""
        self._jobs.put(None)
        self._thread.join()

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Ask for a piece of work; the future is done after its commit."""
        job = _Job(work)
        self._jobs.put(job)
        return job.done

    def submit_row(self, work: RowsWork, row: Any) -> Future[None]:
        """Ask for a row to be written by ``work``; rows of the same work that meet go together."""
        job = _Job(partial(_single, work, row), work, row)
        self._jobs.put(job)
        return job.done

    def do(self, work: Callable[[Connection], T]) -> T:
        """Submit and wait.

        Raises
        ------
        HubBusy
            If the database does not take it.
        """
        return self.submit(work).result()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, ends = [first], False
            while len(batch) < _MOST and not self._jobs.empty():
                more = self._jobs.get()
                if more is None:
                    ends = True
                    break
                batch.append(more)
            self._write(batch)
            if ends:
                return

    def _write(self, batch: list[_Job]) -> None:
        try:
            with self._database.write() as sql:
                results = _worked(sql, batch)
        except BaseException:  # noqa: BLE001 one bad piece must not end the others
            for job in batch:
                self._alone(job)
            return
        for job, result in zip(batch, results, strict=True):
            job.done.set_result(result)

    def _alone(self, job: _Job) -> None:
        """Write one piece in its own transaction: a refusal or a deadlock of a batch's."""
        for n in range(_TRIES):
            try:
                with self._database.write() as sql:
                    result = job.work(sql)
            except XinglinError as error:
                job.done.set_exception(error)
            except DBAPIError as error:
                if n + 1 < _TRIES:
                    continue
                busy = HubBusy()
                busy.__cause__ = error
                job.done.set_exception(busy)
            except BaseException as error:  # noqa: BLE001 whoever waits must hear of it
                job.done.set_exception(error)
            else:
                job.done.set_result(result)
            return


def _single(work: RowsWork, row: Any, sql: Connection) -> None:
    work(sql, [row])


def _worked(sql: Connection, batch: list[_Job]) -> list[Any]:
    """Do a batch's work in its order and return the results."""
    results: list[Any] = []
    for _, neighbours in groupby(batch, key=lambda job: id(job.rows or job)):
        jobs = list(neighbours)
        rows = jobs[0].rows
        if rows is None:
            results.append(jobs[0].work(sql))
        else:
            rows(sql, [job.row for job in jobs])
            results.extend([None] * len(jobs))
    return results
