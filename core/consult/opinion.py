"""What is sealed inside an opinion, a message and an answer: shapes and limits. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.consult.errors import OpinionMalformed
from core.consult.events import DISCIPLINES

LONGEST_TEXT = 50_000
_ADDRESS = re.compile(r"[0-9a-f]{64}\Z")
_OBJECT = re.compile(r"o_[0-9a-f]{32}\Z")
_MOST_FINDINGS = 64


@dataclass(frozen=True, slots=True)
class Opinion:
    """An expert's opinion.

    Attributes
    ----------
    findings : mapping
        Structured fields by name: text, number, truth value or list of texts.
    dissent : bool
        Whether it departs from the others; kept in an MDT's summary.
    basis : tuple of str
        Objects that the expert had seen.
    case : str
        Address of the case index that it judges: no other pixels can be passed off.
    """

    impression: str
    advice: str
    text: str
    discipline: str
    dissent: bool
    case: str
    findings: Mapping[str, Any]
    basis: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the sealed form."""
        return {
            "impression": self.impression,
            "findings": dict(self.findings),
            "advice": self.advice,
            "text": self.text,
            "discipline": self.discipline,
            "dissent": self.dissent,
            "basis": list(self.basis),
            "case": self.case,
        }


def parse_opinion(value: Mapping[str, Any]) -> Opinion:
    """Return the opinion of opened JSON; texts stay data, whatever they hold.

    Raises
    ------
    OpinionMalformed
    """
    for name in ("impression", "advice", "text"):
        if not isinstance(value.get(name, ""), str) or len(value.get(name, "")) > LONGEST_TEXT:
            raise OpinionMalformed(field=name)
    if not (value.get("impression", "") or value.get("text", "")).strip():
        raise OpinionMalformed(field="impression")
    checks = {
        "discipline": value.get("discipline", "") in ("", *DISCIPLINES),
        "dissent": isinstance(value.get("dissent", False), bool),
        "case": isinstance(value.get("case"), str) and bool(_ADDRESS.match(value["case"])),
        "findings": _sound_findings(value.get("findings", {})),
        "basis": isinstance(value.get("basis", []), list)
        and all(isinstance(v, str) and _OBJECT.match(v) for v in value.get("basis", [])),
    }
    for name, sound in checks.items():
        if not sound:
            raise OpinionMalformed(field=name)
    return Opinion(
        impression=value.get("impression", ""),
        advice=value.get("advice", ""),
        text=value.get("text", ""),
        discipline=value.get("discipline", ""),
        dissent=value.get("dissent", False),
        case=value["case"],
        findings=dict(value.get("findings", {})),
        basis=tuple(value.get("basis", [])),
    )


def _sound_findings(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MOST_FINDINGS
        and all(len(name) <= 64 and _sound_value(one) for name, one in value.items())
    )


def _sound_value(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, list):
        return len(value) <= 256 and all(isinstance(v, str) and len(v) <= 500 for v in value)
    return value is None or isinstance(value, bool | int | float)
