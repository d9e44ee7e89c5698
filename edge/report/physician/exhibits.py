"""What a report shows besides words: the follow-up table, and which pictures. Pure.

A table is the comparison's own numbers; a person decides whether it stands in the report, and by
putting it there confirms it. It is kept whole in the content: the signature covers every number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from core.imaging.location import KINDS
from edge.report.physician.errors import ContentWrong

PICTURES_MAX: Final = 4
ROWS_MAX: Final = 40
_FRAME: Final = re.compile(r"[0-9.]{1,64}/[1-9][0-9]{0,4}")
TITLE: Final = ("随访对比", "Comparison over time")
HEADS: Final[tuple[tuple[str, str], ...]] = (
    ("病灶（前 → 今）", "Lesion (before → now)"),
    ("类型", "Kind"),
    ("前次体积 mL", "Volume before, mL"),
    ("本次体积 mL", "Volume now, mL"),
    ("变化", "Change"),
    ("判断", "Verdict"),
)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One lesion over time; volumes in mL, ``share`` of the earlier volume, None where unknown."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    kind: str
    before_ml: float | None
    after_ml: float | None
    share: float | None
    verdict: str
    verdict_zh: str
    verdict_en: str


@dataclass(frozen=True, slots=True)
class FollowUpTable:
    """A comparison with an earlier CT as a report shows it; dates as DICOM writes them."""

    comparison: str
    prior_date: str
    current_date: str
    conclusion_zh: str
    conclusion_en: str
    rows: tuple[ChangeRow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON types."""
        rows = [
            asdict(one) | {"before": list(one.before), "after": list(one.after)}
            for one in self.rows
        ]
        return asdict(self) | {"rows": rows}


def follow_up_of(comparisons: Sequence[Mapping[str, Any]]) -> FollowUpTable | None:
    """Return the table of the newest finished comparison with an earlier CT; None without one.

    Parameters
    ----------
    comparisons : sequence of mapping
        As :func:`edge.joining.rows.comparisons_of` returns them.
    """
    done = [x for x in comparisons if x["task"] == "follow_up" and x["status"] == "ok"]
    if not done:
        return None
    one = max(done, key=lambda x: (x["result"]["prior"]["study_date"], x["id"]))
    found = one["result"]
    return FollowUpTable(
        comparison=one["id"],
        prior_date=found["prior"]["study_date"],
        current_date=found["current"]["study_date"],
        conclusion_zh=found["conclusion_zh"],
        conclusion_en=found["conclusion_en"],
        rows=tuple(_row(change) for change in (found["changes"] or [])[:ROWS_MAX]),
    )


def _row(change: Mapping[str, Any]) -> ChangeRow:
    return ChangeRow(
        before=tuple(change["prior_ids"]), after=tuple(change["current_ids"]),
        kind=change["kind_current"] or change["kind_prior"] or "",
        before_ml=_rounded(change["volume_prior_ml"], 2),
        after_ml=_rounded(change["volume_current_ml"], 2),
        share=_rounded(change["volume_change"], 3), verdict=change["verdict"],
        verdict_zh=change["verdict_zh"], verdict_en=change["verdict_en"],
    )  # fmt: skip


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def table_lines(table: FollowUpTable, at: int) -> tuple[tuple[str, ...], ...]:
    """Return the table's cells, heads first; ``at`` 0 is Chinese, 1 English."""
    heads = tuple(one[at] for one in HEADS)
    return (heads, *(_cells(one, at) for one in table.rows))


def _cells(one: ChangeRow, at: int) -> tuple[str, ...]:
    def ids(numbers: tuple[int, ...]) -> str:
        return "、".join(f"L{n}" for n in numbers) or "—"

    def ml(value: float | None) -> str:
        return "—" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"

    kind = KINDS.get(one.kind)
    name = one.kind if kind is None else (kind.zh, kind.en)[at]
    share = "—" if one.share is None else f"{100 * one.share:+.0f}%"
    verdict = (one.verdict_zh, one.verdict_en)[at]
    return (
        f"{ids(one.before)} → {ids(one.after)}", name, ml(one.before_ml), ml(one.after_ml), share,
        verdict,
    )  # fmt: skip


def follow_up_table(data: Any) -> FollowUpTable | None:
    """Return the table of a JSON object; None is none. Raises ContentWrong."""
    if data is None:
        return None
    if not isinstance(data, Mapping) or len(data.get("rows") or []) > ROWS_MAX:
        raise ContentWrong(field="follow_up")
    try:
        rows = tuple(
            ChangeRow(
                tuple(int(n) for n in one["before"]), tuple(int(n) for n in one["after"]),
                _word(one["kind"]), _number(one["before_ml"]), _number(one["after_ml"]),
                _number(one["share"]), _word(one["verdict"]), _word(one["verdict_zh"]),
                _word(one["verdict_en"]),
            )
            for one in data["rows"]
        )  # fmt: skip
        return FollowUpTable(
            _word(data["comparison"]), _word(data["prior_date"]), _word(data["current_date"]),
            _word(data["conclusion_zh"]), _word(data["conclusion_en"]), rows,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise ContentWrong(field="follow_up") from None


def _word(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise TypeError
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def pictures_of(value: Any) -> tuple[str, ...]:
    """Return frames ``<SOP Instance UID>/<frame>`` of a JSON list. Raises ContentWrong."""
    frames = value or []
    good = isinstance(frames, list) and len(frames) <= PICTURES_MAX
    if not good or not all(isinstance(x, str) and _FRAME.fullmatch(x) for x in frames):
        raise ContentWrong(field="pictures")
    if len(set(frames)) != len(frames):
        raise ContentWrong(field="pictures")
    return tuple(frames)
