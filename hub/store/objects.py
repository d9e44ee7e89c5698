"""Sealed objects by address: files in the hub's folder, or any S3-like store by setting.

An address is the SHA-256 of the whole sealed bytes, hex. Who puts a file has verified it; the store
keeps what it is given, and putting the same address twice changes nothing.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import obstore

from hub.errors import ObjectMissing, ObjectStoreDown
from hub.settings import ObjectSettings

_ADDRESS = re.compile(r"[0-9a-f]{64}")
_STREAM = 256 * 1024
_MOST_SIZES = 100_000


class Objects(Protocol):
    """What a store of sealed objects promises; addresses that are none are simply not here."""

    def put(self, address: str, source: Path) -> None:
        """Take over a complete file; when this returns it survives a crash and ``source`` is gone.

        Raises
        ------
        ObjectStoreDown
            If the store is full, refuses or cannot be reached; ``source`` stays then.
        """
        ...

    def size(self, address: str) -> int:
        """Return the length in bytes.

        Raises
        ------
        ObjectMissing
        """
        ...

    def exists(self, address: str) -> bool:
        """Return whether the object is here."""
        ...

    def read(self, address: str, start: int, length: int) -> bytes:
        """Return a range; shorter at the object's end.

        Raises
        ------
        ObjectMissing, ObjectStoreDown
        """
        ...

    def delete(self, address: str) -> None:
        """Remove an object; one that is not here is no error."""
        ...

    def addresses(self) -> Iterator[str]:
        """Yield all addresses, in no order."""
        ...


def stream(objects: Objects, address: str, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes ``start`` … ``end`` (exclusive) in pieces."""
    while start < end:
        piece = objects.read(address, start, min(_STREAM, end - start))
        if not piece:
            return
        yield piece
        start += len(piece)


class FolderObjects:
    """Objects as files ``ab/abcd…``: renamed into place, never half there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, address: str, source: Path) -> None:
        """See :class:`Objects`; within one file system nothing is copied."""
        target = self._path(address)
        if target.exists():
            source.unlink(missing_ok=True)
            return
        try:
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                _sync(self._folder)  # a folder that a crash takes would take its objects along
            _sync(source)
            try:
                source.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _moved(source, target, target.with_name(f".{address}.new"))
            _sync(target.parent)
        except OSError as error:
            raise ObjectStoreDown(fault=_fault(error)) from None

    def size(self, address: str) -> int:
        """See :class:`Objects`."""
        try:
            return self._path(address).stat().st_size
        except FileNotFoundError:
            raise ObjectMissing(address=address[:16]) from None

    def exists(self, address: str) -> bool:
        """See :class:`Objects`."""
        return bool(_ADDRESS.fullmatch(address)) and self._path(address).exists()

    def read(self, address: str, start: int, length: int) -> bytes:
        """See :class:`Objects`."""
        try:
            with self._path(address).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            raise ObjectMissing(address=address[:16]) from None
        except OSError as error:
            raise ObjectStoreDown(fault=_fault(error)) from None

    def delete(self, address: str) -> None:
        """See :class:`Objects`."""
        if _ADDRESS.fullmatch(address):
            self._path(address).unlink(missing_ok=True)

    def addresses(self) -> Iterator[str]:
        """See :class:`Objects`."""
        for path in self._folder.glob("[0-9a-f][0-9a-f]/*"):
            if _ADDRESS.fullmatch(path.name):
                yield path.name

    def _path(self, address: str) -> Path:
        if not _ADDRESS.fullmatch(address):  # an address comes from outside and becomes a path
            raise ObjectMissing(address="?")
        return self._folder / address[:2] / address


class RemoteObjects:
    """Objects in a store of obstore: S3-like, or in memory for tests."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._sizes: dict[str, int] = {}  # what an address names never changes

    def put(self, address: str, source: Path) -> None:
        """See :class:`Objects`."""
        path = _key(address)
        if not self.exists(address):
            try:
                obstore.put(self._store, path, source)
            except (OSError, obstore.exceptions.BaseError) as error:
                raise ObjectStoreDown(fault=_fault(error)) from None
        source.unlink(missing_ok=True)

    def size(self, address: str) -> int:
        """See :class:`Objects`."""
        found = self._asked(address, lambda path: obstore.head(self._store, path))
        return int(found["size"])

    def exists(self, address: str) -> bool:
        """See :class:`Objects`."""
        try:
            self.size(address)
        except ObjectMissing:
            return False
        return True

    def read(self, address: str, start: int, length: int) -> bytes:
        """See :class:`Objects`."""
        size = self._sizes.get(address) or self.size(address)
        if len(self._sizes) >= _MOST_SIZES:
            self._sizes.clear()
        self._sizes[address] = size
        end = min(start + length, size)
        if start >= end:
            return b""
        return bytes(
            self._asked(
                address, lambda path: obstore.get_range(self._store, path, start=start, end=end)
            )
        )

    def delete(self, address: str) -> None:
        """See :class:`Objects`."""
        self._sizes.pop(address, None)
        if self.exists(address):
            self._asked(address, lambda path: obstore.delete(self._store, path))

    def addresses(self) -> Iterator[str]:
        """See :class:`Objects`."""
        for batch in obstore.list(self._store):
            for found in batch:
                yield found["path"].rpartition("/")[2]

    def _asked(self, address: str, ask: Any) -> Any:
        try:
            return ask(_key(address))
        except (FileNotFoundError, obstore.exceptions.NotFoundError):
            raise ObjectMissing(address=address[:16]) from None
        except (OSError, obstore.exceptions.BaseError) as error:
            raise ObjectStoreDown(fault=_fault(error)) from None


def open_objects(folder: Path, settings: ObjectSettings) -> Objects:
    """Return the store that the settings name; files under ``folder`` by default."""
    if not settings.url:
        _prepared(folder)
        return FolderObjects(folder)
    more: dict[str, Any] = {}
    if settings.endpoint:
        more["endpoint"] = settings.endpoint
    if settings.region:
        more["region"] = settings.region
    client: dict[str, Any] = {"timeout": "60s"}
    if settings.endpoint.startswith("http://"):
        client["allow_http"] = True
    store = obstore.store.from_url(settings.url, client_options=client, **more)
    return RemoteObjects(store)


def _prepared(folder: Path) -> None:
    """Make all sub-folders and sync them once, so that no upload waits for a folder's own sync."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in range(256):
        (folder / f"{number:02x}").mkdir(exist_ok=True, mode=0o700)
    _sync(folder)


def _key(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ObjectMissing(address="?")
    return f"{address[:2]}/{address}"


def _moved(source: Path, target: Path, between: Path) -> None:
    """Move to another file system; the source goes only once the copy is safe."""
    shutil.copyfile(source, between)
    _sync(between)
    between.replace(target)
    _sync(target.parent)
    source.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fault(error: BaseException) -> str:
    # The message of a store may hold paths and addresses of its network: its kind says enough.
    return getattr(error, "strerror", None) or type(error).__name__
