"""A study's images as the analysis takes them: facts, headers, whole data sets, from blobs."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset

from core.dicom.facts import HEAD_KEYWORDS, ImageFacts, image_facts
from core.dicom.parse import parse_dicom
from core.dicom.utf8 import to_utf8
from core.errors import XinglinError
from edge.store.box import Box

_HEAD_BYTES = 131_072


@dataclass(frozen=True, slots=True)
class Kept:
    """One instance of a study as the view lists it."""

    sop_instance: str
    series_uid: str
    sop_class: str
    transfer_syntax: str
    blob: str
    bytes: int
    digest: str
    origin: str
    data_offset: int
    pixel_offset: int | None
    attributes: dict[str, Any]


class StudyData:
    """Reads one study of a box; nothing is kept beyond the caller."""

    def __init__(self, box: Box, study: str) -> None:
        self._box = box
        self.study = study
        self._key = box.vault.key(study)
        rows = box.database.query(
            "SELECT sop_instance, series_uid, sop_class, transfer_syntax, blob, bytes, digest,"
            " origin, data_offset, pixel_offset, attributes FROM instance WHERE study = ?"
            " ORDER BY sop_instance",
            (study,),
        )
        self.instances = {row[0]: _kept(row) for row in rows}

    @property
    def input(self) -> str:
        """Digest of the instances: the same images give the same input, whatever their order."""
        joined = "\n".join(f"{k.sop_instance} {k.digest}" for k in self.instances.values())
        return hashlib.sha256(joined.encode()).hexdigest()[:32]

    def facts(self) -> tuple[ImageFacts, ...]:
        """Return every readable instance's facts."""
        found = []
        for kept in self.instances.values():
            try:
                found.append(image_facts(self._parsed(kept, list(HEAD_KEYWORDS))))
            except XinglinError:
                # One unreadable header must not hide the rest of the study; it has no facts.
                continue
        return tuple(found)

    def load(self, sop_instance: str) -> Dataset:
        """Return a whole data set, as stored."""
        kept = self.instances[sop_instance]
        with self._box.blobs.open(kept.blob, self._key) as blob:
            data = blob.read()
        return parse_dicom(io.BytesIO(data), len(data))

    def header(self, sop_instance: str) -> Dataset:
        """Return a data set without pixels, text decoded and repaired, UTF-8."""
        dataset = self.load(sop_instance)
        for tag in (0x7FE00010, 0x7FE00008, 0x7FE00009):
            if tag in dataset:
                del dataset[tag]
        meta = dataset.file_meta
        clean, _ = to_utf8(dataset)
        clean.file_meta = meta
        return clean

    def stored(self, sop_instance: str) -> bytes:
        """Return the data set's bytes as received, without preamble and file meta."""
        kept = self.instances[sop_instance]
        with self._box.blobs.open(kept.blob, self._key) as blob:
            return blob.read(kept.data_offset)

    def _parsed(self, kept: Kept, keywords: list[str]) -> Dataset:
        with self._box.blobs.open(kept.blob, self._key) as blob:
            # Pixel data is not needed: the head is enough where it ends before them.
            ends = kept.pixel_offset
            length = blob.length if ends is None else min(max(ends, _HEAD_BYTES), blob.length)
            data = blob.read(0, length)
        return parse_dicom(io.BytesIO(data), len(data), keywords=keywords)


def _kept(row: Any) -> Kept:
    sop, series, sop_class, syntax, blob, size, digest, origin, data, pixels, attributes = row
    return Kept(
        sop, series, sop_class, syntax, blob, size, digest, origin, data, pixels,
        json.loads(attributes),
    )  # fmt: skip


def stored_object(box: Box, study: str, one: dict[str, Any]) -> bytes:
    """Return a kept result object's data set, without preamble and file meta."""
    with box.blobs.open(one["blob"], box.vault.key(study)) as blob:
        data = blob.read()
    # Group 0002 is explicit little endian and begins with its own length (PS3.10 7.1); we wrote it.
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]
