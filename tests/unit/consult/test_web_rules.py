"""The page's copy of the table of who may do what is the table of core.consult.

``python tests/unit/consult/test_web_rules.py`` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.consult.tables import EVENT_KINDS, KINDS, rule_of

COPY = Path(__file__).resolve().parents[3] / "web/src/consult/rules.json"


def table() -> dict[str, Any]:
    """Return kind of consultation → kind of event → where to, and part → places."""
    return {
        consult: {
            kind: {
                "to": rule.to or "",
                "may": {part: sorted(places) for part, places in sorted(rule.may.items())},
            }
            for kind in EVENT_KINDS
            if (rule := rule_of(consult, kind)) is not None
        }
        for consult in KINDS
    }


def test_the_page_offers_what_the_machine_allows() -> None:
    assert json.loads(COPY.read_text(encoding="utf-8")) == table()


if __name__ == "__main__":
    COPY.write_text(json.dumps(table(), indent=1) + "\n", encoding="utf-8")
