"""Comparisons as the view holds them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from edge.joining.choice import Task
from edge.store.box import Box

#: (study that carries it, task, other study, id)
Held = tuple[str, Task, str, str]


def held_by(box: Box, studies: Iterable[str]) -> list[Held]:
    """Return (study, task, other, id) of every comparison that one of the studies is part of."""
    found: set[Held] = set()
    for study in studies:
        found |= set(
            box.database.query(
                "SELECT study, task, other, id FROM comparison WHERE study = ? OR other = ?",
                (study, study),
            )
        )
    return sorted(found)


def comparisons_of(box: Box, study: str) -> list[dict[str, Any]]:
    """Return the comparisons that a study carries, the newest of each task and other study.

    One with a study that is no longer the same patient's is left out before it is withdrawn: a
    correction counts at once.
    """
    names = ("id", "task", "other", "at", "status", "days", "result", "reason", "notes")
    rows = box.database.query(
        f"SELECT {', '.join(names)} FROM comparison AS held WHERE study = ? AND"
        " (SELECT subject FROM study WHERE study = held.study) ="
        " (SELECT subject FROM study WHERE study = held.other) ORDER BY task, other",
        (study,),
    )
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for one in found:
        for name in ("result", "reason", "notes"):
            one[name] = json.loads(one[name])
    return found
