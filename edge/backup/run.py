"""One backup: new records and blobs, then a fresh key set, settings and the signed manifest.

The order makes every moment safe: a record's keys and blobs are durable on the box before the
record, so reading records first and keys last leaves nothing unreadable; the manifest comes last,
and what it does not name is deleted only after it. A run that is interrupted is simply run again.

Old key sets go with the deletion, so that a restore cannot undo an erasure. A target that keeps
versions of deleted objects must be told not to.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.journal.chain import link_of
from core.records.clock import Stamp
from core.records.record import GENESIS, Header
from edge.backup import snapshot as snap
from edge.backup.errors import (
    BackupBusy,
    BackupDiverged,
    JournalUnfit,
    ManifestUntrusted,
    NoRecoveryKey,
)
from edge.backup.manifest import (
    Manifest,
    ObjectRef,
    SegmentRef,
    blob_name,
    pack_index,
    parse,
    prefix_of,
    ref_of,
    signed,
)
from edge.backup.recovery import fingerprint, seal
from edge.backup.segment import Placed, pack
from edge.backup.target import Target
from edge.store.box import Box
from edge.store.erase import named_blobs

_SEGMENT_BYTES = 16 << 20
_PUBLIC = "recovery.pub"


@dataclass
class Report:
    """What a backup did.

    Attributes
    ----------
    records, segments, blobs, bytes_sent : int
        New in this run.
    pruned : int
        Blobs taken off the target: their subject was destroyed, or nothing names them.
    damaged : list of str
        Addresses of blobs whose bytes here are not what their name says; not sent.
    missing : int
        Blobs that rows name and that are neither here nor on the target.
    """

    number: int = 0
    at: str = ""
    records: int = 0
    segments: int = 0
    blobs: int = 0
    bytes_sent: int = 0
    pruned: int = 0
    damaged: list[str] = field(default_factory=list)
    missing: int = 0
    destroyed: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "seconds": round(self.seconds, 3), "ok": self.ok}

    @property
    def ok(self) -> bool:
        """Whether everything that is named is safe on the target."""
        return not self.damaged and not self.missing


def recovery_public(folder: Path) -> bytes:
    """Return the public half of the recovery key.

    Raises
    ------
    NoRecoveryKey
    """
    path = folder / "keys" / _PUBLIC
    if not path.exists():
        raise NoRecoveryKey
    return path.read_bytes()


def newest_manifest(target: Target, node: str) -> tuple[Manifest | None, int]:
    """Return the newest manifest of a node (None where there is none) and its number.

    Raises
    ------
    ManifestUntrusted
        If the newest does not hold; its number is the error's fact ``number``.
    """
    folder = f"{prefix_of(node)}manifest/"
    names = sorted(name for name, _ in target.listing(folder) if name.endswith(".json"))
    if not names:
        return None, 0
    number = int(names[-1].rsplit("/", 1)[1].removesuffix(".json"))
    return parse(target.get(names[-1]), names[-1]), number


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the box's backup lock.

    Raises
    ------
    BackupBusy
    """
    with (folder / "backup.lock").open("wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupBusy from None
        yield


def back_up(box: Box, target: Target, clock: Callable[[], float] = time.monotonic) -> Report:
    """Bring a target up to date and return what was done.

    Raises
    ------
    NoRecoveryKey, BackupBusy, BackupDiverged, JournalUnfit, TargetUnusable
    """
    started = clock()
    with only_one(box.folder):
        run = _Run(box, target, recovery_public(box.folder))
        report = run.do()
    report.seconds = clock() - started
    return report


class _Run:
    """One run's facts: what is on the target, what is new."""

    def __init__(self, box: Box, target: Target, public: bytes) -> None:
        self._box = box
        self._target = target
        self._public = public
        self._node = box.identity.id
        self._prefix = prefix_of(self._node)
        self._report = Report(at=Stamp(box.outside.now_ms()).iso())

    def do(self) -> Report:
        old = self._old()
        moment = snap.take(self._box)
        segments = self._segments(old, moment)
        blobs = self._blobs()
        keys, destroyed = snap.key_set(self._box, moment)
        settings = snap.settings_of(self._box, moment)
        number = self._report.number
        index = pack_index(blobs)
        manifest = Manifest(
            node=self._node,
            public_key=self._box.identity.key.public_key().public_bytes_raw().hex(),
            number=number,
            at=self._report.at,
            recovery=fingerprint(self._public),
            destroyed=destroyed,
            segments=tuple(segments),
            keys=self._seal(f"{self._prefix}keys/{number:010d}.set", keys),
            settings=self._seal(f"{self._prefix}settings/{number:010d}.set", settings),
            blobs=self._put(f"{self._prefix}index/{number:010d}.idx", index),
            blob_count=len(blobs),
            blob_bytes=sum(blobs.values()),
        )
        self._put(manifest.name, signed(manifest, self._box.identity))
        self._tidy(manifest, blobs)
        self._report.destroyed = destroyed
        return self._report

    def _old(self) -> Manifest | None:
        """Return the manifest to go on from; a damaged one is passed by, and all sent again."""
        try:
            old, number = newest_manifest(self._target, self._node)
        except ManifestUntrusted as error:
            old, number = None, _number_of(str(error.facts["name"]))
        self._report.number = number + 1
        for (journal, writer), last in old.heads().items() if old else ():
            here = snap.link_at(self._box, journal, writer, last.last)
            if here is None or here.hex() != last.last_link:
                raise BackupDiverged(journal=journal, seq=last.last)
        return old

    def _segments(self, old: Manifest | None, moment: snap.Snapshot) -> list[SegmentRef]:
        there = dict(self._target.listing(f"{self._prefix}segments/"))
        usable = old is not None and old.recovery == fingerprint(self._public)
        found: list[SegmentRef] = []
        for (journal, writer), head in sorted(moment.heads.items()):
            own = [s for s in old.segments if (s.journal, s.writer) == (journal, writer)] if (
                old and usable
            ) else []  # fmt: skip
            kept = _unbroken(own, there)
            found += kept
            after, link = (kept[-1].last, kept[-1].last_link) if kept else (0, GENESIS)
            rows = snap.records(self._box, journal, writer, after, head.seq)
            for group in _groups(_checked(rows, journal, after, link)):
                found.append(self._segment(journal, group))
        return found

    def _segment(self, journal: str, group: list[Placed]) -> SegmentRef:
        first, last = group[0].row, group[-1].row
        name = (
            f"{self._prefix}segments/{journal}-{last.writer[:16]}"
            f"-{first.seq:010d}-{last.seq:010d}-{self._report.number}.seg"
        )
        ref = self._seal(name, pack(journal, group))
        self._report.segments += 1
        self._report.records += len(group)
        return SegmentRef(
            name, ref.sha256, ref.bytes, journal, last.writer, first.seq, last.seq, last.link.hex()
        )

    def _blobs(self) -> dict[str, int]:
        """Send blobs that are not there yet; return address → length of all that stay there."""
        start = f"{self._prefix}blobs/"
        there = {name.rsplit("/", 1)[1]: size for name, size in self._target.listing(start)}
        stay: dict[str, int] = {}
        here = set(self._box.blobs.addresses())
        for address in sorted(here):
            path = self._box.blobs.path(address)
            try:
                size = path.stat().st_size
                if there.get(address) != size and not self._send(address, path):
                    continue
            except FileNotFoundError:  # erased meanwhile
                continue
            stay[address] = size
        named = named_blobs(self._box)
        # A blob that was lost here, or released since it is safe elsewhere, stays on the target.
        stay |= {address: there[address] for address in (named & set(there)) - set(stay)}
        self._report.missing = len(named - set(stay) - here)
        return stay

    def _send(self, address: str, path: Path) -> bool:
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != address:
                self._report.damaged.append(address)
                return False
        self._target.put(blob_name(self._node, address), path)
        self._report.blobs += 1
        self._report.bytes_sent += path.stat().st_size
        return True

    def _tidy(self, manifest: Manifest, blobs: dict[str, int]) -> None:
        """Delete what the manifest does not name: old key sets first."""
        named = {one.name for one in manifest.objects()} | {manifest.name}
        old = [
            name for name, _ in self._target.listing(f"{self._prefix}keys/") if name not in named
        ]
        for folder in ("manifest/", "settings/", "segments/", "index/"):
            old += [
                name for name, _ in self._target.listing(self._prefix + folder) if name not in named
            ]
        self._target.delete(old)
        gone = [
            name
            for name, _ in self._target.listing(f"{self._prefix}blobs/")
            if name.rsplit("/", 1)[1] not in blobs
        ]
        self._target.delete(gone)
        self._report.pruned = len(gone)

    def _seal(self, name: str, plain: bytes) -> ObjectRef:
        return self._put(name, seal(plain, name, self._public, self._box.outside.randomness))

    def _put(self, name: str, data: bytes) -> ObjectRef:
        self._target.put(name, data)
        self._report.bytes_sent += len(data)
        return ref_of(name, data)


def _number_of(name: str) -> int:
    digits = name.rsplit("/", 1)[1].removesuffix(".json")
    return int(digits) if digits.isdigit() else 0


def _unbroken(segments: list[SegmentRef], there: dict[str, int]) -> list[SegmentRef]:
    """Return the segments from record 1 on that follow each other and are on the target."""
    kept: list[SegmentRef] = []
    for one in sorted(segments, key=lambda s: s.first):
        if one.first != (kept[-1].last if kept else 0) + 1 or there.get(one.name) != one.bytes:
            break
        kept.append(one)
    return kept


def _checked(rows: Iterator[Placed], journal: str, after: int, link: str) -> Iterator[Placed]:
    """Pass records on while they continue the chain.

    Raises
    ------
    JournalUnfit
    """
    for placed in rows:
        row, after = placed.row, after + 1
        if row.seq != after:
            raise JournalUnfit(journal=journal, seq=after, fault="removed")
        if link_of(row.header, row.sealed) != row.link:
            raise JournalUnfit(journal=journal, seq=after, fault="changed")
        if Header.from_bytes(row.header).prev != link:
            raise JournalUnfit(journal=journal, seq=after, fault="reordered")
        link = row.link.hex()
        yield placed


def _groups(rows: Iterator[Placed]) -> Iterator[list[Placed]]:
    """Cut records into segments of bounded size."""
    group: list[Placed] = []
    size = 0
    for placed in rows:
        group.append(placed)
        size += len(placed.row.header) + len(placed.row.sealed) + 64
        if size >= _SEGMENT_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
