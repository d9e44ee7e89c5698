"""Ledgers whose process is gone: what they hold becomes records before anything else happens."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.vault.identity import derive
from core.vault.vault import NODE
from edge.intake.arrival import Arrival
from edge.intake.entries import unpack
from edge.intake.ledger import Ledger, read_contents
from edge.intake.settle import settle_each
from edge.intake.settler import FAULTS, Pace, Settler
from edge.store.box import Box

_log = structlog.get_logger("edge.intake")
_BATCH = 256


@dataclass(slots=True)
class Replayed:
    """What the ledgers of a box held.

    Attributes
    ----------
    recorded : int
        Instances that got their record now.
    without_bytes : int
        Entries whose sealed file is not there: nobody was told that they are kept.
    in_use : int
        Ledgers of processes that live.
    damaged : int
        Files kept aside, those of earlier starts included: nothing may be thrown away.
    """

    recorded: int = 0
    without_bytes: int = 0
    in_use: int = 0
    damaged: int = 0

    @property
    def all_told(self) -> bool:
        """Whether every blob that something names is named by a record now."""
        return not self.in_use and not self.damaged


def folder_of(box: Box) -> Path:
    """Return where the ledgers lie."""
    return box.folder / "intake"


def key_of(box: Box) -> bytes:
    """Return the key that seals the ledgers."""
    return derive(box.vault.key(NODE), "arrival ledger v1")


def open_settler(box: Box, clock: Callable[[], float], pace: Pace | None = None) -> Settler | None:
    """Return a settler over a new ledger; None where none can be made (a full disk)."""
    try:
        ledger = Ledger(folder_of(box), key_of(box), box.outside.randomness)
    except OSError as error:
        _log.error("no arrival ledger", error=type(error).__name__)
        return None
    return Settler(box, ledger, clock, pace)


def replay(box: Box) -> Replayed:
    """Bring every ledger that nobody holds into the journal and remove it.

    Raises
    ------
    OSError, sqlcipher3.dbapi2.Error
        The journal takes nothing; the ledgers stay.
    """
    found = Replayed()
    folder = folder_of(box)
    if not folder.exists():
        return found
    for half_made in folder.glob("*.new"):
        with _taken(half_made) as data:
            if data is not None:
                half_made.unlink(missing_ok=True)
    for path in sorted(folder.glob("*.ledger")):
        with _taken(path) as data:
            if data is None:
                found.in_use += 1
            else:
                _replay(box, path, data, found)
    found.damaged = len(list(folder.glob("*.damaged")))
    return found


@contextmanager
def _taken(path: Path) -> Iterator[bytes | None]:
    """Hold a ledger's lock and give its bytes; None where its process lives or it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:  # another process has just replayed it
        yield b""
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file.read()


def _replay(box: Box, path: Path, data: bytes, found: Replayed) -> None:
    contents = read_contents(data, AESGCM(key_of(box)), path.name)
    arrivals: list[Arrival] = []
    damaged = contents.damaged
    for plain in contents.plains:
        entries = unpack(plain, box.vault)
        arrivals += entries.arrivals
        damaged = damaged or entries.damaged
    present = [one for one in arrivals if box.blobs.path(one.blob).exists()]
    found.without_bytes += _unrecorded(box, arrivals, present)
    for at in range(0, len(present), _BATCH):
        found.recorded += len(settle_each(box, present[at : at + _BATCH], {}).recorded)
    with contextlib.suppress(FileNotFoundError):
        if damaged:
            path.rename(path.with_suffix(".damaged"))
            _log.error("an arrival ledger is damaged and was kept aside; no blob is removed")
        else:
            path.unlink()
    _sync(path.parent)


def _unrecorded(box: Box, arrivals: list[Arrival], present: list[Arrival]) -> int:
    """Count entries without bytes that no record speaks of either (a repeat's bytes are gone)."""
    missing = {one.sop_instance for one in arrivals} - {one.sop_instance for one in present}
    count = 0
    for uid in missing:
        rows = box.database.query("SELECT 1 FROM instance WHERE sop_instance = ?", (uid,))
        count += not rows
    return count


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replay_quietly(box: Box) -> None:
    """Bring the ledgers of processes that died into the journal; a fault is logged, for later."""
    try:
        found = replay(box)
    except FAULTS as error:
        _log.error("arrival ledgers not replayed", error=type(error).__name__)
        return
    if found.recorded or found.without_bytes:
        _log.warning(
            "arrivals recorded from ledgers",
            count=found.recorded,
            without_bytes=found.without_bytes,
        )
