"""The durable job queue: prioritised, leased, retried with back-off, dead letters kept.

A job is named by (stage, key): putting it twice is harmless. A worker holds a lease and renews it;
when it dies the lease ends and another takes the job. A job past its attempts or its deadline is
``dead``: visible, never dropped, and a person may send it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.journal.database import Database

State = Literal["waiting", "running", "done", "failed", "dead"]
URGENT, ROUTINE, BACKGROUND = 0, 5, 9


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job to be done.

    Attributes
    ----------
    key : str
        With the stage, names the job: derived from the record that caused it.
    renew : bool
        Put again a job that already ended or waits (completeness: every image moves the time).
    """

    stage: str
    key: str
    study: str
    priority: int = ROUTINE
    not_before_ms: int = 0
    deadline_ms: int = 0
    payload: dict[str, Any] = field(default_factory=dict)
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A job as a worker holds it."""

    id: int
    stage: str
    key: str
    study: str
    priority: int
    attempts: int
    created_ms: int
    deadline_ms: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job as a page shows it."""

    id: int
    stage: str
    study: str
    priority: int
    state: State
    attempts: int
    created_ms: int
    not_before_ms: int
    deadline_ms: int
    owner: str
    error: dict[str, Any] | None


#: A renewed job starts afresh; one that is running is marked to run once more when it ends, so that
#: what came meanwhile is never left out.
_RENEWED = ", ".join(
    f"{column} = CASE WHEN job.state = 'running' THEN {kept} ELSE {fresh} END"
    for column, kept, fresh in (
        ("again", "1", "0"),
        ("state", "job.state", "'waiting'"),
        ("attempts", "job.attempts", "0"),
        ("error", "job.error", "NULL"),
        ("created", "job.created", "excluded.created"),
        ("deadline", "job.deadline", "excluded.deadline"),
        ("payload", "job.payload", "excluded.payload"),
        ("not_before", "excluded.not_before", "excluded.not_before"),
    )
)


