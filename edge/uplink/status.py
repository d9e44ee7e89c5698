"""How the link to the hub stands, for the page, the status command and telemetry.

The uplink process writes one row; every other process reads it. An old row is not believed: a
process that died says nothing good about the line.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from core.records.clock import Stamp
from edge.store.box import Box
from edge.uplink.alarms import Alarms
from edge.uplink.outbox import Outbox

_ROW = "link"
_NOTICES = "notices"
_STALE_MS = 90_000


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One look at the link.

    Attributes
    ----------
    state : str
        ``idle`` (not joined), ``connecting``, ``open``, ``waiting`` (until the next try),
        ``refused`` (the hub turned the box away, or the box refuses the hub).
    """

    state: str
    since_ms: int
    at_ms: int
    latency_ms: float | None = None
    rate_bytes_s: int | None = None
    last_error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NoticeStatus:
    """One look at the broker's connection.

    Attributes
    ----------
    state : str
        ``idle`` (the region has no broker), ``connecting``, ``open``, ``waiting``, ``refused``.
    heard : int
        Notices that were taken since the process began.
    ignored : dict
        How many were dropped, by the number of the refusal.
    """

    state: str
    since: str
    at: str
    heard: int
    ignored: dict[str, int]
    last_error: dict[str, Any] | None = None


def keep_notice_status(box: Box, status: NoticeStatus) -> None:
    """Write the row."""
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO uplink VALUES (?, ?)",
            (_NOTICES, json.dumps(asdict(status), ensure_ascii=False)),
        )


def notice_status(box: Box) -> dict[str, Any]:
    """Return how the broker's connection stands, for ``GET /api/region``."""
    rows = box.database.query("SELECT value FROM uplink WHERE name = ?", (_NOTICES,))
    if not rows:
        return asdict(NoticeStatus("idle", "", "", 0, {}))
    kept: dict[str, Any] = json.loads(rows[0][0])
    return kept


def keep_status(box: Box, status: LinkStatus) -> None:
    """Write the row."""
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO uplink VALUES (?, ?)",
            (_ROW, json.dumps(asdict(status), ensure_ascii=False)),
        )


def kept_status(box: Box) -> LinkStatus | None:
    """Return the row; None before the uplink process has written one."""
    rows = box.database.query("SELECT value FROM uplink WHERE name = ?", (_ROW,))
    return LinkStatus(**json.loads(rows[0][0])) if rows else None


def link_status(box: Box, outbox: Outbox) -> dict[str, Any]:
    """Return the ``link`` part of ``GET /api/region``."""
    now = box.outside.now_ms()
    kept, backlog = kept_status(box), outbox.backlog()
    state = kept.state if kept else "idle"
    if kept and state != "idle" and abs(now - kept.at_ms) > _STALE_MS:
        state = "unknown"
    return {
        "state": state,
        "since": Stamp(kept.since_ms).iso() if kept else None,
        "latency_ms": kept.latency_ms if kept else None,
        "rate_bytes_s": kept.rate_bytes_s if kept else None,
        "backlog": {
            "items": backlog.items,
            "bytes": backlog.size,
            "oldest_s": max(0, now - backlog.oldest_ms) // 1000 if backlog.items else 0,
            "dead": len(outbox.dead()),
        },
        "last_error": kept.last_error if kept else None,
    }


def alarms_of(box: Box) -> list[dict[str, Any]]:
    """Return the ``alarms`` part of ``GET /api/region``."""
    return Alarms(box.database, box.outside.now_ms).shown()
