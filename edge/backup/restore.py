"""Restore an appliance onto an empty folder from a backup and the recovery key.

Everything is built under ``FOLDER/.restoring`` and moved up at the end, settings last: a folder
that was restored in part is never mistaken for an appliance. An interrupted restore is simply run
again; blobs that are there already stay. Segments, keys and settings must all be right before
anything is written; a blob that is missing or damaged is named and the rest is still rescued.

Erasures hold whatever key set remains: every ``key.destroyed`` record is carried out again.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.vault.errors import KeyUnknown
from core.vault.identity import write_secret
from edge.backup.check import (
    Say,
    blob_index,
    chains,
    choose,
    open_keys,
    open_segment,
    open_settings,
    require_key,
)
from edge.backup.errors import FolderNotEmpty, MessageMaybeUnsent, ObjectDamaged, ObjectMissing
from edge.backup.manifest import Manifest, blob_name
from edge.backup.segment import Placed
from edge.backup.snapshot import HEX, REGION_FILES, TABLES, journals_of
from edge.backup.target import Target
from edge.store.box import Box, Outside, create_box
from edge.uplink.alarms import Alarms

WORK = ".restoring"
_PARTS = ("blobs", "journal", "vault", "keys", "uplink", "appliance.toml")
_BATCH = 1000


@dataclass
class Restored:
    """What a restore did; ``blobs_lost`` names objects that could not be rescued."""

    node: str
    number: int
    at: str
    records: int = 0
    blobs: int = 0
    destroyed: int = 0
    rows: int = 0
    blobs_lost: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "node": self.node, "number": self.number, "at": self.at, "records": self.records,
            "blobs": self.blobs, "destroyed": self.destroyed, "rows": self.rows,
            "blobs_lost": self.blobs_lost, "ok": not self.blobs_lost,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """Where to restore from: a target, one node of it ("" for the only one), the secret."""

    target: Target
    secret: bytes
    node: str = ""


def restore(
    source: Source, folder: Path, outside: Outside, say: Say = lambda _text: None
) -> Restored:
    """Rebuild an appliance; return what was restored.

    Raises
    ------
    FolderNotEmpty, RecoveryKeyWrong, ObjectMissing, ObjectDamaged, ManifestUntrusted,
    NothingThere, SeveralNodes, TargetUnusable
    """
    manifest = choose(source.target, source.node)
    require_key(manifest, source.secret)
    _require_empty(folder)
    keys = open_keys(source.target, manifest, source.secret)
    settings = open_settings(source.target, manifest, source.secret)
    _open_all(source, manifest, say)
    work = _prepare(folder)
    report = Restored(manifest.node, manifest.number, manifest.at)
    for name, value in keys["files"].items():
        write_secret(work / "keys" / Path(name).name, bytes.fromhex(value))
    for name in REGION_FILES:
        if value := keys.get("region", {}).get(name):
            write_secret(work / "uplink" / name, bytes.fromhex(value))
    box = create_box(work, settings["appliance_toml"], outside)
    try:
        box.vault.adopt(keys["vault"])
        for journal in journals_of(box):
            report.records += _records(source, manifest, box, journal, say)
        _tables(box, settings["tables"])
        report.destroyed = _erase_again(box)
        _tell_unsent(box)
        _blobs(source, manifest, box, report, say)
        report.rows = box.views.rebuild(box.journal, box.vault)
    finally:
        box.close()
    _move_up(work, folder)
    return report


def _require_empty(folder: Path) -> None:
    if not folder.exists():
        return
    allowed = {"lost+found", WORK}
    if (folder / WORK).is_dir():
        allowed |= set(_PARTS) - {"appliance.toml"}
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - allowed:
        raise FolderNotEmpty


def _prepare(folder: Path) -> Path:
    """Make the work folder; of an interrupted restore only the blobs stay."""
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / "blobs").exists():
        (folder / "blobs").rename(work / "blobs")
    for name in ("journal", "vault", "keys", "uplink"):
        for place in (folder, work):
            if (place / name).exists():
                shutil.rmtree(place / name)
    (work / "appliance.toml").unlink(missing_ok=True)
    return work


def _open_all(source: Source, manifest: Manifest, say: Say) -> None:
    """Read every segment once before anything is written: a tampered one is named and refused."""
    for segments in chains(manifest).values():
        for ref in segments:
            say(f"{ref.journal} {ref.first}-{ref.last}")
            last = ref.first - 1
            link = ""
            for placed in open_segment(source.target, ref, source.secret):
                last, link = placed.row.seq, placed.row.link.hex()
            if (last, link) != (ref.last, ref.last_link):
                raise ObjectDamaged(name=ref.name, fault="last record")


def _records(source: Source, manifest: Manifest, box: Box, journal: str, say: Say) -> int:
    """Put one journal's records in, in the order in which they once arrived."""
    writers = [
        _of_writer(source, refs) for (name, _), refs in chains(manifest).items() if name == journal
    ]
    rows = heapq.merge(*writers, key=lambda placed: placed.position)
    store = journals_of(box)[journal]
    count = 0
    while batch := [placed.row for placed in itertools.islice(rows, _BATCH)]:
        count += len(store.adopt(batch))
        say(f"{journal} {count}")
    return count


