"""Backups by the clock, and soon after every destroyed key; the result is kept for the page.

``python -m edge.backup.schedule FOLDER`` is what the appliance starts as a process of its own, so
that hours of copying never hold up its housekeeping.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from core.errors import XinglinError
from core.records.clock import Stamp
from edge.backup.errors import BackupBusy, NoTarget
from edge.backup.run import Report, back_up
from edge.backup.target import Target, open_target
from edge.store.box import Box, open_box, real_outside

RESULT = "backup result"
_STARTED = "backup started"
_RETRY_MS = 900_000
_HOUR_MS = 3_600_000
_log = structlog.get_logger("backup")


def backup_if_due(box: Box, start: Callable[[Path], None] | None = None) -> bool:
    """Start a backup where one is due; return whether it was started.

    Due is: never done; the interval is over; a subject's key was destroyed since the last one; or
    the last one failed a quarter of an hour ago.

    Parameters
    ----------
    start : callable, optional
        Starts a backup of a folder without waiting for it; a process of its own by default.
    """
    if not box.settings.backup.target:
        return False
    now = box.outside.now_ms()
    last, begun = last_result(box), _kept(box, _STARTED)
    if not is_due(last, now, box.settings.backup.every_hours, box.vault.destroyed_count()):
        return False
    if begun and now - int(begun) < _RETRY_MS and int(begun) > last.get("at_ms", 0):
        return False  # it runs, or it died without a word: not every minute again
    _keep(box, _STARTED, now)
    (start or _in_background)(box.folder)
    return True


def is_due(last: dict[str, Any], now_ms: int, every_hours: float, destroyed: int) -> bool:
    """Return whether a backup is due; pure."""
    if not last:
        return True
    age = now_ms - int(last["at_ms"])
    if not last["ok"]:
        return age >= min(_RETRY_MS, every_hours * _HOUR_MS)
    return age >= every_hours * _HOUR_MS or last.get("destroyed", 0) != destroyed


def back_up_and_note(box: Box, where: str) -> Report:
    """Back up to a target and keep the result, good or bad, for the page and the schedule.

    Raises
    ------
    XinglinError
        What :func:`edge.backup.run.back_up` and :func:`edge.backup.target.open_target` raise.
    """
    try:
        if not where:
            raise NoTarget
        target: Target = open_target(where)
        report = back_up(box, target)
    except BackupBusy:
        raise
    except XinglinError as error:
        _note(box, {"ok": False, "error": error.as_json()})
        raise
    _note(box, report.as_json())
    return report


def last_result(box: Box) -> dict[str, Any]:
    """Return what became of the last backup; empty where there was none."""
    value = _kept(box, RESULT)
    return value if isinstance(value, dict) else {}


def _note(box: Box, facts: dict[str, Any]) -> None:
    now = box.outside.now_ms()
    wait = box.settings.backup.every_hours * _HOUR_MS if facts["ok"] else _RETRY_MS
    following = Stamp(now + int(wait)).iso() if box.settings.backup.target else None
    _keep(box, RESULT, {**facts, "at": Stamp(now).iso(), "at_ms": now, "next": following})


def _kept(box: Box, task: str) -> Any:
    rows = box.database.query("SELECT value FROM house WHERE task = ?", (task,))
    return json.loads(rows[0][0]) if rows else None


def _keep(box: Box, task: str, value: Any) -> None:
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO house VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET"
            " value = excluded.value",
            (task, json.dumps(value, ensure_ascii=False)),
        )


def _in_background(folder: Path) -> None:
    command = [sys.executable, "-m", "edge.backup.schedule", str(folder)]
    # A thread waits for the process, so that none is left unreaped.
    threading.Thread(
        target=subprocess.run, args=(command,), kwargs={"check": False}, daemon=True
    ).start()


def main() -> None:
    """Back up once, as the settings say."""
    box = open_box(Path(sys.argv[1]), real_outside())
    try:
        report = back_up_and_note(box, box.settings.backup.target)
        _log.info("backup done", number=report.number, records=report.records, blobs=report.blobs)
    except XinglinError as error:
        _log.error("backup failed", code=f"E{error.code}", reason=error.sentence("en"))
        raise SystemExit(1) from None
    finally:
        box.close()


if __name__ == "__main__":
    main()
