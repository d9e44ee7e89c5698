"""Hubs for tests: a clock that the test moves, a folder, a database that is migrated."""

from __future__ import annotations

import os
from pathlib import Path

from hub.outside import Outside
from hub.site import HubSite, create_hub
from hub.store.database import open_database


class HubClock:
    """Milliseconds that a test moves; every look is one later."""

    def __init__(self, at: int = 1_800_000_000_000):
        self.at = at

    def __call__(self) -> int:
        self.at += 1
        return self.at


def migrated(url: str) -> None:
    """Bring an empty database to this release's tables."""
    database = open_database(url)
    database.migrate()
    database.close()


def make_hub(folder: Path, url: str, clock, more: str = "") -> HubSite:
    """Return an opened hub whose database is at a URL; ``more`` is further TOML."""
    outside = Outside(clock, os.urandom)
    return create_hub(folder, f'database = "{url}"\nregion = "测试"\n{more}', outside)
