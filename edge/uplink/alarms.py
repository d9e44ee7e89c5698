"""What a person at the hospital must see about the region; kept until somebody says they did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.errors import XinglinError
from core.journal.database import Database
from core.records.clock import Stamp

#: An alarm that was quiet for so long and comes again is news, whoever saw the last one.
_NEWS_MS = 600_000


class Alarms:
    """Alarms in the box's database: one row for each thing that is wrong."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def sound(self, error: XinglinError, about: str = "") -> None:
        """Show a refusal on the page; the same one again only moves its last time.

        One that had been quiet for ten minutes must be seen anew.
        """
        now = self._now_ms()
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT INTO region_alarm (code, about, zh, en, at, last) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (code, about) DO UPDATE SET seen_by = CASE WHEN excluded.last -"
                f" region_alarm.last > {_NEWS_MS} THEN '' ELSE region_alarm.seen_by END,"
                " last = excluded.last, zh = excluded.zh, en = excluded.en",
                (error.code, about, error.sentence("zh"), error.sentence("en"), now, now),
            )

    def over(self, code: int, about: str = "") -> None:
        """Take back an alarm that ends by itself (a clock that was set right)."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM region_alarm WHERE code = ? AND about = ?", (code, about))

    def seen(self, code: int, user: str, about: str | None = None) -> int:
        """Note that a person has seen the alarms of a code; return how many there were.

        With ``about`` (a consultation, or "" for the region itself) only that one.
        """
        with self._database.transaction() as sql:
            changed = sql.execute(
                "UPDATE region_alarm SET seen_by = ? WHERE code = ? AND seen_by = ''"
                " AND (? IS NULL OR about = ?)",
                (user, code, about, about),
            )
        return int(changed.rowcount)

    def shown(self) -> list[dict[str, Any]]:
        """Return every alarm for the page, the newest first."""
        rows = self._database.query(
            "SELECT code, about, zh, en, at, last, seen_by FROM region_alarm ORDER BY last DESC"
        )
        return [
            {"code": f"E{r[0]}", "about": r[1], "message_zh": r[2], "message_en": r[3],
             "at": Stamp(r[4]).iso(), "last": Stamp(r[5]).iso(), "seen_by": r[6]}
            for r in rows
        ]  # fmt: skip
