"""Where backups lie: one small port, and its implementation on library ``obstore``.

A folder (durable: every file and folder is synced), ``s3://bucket/path`` and what else obstore
knows. Credentials come from the environment (``AWS_ACCESS_KEY_ID`` …), never from settings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from edge.backup.errors import ObjectMissing, TargetUnusable

_PART = 8 << 20


class Target(Protocol):
    """What a target promises: whole objects under names, nothing more."""

    def put(self, name: str, data: bytes | Path) -> None:
        """Store an object, whole or not at all; durable when this returns."""
        ...

    def get(self, name: str) -> bytes:
        """Return an object.

        Raises
        ------
        ObjectMissing, TargetUnusable
        """
        ...

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield an object's bytes in pieces.

        Raises
        ------
        ObjectMissing, TargetUnusable
        """
        ...

    def listing(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield name and length of every object under a prefix that ends at a slash."""
        ...

    def folders(self) -> list[str]:
        """Return the names of the first level: one per node."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; absent ones are fine."""
        ...


class ObstoreTarget:
    """A target on any store of ``obstore``.

    Parameters
    ----------
    store : obstore store
    folder : Path or None
        Where the store is a local folder: what was written is synced to the disk.
    """

    def __init__(self, store: Any, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder
        self._settled: set[Path] = set()

    def put(self, name: str, data: bytes | Path) -> None:
        """See :class:`Target`."""
        with _named(name):
            obstore.put(self._store, name, data)
            if self._folder is not None:
                self._settle(self._folder / name, self._folder)

    def get(self, name: str) -> bytes:
        """See :class:`Target`."""
        with _named(name):
            return bytes(obstore.get(self._store, name).bytes())

    def stream(self, name: str) -> Iterator[bytes]:
        """See :class:`Target`."""
        with _named(name):
            for piece in obstore.get(self._store, name).stream(min_chunk_size=_PART):
                yield bytes(piece)

    def listing(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See :class:`Target`."""
        with _named(prefix):
            for page in obstore.list(self._store, prefix.rstrip("/") or None):
                for one in page:
                    yield one["path"], one["size"]

    def folders(self) -> list[str]:
        """See :class:`Target`."""
        with _named("list"):
            return sorted(obstore.list_with_delimiter(self._store)["common_prefixes"])

    def delete(self, names: Iterable[str]) -> None:
        """See :class:`Target`."""
        for name in names:
            try:
                with _named(name):
                    obstore.delete(self._store, name)
            except ObjectMissing:
                continue

    def _settle(self, path: Path, root: Path) -> None:
        """Sync a file and its folder, and once each folder above, which may be new."""
        _sync(path)
        _sync(path.parent)
        above = [one for one in path.parents if root in (one, *one.parents)]
        for one in above:
            if one not in self._settled:
                _sync(one)
                self._settled.add(one)


def open_target(where: str) -> ObstoreTarget:
    """Open a folder or a URL.

    A folder must be there already: an unmounted disk must not become a backup on the own disk.

    Raises
    ------
    TargetUnusable
    """
    try:
        if "://" in where and not where.startswith("file://"):
            return ObstoreTarget(from_url(where))
        folder = Path(where.removeprefix("file://"))
        if not folder.is_dir():
            raise TargetUnusable(what="open", fault="no such folder")
        return ObstoreTarget(LocalStore(prefix=folder), folder)
    except (BaseError, ValueError, OSError) as error:
        raise TargetUnusable(what="open", fault=type(error).__name__) from None


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn a library's error into ours; its text may hold a signed address, so only its type."""
    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise ObjectMissing(name=name) from None
    except (BaseError, OSError) as error:
        raise TargetUnusable(what=name, fault=type(error).__name__) from None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
