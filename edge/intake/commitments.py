"""Storage commitment, both ways: what others ask of us, and what the PACS answers us.

We commit to an instance only when its bytes are here, encrypted and durable, under the class that
was named (PS3.4 annex J). Failure reasons: 0x0112 no such instance, 0x0119 class differs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from edge.intake.net.sink import (
    CommitmentReport,
    Failure,
    Later,
    Peer,
    Reference,
    Verdict,
)
from edge.report.commitment import CommitmentResult
from edge.stages.queue import URGENT, JobSpec, Queue
from edge.store.answers import keep_answer
from edge.store.box import Box

_NO_SUCH_INSTANCE = 0x0112
_CLASS_DIFFERS = 0x0119
#: Longer than another process lets its journal lag behind what it acknowledged.
_WINDOW_S = 0.3


class BoxCommitments:
    """The appliance's :class:`edge.intake.net.sink.Commitments`."""

    def __init__(self, box: Box, queue: Queue, flush: Callable[[], None] = lambda: None) -> None:
        self._box = box
        self._queue = queue
        self._flush = flush

    def request(
        self, peer: Peer, transaction_uid: str, references: tuple[Reference, ...]
    ) -> Verdict | Later:
        """Judge at once: either the bytes are durable or they are not.

        What this process has acknowledged is in the journal first; what another one has, is there
        within its window.
        """
        self._flush()
        verdict = self.judge(references)
        missing = any(one.reason == _NO_SUCH_INSTANCE for one in verdict.failed)
        if missing and self._box.settings.dicom.processes > 1:
            time.sleep(_WINDOW_S)
            verdict = self.judge(references)
        body = json.dumps(
            {
                "committed": [[r.sop_class, r.sop_instance] for r in verdict.committed],
                "failed": [
                    [f.reference.sop_class, f.reference.sop_instance, f.reason]
                    for f in verdict.failed
                ],
            }
        )
        with self._box.database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO commitment VALUES (?, ?, 'asked', 'judged', ?, ?)",
                (transaction_uid, peer.calling_ae, body, self._box.outside.now_ms()),
            )
        return verdict

    def judge(self, references: tuple[Reference, ...]) -> Verdict:
        """Return which references are kept here."""
        committed, failed = [], []
        for reference in references:
            rows = self._box.database.query(
                "SELECT sop_class, blob FROM instance WHERE sop_instance = ?",
                (reference.sop_instance,),
            )
            if not rows or not self._box.blobs.path(rows[0][1]).exists():
                failed.append(Failure(reference, _NO_SUCH_INSTANCE))
            elif rows[0][0] != reference.sop_class:
                failed.append(Failure(reference, _CLASS_DIFFERS))
            else:
                committed.append(reference)
        return Verdict(tuple(committed), tuple(failed))

    def answered(self, peer: Peer, transaction_uid: str, *, delivered: bool) -> None:
        """Where the association ended first, the verdict goes out on one of our own."""
        if delivered:
            with self._box.database.transaction() as sql:
                sql.execute(
                    "UPDATE commitment SET state = 'told' WHERE transaction_uid = ?",
                    (transaction_uid,),
                )
            return
        spec = JobSpec(
            "commitment", transaction_uid, "", URGENT,
            payload={"transaction_uid": transaction_uid, "peer": peer.calling_ae}, renew=True,
        )  # fmt: skip
        self._queue.put([spec])

    def reported(self, peer: Peer, report: CommitmentReport) -> None:  # noqa: ARG002 the port's form
        """Keep a peer's verdict for the delivery that waits for it."""
        verdict = report.verdict
        keep_answer(
            self._box,
            CommitmentResult(
                report.transaction_uid,
                frozenset(r.sop_instance for r in verdict.committed),
                {f.reference.sop_instance: f.reason for f in verdict.failed},
            ),
        )
