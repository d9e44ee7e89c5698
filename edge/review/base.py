"""What a review starts from: the AI's own result, or a version that a physician submitted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.web.errors import NotFound
from edge.review.errors import NothingToReview
from edge.store.box import Box

#: Outlines as they are kept and sent: by frame, with the lesion's number; points (column, row).
Lines = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Base:
    """One starting point.

    Attributes
    ----------
    parent : str
        Id of the submission, "" for the AI's own result.
    result_version : int
        Of the AI's result that it speaks of.
    result : dict
        The AI's result, public form.
    lesions : list of dict
        As they stand here, public form.
    lines : dict
        Their outlines by frame.
    planes : tuple of str
        SOP Instance UID of each slice of the analysed volume, ascending; () for a radiograph.
    """

    parent: str
    result_version: int
    input: str
    override: dict[str, Any] | None
    result: dict[str, Any]
    lesions: list[dict[str, Any]]
    lines: Lines
    planes: tuple[str, ...]
    planes_blob: str = ""

    @cached_property
    def index(self) -> dict[str, int]:
        """Slice index by frame key."""
        return {f"{uid}/1": at for at, uid in enumerate(self.planes)}

    def outlined(self, lesion: int) -> dict[str, list[Any]]:
        """Return a lesion's rings by frame."""
        found: dict[str, list[Any]] = {}
        for frame, lines in self.lines.items():
            rings = [line["points"] for line in lines if line["lesion"] == lesion]
            if rings:
                found[frame] = rings
        return found


def newest_result(box: Box, study: str) -> dict[str, Any]:
    """Return the row of a study's newest result.

    Raises
    ------
    NothingToReview
        If there is none, or it ended without findings.
    """
    names = ("version", "status", "override", "result", "blobs", "input")
    rows = box.database.query(
        f"SELECT {', '.join(names)} FROM result WHERE study = ? ORDER BY version DESC LIMIT 1",
        (study,),
    )
    if not rows or rows[0][1] != "ok":
        raise NothingToReview
    row = dict(zip(names, rows[0], strict=True))
    return row | {name: json.loads(row[name]) for name in ("override", "result", "blobs")}


def base_of(box: Box, study: str, parent: str) -> Base:
    """Return a starting point of the newest result.

    Raises
    ------
    NothingToReview
    NotFound
        If there is no such submission.
    """
    row = newest_result(box, study)
    blobs, lesions = row["blobs"], row["result"].get("lesions") or []
    lines = blobs.get("outlines")
    if parent:
        rows = box.database.query(
            "SELECT lesions, blobs FROM review WHERE id = ? AND study = ?", (parent, study)
        )
        if not rows:
            raise NotFound
        kept = [x for x in json.loads(rows[0][0]) if x["decision"] != "rejected"]
        if kept or json.loads(rows[0][0]):
            lesions = [x["lesion"] for x in kept]
            lines = json.loads(rows[0][1]).get("outlines")
    return Base(
        parent=parent, result_version=row["version"], input=row["input"],
        override=row["override"], result=row["result"], lesions=lesions,
        lines=_json(box, study, lines) or {},
        planes=tuple(_json(box, study, blobs.get("planes")) or ()),
        planes_blob=blobs.get("planes", ""),
    )  # fmt: skip


def head_of(box: Box, study: str) -> tuple[str, int, str]:
    """Return id, version and author of the submission that rules; ("", 0, "") where none does."""
    rows = box.database.query(
        "SELECT id, version, name FROM review WHERE study = ? AND current = 1", (study,)
    )
    return (str(rows[0][0]), int(rows[0][1]), str(rows[0][2])) if rows else ("", 0, "")


def _json(box: Box, study: str, address: str | None) -> Any:
    if not address:
        return None
    with box.blobs.open(address, box.vault.key(study)) as blob:
        return json.loads(blob.read())
