"""Reads what somebody wants to import, a folder, an archive, one ONNX file, and trusts none of it.

Only names and bytes come out. No link is followed, nothing is unpacked to disk, every limit is held
against an archive's directory before a byte is inflated (`core.dicom.files` has those rules), and
files that could run code (TorchScript, pickles, scripts) are noted by name and never read.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from core.dicom.files import (
    FileLimits,
    Origin,
    check_archive,
    check_directory_size,
    check_member,
)
from core.dicom.input_errors import InputError
from core.models.errors import PackageTooLarge, PackageUnreadable, PackageUnsafe

#: What a bundle is made of; anything else is passed over unread.
_READ = frozenset({".onnx", ".json", ".toml", ".npz", ".md", ".data", ".bin", ".weights", ".txt"})
_BESIDE = (".toml", ".json", ".npz", ".md")


@dataclass(frozen=True, slots=True)
class PackageLimits:
    """How much is taken in: bytes of one file and of all, files, folders within each other."""

    file_bytes: int = 512 * 1024 * 1024
    total_bytes: int = 768 * 1024 * 1024
    files: int = 256
    depth: int = 4
    ratio: int = 200
    ratio_floor_bytes: int = 16 * 1024 * 1024


@dataclass
class Package:
    """A package's files by relative name ("/" between folders), and the names that were not read.

    Attributes
    ----------
    stem : str
        Name of the one ONNX file, without its ending, where one file was given; else "".
    """

    files: dict[str, bytes] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    stem: str = ""


def read_package(path: Path, limits: PackageLimits | None = None) -> Package:
    """Read a folder, a zip archive, or an ONNX file with what is named like it beside it.

    Raises
    ------
    PackageUnreadable, PackageTooLarge, PackageUnsafe
    core.dicom.input_errors.InputError
        An archive is broken, encrypted, nested, a bomb, or names a place outside itself.
    """
    limits = limits or PackageLimits()
    if path.is_dir():
        return _folder(path, limits)
    if not path.is_file():
        raise PackageUnreadable(what="no such file or folder")
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PK\x03\x04" and path.suffix.lower() != ".npz":
        return _archive(path, limits)
    if path.suffix.lower() != ".onnx":
        raise PackageUnreadable(what="neither folder, zip nor .onnx")
    return _single(path, limits)


def _single(path: Path, limits: PackageLimits) -> Package:
    package = Package({path.name: _bytes(path, limits)}, stem=path.stem)
    for ending in _BESIDE:
        beside = path.with_suffix(ending)
        if beside.is_symlink():
            raise PackageUnsafe(what=f"link {beside.name[:60]}")
        if beside.is_file():
            package.files[beside.name] = _bytes(beside, limits)
    return package


def _folder(top: Path, limits: PackageLimits) -> Package:
    package = Package()
    pending = [(top, 0)]
    seen = 0
    while pending:
        here, depth = pending.pop()
        if depth > limits.depth:
            raise PackageTooLarge(what="depth of folders", limit=limits.depth)
        with os.scandir(here) as listing:
            entries = sorted(listing, key=lambda one: one.name)
        seen += len(entries)
        if seen > limits.files:
            raise PackageTooLarge(what="number of files", limit=limits.files)
        for entry in entries:
            if entry.is_symlink():
                raise PackageUnsafe(what=f"link {entry.name[:60]}")
            if entry.is_dir():
                pending.append((Path(entry.path), depth + 1))
            elif not entry.is_file():
                raise PackageUnsafe(what=f"no plain file {entry.name[:60]}")
            else:
                name = Path(entry.path).relative_to(top).as_posix()
                _take(package, name, limits, Path(entry.path))
    return package


def _take(package: Package, name: str, limits: PackageLimits, path: Path) -> None:
    if not _is_read(name):
        package.unread.append(name)
        return
    package.files[name] = _bytes(path, limits)
    _check_total(package, limits)


def _bytes(path: Path, limits: PackageLimits) -> bytes:
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise PackageTooLarge(what=path.name[:60], limit=limits.file_bytes)
    try:
        with path.open("rb") as stream:
            return stream.read(limits.file_bytes)
    except OSError as cause:
        raise PackageUnreadable(what=path.name[:60]) from cause


def _archive(path: Path, limits: PackageLimits) -> Package:
    rules = FileLimits(
        file_bytes=limits.file_bytes,
        archive_bytes=limits.total_bytes,
        members=limits.files,
        ratio=limits.ratio,
        ratio_floor_bytes=limits.ratio_floor_bytes,
    )
    package = Package()
    try:
        check_directory_size(path, rules)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        check_archive(members, path.stat().st_size, rules)
        for index, member in enumerate(members):
            check_member(member, index, rules)
            if not member.is_dir():
                _member(package, path, (index, member), limits)
    except InputError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, ValueError,
            zlib.error) as cause:  # fmt: skip
        raise PackageUnreadable(what="broken archive") from cause
    return _without_wrapper(package)


def _member(
    package: Package, path: Path, place: tuple[int, zipfile.ZipInfo], limits: PackageLimits
) -> None:
    index, member = place
    name = str(PurePosixPath(member.filename))
    if name in package.files or name in package.unread:
        raise PackageUnsafe(what="two members of one name")
    if not _is_read(name):
        package.unread.append(name)
        return
    if member.file_size > limits.file_bytes:
        raise PackageTooLarge(what=f"member {index}", limit=limits.file_bytes)
    with Origin(path, member.file_size, index, member).open() as stream:
        package.files[name] = stream.read(member.file_size)
    _check_total(package, limits)


def _without_wrapper(package: Package) -> Package:
    """Archives often hold one folder that holds everything."""
    names = [*package.files, *package.unread]
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1 or not all("/" in name for name in names):
        return package
    return Package(
        {name.partition("/")[2]: data for name, data in package.files.items()},
        [name.partition("/")[2] for name in package.unread],
    )


def _is_read(name: str) -> bool:
    pure = PurePosixPath(name)
    return pure.suffix.lower() in _READ or pure.name.upper().startswith("LICEN")


def _check_total(package: Package, limits: PackageLimits) -> None:
    if sum(map(len, package.files.values())) > limits.total_bytes:
        raise PackageTooLarge(what="all files together", limit=limits.total_bytes)
