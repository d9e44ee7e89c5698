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
from edge.stages.corrections import identity_of, with_identity
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
        #: Corrected patient and order attributes, by keyword; {} where there are none.
        self.identity = identity_of(box, study)
        self._first = dict(
            box.database.query(
                "SELECT sop_instance, digest FROM alternate"
                " WHERE grp = ? AND reason = 'before correction'",
                (study,),
            )
        )

    @property
    def input(self) -> str:
        """Digest of the instances: the same images give the same input, whatever their order.

        A corrected name makes no other image: the digest is that of the bytes that came first.
        """
        first = ((uid, self._first.get(uid, k.digest)) for uid, k in self.instances.items())
        joined = "\n".join(f"{uid} {digest}" for uid, digest in first)
        return hashlib.sha256(joined.encode()).hexdigest()[:32]

    @property
    def shown(self) -> str:
        """Digest of what the headers say: the images, and under which identity."""
        if not self.identity:
            return self.input
        joined = "\n".join(f"{uid} {k.digest}" for uid, k in self.instances.items())
        joined += json.dumps(self.identity, ensure_ascii=False, sort_keys=True)
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
        """Return a data set without pixels, text repaired, UTF-8, identity as corrected."""
        dataset = self.load(sop_instance)
        for tag in (0x7FE00010, 0x7FE00008, 0x7FE00009):
            if tag in dataset:
                del dataset[tag]
        meta = dataset.file_meta
        clean, _ = to_utf8(dataset)
        clean.file_meta = meta
        return with_identity(clean, self.identity)

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


def parsed_object(box: Box, study: str, one: dict[str, Any]) -> Dataset:
    """Return a kept result object, parsed."""
    with box.blobs.open(one["blob"], box.vault.key(study)) as blob:
        data = blob.read()
    return parse_dicom(io.BytesIO(data), len(data))


def stored_object(box: Box, study: str, one: dict[str, Any]) -> bytes:
    """Return a kept result object's data set, without preamble and file meta."""
    with box.blobs.open(one["blob"], box.vault.key(study)) as blob:
        data = blob.read()
    # Group 0002 is explicit little endian and begins with its own length (PS3.10 7.1); we wrote it.
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]
