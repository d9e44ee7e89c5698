"""Pictures of a report: which are offered, and how one is drawn with its outlines.

What is drawn stands in the version's record (frame and outlines), so that a letter written again
after a corrected identity shows the picture that was signed, whatever the AI found since.
"""

from __future__ import annotations

import collections
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from PIL import Image
from pydicom import Dataset

from core.dicom.pixels import stored_frames
from core.errors import XinglinError
from core.imaging.reading import read_radiograph
from edge.report.key_images import LUNG_WINDOW_HU, KeyImage, Line, windowed
from edge.report.page import Canvas, FontFiles, draw_picture
from edge.report.physician.errors import ContentWrong
from edge.report.physician.exhibits import PICTURES_MAX
from edge.review.base import Base, base_of, head_of
from edge.review.errors import NothingToReview
from edge.stages.key_picture import body_box, in_file_window, modality_values, radiograph_shown
from edge.stages.study_data import StudyData
from edge.store.box import Box

#: Outlines of one frame: lesion id and points (column, row), pixel centres whole.
Outlines = list[dict[str, Any]]
PREVIEW_PX: Final = 440
_FILMS: Final = ("DX", "CR", "DR")


def offered_pictures(box: Box, study: str) -> list[dict[str, Any]]:
    """Return the frames that are offered, at most four: where each lesion is widest, largest first.

    Each has ``frame`` and the ids of the ``lesions`` that are outlined on it. A radiograph offers
    itself. Nothing is offered while there is no result.
    """
    base = _base(box, study)
    if base is None:
        return []
    found: dict[str, list[int]] = {}
    lesions = sorted(base.lesions, key=lambda x: (-float(x["long_axis_mm"]), int(x["id"])))
    for lesion in lesions:
        rings = base.outlined(int(lesion["id"]))
        # One that is already seen on a chosen frame needs no frame of its own.
        if rings and len(found) < PICTURES_MAX and not found.keys() & rings.keys():
            widest = max(rings, key=lambda frame: sum(_area(ring) for ring in rings[frame]))
            found[widest] = []
    if not found and not base.lesions:
        film = (base.result.get("series") or {}).get("sop_uid") or ""
        if film and base.result.get("tb"):
            found[f"{film}/1"] = []
    return [
        {"frame": frame, "lesions": sorted({int(x["lesion"]) for x in base.lines.get(frame, [])})}
        for frame in found
    ]


def outlines_on(box: Box, study: str, frames: Sequence[str]) -> dict[str, Outlines]:
    """Return the outlines that stand on frames now: what a version keeps."""
    base = _base(box, study) if frames else None
    return {frame: (base.lines.get(frame, []) if base else []) for frame in frames}


def check_frames(box: Box, study: str, frames: Sequence[str]) -> None:
    """Refuse a frame that is not the study's. Raises ContentWrong."""
    for frame in frames:
        uid, _, number = frame.partition("/")
        rows = box.database.query(
            "SELECT frames FROM instance WHERE study = ? AND sop_instance = ?", (study, uid)
        )
        if not rows or int(number) > max(1, rows[0][0] or 1):
            raise ContentWrong(field="pictures")


def key_image(box: Box, study: str, frame: str, outlines: Outlines) -> KeyImage:
    """Return one frame for display with its outlines: a CT in the lung window.

    Raises
    ------
    ContentWrong, InputError
    """
    check_frames(box, study, [frame])
    uid, _, number = frame.partition("/")
    dataset = StudyData(box, study).load(uid)
    modality = str(dataset.get("Modality", ""))
    corner = (0, 0)
    if modality in _FILMS:
        pixels = radiograph_shown(read_radiograph(dataset).pixels)
    else:
        frames = itertools.islice(stored_frames(dataset), int(number))
        stored = collections.deque(frames, maxlen=1).pop()
        if stored.ndim == 3:
            pixels = np.asarray(stored, np.uint8).mean(axis=2).astype(np.uint8)
        elif modality == "CT" and "RescaleSlope" in dataset:
            values = modality_values(dataset, stored)
            rows, columns = body_box(values)
            corner = (columns.start, rows.start)
            pixels = windowed(values[rows, columns], *LUNG_WINDOW_HU)
        else:
            pixels = in_file_window(dataset, stored)
    zh, en = _caption(modality, dataset.get("InstanceNumber"), outlines)
    return KeyImage(
        pixels, _lines(outlines, corner), zh, en, _ratio(dataset), modality in ("CT", "PT", "MR")
    )


