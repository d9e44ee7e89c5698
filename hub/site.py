"""One hub's data, opened: settings, identity, database, sealed objects, journals.

Layout of the folder::

    hub.toml            settings
    keys/node.key       Ed25519, 0600        keys/hub.key   32 bytes, 0600
    objects/ab/abcd…    sealed objects (ciphertext)
    incoming/           objects on their way in
    hub.db              the database, unless XINGLIN_HUB_DATABASE or hub.toml names another
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.journal.checkpoint import Checkpoint, sign
from core.journal.store import Writer
from core.records.clock import Stamp
from core.vault.identity import NodeIdentity, write_secret
from hub.errors import NoHub
from hub.identity import Secrets, hub_identity, hub_secrets
from hub.outside import Outside
from hub.registry.directory import HubDirectory
from hub.settings import HubSettings, parse
from hub.store.database import HubDatabase, open_database
from hub.store.journal import SqlJournal
from hub.store.objects import Objects, open_objects

DATABASE_VARIABLE = "XINGLIN_HUB_DATABASE"


@dataclass(frozen=True)
class HubSite:
    """An opened hub; one per process."""

    folder: Path
    settings: HubSettings
    database: HubDatabase
    objects: Objects
    identity: NodeIdentity
    secrets: Secrets
    access: SqlJournal
    directory: HubDirectory
    outside: Outside

    def journal(self, hospital: str) -> SqlJournal:
        """Return the hub's clinical chain of one hospital; its writer is ``<hub>/<hospital>``."""
        return SqlJournal(self.database, self._writer(f"{self.identity.id}/{hospital}"))

    def signed_head(self, hospital: str) -> Checkpoint | None:
        """Return the signed head of a hospital's chain; None while it is empty."""
        return self._signed(self.journal(hospital), "clinical")

    def signed_access_head(self) -> Checkpoint | None:
        """Return the signed head of the access journal; None while it is empty."""
        return self._signed(self.access, "access")

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _writer(self, name: str) -> Writer:
        return Writer(name, self.secrets, self.outside.now_ms, self.outside.randomness)

    def _signed(self, journal: SqlJournal, name: str) -> Checkpoint | None:
        head = journal.head(journal.writer)
        if not head.seq:
            return None
        at = Stamp(self.outside.now_ms()).iso()
        checkpoint = Checkpoint(name, journal.writer, head.seq, head.link.hex(), at)
        return sign(checkpoint, self.identity.key)


def create_hub(folder: Path, settings_text: str, outside: Outside) -> HubSite:
    """Make a new hub folder (or open one that exists), bring its tables up to date, return it.

    Raises
    ------
    HubSettingsWrong
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "hub.toml"
    if not path.exists():
        parse(settings_text)
        write_secret(path, settings_text.encode())
    hub_identity(folder)
    hub_secrets(folder, outside.randomness)
    for name in ("objects", "incoming"):
        (folder / name).mkdir(exist_ok=True, mode=0o700)
    site = open_hub(folder, outside)
    site.database.migrate()
    return site


def open_hub(folder: Path, outside: Outside) -> HubSite:
    """Open a hub folder.

    Raises
    ------
    NoHub
        If there is none.
    HubSettingsWrong
        If its settings cannot be used.
    """
    path = folder / "hub.toml"
    if not path.exists() or not (folder / "keys" / "node.key").exists():
        raise NoHub
    settings = parse(path.read_text(encoding="utf-8"))
    settings = settings.at_database(os.environ.get(DATABASE_VARIABLE))
    identity = hub_identity(folder)
    secrets = hub_secrets(folder, outside.randomness)
    database = open_database(settings.database or f"sqlite:///{folder / 'hub.db'}")
    writer = Writer(identity.id, secrets, outside.now_ms, outside.randomness)
    return HubSite(
        folder=folder,
        settings=settings,
        database=database,
        objects=open_objects(folder / "objects", settings.objects),
        identity=identity,
        secrets=secrets,
        access=SqlJournal(database, writer, "access"),
        directory=HubDirectory(database, identity, outside.now_ms),
        outside=outside,
    )
