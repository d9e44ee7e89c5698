"""One measured figure, and how a set of them is written down."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A number with its frame.

    Attributes
    ----------
    what, target, reached : str
        As shown; units in the text.
    ok : bool or None
        Whether the target is reached; None where there is none.
    ratio : float or None
        Against the peer measured in the same run.
    data : str
        What it was measured on.
    detail : dict
        Everything else that was measured, for benchmarks.json.
    """

    row: str
    what: str
    target: str
    reached: str
    ok: bool | None
    data: str
    ratio: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def percentile(values: list[float], share: float) -> float:
    """Return the value that a share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: list[float]) -> str:
    """Return p50 / p99 of seconds as text."""
    return f"{1000 * percentile(values, 0.5):.2f} / {1000 * percentile(values, 0.99):.2f} ms"


def table(figures: list[dict[str, Any]], conditions: dict[str, dict[str, Any]]) -> str:
    """Return the figures as a Markdown table with the conditions of each row below."""
    marks = {True: "yes", False: "**no**", None: "–"}
    lines = [
        "| what | target | reached | reached? | ratio | data |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in figures:
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f}"
        cells = (one["what"], one["target"], one["reached"], marks[one["ok"]], ratio, one["data"])
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| row | date | cores | load before → after | versions | command |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for row, at in conditions.items():
        load = f"{at['load_before']:.1f} → {at['load_after']:.1f}"
        cells = (row, at["date"], str(at["cores"]), load, at["versions"], f"`{at['command']}`")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
