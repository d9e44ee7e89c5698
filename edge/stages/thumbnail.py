"""Stage ``thumbnail``: the small picture of a study in the list, made once and kept sealed.

A cache like the manifest: named in an ordinary table, made anew when the images or the newest
result change. Where there is none, the table says why.
"""

from __future__ import annotations

import collections
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from core.blobs.disk import put
from core.dicom.pixels import stored_frames
from core.errors import XinglinError
from core.imaging.reading import read_activity, read_radiograph
from edge.stages.key_picture import (
    Picked,
    Shot,
    coronal_mip,
    in_file_window,
    in_lung_window,
    modality_values,
    picked,
    radiograph_shown,
    thumbnail,
)
from edge.stages.plans import is_image
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work
from edge.store.box import Box


def make_thumbnail(work: Work, job: Job) -> Outcome:
    """Make the thumbnail of a study, unless the one that is kept shows the same."""
    box = work.box
    data = StudyData(box, job.study)
    if not data.instances:
        return Done()
    result, blobs = _newest(box, job.study)
    one = picked(_shots(box, job.study), result, _outlines(box, job.study, blobs))
    about = {"kind": "none"} if one is None else asdict(one)
    # What is seen depends on the choice and on the bytes it was made from.
    digest = hashlib.sha256(f"{data.shown} {json.dumps(about)}".encode()).hexdigest()[:16]
    before = box.database.query("SELECT digest, blob FROM thumbnail WHERE study = ?", (job.study,))
    if before and before[0][0] == digest:
        return Done()
    address = ""
    if one is not None:
        try:
            picture = _drawn(data, one)
            key = box.vault.key(job.study)
            address = put(box.blobs, picture, key, box.outside.randomness(32))
        except XinglinError as error:
            about = {"kind": "unreadable", "code": f"E{error.code}"}
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO thumbnail VALUES (?, ?, ?, ?)",
            (job.study, digest, address, json.dumps(about)),
        )
    if before and before[0][1]:
        box.blobs.delete(before[0][1])
    return Done()


def _newest(box: Box, study: str) -> tuple[dict[str, Any] | None, dict[str, str]]:
    rows = box.database.query(
        "SELECT result, blobs FROM result WHERE study = ? ORDER BY version DESC LIMIT 1", (study,)
    )
    return (json.loads(rows[0][0]), json.loads(rows[0][1])) if rows else (None, {})


def _outlines(box: Box, study: str, blobs: Mapping[str, str]) -> dict[str, Any]:
    if not blobs.get("outlines"):
        return {}
    with box.blobs.open(blobs["outlines"], box.vault.key(study)) as blob:
        lines: dict[str, Any] = json.loads(blob.read())
    return lines


def _shots(box: Box, study: str) -> list[Shot]:
    """Return a study's images as their rows say; what has no pixels is left out."""
    rows = box.database.query(
        "SELECT i.attributes, i.sop_class, i.sop_instance, i.series_uid, s.modality, i.number,"
        " i.frames, i.rows * i.columns FROM instance AS i JOIN series AS s ON s.study = i.study"
        " AND s.series_uid = i.series_uid WHERE i.study = ? ORDER BY i.sop_instance",
        (study,),
    )
    return [_shot(row) for row in rows if is_image(row[1]) and row[7]]


def _shot(row: tuple[Any, ...]) -> Shot:
    attributes = json.loads(row[0])
    sop_instance, series_uid, modality, number, frames, pixels = row[2:]
    return Shot(
        sop_instance=sop_instance, series_uid=series_uid, modality=modality, number=number or 0,
        frames=frames, pixels=pixels,
        position=_numbers(attributes.get("ImagePositionPatient")),
        orientation=_numbers(attributes.get("ImageOrientationPatient")),
    )  # fmt: skip


def _numbers(value: object) -> tuple[float, ...]:
    if not isinstance(value, list):
        return ()
    try:
        return tuple(float(one) for one in value)
    except (TypeError, ValueError):
        return ()


def _drawn(data: StudyData, one: Picked) -> bytes:
    """Return the picture.

    Raises
    ------
    InputError
        If the pixels cannot be decoded.
    """
    if one.kind == "mip":
        facts = [f for f in data.facts() if f.series_uid == one.series_uid and f.has_pixels]
        pet, _ = read_activity(facts, lambda index: data.load(facts[index].sop_uid))
        return thumbnail(*coronal_mip(pet))
    dataset = data.load(one.sop_instance)
    if one.kind == "radiograph":
        return thumbnail(radiograph_shown(read_radiograph(dataset).pixels))
    return thumbnail(_frame(dataset, one))


def _frame(dataset: Dataset, one: Picked) -> NDArray[np.uint8]:
    """Return one frame for display: a CT in the lung window, others in the file's own."""
    frames = itertools.islice(stored_frames(dataset), one.frame)
    pixels = collections.deque(frames, maxlen=1).pop()
    if pixels.ndim == 3:
        return np.asarray(pixels, np.uint8).mean(axis=2).astype(np.uint8)
    if one.kind in ("ct_lesion", "ct_middle") and "RescaleSlope" in dataset:
        return in_lung_window(modality_values(dataset, pixels))
    return in_file_window(dataset, pixels)
