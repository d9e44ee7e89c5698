"""Submitted corrections as training examples: a view over the records, with provenance, no copies.

A row is one decision of one physician: on a lesion, on a case-level statement, or on the result as
a whole. It names what was decided, by whom, when, on which result of which model and version, and
on which earlier version of the review it was made. Study, patient, series, author and submissions
appear as keyed hashes under this box's own key: the same thing has the same name in every listing
of this box (so that splits can be made by patient), and nobody outside can look it up. Whoever
trains on the box finds the study by hashing its own ids with :class:`Names`.

A patient who is restricted is left out; one who was erased is not there at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.vault.vault import Vault
from edge.store.box import Box

#: Of the rows; raised with every change of what a field means.
FORM = 1
_NUMBERS = ("volume_ml", "long_axis_mm", "short_axis_mm", "mean_hu", "probability")
_REVIEW = (
    "id", "study", "version", "at", "by", "decision", "reason", "parent", "result_version",
    "current", "replaced_by", "supersedes", "lesions", "predictions", "blobs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """Pseudonyms of one box: 32 hexadecimal digits, keyed by the box's vault."""

    vault: Vault

    def of(self, what: str, value: str) -> str:
        """Return the name of a ``study``, ``patient``, ``series``, ``person`` or ``review``."""
        return self.vault.lookup("training example", what, value).hex()[:32] if value else ""


def examples(box: Box, *, ruling_only: bool = True) -> Iterator[dict[str, Any]]:
    """Yield all decisions, oldest submission first; no sealed outline is opened.

    Parameters
    ----------
    box : Box
    ruling_only : bool
        Leave out versions that a later one replaced, or that speak of an earlier result.
    """
    for review, subject, result in _reviews(box, ruling_only):
        yield from _rows(Names(box.vault), review, subject, result)


def outlined_examples(box: Box, *, ruling_only: bool = True) -> Iterator[dict[str, Any]]:
    """Yield the same rows with the outlines of what stands: the sealed part is opened.

    ``outlines`` are by slice index of the analysed volume (0 is the lowest), rings of [column, row]
    in pixels; ``slices`` is how many the volume has.
    """
    for review, subject, result in _reviews(box, ruling_only):
        lines, planes = (_opened(box, review, name) for name in ("outlines", "planes"))
        index = {f"{uid}/1": at for at, uid in enumerate(planes or ())}
        for row in _rows(Names(box.vault), review, subject, result):
            if row["what"] == "lesion" and row["after"] is not None:
                row |= {"slices": len(index), "outlines": _by_slice(lines or {}, index, row)}
            yield row


def _reviews(
    box: Box, ruling_only: bool
) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:  # fmt: skip
    names = ", ".join(f'review."{name}"' for name in _REVIEW)
    rows = box.database.query(
        f"SELECT {names}, study.subject, result.result FROM review"
        " JOIN study ON study.study = review.study"
        " LEFT JOIN result ON result.study = review.study"
        " AND result.version = review.result_version"
        " WHERE study.subject NOT IN (SELECT subject FROM subject WHERE restricted = 1)"
        " AND (review.current = 1 OR ?) ORDER BY review.at, review.id",
        (int(not ruling_only),),
    )
    for *values, subject, result in rows:
        review = dict(zip(_REVIEW, values, strict=True))
        for name in ("supersedes", "lesions", "predictions", "blobs"):
            review[name] = json.loads(review[name])
        yield review, str(subject), json.loads(result) if result else {}


def _rows(
    names: Names, review: Mapping[str, Any], subject: str, result: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the decisions of one submission. Pure."""
    series, method = result.get("series") or {}, result.get("method") or {}
    head = {
        "form": FORM,
        "study": names.of("study", review["study"]),
        "patient": names.of("patient", subject),
        "series": names.of("series", series.get("series_uid") or ""),
        "modality": result.get("modality", ""),
        "review": names.of("review", review["id"]),
        "version": review["version"],
        "at": review["at"],
        "by": names.of("person", review["by"]),
        "rules": bool(review["current"]),
        "replaced_by": names.of("review", review["replaced_by"]),
        "made_on": {
            "review": names.of("review", review["parent"]),
            "result_version": review["result_version"],
            "model": method.get("model", ""),
            "model_version": method.get("version", ""),
        },
    }
    if review["decision"] == "rejected":
        yield {**head, "what": "case", "decision": "rejected", "reason": review["reason"]}
    for one in review["lesions"]:
        yield {
            **head, "what": "lesion", "lesion": one["id"], "decision": one["decision"],
            "reason": one["reason"], "from": one["from"], "before": _stated(one["before"]),
            "after": None if one["decision"] == "rejected" else _stated(one["lesion"]),
        }  # fmt: skip
    for one in review["predictions"]:
        yield {
            **head, "what": "statement", "code": one["code"], "value": one["value"],
            "decision": one["decision"], "reason": one["reason"], "method": one.get("method"),
        }  # fmt: skip


def _stated(lesion: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what is said of a lesion; free text (a note) never leaves with it."""
    if lesion is None:
        return None
    named = {name: lesion[name] for name in ("kind", "location")}
    return named | {name: lesion.get(name) for name in _NUMBERS}


def _by_slice(
    lines: Mapping[str, Any], index: Mapping[str, int], row: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    found: dict[str, Any] = {}
    for frame, drawn in lines.items():
        rings = [line["points"] for line in drawn if line["lesion"] == row["lesion"]]
        if rings and frame in index:
            found[str(index[frame])] = rings
    return dict(sorted(found.items(), key=lambda one: int(one[0])))


def _opened(box: Box, review: Mapping[str, Any], name: str) -> Any:
    address = review["blobs"].get(name)
    if not address:
        return None
    with box.blobs.open(address, box.vault.key(review["study"])) as blob:
        return json.loads(blob.read())
