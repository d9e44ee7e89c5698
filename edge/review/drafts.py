"""Drafts of a review, one per study and person, numbered with every save: no records."""

from __future__ import annotations

import json
from typing import Any

from core.records.clock import Stamp
from core.web.people import Session
from edge.review.errors import DraftElsewhere
from edge.store.box import Box


def draft_of(box: Box, study: str, user: str) -> dict[str, Any] | None:
    """Return a person's draft, or None where there is none."""
    rows = box.database.query(
        "SELECT parent, version, changed, body FROM review_draft WHERE study = ? AND user = ?",
        (study, user),
    )
    if not rows:
        return None
    parent, version, changed, body = rows[0]
    at = Stamp(changed).iso()
    return {"parent": parent, "version": version, "at": at, "body": json.loads(body)}


def others_at(box: Box, study: str, user: str) -> list[dict[str, Any]]:
    """Return who else has a draft of this study, the newest first, and how long ago it changed."""
    now = box.outside.now_ms()
    rows = box.database.query(
        "SELECT name, changed FROM review_draft WHERE study = ? AND user <> ?"
        " ORDER BY changed DESC",
        (study, user),
    )
    return [
        {"name": name, "at": Stamp(changed).iso(), "seconds": max(0, (now - changed) // 1000)}
        for name, changed in rows
    ]


def save_draft(
    box: Box, session: Session, study: str, saved: tuple[int, str], body: dict[str, Any]
) -> dict[str, Any]:
    """Save a person's draft and return its new number.

    Parameters
    ----------
    saved : (int, str)
        The number of the save that this one follows (0 for none), and the parent it is made on.

    Raises
    ------
    DraftElsewhere
        If another window has saved meanwhile.
    """
    known, parent = saved
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    with box.database.transaction() as sql:
        row = sql.execute(
            "SELECT version FROM review_draft WHERE study = ? AND user = ?", (study, session.user)
        ).fetchone()
        version = int(row[0]) if row else 0
        if version != known:
            raise DraftElsewhere(version=version)
        changed = box.outside.now_ms()
        sql.execute(
            "INSERT INTO review_draft VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (study, user) DO"
            " UPDATE SET name = excluded.name, parent = excluded.parent,"
            " version = excluded.version, changed = excluded.changed, body = excluded.body",
            (study, session.user, session.name, parent, version + 1, changed, text),
        )
    return {"version": version + 1, "at": Stamp(changed).iso()}


def drop_draft(box: Box, study: str, user: str) -> None:
    """Throw a person's draft away."""
    with box.database.transaction() as sql:
        sql.execute("DELETE FROM review_draft WHERE study = ? AND user = ?", (study, user))
