"""The model store of an appliance: one folder per digest, whole or not there, never written again.

Layout::

    models/lock                      held while a command changes models
    models/.incoming/…               being written; what a crash leaves here is swept
    models/<slot>/<digest>/…         a verified bundle
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from core.errors import XinglinError
from core.models.bundle import Bundle, load, shipped
from core.models.errors import BundleAltered, ModelNotKept, ModelsBusy
from core.models.slots import SLOTS

_DIGEST = re.compile(r"[0-9a-f]{64}")
#: Bundles that come with the product; each fills the slot of its name.
BUILT_IN = ("ct_lesions", "dr_lungs", "dr_tb")


class ModelStore:
    """The folder ``models`` of a box."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Hold the lock of all commands that change models.

        Raises
        ------
        ModelsBusy
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (self._folder / "lock").open("wb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ModelsBusy from None
            yield

    def sweep(self) -> None:
        """Remove what an interrupted import left; the caller holds the lock."""
        shutil.rmtree(self._folder / ".incoming", ignore_errors=True)

    def path(self, slot: str, digest: str) -> Path:
        """Return where a bundle stands."""
        return self._folder / slot / digest

    def has(self, slot: str, digest: str) -> bool:
        """Return whether a bundle stands there."""
        return self.path(slot, digest).is_dir()

    def here(self) -> list[tuple[str, str]]:
        """Return (slot, digest) of every bundle on the disk, recorded or not."""
        return [
            (slot.name, entry.name)
            for slot in SLOTS
            if (self._folder / slot.name).is_dir()
            for entry in sorted((self._folder / slot.name).iterdir())
            if _DIGEST.fullmatch(entry.name)
        ]

    def load(self, slot: str, digest: str) -> Bundle:
        """Load a bundle and hold it against its digest.

        Raises
        ------
        XinglinError
            One of `core.models.errors`: missing, altered, not what its name says.
        """
        bundle = load(self.path(slot, digest))
        if bundle.digest != digest:
            raise BundleAltered(file="metadata.json")
        return bundle

    def place(
        self,
        slot: str,
        digest: str,
        files: Mapping[str, bytes],
        said: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """Write a bundle: aside, synced, loaded once more as it stands, then renamed.

        A bundle that is there already and sound stays; one that is damaged is replaced.

        Raises
        ------
        ModelNotKept
            The disk is full or does not take it; the box is as before.
        """
        if self.has(slot, digest) and self._sound(slot, digest):
            return
        try:
            self._place(self.path(slot, digest), files, said)
        except OSError as cause:
            self.sweep()
            raise ModelNotKept(what=os.strerror(cause.errno or 0)) from cause

    def _place(self, place: Path, files: Mapping[str, bytes], said: Callable[[str], None]) -> None:
        aside = self._folder / ".incoming" / f"{place.parent.name}-{place.name}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True, mode=0o700)
        for name, data in files.items():
            _write(aside / name, data)
            said(f"written {name}")
        _sync_folder(aside)
        load(aside)
        said("staged")
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if place.is_dir():
            place.rename(aside.with_name(f"damaged-{aside.name}"))
        aside.rename(place)
        _sync_folder(place.parent)
        _sync_folder(self._folder)
        said("placed")

    def _sound(self, slot: str, digest: str) -> bool:
        try:
            self.load(slot, digest)
        except (XinglinError, OSError):
            return False
        return True


def built_in(slot: str) -> Bundle | None:
    """Return the bundle that comes with this release for a slot; None where there is none."""
    return load(shipped(slot)) if slot in BUILT_IN else None


def built_in_files(slot: str) -> dict[str, bytes]:
    """Return the files of a built-in bundle, to keep it beyond this release."""
    return {path.name: path.read_bytes() for path in sorted(shipped(slot).iterdir())}


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    path.chmod(0o400)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
