"""What FHIR R4 demands of an AuditEvent, by structure."""

from __future__ import annotations

import json
import re

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")


def check_r4(event):
    """Demand what the base resource does: cardinalities, required codes, types."""
    assert event["resourceType"] == "AuditEvent"
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", event["id"])
    assert set(event["type"]) >= {"system", "code"}
    assert event["action"] in ("C", "R", "U", "D", "E")
    assert _INSTANT.match(event["recorded"])
    assert event["outcome"] in ("0", "4", "8", "12")
    assert event["agent"]
    for agent in event["agent"]:
        assert isinstance(agent["requestor"], bool)
        assert "who" in agent
        if "network" in agent:
            assert agent["network"]["type"] in ("1", "2", "3", "4", "5")
    assert event["source"]["observer"]
    for entity in event["entity"]:
        assert not ("name" in entity and "query" in entity)  # invariant sev-1
        assert _all_filled(entity)
    assert _all_filled(event)
    assert json.loads(json.dumps(event)) == event


def _all_filled(value):
    if isinstance(value, dict):
        return bool(value) and all(_all_filled(one) for one in value.values())
    if isinstance(value, list):
        return bool(value) and all(_all_filled(one) for one in value)
    return value not in ("", None)
