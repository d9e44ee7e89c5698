"""A worker: plans what the journal says, does jobs of its stages, keeps leases, never dies quietly.

Three lanes run beside each other, so that a radiograph's verdict never waits behind a CT and a PACS
that is down never stops the analysis: ``urgent`` (arrival, image quality), ``compute`` (quality,
inference, measuring, report), ``delivery`` (forward, delivery, commitment answers, manifests). A
fourth, ``shadow``, is a thread beside ``compute``: nobody waits for a model on trial. So is
``joining``, which brings a patient's studies together: a registration takes half a minute, and no
new study waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from core.errors import XinglinError
from core.vault.errors import KeyDestroyed
from edge.stages.deliver import retry_at
from edge.stages.errors import DeadlinePassed, NotDelivered, StageCrashed
from edge.stages.plans import READERS
from edge.stages.queue import URGENT, Job
from edge.stages.reader import step_all
from edge.stages.work import Later, Outcome, Stage, Work

LANES: Mapping[str, Sequence[str]] = {
    "urgent": ("complete", "image_quality", "consult_inbox"),
    "compute": ("quality", "inference", "measuring", "report", "renewal"),
    "delivery": (
        "forward", "delivery", "commitment", "manifest", "consult", "consult_answer", "opinion",
        "opinion_delivery", "issuing", "issued_delivery", "statistics", "thumbnail",
        "measurements", "measurements_delivery",
    ),
    "shadow": ("shadow",),
    "joining": ("companions", "comparison", "redraft"),
}  # fmt: skip
_ATTEMPTS = {
    "forward": 400, "delivery": 400, "opinion_delivery": 400, "issued_delivery": 400,
    "measurements_delivery": 400, "commitment": 40,
}  # fmt: skip
_LEASE_MS = 60_000
_PLAN_EVERY_MS = 2000
_log = structlog.get_logger("worker")


@dataclass(frozen=True)
class Worker:
    """One lane's loop.

    Parameters
    ----------
    on_dead : callable
        Told of a job that ended for good without success, with its error.
    """

    work: Work
    lane: str
    stages: Mapping[str, Stage]
    on_dead: Callable[[Work, Job, XinglinError], None]
    planned: list[int] = field(default_factory=lambda: [0])

    def turn(self) -> bool:
        """Plan once and do one job; return whether there was anything to do."""
        moved = self._plan()
        job = self.work.queue.claim(LANES[self.lane], _LEASE_MS)
        if job is None:
            return bool(moved)
        self._do(job)
        return True

    def _plan(self) -> int:
        """The urgent lane plans at every turn; the others only now and then, should it be gone."""
        now = self.work.box.outside.now_ms()
        if self.lane != "urgent" and now - self.planned[0] < _PLAN_EVERY_MS:
            return 0
        self.planned[0] = now
        return step_all(self.work.box, self.work.queue, READERS)

    def run(self, stop: threading.Event, idle_s: float = 0.05) -> None:
        """Work until told to stop."""
        while not stop.is_set():
            if not self.turn():
                stop.wait(idle_s)

    def _do(self, job: Job) -> None:
        now = self.work.box.outside.now_ms()
        if now > job.deadline_ms:
            self._failed(job, DeadlinePassed(stage=job.stage), retry=False)
            return
        try:
            with self._leased(job):
                outcome: Outcome = self.stages[job.stage](self.work, job)
        except KeyDestroyed:
            self.work.queue.done(job)  # erased while it waited: nothing is left to do
        except XinglinError as error:
            self._failed(job, error, retry=isinstance(error, NotDelivered))
        except Exception as error:  # noqa: BLE001 the process edge: recorded, shown, tried once more
            _log.exception("stage crashed", stage=job.stage, job=job.id)
            crashed = StageCrashed(stage=job.stage, what=type(error).__name__)
            self._failed(job, crashed, retry=job.attempts < 2)
        else:
            if isinstance(outcome, Later):
                self.work.queue.postpone(job, outcome.at_ms)
            else:
                self.work.queue.done(job)

    def _failed(self, job: Job, error: XinglinError, *, retry: bool) -> None:
        now = self.work.box.outside.now_ms()
        again = None
        if retry and job.attempts < _ATTEMPTS.get(job.stage, 2):
            again = retry_at(job.attempts, now, job.priority == URGENT, self.work.jitter())
        state = self.work.queue.fail(job, error.as_json(), again)
        _log.warning("job failed", stage=job.stage, job=job.id, state=state, code=error.code)
        if state == "dead":
            self.on_dead(self.work, job, error)

    @contextmanager
    def _leased(self, job: Job) -> Iterator[None]:
        """Renew the lease while the block runs: a long CT is not taken by another worker."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(_LEASE_MS / 3000):
                self.work.queue.renew(job, _LEASE_MS)

        thread = threading.Thread(target=renew, daemon=True, name=f"lease-{job.id}")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
