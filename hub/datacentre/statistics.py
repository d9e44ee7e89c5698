"""Statistics of the region: results kept as signed, counted by month, small cells suppressed.

A study counts once, as its newest result says. A cell of fewer than five studies is not shown, nor
a second one from which the first could be worked out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from core.web.errors import InputWrong
from hub.datacentre.fields import FIELDS, check_statistic
from hub.downlink.link import Arrived
from hub.downlink.sink import STATISTICS_DOMAIN, From, signed_by_box
from hub.site import HubSite
from hub.store.tables import HOSPITAL, STATISTIC

#: Fewer studies than this in a cell are not shown.
SMALLEST = 5
#: What is counted by; each is a column.
DIMENSIONS = ("modality", "sex", "age_band", "status", "qc_verdict", "tb_positive", "review")


def take_statistic(site: HubSite, sql: Connection, sender: From, item: Arrived) -> int:
    """Keep a de-identified result; the same id again changes nothing.

    Raises
    ------
    StatisticRefused, FieldNotListed
        If it is not what the hospital's policy lets out.
    core.errors.XinglinError
        If the box did not sign it.
    """
    known = select(STATISTIC.c.at).where(
        STATISTIC.c.hospital == sender.hospital, STATISTIC.c.id == item.id
    )
    if sql.execute(known).first() is not None:
        return 0
    body = signed_by_box(sql, sender, item.statement, STATISTICS_DOMAIN).body
    check_statistic(body, sender.hospital, allowed_fields(sql, sender.hospital))
    mine = (STATISTIC.c.hospital == sender.hospital) & (STATISTIC.c.study == body["study"])
    sql.execute(update(STATISTIC).where(mine).values(newest=False))
    fields = body["fields"]
    columns = {name: _cell(fields.get(name)) for name in ("month", *DIMENSIONS)}
    sql.execute(
        insert(STATISTIC).values(
            hospital=sender.hospital, id=item.id, body=item.statement.decode(),
            at=site.outside.now_ms(), study=body["study"], newest=True, **columns,
        )
    )  # fmt: skip
    return 0


def allowed_fields(sql: Connection, hospital: str) -> frozenset[str]:
    """Return the fields that a hospital's policy lets out."""
    text = sql.execute(select(HOSPITAL.c.policy).where(HOSPITAL.c.id == hospital)).scalar()
    return frozenset(json.loads(text or "{}").get("fields", ()))


def check_policy(fields: list[str]) -> None:
    """Refuse a policy that lists what there is not: InputWrong."""
    if set(fields) - set(FIELDS):
        raise InputWrong(field="fields")


def overview(sql: Connection) -> dict[str, Any]:
    """Return the counts of the region by month and dimension; None stands for a hidden cell."""
    cells: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for name in DIMENSIONS:
        column = STATISTIC.c[name]
        query = (
            select(STATISTIC.c.month, column, func.count())
            .where(STATISTIC.c.newest.is_(True), STATISTIC.c.month != "", column != "")
            .group_by(STATISTIC.c.month, column)
        )
        for month, value, count in sql.execute(query):
            cells[month][name][value] = count
    totals = (
        select(STATISTIC.c.month, func.count())
        .where(STATISTIC.c.newest.is_(True), STATISTIC.c.month != "")
        .group_by(STATISTIC.c.month)
        .order_by(STATISTIC.c.month)
    )
    hospitals = select(func.count(STATISTIC.c.hospital.distinct()))
    return {
        "hospitals": sql.execute(hospitals).scalar() or 0,
        "smallest": SMALLEST,
        "months": [
            {"month": month, "count": _shown(count), **_dimensions(cells[month], count)}
            for month, count in sql.execute(totals)
        ],
    }


def _dimensions(cells: dict[str, dict[str, int]], total: int) -> dict[str, dict[str, int | None]]:
    return {name: suppressed(cells.get(name, {}), total) for name in DIMENSIONS}


def suppressed(counts: dict[str, int], total: int) -> dict[str, int | None]:
    """Return counts with small cells hidden, and one more where a lone one could be worked out.

    Parameters
    ----------
    total : int
        What stands beside them; the difference to their sum is a cell as well.
    """
    if total < SMALLEST:
        return dict.fromkeys(sorted(counts))
    hidden = {name for name, count in counts.items() if count < SMALLEST}
    rest = total - sum(counts.values())
    # Studies that say nothing of it are a cell too: the difference tells how many.
    lone = (len(hidden) == 1 and not rest) or (not hidden and 0 < rest < SMALLEST)
    if lone:
        left = {name: count for name, count in counts.items() if name not in hidden}
        if left:
            hidden.add(min(left, key=lambda name: (left[name], name)))
    return {name: None if name in hidden else counts[name] for name in sorted(counts)}


def _shown(count: int) -> int | None:
    return count if count >= SMALLEST else None


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str) else ""
