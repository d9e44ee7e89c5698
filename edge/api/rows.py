"""The worklist query and its public rows. Filters are answered in memory; paging is by keyset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.dicom.person import display_name, display_text
from core.views.reading import FINDINGS
from edge.api.context import VISIBLE
from edge.api.filters import accepting, masks_of
from edge.api.listing import Listing
from edge.api.ordering import place_of, sort_of
from edge.store.box import Box

_COLUMNS = (
    "study", "study_uid", "patient_name", "patient_id", "sex", "birth_date", "study_date",
    "study_time", "modality", "description", "accession", "manufacturer", "model", "station",
    "institution", "source_ae", "series_count", "instance_count", "completeness", "qc", "ai",
    "tb_score", "tb_positive", "lesion_count", "delivery", "superseded", "overridden",
    "text_repaired", "identity_corrected", "received_at", "updated_at", "modalities", "department",
    "report", "finding", "screening", "result_version", "urgent", "repeat",
)  # fmt: skip
_FLAGS = ("superseded", "overridden", "text_repaired", "identity_corrected", "urgent")
_TEXT = (
    "description",
    "manufacturer",
    "model",
    "station",
    "institution",
    "department",
    "patient_id",
    "accession",
)
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
    """Return a page, newest first unless sorted otherwise.

    Parameters
    ----------
    filters : mapping
        ``q`` (prefix of name in Han or pinyin, initials, ID, accession), ``name`` (of the name
        only), ``patient`` (of the patient ID only), ``modality`` (of any series; DR is DX and CR
        too), ``manufacturer``, ``model``, ``department``, ``institution``, ``ae`` (as shown),
        ``source`` (part of AE title or institution), ``qc``, ``ai``, ``report``, ``finding``,
        ``screening``, ``repeat``, ``sex``, ``delivery``, ``completeness`` (several with commas),
        ``station``, ``operator`` (as shown, "—" for none), ``reason`` (codes of quality), ``from``,
        ``to`` (YYYYMMDD or ISO), ``days`` (the last so many, with today), ``sort`` (see
        :mod:`edge.api.ordering`).
    after : str
        The page before's ``next``, of the same sort.
    listing : Listing or None
        The process's own; without one the columns are read for this page alone.

    Raises
    ------
    InputWrong
    """
    limit = max(1, min(limit, _MOST))
    sort = sort_of(filters.get("sort", ""))
    place = place_of(sort, after)
    accept = accepting(masks_of(box, filters))
    match = (listing or Listing(box)).find(accept, place, limit, sort)
    marks = ", ".join("?" * len(match.studies))
    rows = box.database.query(
        f"SELECT {_SELECTED} FROM study WHERE study.study IN ({marks}) AND {VISIBLE}",
        tuple(match.studies),
    )
    by_study = {row[0]: public_row(row) for row in rows}
    page = [by_study[study] for study in match.studies if study in by_study]
    return Page(page, match.next, match.total)


_ANALYSIS = "('quality', 'inference', 'measuring')"
_RUNNING = (
    "EXISTS (SELECT 1 FROM job WHERE job.study = study.study AND job.state = 'running'"
    f" AND job.stage IN {_ANALYSIS})"
)
_THUMBNAIL = (
    "(SELECT json_object('version', CASE blob WHEN '' THEN '' ELSE digest END, 'about',"
    " json(about)) FROM thumbnail WHERE thumbnail.study = study.study)"
)
_SELECTED = ", ".join((*(f"study.{column}" for column in _COLUMNS), _RUNNING, _THUMBNAIL))


def row_of(box: Box, study: str) -> dict[str, Any] | None:
    """Return one study's public row, or None where it is gone or may not be seen."""
    rows = box.database.query(
        f"SELECT {_SELECTED} FROM study WHERE study.study = ? AND {VISIBLE}",
        (study,),
    )
    return public_row(rows[0]) if rows else None


def public_row(values: Any) -> dict[str, Any]:
    """Return a row as the page takes it: text made safe to show, flags as booleans. Pure."""
    *plain, running, thumbnail = values
    row = dict(zip(_COLUMNS, plain, strict=True))
    row["patient_name"] = display_name(row["patient_name"] or "")
    for column in _TEXT:
        row[column] = display_text(row[column] or "")
    for flag in _FLAGS:
        row[flag] = bool(row[flag])
    row["modalities"] = [display_text(m) for m in (row["modalities"] or "").split("\\") if m]
    row["finding"] = FINDINGS[row["finding"] or 0]
    row["tb_positive"] = None if row["tb_positive"] is None else bool(row["tb_positive"])
    # None: not made yet. A version: the picture is there; "" where it could not be made.
    row["thumbnail"] = json.loads(thumbnail) if thumbnail else None
    if running and row["ai"] == "waiting":
        row["ai"] = "running"
    return row
