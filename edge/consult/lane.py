"""A consultation's stages as the workers run them; the desk is opened once a process."""

from __future__ import annotations

from core.errors import XinglinError
from core.vault.errors import KeyDestroyed
from edge.consult.book import raise_alarm
from edge.consult.desk import desk_of
from edge.consult.region import Desk
from edge.stages.queue import Job
from edge.stages.work import Outcome, Work


class ConsultStages:
    """Stages ``consult_inbox``, ``consult``, ``consult_answer`` and ``opinion``.

    Attributes
    ----------
    desk : Desk or None
        Kept while it belongs to a region, so that the directory is verified once.
    """

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk

    def inbox(self, work: Work, job: Job) -> Outcome:  # noqa: ARG002 the shape of a stage
        """Take what the hub's chain has brought."""
        from edge.consult.stages import take_chain

        return take_chain(work, self._desk(work))

    def case(self, work: Work, job: Job) -> Outcome:
        """Build and send a requested case."""
        from edge.consult.stages import send_case

        try:
            return send_case(work, self._desk(work), job)
        except KeyDestroyed:
            raise
        except XinglinError as error:
            raise_alarm(work.box, error, job.payload["consult"])
            raise

    def answer(self, work: Work, job: Job) -> Outcome:
        """Send documents that were asked for."""
        from edge.consult.stages import send_answer

        try:
            return send_answer(work, self._desk(work), job)
        except KeyDestroyed:
            raise
        except XinglinError as error:
            raise_alarm(work.box, error, job.payload["consult"])
            raise

    def opinion(self, work: Work, job: Job) -> Outcome:
        """Write a signed opinion as documents."""
        from edge.consult.stages import file_opinion

        return file_opinion(work, self._desk(work), job)

    def statistics(self, work: Work, job: Job) -> Outcome:
        """Put a de-identified result into the outbox, where the hospital's policy allows one."""
        from edge.consult.stages import send_statistic

        return send_statistic(work, self._desk(work), job)

    def _desk(self, work: Work) -> Desk:
        if self.desk is None or self.desk.region is None:
            self.desk = desk_of(work.box)
        return self.desk
