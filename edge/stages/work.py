"""What every stage gets, and how a stage ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from core.records.record import Draft
from edge.stages.queue import Job, Queue
from edge.store.box import Box

if TYPE_CHECKING:
    from core.imaging.study import Engines, StudyResult


@dataclass(frozen=True, slots=True)
class Done:
    """The job is finished."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not time yet: look again at a time (ms)."""

    at_ms: int


Outcome = Done | Later


@dataclass
class LastResult:
    """The study that this worker analysed last, arrays included: measuring and reporting follow at
    once, and need not read three hundred slices again.
    """

    study: str = ""
    input: str = ""
    override: bool = False
    result: StudyResult | None = None

    def get(self, study: str, input_digest: str, override: bool) -> StudyResult | None:
        """Return the kept result if it is the one asked for."""
        same = (self.study, self.input, self.override) == (study, input_digest, override)
        return self.result if same else None


@dataclass(frozen=True)
class Work:
    """A worker's surroundings; ``elapsed`` is monotonic seconds."""

    box: Box
    queue: Queue
    engines: Engines
    elapsed: Callable[[], float]
    jitter: Callable[[], float]
    last: LastResult = field(default_factory=LastResult)

    def progress(self, study: str, stage: str, text: str = "") -> None:
        """Note what is being done, for the page; not a record."""
        with self.box.database.transaction() as sql:
            sql.execute(
                "INSERT INTO progress VALUES (?, ?, ?, ?) ON CONFLICT (study) DO UPDATE SET"
                " stage = excluded.stage, text = excluded.text, at = excluded.at",
                (study, stage, text, self.box.outside.now_ms()),
            )


class Stage(Protocol):
    """One stage: does a job, or says later, or raises."""

    def __call__(self, work: Work, job: Job) -> Outcome:
        """Do the job."""
        ...


def subject_of(box: Box, study: str) -> str:
    """Return the study's subject as the list knows it."""
    rows = box.database.query("SELECT subject FROM study WHERE study = ?", (study,))
    return str(rows[0][0]) if rows else ""


def study_row(box: Box, study: str, *columns: str) -> dict[str, Any]:
    """Return some columns of a study's row; {} where the study is gone (erased)."""
    rows = box.database.query(f"SELECT {', '.join(columns)} FROM study WHERE study = ?", (study,))
    return dict(zip(columns, rows[0], strict=True)) if rows else {}


def append(work: Work, study: str, kind: str, body: dict[str, Any]) -> None:
    """Append a record about a study, unless the study was erased meanwhile."""
    subject = subject_of(work.box, study)
    if subject:
        work.box.append([Draft(kind, body, subject=subject, key=study)])
