"""Stage ``manifest``: one document with every image's attributes, so a viewer asks once.

Kept as a sealed blob, named in an ordinary table: a cache that can be made anew at any time.
"""

from __future__ import annotations

import gzip
import json
from typing import Any, Final

from pydicom import Dataset

from core.blobs.disk import put
from core.blobs.errors import BlobMissing
from core.errors import XinglinError
from edge.stages.plans import is_image
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work
from edge.store.box import Box

_BULK = (0x7FE00010, 0x7FE00008, 0x7FE00009)
_GZIP: Final = b"\x1f\x8b"
_EFFORT: Final = 6


def manifest(work: Work, job: Job) -> Outcome:
    """Make the manifest of a complete study."""
    manifest_of(work.box, job.study)
    return Done()


def manifest_of(box: Box, study: str) -> bytes:
    """Return the manifest as JSON bytes, from the cache where the images are the same."""
    return gzip.decompress(packed_manifest_of(box, study))


def packed_manifest_of(box: Box, study: str) -> bytes:
    """Return the same by gzip, as it is kept: the attributes of thin slices are alike."""
    data = StudyData(box, study)
    rows = box.database.query("SELECT input, blob FROM manifest WHERE study = ?", (study,))
    if rows and rows[0][0] == data.shown:
        try:
            with box.blobs.open(rows[0][1], box.vault.key(study)) as blob:
                kept = blob.read()
            if kept.startswith(_GZIP):  # else from before they were packed
                return kept
        except BlobMissing:
            pass
    document = json.dumps(
        {"series": _series(box, data)}, ensure_ascii=False, separators=(",", ":")
    ).encode()
    packed = gzip.compress(document, _EFFORT, mtime=0)
    address = put(box.blobs, packed, box.vault.key(study), box.outside.randomness(32))
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO manifest VALUES (?, ?, ?)", (study, data.shown, address)
        )
    if rows:
        box.blobs.delete(rows[0][1])
    return packed


def dicom_json(dataset: Dataset) -> dict[str, Any]:
    """Return a data set in the DICOM JSON model (PS3.18 F), bulk data left out."""
    for tag in _BULK:
        if tag in dataset:
            del dataset[tag]
    found: dict[str, Any] = dataset.to_json_dict(
        bulk_data_threshold=1024, bulk_data_element_handler=lambda _element: ""
    )
    return {tag: element for tag, element in found.items() if "BulkDataURI" not in element}


def _series(box: Box, data: StudyData) -> list[dict[str, Any]]:
    rows = box.database.query(
        "SELECT series_uid, modality, number, description FROM series WHERE study = ?"
        " ORDER BY number, series_uid",
        (data.study,),
    )
    out = []
    for uid, modality, number, description in rows:
        instances = [
            found
            for kept in data.instances.values()
            if kept.series_uid == uid and is_image(kept.sop_class)
            and (found := instance_document(data, kept.sop_instance)) is not None
        ]  # fmt: skip
        instances.sort(key=place_of)
        out.append(
            {
                "series_uid": uid, "modality": modality, "number": number,
                "description": description, "instances": instances,
            }
        )  # fmt: skip
    return out


def instance_document(data: StudyData, sop_instance: str) -> dict[str, Any] | None:
    """Return one instance's attributes as DICOM JSON; None where they cannot be read."""
    try:
        header = data.header(sop_instance)
        document = dicom_json(header)
    except (XinglinError, ValueError, TypeError, AttributeError):
        # What cannot be read cannot be shown; the study page names it by its absence in the count.
        return None
    syntax = str(header.file_meta.get("TransferSyntaxUID", ""))
    # (0008,3002) Available Transfer Syntax UID: tells the viewer what the frames are.
    document["00083002"] = {"vr": "UI", "Value": [syntax]}
    return document


def place_of(document: dict[str, Any]) -> tuple[float, int]:
    """Return where an image belongs: along its normal, then by number; 0 where it does not say."""
    try:
        return _place(document)
    except (TypeError, ValueError, OverflowError):  # an empty or absurd component
        return (0.0, 0)


def _place(document: dict[str, Any]) -> tuple[float, int]:
    def values(tag: str) -> list[Any]:
        found: list[Any] = document.get(tag, {}).get("Value", [])
        return found

    position, cosines = values("00200032"), values("00200037")
    number = values("00200013")
    along = 0.0
    if len(position) == 3 and len(cosines) == 6:
        r, c = cosines[:3], cosines[3:]
        normal = (
            r[1] * c[2] - r[2] * c[1],
            r[2] * c[0] - r[0] * c[2],
            r[0] * c[1] - r[1] * c[0],
        )
        along = sum(a * b for a, b in zip(position, normal, strict=True))
    return (round(along, 3), int(number[0]) if number else 0)