class Queue:
    """Jobs in the appliance's database."""

    def __init__(self, database: Database, now_ms: Callable[[], int], owner: str) -> None:
        self._database = database
        self._now_ms = now_ms
        self._owner = owner

    def put(self, specs: Sequence[JobSpec]) -> None:
        """Add jobs; the caller's transaction, if any, holds them."""
        with self._database.transaction() as sql:
            now = self._now_ms()
            for spec in specs:
                update = f"DO UPDATE SET {_RENEWED}" if spec.renew else "DO NOTHING"
                sql.execute(
                    "INSERT INTO job (stage, key, study, priority, state, not_before, deadline,"
                    f" created, payload) VALUES (?, ?, ?, ?, 'waiting', ?, ?, ?, ?)"
                    f" ON CONFLICT (stage, key) {update}",
                    (
                        spec.stage, spec.key, spec.study, spec.priority, spec.not_before_ms,
                        spec.deadline_ms or now + 7 * 86_400_000, now,
                        json.dumps(spec.payload, ensure_ascii=False),
                    ),
                )  # fmt: skip

    def claim(self, stages: Sequence[str], lease_ms: int = 60_000) -> Job | None:
        """Take the next job of these stages, urgent before routine; None where there is none."""
        marks = ", ".join("?" for _ in stages)
        now = self._now_ms()
        due = (
            f"stage IN ({marks}) AND ((state IN ('waiting', 'failed') AND not_before <= ?)"
            " OR (state = 'running' AND lease_until < ?))"
        )
        if not self._database.query(f"SELECT 1 FROM job WHERE {due} LIMIT 1", (*stages, now, now)):
            return None
        with self._database.transaction() as sql:
            row = sql.execute(
                "UPDATE job SET state = 'running', owner = ?, lease_until = ?,"
                f" attempts = attempts + 1 WHERE id = (SELECT id FROM job WHERE {due}"
                " ORDER BY priority, not_before, id LIMIT 1) RETURNING id, stage, key, study,"
                " priority, attempts, created, deadline, payload",
                (self._owner, now + lease_ms, *stages, now, now),
            ).fetchone()
        return _job(row) if row else None

    def renew(self, job: Job, lease_ms: int = 60_000) -> None:
        """Keep a job while working on it."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE job SET lease_until = ? WHERE id = ? AND owner = ? AND state = 'running'",
                (self._now_ms() + lease_ms, job.id, self._owner),
            )

    def done(self, job: Job) -> None:
        """End a job well."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE job SET state = CASE again WHEN 1 THEN 'waiting' ELSE 'done' END,"
                " again = 0, finished = ?, error = NULL"
                " WHERE id = ? AND owner = ? AND state = 'running'",
                (self._now_ms(), job.id, self._owner),
            )

    def postpone(self, job: Job, not_before_ms: int) -> None:
        """Put a job back: nothing failed, it is only not time yet."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE job SET state = 'waiting', not_before = ?, attempts = attempts - 1"
                " WHERE id = ? AND owner = ? AND state = 'running'",
                (not_before_ms, job.id, self._owner),
            )

    def fail(self, job: Job, error: dict[str, Any], retry_at_ms: int | None) -> State:
        """End an attempt badly; with no retry time, or past the deadline, the job is dead."""
        now = self._now_ms()
        dead = retry_at_ms is None or retry_at_ms > job.deadline_ms
        state: State = "dead" if dead else "failed"
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE job SET state = ?, not_before = ?, error = ?, finished = ?"
                " WHERE id = ? AND owner = ? AND state = 'running'",
                (
                    state,
                    retry_at_ms or now,
                    json.dumps(error, ensure_ascii=False),
                    now if dead else None,
                    job.id,
                    self._owner,
                ),
            )
        return state

    def resend(self, job_id: int, deadline_ms: int) -> bool:
        """Give a dead or failed job a fresh start; return whether there was one."""
        with self._database.transaction() as sql:
            changed = sql.execute(
                "UPDATE job SET state = 'waiting', not_before = 0, attempts = 0, error = NULL,"
                " deadline = ? WHERE id = ? AND state IN ('dead', 'failed')",
                (deadline_ms, job_id),
            )
        return bool(changed.rowcount)

    def waiting(self, limit: int = 200) -> list[Waiting]:
        """Return what is not done, urgent and oldest first."""
        rows = self._database.query(
            "SELECT id, stage, study, priority, state, attempts, created, not_before, deadline,"
            " owner, error FROM job WHERE state != 'done' ORDER BY state = 'dead' DESC, priority,"
            " created LIMIT ?",
            (limit,),
        )
        return [_waiting(row) for row in rows]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return per stage how many jobs are in each state."""
        out: dict[str, dict[str, int]] = {}
        for stage, state, count in self._database.query(
            "SELECT stage, state, count(*) FROM job GROUP BY stage, state"
        ):
            out.setdefault(stage, {})[state] = count
        return out

    def open_for(self, study: str) -> list[tuple[str, State]]:
        """Return (stage, state) of a study's jobs that are not done."""
        rows = self._database.query(
            "SELECT stage, state FROM job WHERE study = ? AND state != 'done'", (study,)
        )
        return [(r[0], r[1]) for r in rows]

    def forget_done(self, before_ms: int) -> int:
        """Delete jobs that ended well before a time; return how many."""
        with self._database.transaction() as sql:
            gone = sql.execute(
                "DELETE FROM job WHERE state = 'done' AND finished < ?", (before_ms,)
            )
        return int(gone.rowcount)


def _job(row: Any) -> Job:
    id_, stage, key, study, priority, attempts, created, deadline, payload = row
    return Job(id_, stage, key, study, priority, attempts, created, deadline, json.loads(payload))


def _waiting(row: Any) -> Waiting:
    id_, stage, study, priority, state, attempts, created, before, deadline, owner, error = row
    return Waiting(
        id_, stage, study, priority, state, attempts, created, before, deadline, owner,
        json.loads(error) if error else None,
    )  # fmt: skip
