"""DICOM bytes to a data set, with or without preamble and file meta, in bounded memory.

What pydicom raises, warns or logs about hostile bytes is turned into a typed refusal here.
"""

from __future__ import annotations

import io
import warnings
import zlib
from typing import IO, TYPE_CHECKING, Any

from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from core.dicom.input_errors import (
    DicomBrokenError,
    DicomNestingError,
    FileSizeError,
    InputError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset

# Deflate reaches 1000:1; a deflated object is rare and never larger than a radiograph series.
_INFLATED_LIMIT = 256 * 1_000_000
_DEFLATED = str(DeflatedExplicitVRLittleEndian).encode()
_MEGABYTE = 1_000_000
_CHUNK = 256 * 1024
_SYNTAX = str(ExplicitVRLittleEndian).encode() + b"\0"
_EXPLICIT_HEAD = (
    bytes(128) + b"DICM\x02\x00\x10\x00UI" + len(_SYNTAX).to_bytes(2, "little") + _SYNTAX
)


class GrowingReader:
    """A seekable reader that holds only as much of a stream as was asked for.

    A declared length of 4 GB in a file of 1 kB must not allocate 4 GB, and the header of a zip
    member must not unpack its pixels.
    """

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._size = size
        self._held = bytearray()
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        """Return at most ``count`` bytes; everything for a negative count."""
        end = self._size if count < 0 else min(self._size, self._at + count)
        while len(self._held) < end:
            piece = self._stream.read(min(max(_CHUNK, end - len(self._held)), 16 * _MEGABYTE))
            if not piece:
                break
            self._held += piece
        taken = bytes(self._held[self._at : end])
        self._at += len(taken)
        return taken

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; positions beyond the end are allowed, as on files."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class ClippedReader:
    """A seekable stream that never reads beyond its size, and keeps nothing."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._size = size

    def read(self, count: int = -1) -> bytes:
        """Return at most ``count`` bytes; everything for a negative count."""
        rest = max(0, self._size - self._stream.tell())
        return self._stream.read(rest if count < 0 else min(count, rest))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; positions beyond the end are allowed, as on files."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._stream.tell(), io.SEEK_END: self._size}[whence]
        return self._stream.seek(max(0, base + offset))

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


def parse_dicom(
    stream: IO[bytes],
    size: int,
    *,
    keywords: Sequence[str] | None = None,
    limit_bytes: int = 4000 * _MEGABYTE,
) -> Dataset:
    """Return the data set of one DICOM stream.

    Parameters
    ----------
    size : int
        Bytes in the stream; nothing beyond it is read.
    keywords : sequence of str or None
        Only these elements, and nothing from the pixel data on. ``None`` reads all.

    Raises
    ------
    DicomBrokenError, DicomNestingError, FileSizeError
    """
    if size > limit_bytes:
        raise FileSizeError(limit_mb=limit_bytes // _MEGABYTE)
    # Seeking back in a zip member would unpack it again from the start.
    plain = isinstance(stream, io.BufferedReader | io.BytesIO)
    source: Any = ClippedReader(stream, size) if plain else GrowingReader(stream, size)
    with warnings.catch_warnings():
        # pydicom's warnings quote element values: they could carry a patient's name to stderr.
        warnings.simplefilter("ignore")
        try:
            if _DEFLATED in source.read(4096):
                source.seek(0)
                return _deflated(source, keywords)
            source.seek(0)
            return _read(source, keywords)
        except (InputError, MemoryError):
            raise
        except Exception as error:  # pydicom raises anything at all on hostile bytes
            raise (DicomNestingError if _is_recursion(error) else DicomBrokenError) from error


def _is_recursion(error: BaseException | None) -> bool:
    """pydicom may meet the recursion limit inside its own handling of an error."""
    while error is not None and not isinstance(error, RecursionError):
        error = error.__cause__ or error.__context__
    return error is not None


def _read(source: Any, keywords: Sequence[str] | None) -> Dataset:
    if keywords is None:
        return dcmread(source, force=True)
    return dcmread(source, force=True, stop_before_pixels=True, specific_tags=list(keywords))


def _deflated(source: Any, keywords: Sequence[str] | None) -> Dataset:
    """Inflate by ourselves: pydicom inflates without a limit (PS3.5 A.5)."""
    source.seek(128)
    if source.read(4) != b"DICM":
        source.seek(0)
    meta = read_dataset(source, False, True, stop_when=_after_meta)
    if str(meta.get("TransferSyntaxUID")) != str(DeflatedExplicitVRLittleEndian):
        source.seek(0)
        return _read(source, keywords)
    packed = source.read()
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _INFLATED_LIMIT + 1)
    if len(inflated) > _INFLATED_LIMIT:
        raise FileSizeError(limit_mb=_INFLATED_LIMIT // _MEGABYTE)
    dataset = _read(io.BytesIO(_EXPLICIT_HEAD + inflated), keywords)
    dataset.file_meta = FileMetaDataset(meta)
    return dataset


def _after_meta(tag: Any, _vr: str | None, _length: int) -> bool:
    return bool(tag.group != 2)
