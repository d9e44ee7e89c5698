"""What the appliance does by the clock: sign heads, sample the disk, back up, forget done jobs.

It also carries the databases' logs into their files, so that no append has to, and records what a
receiver process that died had acknowledged.

Each task remembers in the database when it last ran, so that a restart neither skips nor repeats;
a signed head says itself when it was signed.
"""

from __future__ import annotations

import json

from core.records.clock import Stamp
from edge.backup.schedule import backup_if_due
from edge.intake.replay import replay_quietly
from edge.processes import queue_of, usage_of
from edge.store.box import Box

_HEADS_MS = 2_000
_LEDGERS_MS = 10_000
_DISK_MS = 600_000
_JOBS_MS = 3_600_000
_BACKUP_MS = 20_000
_KEEP_JOBS_MS = 7 * 86_400_000


def keep_house(box: Box) -> None:
    """Do what is due."""
    now = box.outside.now_ms()
    _keep_changed_heads(box, now)
    if _due(box, "ledgers", now, _LEDGERS_MS):
        replay_quietly(box)
    if _due(box, "disk", now, _DISK_MS):
        usage = usage_of(box)
        with box.database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO disk_sample VALUES (?, ?)", (now, usage.total - usage.free)
            )
            sql.execute("DELETE FROM disk_sample WHERE at < ?", (now - 30 * 86_400_000,))
    if _due(box, "backup", now, _BACKUP_MS):
        backup_if_due(box)
    if _due(box, "jobs", now, _JOBS_MS):
        queue_of(box).forget_done(now - _KEEP_JOBS_MS)


def _keep_changed_heads(box: Box, now: int) -> None:
    """Sign heads where a chain has grown, at most every two seconds; an idle box writes nothing."""
    own = box.identity.id
    kept = {c.journal: c for c in box.vault.heads() if c.writer == own}
    journals = {"clinical": box.journal, "access": box.access}
    grown = [
        kept.get(name)
        for name, journal in journals.items()
        if journal.head(own).seq != (kept[name].seq if name in kept else 0)
    ]
    # A clock that was set back must not stop the signing until it has caught up.
    soon, after = Stamp(now - _HEADS_MS).iso(), Stamp(now).iso()
    if any(head is None or not soon < head.at <= after for head in grown):
        box.keep_heads()
        box.database.checkpoint()


def _due(box: Box, task: str, now: int, every: int) -> bool:
    rows = box.database.query("SELECT value FROM house WHERE task = ?", (task,))
    if rows and now - int(json.loads(rows[0][0])) < every:
        return False
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO house VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET"
            " value = excluded.value",
            (task, json.dumps(now)),
        )
    return True