def _of_writer(source: Source, refs: list[Any]) -> Iterator[Placed]:
    for ref in refs:
        yield from open_segment(source.target, ref, source.secret)


def _tables(box: Box, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Put the ordinary tables back; a job that was running waits again."""
    end = box.journal.last_position()
    with box.database.transaction() as sql:
        for table in TABLES:
            known = {row[1] for row in sql.execute(f"PRAGMA table_info({table})")}
            for row in tables.get(table, []):
                values = {
                    name: bytes.fromhex(value) if (table, name) in HEX else value
                    for name, value in row.items()
                    if name in known
                }
                if table == "cursor":
                    values["position"] = min(values["position"], end)
                if table == "job" and values["state"] == "running":
                    values |= {"state": "waiting", "owner": "", "lease_until": 0}
                names = ", ".join(values)
                marks = ", ".join(f":{name}" for name in values)
                sql.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", values)


def _tell_unsent(box: Box) -> None:
    """Sound an alarm for each consultation of which something waited: the outbox is not kept."""
    alarms = Alarms(box.database, box.outside.now_ms)
    for consult, count in box.database.query(
        "SELECT consult, count(*) FROM consult_sent WHERE returned IS NULL GROUP BY consult"
    ):
        alarms.sound(MessageMaybeUnsent(count=count), consult)


_OF_STUDY = ("job", "arrival", "manifest", "consult_document", "consult_sent")


def _erase_again(box: Box) -> int:
    """Carry out every destruction that the journal tells of; return how many subjects are gone."""
    subjects = {
        sealed.header.subject
        for sealed in _all(box)
        if sealed.header.kind == "key.destroyed" and sealed.header.subject
    }
    for subject in subjects:
        try:
            if box.vault.state(subject) != "destroyed":
                box.vault.destroy(subject)
        except KeyUnknown:  # the key set is of before this subject: nothing to destroy
            continue
    exported = box.vault.export()
    gone = {row[0] for row in exported["subject"] if row[3] == "destroyed"}
    studies = [row[0] for row in exported["study"] if row[2] in gone]
    with box.database.transaction() as sql:
        for study, table in itertools.product(studies, _OF_STUDY):
            sql.execute(f"DELETE FROM {table} WHERE study = ?", (study,))
    return len(gone)


def _all(box: Box) -> Iterator[Any]:
    position = 0
    while page := box.journal.read(position, _BATCH):
        yield from page
        position = page[-1].position


def _blobs(source: Source, manifest: Manifest, box: Box, report: Restored, say: Say) -> None:
    index = blob_index(source.target, manifest)
    for address in set(box.blobs.addresses()) - set(index):
        box.blobs.delete(address)
    for count, address in enumerate(index):
        if count % 500 == 0:
            say(f"blobs {count}/{len(index)}")
        path = box.blobs.path(address)
        if path.exists() and _sha256(path) == address:
            report.blobs += 1
            continue
        try:
            _fetch_blob(source.target, blob_name(manifest.node, address), address, path)
        except (ObjectMissing, ObjectDamaged) as error:
            report.blobs_lost.append(str(error.facts["name"]))
            continue
        report.blobs += 1


def _fetch_blob(target: Target, name: str, address: str, path: Path) -> None:
    """Write a blob under its name once its bytes are known to be right."""
    temporary = path.parent.parent / "incoming" / address
    digest = hashlib.sha256()
    with temporary.open("wb") as stream:
        for piece in target.stream(name):
            digest.update(piece)
            stream.write(piece)
    if digest.hexdigest() != address:
        temporary.unlink()
        raise ObjectDamaged(name=name, fault="SHA-256")
    temporary.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _move_up(work: Path, folder: Path) -> None:
    """Make the work folder's content the appliance; settings last, since they make it one."""
    os.sync()
    for name in _PARTS:
        if (work / name).exists():  # a box of no region has no "uplink"
            (work / name).rename(folder / name)
    shutil.rmtree(work)
