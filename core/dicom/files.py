"""Finds the images in files, folders and zip archives, without loading them and without trusting.

Nothing is unpacked to disk, no link is followed, and every limit is checked against the archive's
directory before a byte is inflated. A refused file is a typed problem beside the others, which go
on. Members are named by index: their names often carry a patient's name.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

from core.dicom.input_errors import (
    ArchiveBrokenError,
    ArchiveCountError,
    ArchiveEncryptedError,
    ArchiveLinkError,
    ArchiveNestedError,
    ArchivePathError,
    ArchiveRatioError,
    ArchiveSizeError,
    FileSizeError,
    FolderTooLargeError,
    FormatUnknownError,
    InputError,
    LinkRefusedError,
    PathUnreadableError,
)

Kind = Literal["dicom", "picture", "nifti", "zip", "other"]

_MEGABYTE = 1_000_000
_SNIFF = 4096
# Endings that promise an image: a file so named that is none is a problem, not a bystander.
_PROMISES = frozenset(
    {".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".nii", ".gz", ".zip", ".dic"}
)
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How much is taken in.

    Attributes
    ----------
    archive_bytes : int
        All members of one archive together, unpacked.
    ratio : int
        Unpacked by packed, for members and archives above ``ratio_floor_bytes``. Deflate ends at
        1032; empty slices of a phantom reach some hundred.
    """

    file_bytes: int = 4000 * _MEGABYTE
    archive_bytes: int = 20_000 * _MEGABYTE
    members: int = 50_000
    ratio: int = 400
    ratio_floor_bytes: int = 64 * _MEGABYTE
    files: int = 200_000
    depth: int = 24


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bytes of one object are: a file, or one member (by index) of an archive.

    ``entry`` is the member's directory entry, so that opening it does not read the archive's whole
    directory again: with thousands of slices that would cost more than the slices.
    """

    path: Path
    size: int
    member: int | None = None
    entry: zipfile.ZipInfo | None = field(default=None, compare=False, repr=False)

    def open(self) -> IO[bytes]:
        """Open the bytes for reading.

        Raises
        ------
        PathUnreadableError, ArchiveBrokenError
        """
        try:
            stream = self.path.open("rb")
        except OSError as error:
            raise PathUnreadableError from error
        if self.entry is None:
            return stream
        try:
            return _member_stream(stream, self.entry)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, InputError) as error:
            stream.close()
            raise ArchiveBrokenError from error

    def name(self) -> str:
        """Return the path, with the member's index where it is in an archive."""
        return str(self.path) if self.member is None else f"{self.path}#{self.member}"


