"""Which method serves is a record: appended when it differs from what the journal last said."""

from __future__ import annotations

import json
from typing import Any

from core.imaging.study import Engines
from core.records.record import Draft
from edge.store.box import Box

#: What each method is for, by modality asked for.
_TASKS = {"DX": "radiograph: suspected tuberculosis", "CT": "CT: lesion candidates"}


def note_active(box: Box, engines: Engines) -> int:
    """Append ``model.activated`` for every method that changed; return how many."""
    rows = box.database.query("SELECT name, version, detail FROM model")
    known = {row[0]: (row[1], json.loads(row[2]).get("engine", "")) for row in rows}
    drafts = []
    for modality, task in _TASKS.items():
        method = engines.method(modality)
        body = _body(method, task)
        if known.get(body["name"]) != (body["version"], body["engine"]):
            drafts.append(Draft("model.activated", body, subject=f"m_{body['name']}"))
    if drafts:
        box.append(drafts)
    return len(drafts)


def _body(method: dict[str, object], task: str) -> dict[str, Any]:
    return {
        "name": str(method["model"]),
        "version": str(method["version"]),
        "task": task,
        "engine": str(method.get("engine", "classical")),
        "research_only": bool(method.get("research_only", True)),
    }
