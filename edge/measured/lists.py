"""A person's list of measurements on a study: read, and saved as a record of what changed.

A save names the version it was made on. What came from another window since is never overwritten:
the save is refused and the page asks. Numbers are the box's own, from the stored pixels; what did
not change is not measured again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.imaging.drawn import KINDS, POINTS, Kind, numbers_of
from core.records.clock import Stamp
from core.records.record import Draft
from core.web.people import Session
from edge.measured.errors import (
    DrawingUnusable,
    MeasuredElsewhere,
    NoPeerForMeasurements,
    NothingToSend,
    TooManyDrawings,
)
from edge.measured.frames import StudyFrames
from edge.store.box import Box

MOST: Final = 300
MOST_POINTS_OF_ALL: Final = 60_000
_ID: Final = re.compile(r"[0-9a-z]{1,32}")
_FAR: Final = 1e5


@dataclass(frozen=True, slots=True)
class Drawing:
    """One measurement as its author drew it; points are (column, row)."""

    id: str
    frame: str
    kind: str
    points: tuple[tuple[float, float], ...]
    note: str = ""


def lists_of(box: Box, study: str) -> list[dict[str, Any]]:
    """Return every person's list, the newest save first, each with its measurements."""
    names = ("by", "name", "version", "at", "sent_version", "sent_at")
    rows = box.database.query(
        f"SELECT {', '.join(names)} FROM measurement_list WHERE study = ? ORDER BY at DESC",
        (study,),
    )
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for one in found:
        one["measures"] = measures_of(box, study, one["by"])
    return found


def measures_of(box: Box, study: str, by: str) -> list[dict[str, Any]]:
    """Return one person's measurements in the order in which they were drawn."""
    names = ("id", "frame", "series", "kind", "points", "note", "numbers", "refusal", "version")
    rows = box.database.query(
        f"SELECT {', '.join(names)} FROM measurement WHERE study = ? AND by = ? ORDER BY place",
        (study, by),
    )
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for one in found:
        one["points"], one["numbers"] = json.loads(one["points"]), json.loads(one["numbers"])
    return found


def version_of(box: Box, study: str, by: str) -> tuple[int, int]:
    """Return (version, version that was sent) of a person's list; zeros where there is none."""
    rows = box.database.query(
        "SELECT version, sent_version FROM measurement_list WHERE study = ? AND by = ?", (study, by)
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)


def save(
    box: Box, session: Session, row: dict[str, Any], version: int, drawings: Sequence[Drawing]
) -> None:
    """Keep a person's whole list, made on ``version`` (0: none).

    Raises
    ------
    MeasuredElsewhere
        If another window saved since; nothing is kept.
    TooManyDrawings, DrawingUnusable
    """
    study = str(row["study"])
    _check(drawings)
    before = {one["id"]: one for one in measures_of(box, study, session.user)}
    _check_version(box, study, session.user, version)
    changed = [one for one in drawings if _differs(one, before.get(one.id))]
    removed = sorted(set(before) - {one.id for one in drawings})
    if not changed and not removed:
        return
    frames = StudyFrames(box, study)
    numbered = {one.id: number for number, one in enumerate(drawings, start=1)}
    body = {
        "id": f"ms_{box.outside.randomness(8).hex()}", "at": Stamp(box.outside.now_ms()).iso(),
        "by": session.user, "name": session.name, "version": version + 1, "parent": version,
        "set": [_measured(frames, one, numbered[one.id]) for one in changed], "removed": removed,
    }  # fmt: skip
    with box.database.transaction():
        _check_version(box, study, session.user, version)  # pixels were read meanwhile
        _append(box, session, row, "measurements.drawn", body)


def send(box: Box, session: Session, row: dict[str, Any], version: int) -> None:
    """Let a person's list of that version go to the PACS.

    Raises
    ------
    NoPeerForMeasurements, MeasuredElsewhere, NothingToSend
    """
    study = str(row["study"])
    if not box.settings.delivery.destination:
        raise NoPeerForMeasurements
    with box.database.transaction():
        _check_version(box, study, session.user, version)
        _, sent = version_of(box, study, session.user)
        if version == sent or (not sent and not measures_of(box, study, session.user)):
            raise NothingToSend
        body = {
            "id": f"mo_{box.outside.randomness(8).hex()}", "by": session.user,
            "name": session.name, "at": Stamp(box.outside.now_ms()).iso(), "version": version,
        }  # fmt: skip
        _append(box, session, row, "measurements.sent", body)


def _append(
    box: Box, session: Session, row: dict[str, Any], kind: str, body: dict[str, Any]
) -> None:
    actor = f"person:{session.user}"
    box.append([Draft(kind, body, subject=row["subject"], key=row["study"], actor=actor)])


def _check_version(box: Box, study: str, by: str, version: int) -> None:
    kept, _ = version_of(box, study, by)
    if kept != version:
        raise MeasuredElsewhere(version=kept)


def _check(drawings: Sequence[Drawing]) -> None:
    if len(drawings) > MOST:
        raise TooManyDrawings(most=MOST)
    if sum(len(one.points) for one in drawings) > MOST_POINTS_OF_ALL:
        raise TooManyDrawings(most=MOST_POINTS_OF_ALL)
    known: set[str] = set()
    for number, one in enumerate(drawings, start=1):
        if one.kind not in KINDS or not _ID.fullmatch(one.id) or one.id in known:
            raise DrawingUnusable(number=number, why="id, kind")
        least, most = POINTS[one.kind]
        if not least <= len(one.points) <= most:
            raise DrawingUnusable(number=number, why=f"{least} … {most}")
        if not all(math.isfinite(x) and abs(x) < _FAR for point in one.points for x in point):
            raise DrawingUnusable(number=number, why="NaN")
        known.add(one.id)


def _differs(one: Drawing, kept: dict[str, Any] | None) -> bool:
    if kept is None:
        return True
    points = [list(point) for point in one.points]
    return (one.frame, one.kind, one.note, points) != (
        kept["frame"], kept["kind"], kept["note"], kept["points"]
    )  # fmt: skip


def _measured(frames: StudyFrames, one: Drawing, number: int) -> dict[str, Any]:
    frame = frames.at(one.frame)
    if frame is None:
        raise DrawingUnusable(number=number, why="frame")
    kind: Kind = next(kind for kind in KINDS if kind == one.kind)
    pixels, refusal = frames.pixels(one.frame, kind)
    numbers = numbers_of(kind, one.points, frame.scale, pixels)
    return {
        "id": one.id, "frame": one.frame, "series": frame.series_uid, "kind": kind,
        "points": [list(point) for point in one.points], "note": one.note,
        "numbers": {name: found.as_json() for name, found in numbers.items()},
        "refusal": refusal,
    }  # fmt: skip
