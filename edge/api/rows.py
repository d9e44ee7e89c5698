"""The worklist query and its public rows. Filters are indexed columns; paging is by keyset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.dicom.detect import has_han
from core.dicom.names import fold
from core.dicom.person import display_name, display_text
from core.web.errors import InputWrong
from edge.api.context import VISIBLE, whole
from edge.store.box import Box

_COLUMNS = (
    "study", "study_uid", "patient_name", "patient_id", "sex", "birth_date", "study_date",
    "study_time", "modality", "description", "accession", "manufacturer", "model", "station",
    "institution", "source_ae", "series_count", "instance_count", "completeness", "qc", "ai",
    "tb_score", "tb_positive", "lesion_count", "delivery", "superseded", "overridden",
    "text_repaired", "identity_corrected", "received_at", "updated_at",
)  # fmt: skip
_FLAGS = ("superseded", "overridden", "text_repaired", "identity_corrected")
_TEXT = (
    "description",
    "manufacturer",
    "model",
    "station",
    "institution",
    "patient_id",
    "accession",
)
_EQUAL = ("modality", "qc", "ai", "sex", "delivery", "completeness")
_MOST = 200


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list."""

    rows: list[dict[str, Any]]
    next: str | None
    total: int


def worklist(box: Box, filters: Mapping[str, str], after: str, limit: int) -> Page:
    """Return a page, newest first.

    Parameters
    ----------
    filters : mapping
        ``q`` (prefix of name in Han or pinyin, initials, ID, accession), ``modality``, ``qc``,
        ``ai``, ``sex``, ``delivery``, ``completeness``, ``from``, ``to`` (YYYYMMDD or ISO),
        ``source`` (prefix of AE title or institution).
    after : str
        The page before's ``next``.

    Raises
    ------
    InputWrong
    """
    where, values = _conditions(filters)
    limit = max(1, min(limit, _MOST))
    total = box.database.query(f"SELECT count(*) FROM study WHERE {' AND '.join(where)}", values)
    if after:
        at, _, study = after.partition("~")
        if not study:
            raise InputWrong(field="after")
        where.append("(received_at, study) < (?, ?)")
        values = (*values, at, study)
    rows = box.database.query(
        f"SELECT {', '.join('study.' + c for c in _COLUMNS)}, {_RUNNING} FROM study"
        f" WHERE {' AND '.join(where)} ORDER BY received_at DESC, study DESC LIMIT ?",
        (*values, limit + 1),
    )
    page = [public_row(row) for row in rows[:limit]]
    more = len(rows) > limit
    last = page[-1] if page else None
    following = f"{last['received_at']}~{last['study']}" if more and last else None
    return Page(page, following, total[0][0])


_RUNNING = (
    "EXISTS (SELECT 1 FROM job WHERE job.study = study.study AND job.state = 'running'"
    " AND job.stage IN ('quality', 'inference', 'measuring'))"
)


def row_of(box: Box, study: str) -> dict[str, Any] | None:
    """Return one study's public row, or None where it is gone or may not be seen."""
    rows = box.database.query(
        f"SELECT {', '.join('study.' + c for c in _COLUMNS)}, {_RUNNING} FROM study"
        f" WHERE study.study = ? AND {VISIBLE}",
        (study,),
    )
    return public_row(rows[0]) if rows else None


def public_row(values: Any) -> dict[str, Any]:
    """Return a row as the page takes it: text made safe to show, flags as booleans. Pure."""
    row = dict(zip(_COLUMNS, values[:-1], strict=True))
    row["patient_name"] = display_name(row["patient_name"] or "")
    for column in _TEXT:
        row[column] = display_text(row[column] or "")
    for flag in _FLAGS:
        row[flag] = bool(row[flag])
    row["tb_positive"] = None if row["tb_positive"] is None else bool(row["tb_positive"])
    if values[-1] and row["ai"] == "waiting":
        row["ai"] = "running"
    return row


def _conditions(filters: Mapping[str, str]) -> tuple[list[str], tuple[Any, ...]]:
    where, values = [VISIBLE], []
    for column in _EQUAL:
        if filters.get(column):
            where.append(f"{column} = ?")
            values.append("waiting" if filters[column] == "running" else filters[column])
            if filters[column] == "running":
                where.append(_RUNNING)
    for name, sign in (("from", ">="), ("to", "<=")):
        if filters.get(name):
            where.append(f"study_date {sign} ?")
            values.append(_date(name, filters[name]))
    if filters.get("source"):
        where.append("(source_ae LIKE ? ESCAPE '!' OR institution LIKE ? ESCAPE '!')")
        values += [_like(filters["source"])] * 2
    if filters.get("q", "").strip():
        low, high = _prefix(filters["q"])
        where.append("study IN (SELECT study FROM study_token WHERE token >= ? AND token < ?)")
        values += [low, high]
    return where, tuple(values)


def _prefix(text: str) -> tuple[str, str]:
    """Return the half-open range of tokens that begin with what was typed."""
    plain = "".join(text.split()).lower()
    # Letters are folded as the tokens were; ids keep their dashes and dots.
    folded = plain if has_han(plain) or any(c.isdigit() for c in plain) else fold(plain)
    low = folded or plain
    return low, low + "\U0010ffff"


def _like(text: str) -> str:
    escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _date(name: str, text: str) -> str:
    digits = text.replace("-", "")
    if len(digits) != 8 or whole(digits) is None:
        raise InputWrong(field=name)
    return digits
