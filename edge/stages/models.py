"""Which method serves is a record: appended when it differs from what the journal last said."""

from __future__ import annotations

from typing import Any

import structlog

from core.errors import XinglinError
from core.imaging.study import Engines
from core.records.record import Draft
from edge.store.box import Box

#: The slot and the task of each method, by modality asked for; a method without a slot has its own.
_TASKS = {
    "DX": ("dr_tb", "radiograph: suspected tuberculosis"),
    "CT": ("", "CT: lesion candidates"),
}
_SAME = ("name", "version", "digest", "engine")
_log = structlog.get_logger("models")


def note_active(box: Box, engines: Engines) -> int:
    """Append ``model.activated`` for every method that changed; return how many.

    A model that cannot be loaded is logged: its studies fail with its number, others go on.
    """
    bodies = []
    for modality, (slot, task) in _TASKS.items():
        try:
            bodies.append(_body(engines.method(modality), slot, task))
        except XinglinError as error:
            _log.error("model cannot be loaded", modality=modality, code=error.code)
    # Read last: asking for a method may load it, and loading it may have noted it already.
    rows = box.database.query("SELECT slot, name, version, digest, engine FROM model_slot")
    known = {row[0]: dict(zip(_SAME, row[1:], strict=True)) for row in rows}
    drafts = [
        Draft("model.activated", body, subject=f"m_{body['slot']}")
        for body in bodies
        if known.get(body["slot"]) != {name: body[name] for name in _SAME}
    ]
    if drafts:
        box.append(drafts)
    return len(drafts)


def _body(method: dict[str, object], slot: str, task: str) -> dict[str, Any]:
    return {
        "slot": str(method.get("slot") or slot or method["model"]),
        "name": str(method["model"]),
        "version": str(method["version"]),
        "digest": str(method.get("digest", "")),
        "task": task,
        "engine": str(method.get("engine", "classical")),
        "research_only": bool(method.get("research_only", True)),
    }
