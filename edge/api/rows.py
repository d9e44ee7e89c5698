"""The worklist query and its public rows. Filters are answered in memory; paging is by keyset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.dicom.detect import has_han
from core.dicom.names import fold
from core.dicom.person import display_name, display_text
from core.web.errors import InputWrong
from edge.api.context import VISIBLE, whole
from edge.api.listing import Listing, Mask
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


def worklist(
    box: Box, filters: Mapping[str, str], after: str, limit: int, listing: Listing | None = None
) -> Page:
    """Return a page, newest first.

    Parameters
    ----------
    filters : mapping
        ``q`` (prefix of name in Han or pinyin, initials, ID, accession), ``modality``, ``qc``,
        ``ai``, ``sex``, ``delivery``, ``completeness``, ``from``, ``to`` (YYYYMMDD or ISO),
        ``source`` (part of AE title or institution).
    after : str
        The page before's ``next``.
    listing : Listing or None
        The process's own; without one the columns are read for this page alone.

    Raises
    ------
    InputWrong
    """
    limit = max(1, min(limit, _MOST))
    at, _, study = after.partition("~")
    if after and not study:
        raise InputWrong(field="after")
    before = (at, study) if after else None
    match = (listing or Listing(box)).find(_accepting(box, filters), before, limit)
    marks = ", ".join("?" * len(match.studies))
    rows = box.database.query(
        f"SELECT {', '.join('study.' + c for c in _COLUMNS)}, {_RUNNING} FROM study"
        f" WHERE study.study IN ({marks}) AND {VISIBLE}"
        " ORDER BY received_at DESC, study DESC",
        tuple(match.studies),
    )
    page = [public_row(row) for row in rows]
    last = page[-1] if page else None
    following = f"{last['received_at']}~{last['study']}" if match.more and last else None
    return Page(page, following, match.total)


_ANALYSIS = "('quality', 'inference', 'measuring')"
_RUNNING_NOW = f"SELECT DISTINCT study FROM job WHERE state = 'running' AND stage IN {_ANALYSIS}"
_RUNNING = (
    "EXISTS (SELECT 1 FROM job WHERE job.study = study.study AND job.state = 'running'"
    f" AND job.stage IN {_ANALYSIS})"
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


def _accepting(box: Box, filters: Mapping[str, str]) -> Callable[[Listing], Mask]:
    """Return what makes a listing's mask of these filters; what needs the database is asked now."""
    first = _date("from", filters["from"]) if filters.get("from") else 0
    last = _date("to", filters["to"]) if filters.get("to") else 99_999_999
    studies: list[list[str]] = []
    if filters.get("q", "").strip():
        sql = "SELECT study FROM study_token WHERE token >= ? AND token < ?"
        studies.append([row[0] for row in box.database.query(sql, _prefix(filters["q"]))])
    if filters.get("ai") == "running":
        studies.append([row[0] for row in box.database.query(_RUNNING_NOW)])

    def accept(listing: Listing) -> Mask:
        mask = listing.dated(first, last)
        for column in _EQUAL:
            if wanted := filters.get(column):
                mask &= listing.equal(column, "waiting" if wanted == "running" else wanted)
        if source := filters.get("source"):
            mask &= listing.holds("source_ae", source) | listing.holds("institution", source)
        for some in studies:
            mask &= listing.among(some)
        return mask

    return accept


def _prefix(text: str) -> tuple[str, str]:
    """Return the half-open range of tokens that begin with what was typed."""
    plain = "".join(text.split()).casefold()
    # Letters are folded as the tokens were; ids keep their dashes and dots.
    folded = plain if has_han(plain) or any(c.isdigit() for c in plain) else fold(plain)
    low = folded or plain
    return low, low + "\U0010ffff"


def _date(name: str, text: str) -> int:
    digits = text.replace("-", "")
    number = whole(digits) if len(digits) == 8 else None
    if number is None:
        raise InputWrong(field=name)
    return number
