"""Frames of a stored instance, read in place: only the chunks that hold the frame are opened.

What is where in a file never changes, so layouts are remembered (a bounded number of them).
"""

from __future__ import annotations

import io
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from core.blobs.disk import BlobReader
from core.dicom.parse import parse_dicom
from core.dicom.pixels import stored_frames
from core.web.errors import NotFound
from edge.store.box import Box

_ITEM = b"\xfe\xff\x00\xe0"
_LAYOUTS = 4096


@dataclass(frozen=True, slots=True)
class Instance:
    """What the view knows of one instance."""

    study: str
    blob: str
    transfer_syntax: str
    frames: int
    rows: int
    columns: int
    bits: int
    samples: int
    pixel_offset: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where frames lie in the file: (offset, length) of each."""

    spans: tuple[tuple[int, int], ...]


class Frames:
    """Serves frames of a box's instances."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._layouts: OrderedDict[str, Layout | None] = OrderedDict()

    def stored(self, instance: Instance, number: int) -> bytes | None:
        """Return a frame's bytes as stored; None where the file must be decoded to get one.

        Raises
        ------
        NotFound
            If there is no such frame.
        """
        if not 1 <= number <= instance.frames:
            raise NotFound
        key = self._box.vault.key(instance.study)
        with self._box.blobs.open(instance.blob, key) as blob:
            layout = self._layout(instance, blob)
            if layout is None:
                return None
            if number > len(layout.spans):
                raise NotFound
            offset, length = layout.spans[number - 1]
            return blob.read(offset, length)

    def decoded(self, instance: Instance, number: int) -> bytes:
        """Return a frame decoded to little endian, unencapsulated.

        Raises
        ------
        NotFound
            If there is no such frame.
        core.dicom.input_errors.InputError
            If it cannot be decoded.
        """
        key = self._box.vault.key(instance.study)
        with self._box.blobs.open(instance.blob, key) as blob:
            data = blob.read()
        dataset = parse_dicom(io.BytesIO(data), len(data))
        for found, pixels in enumerate(stored_frames(dataset), start=1):
            if found == number:
                little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
                return bytes(little.tobytes())
        raise NotFound

    def _layout(self, instance: Instance, blob: BlobReader) -> Layout | None:
        if instance.blob in self._layouts:
            self._layouts.move_to_end(instance.blob)
            return self._layouts[instance.blob]
        layout = layout_of(instance, blob)
        self._layouts[instance.blob] = layout
        if len(self._layouts) > _LAYOUTS:
            self._layouts.popitem(last=False)
        return layout


def layout_of(instance: Instance, blob: BlobReader) -> Layout | None:
    """Return where the frames lie, or None where that cannot be told without decoding."""
    offset = instance.pixel_offset
    if offset is None or instance.transfer_syntax == ExplicitVRBigEndian:
        return None
    head = blob.read(offset, 12)
    implicit = instance.transfer_syntax == ImplicitVRLittleEndian
    start = offset + (8 if implicit else 12)
    length = struct.unpack_from("<I", head, 4 if implicit else 8)[0]
    if length == 0xFFFFFFFF:
        return _encapsulated(instance, blob, start)
    size = instance.rows * instance.columns * instance.samples * instance.bits // 8
    # Without rows the size is 0, and any number of frames would seem to fit.
    if size <= 0 or instance.bits % 8 or size * instance.frames > length:
        return None
    return Layout(tuple((start + n * size, size) for n in range(instance.frames)))


def _encapsulated(instance: Instance, blob: BlobReader, start: int) -> Layout | None:
    """Find one fragment a frame without reading the fragments (PS3.5 A.4)."""
    spans: list[tuple[int, int]] = []
    at = start
    # One item more than frames is looked for: it tells a frame that spans fragments.
    while at + 8 <= blob.length and len(spans) <= instance.frames + 1:
        item = blob.read(at, 8)
        if item[:4] != _ITEM:
            break
        length = struct.unpack_from("<I", item, 4)[0]
        spans.append((at + 8, length))
        at += 8 + length
    frames = tuple(spans[1:])  # the first item is the basic offset table
    if len(frames) == instance.frames:
        return Layout(frames)
    return None


def joined_frame(data: bytes, number: int, frames: int) -> bytes:
    """Return one frame of an encapsulated pixel data value whose frames span fragments."""
    parse_basic_offsets(data)
    for found, frame in enumerate(generate_frames(data, number_of_frames=frames), start=1):
        if found == number:
            return bytes(frame)
    raise NotFound


def fragmented(box: Box, instance: Instance, number: int) -> bytes | None:
    """Return a frame that spans several fragments, as stored; None where it is not encapsulated."""
    if not UID(instance.transfer_syntax).is_encapsulated:
        return None
    with box.blobs.open(instance.blob, box.vault.key(instance.study)) as blob:
        data = blob.read()
    dataset: Any = parse_dicom(io.BytesIO(data), len(data))
    return joined_frame(dataset.PixelData, number, instance.frames)
