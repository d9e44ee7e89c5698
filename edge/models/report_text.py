"""The shadow report as text, Chinese first. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def report_lines(run: dict[str, Any], table: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a shadow run's report."""
    cells, seconds = table["table"], table["seconds"]
    yield f"影子运行 / shadow run {run['id']}  {run['slot']}  {run['name']} {run['version']}"
    yield f"  {run['digest'][:12]}  {run['state']}"
    yield "  两个模型是否一致；不说明谁对 / whether two models agree, not which one is right"
    yield f"比较例数 / studies compared       {table['n']}"
    failed = sum(table["failures"].values())
    codes = "  ".join(f"{code} × {count}" for code, count in table["failures"].items())
    yield f"影子失败 / shadow failed          {failed}  {codes}".rstrip()
    yield f"κ（各用自己的阈值 / own thresholds） {_number(table['kappa'])}"
    yield f"平均 / mean |Δ score|            {_number(table['mean_abs_difference'])}"
    yield f"最大 / largest |Δ score|         {_number(table['largest_abs_difference'])}"
    yield "                    影子阳性 shadow +   影子阴性 shadow −"
    yield f"在用阳性 active +   {cells['both_positive']:>12} {cells['only_active']:>19}"
    yield f"在用阴性 active −   {cells['only_shadow']:>12} {cells['both_negative']:>19}"
    yield "阈值 threshold   转阳 to +   转阴 to −   例 examples"
    for row in (table["own_thresholds"], *table["flips"]):
        mark = "各自 / own" if row["threshold"] is None else f"{row['threshold']:g}"
        changed = f"{mark:<14} {row['to_positive']:>9} {row['to_negative']:>11}   "
        yield (changed + " ".join(row["examples"])).rstrip()
    yield (
        f"推理中位时间 / median inference   在用 active {_number(seconds['active'])} s"
        f" ({', '.join(table['engines']['active'])})"
    )
    yield (
        f"                                  影子 shadow {_number(seconds['shadow'])} s"
        f" ({', '.join(table['engines']['shadow'])})"
    )


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"
