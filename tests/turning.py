"""A box with its own web interface whose consultation workers are turned by the test."""

from __future__ import annotations

from edge.consult.desk import desk_of
from edge.consult.lane import ConsultStages
from edge.stages.plans import READERS
from edge.stages.reader import step_all
from edge.stages.work import Later, Work
from tests.sync_site import SyncBox, now_ms, until


class TurningBox(SyncBox):
    """``self.api`` (an ApiSite) and ``self.box`` are there before :meth:`equip`."""

    def equip(self) -> None:
        """Take up the desk and the stages of consultations."""
        self.desk = desk_of(self.box)
        self.outbox = self.desk.post
        stages = ConsultStages(self.desk)
        self.stages = {"consult_inbox": stages.inbox, "consult": stages.case,
                       "consult_answer": stages.answer, "opinion": stages.opinion}  # fmt: skip
        self.work = Work(self.box, self.api.site.queue, None, lambda: 0.0, lambda: 0.0)

    def turn(self) -> bool:
        """Do what is due."""
        self.api.clock.at = max(self.api.clock.at, now_ms())
        queue = self.api.site.queue
        step_all(self.box, queue, READERS)
        while (job := queue.claim(tuple(self.stages))) is not None:
            outcome = self.stages[job.stage](self.work, job)
            if isinstance(outcome, Later):
                queue.postpone(job, outcome.at_ms)
                break
            queue.done(job)
            step_all(self.box, queue, READERS)
        return True

    def until(self, true, what, seconds=60):
        """Turn until something is true; return it."""
        return until(lambda: self.turn() and true(), seconds, what)
