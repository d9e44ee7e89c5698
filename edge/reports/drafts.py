"""Drafts: what a person has typed so far, one per study and person; an ordinary table.

A save names the version that it was made on, so that two windows never overwrite each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.records.clock import Stamp
from edge.report.physician.content import Content, content_of
from edge.report.physician.errors import DraftStale
from edge.store.box import Box


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft; ``base`` is the report's version that it was made on (0: none)."""

    version: int
    base: int
    content: Content
    changed: int

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {
            "version": self.version, "base": self.base, "content": self.content.as_json(),
            "changed_at": Stamp(self.changed).iso(),
        }  # fmt: skip


def draft_of(box: Box, study: str, user: str) -> Kept | None:
    """Return a person's draft; None where there is none."""
    rows = box.database.query(
        "SELECT version, base, body, changed FROM report_draft WHERE study = ? AND user = ?",
        (study, user),
    )
    if not rows:
        return None
    version, base, body, changed = rows[0]
    return Kept(version, base, content_of(json.loads(body)), changed)


def save_draft(box: Box, study: str, user: str, on: tuple[int, int], content: Content) -> Kept:
    """Keep a draft made on (version, base); version 0 begins one.

    Raises
    ------
    DraftStale
        If it was saved elsewhere since.
    """
    version, base = on
    now = box.outside.now_ms()
    with box.database.transaction() as sql:
        row = sql.execute(
            "SELECT version FROM report_draft WHERE study = ? AND user = ?", (study, user)
        ).fetchone()
        last = row[0] if row else 0
        if version != last:
            raise DraftStale(version=last)
        sql.execute(
            "REPLACE INTO report_draft VALUES (?, ?, ?, ?, ?, ?)",
            (study, user, last + 1, base, json.dumps(content.as_json(), ensure_ascii=False), now),
        )
    return Kept(last + 1, base, content, now)


def drop_draft(box: Box, study: str, user: str) -> None:
    """Forget a draft that became a version, or that its author threw away."""
    with box.database.transaction() as sql:
        sql.execute("DELETE FROM report_draft WHERE study = ? AND user = ?", (study, user))


def writing(box: Box, study: str, besides: str) -> list[dict[str, str]]:
    """Return who else has a draft of this report."""
    rows = box.database.query(
        "SELECT p.name, d.changed FROM report_draft d JOIN person p ON p.user = d.user"
        " WHERE d.study = ? AND d.user != ? ORDER BY d.changed DESC",
        (study, besides),
    )
    return [{"name": name, "at": Stamp(changed).iso()} for name, changed in rows]