def png_of(picture: KeyImage, fonts: FontFiles | None = None) -> bytes:
    """Return a picture with its outlines as PNG, for the form."""
    canvas = Canvas(fonts or FontFiles())
    height = round(PREVIEW_PX * min(2.0, picture.ratio)) + 30
    canvas.image = Image.new("RGB", (PREVIEW_PX, height), (0, 0, 0))
    canvas.redraw()
    draw_picture(canvas, picture, (0, 0, PREVIEW_PX, height))
    out = io.BytesIO()
    canvas.image.save(out, "PNG", optimize=False)
    return out.getvalue()


def _base(box: Box, study: str) -> Base | None:
    try:
        return base_of(box, study, head_of(box, study)[0])
    except NothingToReview:
        return None


def _area(points: Sequence[Sequence[float]]) -> float:
    """Return a closed outline's area in pixels (shoelace formula)."""
    if len(points) < 3:
        return 0.0
    x, y = np.array(points, np.float64).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _lines(outlines: Outlines, corner: tuple[int, int]) -> tuple[Line, ...]:
    ids = sorted({int(one["lesion"]) for one in outlines})
    made, named = [], set()
    for one in outlines:
        points = np.asarray(one["points"], np.float64).reshape(-1, 2) - corner
        if len(points) < 2:
            continue
        number = int(one["lesion"])
        label = "" if number in named else f"L{number}"
        named.add(number)
        made.append(Line(np.vstack([points, points[:1]]), ids.index(number), label))
    return tuple(made)


def _caption(modality: str, number: object, outlines: Outlines) -> tuple[str, str]:
    ids = "、".join(f"L{n}" for n in sorted({int(one["lesion"]) for one in outlines}))
    at = f"第 {number} 幅" if number not in (None, "") else ""
    at_en = f"image {number}" if number not in (None, "") else ""
    window, window_en = ("肺窗", "lung window") if modality == "CT" else ("", "")
    zh = "，".join(x for x in (at, window, ids) if x)
    return zh, ", ".join(x for x in (at_en, window_en) if x)


def _ratio(dataset: Dataset) -> float:
    spacing: Any = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    try:
        return float(spacing[0]) / float(spacing[1])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return 1.0


def printed_pictures(box: Box, study: str, body: Mapping[str, Any]) -> Iterator[KeyImage]:
    """Yield the pictures of a version as they were signed.

    One that cannot be read any more is an empty frame that says so: a signed report is printed
    whatever became of its images.
    """
    for frame, outlines in frozen(body):
        try:
            yield key_image(box, study, frame, outlines)
        except XinglinError as error:
            said = f"E{error.code}"
            yield KeyImage(
                np.full((48, 64), 60, np.uint8), (), f"图像无法读取（{said}）",
                f"the image cannot be read ({said})",
            )  # fmt: skip


def frozen(body: Mapping[str, Any]) -> list[tuple[str, Outlines]]:
    """Return frames and outlines of a version's record, in order."""
    kept = body.get("outlines") or {}
    return [(frame, kept.get(frame, [])) for frame in body["content"].get("pictures") or []]


def digest_words(outlines: Mapping[str, Outlines]) -> str:
    """Return the canonical text of outlines, for the signature's digest."""
    return json.dumps(outlines, sort_keys=True, separators=(",", ":"))
