"""Quality statistics per device and operator: counts with denominators, from the list's rows. Pure.

Everything is counted per study, by study date, from the same rows that the worklist shows, so that
each number is the length of the list behind it. *Asked* is a study for which the modality room was
asked for a picture again, *done* one for which a new picture came; AAPM TG-151 counts rejected or
repeated exposures over all exposures, which a box that sees only what is sent cannot count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from core.dicom.person import display_name, display_text
from core.views.repeat import REPEAT_STATES

By = Literal["device", "operator"]
#: What a line is of, as the worklist's filters name it → the listing's column.
GROUPS: Final[dict[By, dict[str, str]]] = {
    "device": {
        "manufacturer": "manufacturer", "model": "model", "station": "station", "ae": "source_ae",
    },
    "operator": {"operator": "operator"},
}  # fmt: skip
#: The columns that are counted, behind those of the group.
COUNTED: Final = ("qc", "repeat", "qc_codes")
#: Below this many studies a rate says little (a rate of 10 % then has an interval from 3 to 26 %).
SMALL: Final = 30
_VERDICTS: Final = ("pass", "warn", "reject")
_TOP: Final = 5
_Z95: Final = 1.959964


@dataclass
class Line:
    """The counts of one device or operator; ``group`` holds the worklist filters that it is."""

    group: dict[str, str]
    studies: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def judged(self) -> int:
        """How many have a verdict."""
        return sum(self.verdicts[one] for one in _VERDICTS)

    @property
    def asked(self) -> int:
        """For how many the room was asked."""
        return sum(self.repeats[one] for one in REPEAT_STATES)


def lines_of(counts: Mapping[tuple[str, ...], int], by: By) -> list[Line]:
    """Return one line per device or operator, the most studies first.

    Parameters
    ----------
    counts : mapping
        (the group's columns, then :data:`COUNTED`) → number of studies.
    """
    names = tuple(GROUPS[by])
    lines: dict[tuple[str, ...], Line] = {}
    shown = display_name if by == "operator" else display_text
    for values, count in counts.items():
        told = tuple(shown(one) for one in values[: len(names)])
        line = lines.setdefault(told, Line(dict(zip(names, told, strict=True))))
        _add(line, values[len(names) :], count)
    return sorted(lines.values(), key=lambda one: (-one.studies, tuple(one.group.values())))


def total_of(lines: Sequence[Line]) -> Line:
    """Return all lines together."""
    total = Line({})
    for one in lines:
        total.studies += one.studies
        total.verdicts += one.verdicts
        total.repeats += one.repeats
        total.reasons += one.reasons
    return total


def line_json(line: Line) -> dict[str, Any]:
    """Return a line with its rates, each with numerator, denominator and 95 % interval."""
    return {
        "group": line.group,
        "studies": line.studies,
        "judged": line.judged,
        **{one: line.verdicts[one] for one in (*_VERDICTS, "failed")},
        **{name: line.repeats[name] for name in REPEAT_STATES},
        "asked": line.asked,
        "reject_rate": rate(line.verdicts["reject"], line.judged),
        "asked_rate": rate(line.asked, line.studies),
        "done_rate": rate(line.repeats["done"], line.studies),
        "small": line.studies < SMALL,
        "reasons": [
            {"code": code, "count": count}
            for code, count in sorted(line.reasons.items(), key=lambda x: (-x[1], x[0]))[:_TOP]
        ],
    }


def rate(part: int, whole: int) -> dict[str, float | int] | None:
    """Return a share with its 95 % interval by Wilson's score (Wilson 1927); None of nothing."""
    if whole == 0:
        return None
    share, square = part / whole, _Z95 * _Z95
    centre = (share + square / (2 * whole)) / (1 + square / whole)
    spread = _Z95 / (1 + square / whole)
    spread *= math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    low = 0.0 if part == 0 else max(0.0, centre - spread)
    high = 1.0 if part == whole else min(1.0, centre + spread)
    return {"part": part, "whole": whole, "share": share, "low": low, "high": high}


def csv_rows(lines: Sequence[Line], by: By) -> list[list[str]]:
    """Return the table as text cells, the head first; no patient is in it."""
    names = tuple(GROUPS[by])
    head = [
        *names, "studies", "judged", "pass", "warn", "reject", "failed", "reject_rate",
        "reject_rate_low", "reject_rate_high", "asked", "asked_rate", "done", "refused",
        "withdrawn", "small_number", "top_reasons",
    ]  # fmt: skip
    return [head, *(_csv_row(one, names) for one in lines)]


def _csv_row(line: Line, names: Sequence[str]) -> list[str]:
    made = line_json(line)
    rejected, asked = made["reject_rate"], made["asked_rate"]
    cells = [
        *(line.group.get(name, "") for name in names), line.studies, line.judged,
        *(made[name] for name in (*_VERDICTS, "failed")),
        *(f"{rejected[name]:.4f}" if rejected else "" for name in ("share", "low", "high")),
        line.asked, f"{asked['share']:.4f}" if asked else "", made["done"], made["refused"],
        made["withdrawn"], "1" if made["small"] else "",
        "; ".join(f"{one['code']} {one['count']}" for one in made["reasons"]),
    ]  # fmt: skip
    return [_harmless(str(cell)) for cell in cells]


def _harmless(cell: str) -> str:
    """Return a cell that a spreadsheet takes for text: names come from devices (OWASP)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _add(line: Line, values: Sequence[str], count: int) -> None:
    qc, repeat, codes = values
    line.studies += count
    line.verdicts[qc] += count
    if repeat:
        line.repeats[repeat] += count
    for code in codes.split("\\") if codes else ():
        line.reasons[code] += count
