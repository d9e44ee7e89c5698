"""Commitment answers of the PACS, kept in a table until the delivery that asked takes them.

The process that receives an answer is not the one that waits for it.
"""

from __future__ import annotations

import json
import time

from edge.report.commitment import CommitmentResult
from edge.store.box import Box


class TableInbox:
    """Commitment answers that another process received, found in the shared table."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def put(self, result: CommitmentResult) -> None:
        """See :class:`edge.report.commitment.CommitmentInbox`."""
        keep_answer(self._box, result)

    def wait(self, transaction_uid: str, timeout_s: float) -> CommitmentResult | None:
        """See :class:`edge.report.commitment.CommitmentInbox`."""
        ends = time.monotonic() + timeout_s
        while time.monotonic() < ends:
            found = answer_of(self._box, transaction_uid)
            if found is not None:
                return found
            time.sleep(0.2)
        return None


def keep_answer(box: Box, result: CommitmentResult) -> None:
    """Keep a peer's commitment answer until the delivery that asked takes it."""
    body = json.dumps(
        {"committed": sorted(result.committed), "refused": result.refused}, sort_keys=True
    )
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO commitment VALUES (?, '', 'answer', 'received', ?, ?)",
            (result.transaction_uid, body, box.outside.now_ms()),
        )


def answer_of(box: Box, transaction_uid: str) -> CommitmentResult | None:
    """Return a kept answer."""
    rows = box.database.query(
        "SELECT body FROM commitment WHERE transaction_uid = ? AND direction = 'answer'",
        (transaction_uid,),
    )
    if not rows:
        return None
    body = json.loads(rows[0][0])
    return CommitmentResult(transaction_uid, frozenset(body["committed"]), body["refused"])