@dataclass(frozen=True, slots=True)
class Found:
    """One object that can be read; ``given`` if its own path was asked for."""

    origin: Origin
    kind: Literal["dicom", "picture", "nifti"]
    given: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One input that was refused."""

    origin: Origin
    error: InputError


def find_objects(
    paths: Iterable[Path], limits: FileLimits | None = None
) -> Iterator[Found | Problem]:
    """Yield what is in the given files, folders and archives, in a stable order.

    Bystanders in folders and archives (lists, licences, programs of a patient CD) are passed over;
    a path that was given itself, or whose ending promises an image, is a ``Problem`` if it is none.
    """
    limits = limits or FileLimits()
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError:
            yield Problem(Origin(path, 0), PathUnreadableError())
            continue
        if stat.S_ISDIR(mode):
            yield from _folder(path, limits)
        else:
            yield from _file(path, limits, given=True)


def kind_of(start: bytes) -> Kind:
    """Tell the format from the first kilobytes of a file."""
    if start[128:132] == b"DICM":
        return "dicom"
    if start[:8] == b"\x89PNG\r\n\x1a\n" or start[:3] == b"\xff\xd8\xff":
        return "picture"
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if start[:2] == b"\x1f\x8b" or start[344:348] in (b"n+1\0", b"ni1\0"):
        return "nifti"
    return "dicom" if _bare_dicom(start) else "other"


def _bare_dicom(start: bytes) -> bool:
    """Recognise a data set without preamble by its first element: group 2 or 8, sane length."""
    if len(start) < 16:
        return False
    little, big = start[:2] in (b"\x02\0", b"\x08\0"), start[:2] in (b"\0\x02", b"\0\x08")
    if not little and not big:
        return False
    element = int.from_bytes(start[2:4], "little" if little else "big")
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    return element < 0x3000 and (explicit or int.from_bytes(start[4:8], "little") < 1024)


def _member_stream(stream: IO[bytes], entry: zipfile.ZipInfo) -> IO[bytes]:
    """Return the unpacked bytes of a member (APPNOTE.TXT 4.3.7: local file header)."""
    stream.seek(entry.header_offset)
    header = stream.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise ArchiveBrokenError
    stream.seek(int.from_bytes(header[26:28], "little"), io.SEEK_CUR)
    stream.seek(int.from_bytes(header[28:30], "little"), io.SEEK_CUR)
    return cast("IO[bytes]", zipfile.ZipExtFile(stream, "r", entry, None, True))


def _folder(folder: Path, limits: FileLimits) -> Iterator[Found | Problem]:
    seen = 0
    pending: list[tuple[Path, int]] = [(folder, 0)]
    while pending:
        here, depth = pending.pop()
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            yield Problem(Origin(here, 0), PathUnreadableError())
            continue
        seen += len(entries)
        if seen > limits.files or depth > limits.depth:
            yield Problem(Origin(folder, 0), FolderTooLargeError(limit=limits.files))
            return
        for entry in entries:
            if not entry.is_symlink() and entry.is_dir(follow_symlinks=False):
                continue
            if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                yield Problem(Origin(Path(entry.path), 0), LinkRefusedError())
            else:
                yield from _file(Path(entry.path), limits, given=False)
        folders = [e for e in entries if not e.is_symlink() and e.is_dir(follow_symlinks=False)]
        pending += [(Path(entry.path), depth + 1) for entry in reversed(folders)]


def _file(path: Path, limits: FileLimits, *, given: bool) -> Iterator[Found | Problem]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield Problem(Origin(path, 0), LinkRefusedError())
            return
        with path.open("rb") as stream:
            start = stream.read(_SNIFF)
    except OSError:
        yield Problem(Origin(path, 0), PathUnreadableError())
        return
    origin = Origin(path, status.st_size)
    kind = kind_of(start)
    if kind == "zip":
        yield from _archive(origin, limits)
    else:
        yield from _judged(origin, kind, path.suffix.lower(), limits, given=given, start=start)


def _judged(
    origin: Origin, kind: Kind, suffix: str, limits: FileLimits, *, given: bool, start: bytes
) -> Iterator[Found | Problem]:
    if kind in ("dicom", "picture", "nifti"):
        if origin.size > limits.file_bytes:
            yield Problem(origin, FileSizeError(limit_mb=limits.file_bytes // _MEGABYTE))
        elif kind != "nifti" or given or suffix in _PROMISES:
            yield Found(origin, kind, given)
    elif given or suffix in _PROMISES or (not suffix and not _is_text(start)):
        yield Problem(origin, FormatUnknownError())


def _is_text(start: bytes) -> bool:
    try:
        start.rstrip(b"\x80-\xff").decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            return False
    return b"\0" not in start


def _archive(origin: Origin, limits: FileLimits) -> Iterator[Found | Problem]:
    try:
        check_directory_size(origin.path, limits)
        with zipfile.ZipFile(origin.path) as archive:
            members = archive.infolist()
            check_archive(members, origin.size, limits)
            for index, member in enumerate(members):
                if not member.is_dir():
                    yield from _member(origin, member, index, limits)
    except InputError as error:
        yield Problem(origin, error)
    except OSError:
        yield Problem(origin, PathUnreadableError())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError):
        yield Problem(origin, ArchiveBrokenError())


def _member(
    origin: Origin, member: zipfile.ZipInfo, index: int, limits: FileLimits
) -> Iterator[Found | Problem]:
    here = Origin(origin.path, member.file_size, index, member)
    try:
        check_member(member, index, limits)
        with here.open() as stream:
            start = stream.read(_SNIFF)
    except InputError as error:
        yield Problem(here, error)
        return
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, ValueError,
            zlib.error):  # fmt: skip
        yield Problem(here, ArchiveBrokenError())
        return
    kind = kind_of(start)
    if kind == "zip":
        yield Problem(here, ArchiveNestedError(index=index))
        return
    suffix = Path(member.filename).suffix.lower()
    yield from _judged(here, kind, suffix, limits, given=False, start=start)


def check_directory_size(path: Path, limits: FileLimits) -> None:
    """Refuse an archive whose directory alone would fill the memory, before it is parsed.

    Raises
    ------
    ArchiveBrokenError, ArchiveCountError
    """
    with path.open("rb") as stream:
        check_directory(stream, limits)


def check_directory(stream: IO[bytes], limits: FileLimits) -> None:
    """Do the same on an open archive, wherever its bytes are.

    Raises
    ------
    ArchiveBrokenError, ArchiveCountError
    """
    stream.seek(0, io.SEEK_END)
    length = stream.tell()
    stream.seek(max(0, length - 65536 - 22 - 76))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(tail):
        raise ArchiveBrokenError
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    wide = tail.rfind(b"PK\x06\x06", 0, end)
    if size == 0xFFFFFFFF and wide >= 0:
        size = int.from_bytes(tail[wide + 40 : wide + 48], "little")
    if size > limits.members * 400:
        raise ArchiveCountError(limit=limits.members)


def check_archive(members: list[zipfile.ZipInfo], packed: int, limits: FileLimits) -> None:
    """Refuse an archive as a whole: too many members, too large, overlapping (a bomb).

    Raises
    ------
    ArchiveCountError, ArchiveSizeError, ArchiveRatioError
    """
    if len(members) > limits.members:
        raise ArchiveCountError(limit=limits.members)
    total = sum(member.file_size for member in members)
    if total > limits.archive_bytes:
        raise ArchiveSizeError(limit_mb=limits.archive_bytes // _MEGABYTE)
    # Overlapping members (Fifield 2019) unpack the same bytes many times over.
    if total > limits.ratio_floor_bytes and total > limits.ratio * max(1, packed):
        raise ArchiveRatioError(index=0, limit=limits.ratio)


def check_member(member: zipfile.ZipInfo, index: int, limits: FileLimits) -> None:
    """Refuse one member by its entry alone.

    Raises
    ------
    ArchivePathError, ArchiveLinkError, ArchiveEncryptedError, ArchiveRatioError, FileSizeError,
    ArchiveBrokenError
    """
    name = member.orig_filename
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0] or "\0" in name:
        raise ArchivePathError(index=index)
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveLinkError(index=index)
    if member.flag_bits & 0x1:
        raise ArchiveEncryptedError(index=index)
    if member.compress_type not in _PACKED:
        raise ArchiveBrokenError
    if member.file_size > limits.file_bytes:
        raise FileSizeError(limit_mb=limits.file_bytes // _MEGABYTE)
    large = member.file_size > limits.ratio_floor_bytes
    if large and member.file_size > limits.ratio * max(1, member.compress_size):
        raise ArchiveRatioError(index=index, limit=limits.ratio)
