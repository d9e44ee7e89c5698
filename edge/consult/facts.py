"""Laboratory, lung function and pathology results that a physician types in, with their source.

Until a hospital's own system delivers them, somebody reads them off a sheet: every such fact says
who entered it, so that nobody takes it for the laboratory's own word. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from edge.consult.errors import RequestIncomplete

CATEGORIES: Final = ("laboratory", "lung_function", "pathology")
_MOST: Final = 100
_LENGTHS: Final = {"test": 120, "result": 2000, "unit": 40}
_DAY: Final = re.compile(r"(\d{4}-\d\d-\d\d)?\Z")


def entered_facts(value: Any) -> list[dict[str, str]]:
    """Return facts as the request dialog sends them, each field looked at.

    Raises
    ------
    RequestIncomplete
    """
    if not isinstance(value, list) or len(value) > _MOST:
        raise RequestIncomplete(field="include.entered")
    return [_fact(one) for one in value]


def entered_items(
    entered: Iterable[Mapping[str, str]], category: str, by: str
) -> list[dict[str, Any]]:
    """Return the facts of a category as they are sealed, each with who entered it."""
    return [
        {
            "name": one["test"], "value": one["result"], "unit": one["unit"], "date": one["date"],
            "source": {"kind": "entered", "by": by},
        }
        for one in entered
        if one["category"] == category
    ]  # fmt: skip


def _fact(one: Any) -> dict[str, str]:
    if not isinstance(one, dict) or one.get("category") not in CATEGORIES:
        raise RequestIncomplete(field="include.entered")
    found = {"category": str(one["category"])}
    for field, most in _LENGTHS.items():
        text = one.get(field, "")
        if not isinstance(text, str) or len(text) > most:
            raise RequestIncomplete(field=f"include.entered.{field}")
        found[field] = text.strip()
    day = one.get("date", "")
    if not isinstance(day, str) or not _DAY.match(day):
        raise RequestIncomplete(field="include.entered.date")
    if not found["test"] or not found["result"]:
        raise RequestIncomplete(field="include.entered")
    return {**found, "date": day}
