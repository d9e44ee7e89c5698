"""A box with one analysed CT (a fake method's lesion) behind the real web application."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from starlette.testclient import TestClient

from core.web.people import People
from edge.api.app import create_app
from edge.api.context import COOKIE
from edge.api.context import Site as WebBox
from tests.chain_site import Site as Chain

PASSWORD = "a long password"
PEOPLE = {"wang": "radiologist", "li": "physician", "zhao": "radiographer"}


class ReviewSite(Chain):
    """The chain's site with people; its one lesion is 4 slices of 10 rows and 12 columns.

    ``kept`` is one that was made before and is only looked at: its folder is copied, which is
    faster than analysing again. ``dist`` is the built page, where one is wanted.
    """

    def __init__(
        self, folder: Path, settings: str | None = None, *, kept: ReviewSite | None = None,
        dist: Path | None = None,
    ):  # fmt: skip
        if kept is not None:
            shutil.copytree(kept.box.folder, folder)
        super().__init__(folder, *([settings] if settings else []))
        if kept is not None:
            self.clock.at = kept.clock.at
        self.people = People(self.box.database, self.clock, os.urandom)
        web = WebBox(
            self.box, self.people, self.queue, self.sink, SimpleNamespace(now="ok").now.__str__
        )
        self.app = create_app(web, dist or folder / "no page")
        if kept is None:
            for user, role in PEOPLE.items():
                self.people.add(user, f"{user} 医生", role, PASSWORD, must_change=False)
            self.send()
            self.settle(6)
            self.box.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.study = str(self.row("study")[0])
        self.base = f"/api/studies/{self.study}"

    def client(self, user: str) -> TestClient:
        """Return a client that is signed in."""
        client = TestClient(self.app, raise_server_exceptions=False)
        token, session = self.people.log_in(user, PASSWORD, None)
        client.cookies.set(COOKIE, token)
        client.headers["X-CSRF-Token"] = session.csrf
        return client

    def frame(self, index: int) -> str:
        """Return the key of a slice of the volume."""
        return f"1.2.3.{index + 1}/1"

    def blob(self, address: str) -> dict:
        """Return a sealed blob's JSON."""
        with self.box.blobs.open(address, self.box.vault.key(self.study)) as blob:
            found: dict = json.loads(blob.read())
        return found

    def last(self, kind: str) -> dict:
        """Return the body of the newest record of a kind."""
        return next(r.body for r in reversed(self.box.records_of(self.study)) if r.kind == kind)


def disc(column: float, row: float, radius: float, points: int = 60) -> list[list[float]]:
    """Return a round ring, hundredths of a pixel."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    ring = np.stack([column + radius * np.cos(angle), row + radius * np.sin(angle)], axis=1)
    rings: list[list[float]] = np.round(ring, 2).tolist()
    return rings


def accepted(number: int = 1, **more) -> dict:
    """Return the decision that a lesion of the AI's stands."""
    return {
        "id": number, "decision": "accepted", "kind": "solid_nodule",
        "location": "right_upper_zone", **more,
    }  # fmt: skip
