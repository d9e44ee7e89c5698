"""One appliance's data, opened: identity, vault, journals, views, blobs.

Layout of the folder::

    appliance.toml        settings
    keys/node.key         Ed25519, 0600          keys/box.key   32 bytes, 0600 (TPM in the image)
    vault/vault.db        wraps and signed heads
    journal/edge.db       journals, views, jobs, users
    blobs/ab/abcd…        ciphertext
    models/slot/digest/   imported bundles (edge.models)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.blobs.disk import DiskBlobs
from core.journal.checkpoint import Checkpoint, sign
from core.journal.database import Database
from core.journal.seal import open_record
from core.journal.store import SqliteJournal, Writer
from core.records.clock import Stamp
from core.records.record import Draft, Record
from core.vault.identity import NodeIdentity, box_key, derive, node_identity
from core.vault.vault import SqliteVault
from core.views.base import View
from core.views.comparison import ComparisonView
from core.views.consult import ConsultView
from core.views.measured import MeasuredView
from core.views.other import ModelView, QuarantineView, SubjectView
from core.views.report import ReportView
from core.views.review import CaseFactView, ReviewView
from core.views.store import ViewStore, records_of_group
from core.views.study import StudyView
from edge.store.errors import NoAppliance
from edge.store.settings import Appliance, parse
from edge.store.tables import create_tables


@dataclass(frozen=True, slots=True)
class Outside:
    """What comes from outside: time and randomness."""

    now_ms: Callable[[], int]
    randomness: Callable[[int], bytes]


def real_outside() -> Outside:
    """Return the wall clock and the operating system's randomness."""
    return Outside(lambda: time.time_ns() // 1_000_000, os.urandom)


@dataclass(frozen=True)
class Box:
    """An opened appliance folder; one per process."""

    folder: Path
    settings: Appliance
    identity: NodeIdentity
    database: Database
    vault: SqliteVault
    blobs: DiskBlobs
    journal: SqliteJournal
    access: SqliteJournal
    views: ViewStore
    outside: Outside

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """Append clinical records; the hot views follow in the same transaction."""
        return self.journal.append(drafts)

    def records_of(self, group: str) -> list[Record]:
        """Return the opened records of a study or subject, in order."""
        return records_of_group(self.journal, self.vault, group)

    def records_after(self, position: int, limit: int) -> list[Record]:
        """Return opened clinical records after a position; destroyed ones are passed over."""
        return [open_record(s, self.vault) for s in self.journal.read(position, limit)]

    def keep_heads(self) -> list[Checkpoint]:
        """Sign the heads of our own chains and keep them in the vault."""
        kept = []
        for name, journal in (("clinical", self.journal), ("access", self.access)):
            head = journal.head(self.identity.id)
            if head.seq:
                at = Stamp(self.outside.now_ms()).iso()
                checkpoint = sign(
                    Checkpoint(name, self.identity.id, head.seq, head.link.hex(), at),
                    self.identity.key,
                )
                self.vault.keep_head(checkpoint)
                kept.append(checkpoint)
        return kept

    def close(self) -> None:
        """Close both databases."""
        self.database.close()


def create_box(folder: Path, settings_text: str, outside: Outside) -> Box:
    """Make a new appliance folder (or open one that exists) and return it opened."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "appliance.toml"
    if not path.exists():
        parse(settings_text)
        path.write_text(settings_text, encoding="utf-8")
    node_identity(folder / "keys" / "node.key")
    box_key(folder / "keys" / "box.key", outside.randomness)
    for name in ("vault", "journal", "blobs"):
        (folder / name).mkdir(exist_ok=True, mode=0o700)
    box = open_box(folder, outside)
    box.vault.create()
    box.journal.create()
    box.access.create()
    create_tables(box.database)
    box.blobs.create_folders()
    stale = box.views.create()
    if stale:
        box.views.rebuild(box.journal, box.vault)
    box.views.remember_versions()
    return box


def open_box(folder: Path, outside: Outside) -> Box:
    """Open an appliance folder.

    Raises
    ------
    NoAppliance
        If there is none.
    SettingsWrong
        If its settings cannot be used.
    """
    path = folder / "appliance.toml"
    if not path.exists() or not (folder / "keys" / "node.key").exists():
        raise NoAppliance
    settings = parse(path.read_text(encoding="utf-8"))
    identity = node_identity(folder / "keys" / "node.key")
    key = box_key(folder / "keys" / "box.key", outside.randomness)
    database = Database(folder / "journal" / "edge.db", derive(key, "journal database v1"))
    vault_database = Database(folder / "vault" / "vault.db", derive(key, "vault database v1"))
    vault = SqliteVault(vault_database, key, outside.randomness)
    writer = Writer(identity.id, vault, outside.now_ms, outside.randomness)
    folds: list[View] = [
        StudyView(), QuarantineView(), SubjectView(), ModelView(), ConsultView(), ComparisonView(),
        ReviewView(), CaseFactView(),
    ]  # fmt: skip
    folds += [ReportView(), MeasuredView()]
    views = ViewStore(database, folds)
    journal = SqliteJournal(database, writer, "clinical")

    def hot(records: Sequence[Record]) -> None:
        views.apply(records, lambda group: records_of_group(journal, vault, group))

    journal = SqliteJournal(database, writer, "clinical", hot)
    return Box(
        folder=folder,
        settings=settings,
        identity=identity,
        database=database,
        vault=vault,
        blobs=DiskBlobs(folder / "blobs"),
        journal=journal,
        access=SqliteJournal(database, writer, "access"),
        views=views,
        outside=outside,
    )
