"""What the box's half of a consultation needs from the region: ports, and the desk that holds them.

The link to the hub (``edge.uplink``) implements them; tests put a region in process behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.seals.directory import Directory
from edge.consult.errors import NotJoined
from edge.store.box import Box


class Region(Protocol):
    """The region that the box has joined."""

    @property
    def hospital(self) -> str:
        """Our hospital's id."""
        ...

    @property
    def hub(self) -> str:
        """The hub's node id."""
        ...

    def directory(self) -> Directory:
        """Return the verified directory as the box keeps it."""
        ...


class Post(Protocol):
    """The durable way to the hub: ``edge.uplink.outbox.Outbox``."""

    def put_object(self, source: Path | bytes, consult: str, priority: int = 3) -> str:
        """Take over a sealed object; return its address."""
        ...

    def put_event(
        self, event: str, consult: str, statement: bytes, priority: int, needs: Sequence[str] = ()
    ) -> None:
        """Add a signed event, in the caller's transaction."""
        ...

    def put_wraps(self, id_: str, consult: str, statement: bytes, priority: int = 1) -> None:
        """Add a signed set of wraps, in the caller's transaction."""
        ...

    def put_access(self, id_: str, consult: str, statement: bytes) -> None:
        """Add a signed access record; the same id again changes nothing."""
        ...

    def put_statistics(self, id_: str, statement: bytes) -> None:
        """Add a signed de-identified result, in the caller's transaction."""
        ...


@dataclass(frozen=True)
class Desk:
    """Where consultations are handled on a box; without a region only in-house ones."""

    box: Box
    region: Region | None = None
    post: Post | None = None

    @property
    def joined(self) -> Region:
        """The region.

        Raises
        ------
        NotJoined
        """
        if self.region is None:
            raise NotJoined
        return self.region

    @property
    def outgoing(self) -> Post:
        """The way to the hub.

        Raises
        ------
        NotJoined
        """
        if self.post is None:
            raise NotJoined
        return self.post

    @property
    def now(self) -> str:
        """The time, as events write it."""
        from core.consult.timers import iso_of

        return iso_of(self.box.outside.now_ms())

    def fresh(self, prefix: str, size: int = 16) -> str:
        """Return a random id, e.g. ``e_`` and 32 hex."""
        return prefix + self.box.outside.randomness(size).hex()


PRIORITY = {"emergency": 0, "urgent": 1, "routine": 2}


def local_person(box: Box, user: str) -> str:
    """Return the opaque id of an account of this box; the name itself never leaves."""
    return "u_" + box.vault.lookup("consult person", user)[:8].hex()
