"""The desk of a real box: its region as it was joined, the outbox of its link."""

from __future__ import annotations

from dataclasses import dataclass

from core.seals.directory import Directory
from edge.consult.region import Desk
from edge.store.box import Box
from edge.uplink.certificates import Credentials
from edge.uplink.directory import BoxDirectory
from edge.uplink.outbox import Outbox


@dataclass(frozen=True)
class JoinedRegion:
    """See :class:`edge.consult.region.Region`."""

    hospital: str
    hub: str
    kept: BoxDirectory

    def directory(self) -> Directory:
        """Return the verified directory as the link process has extended it."""
        return self.kept.current()


def desk_of(box: Box) -> Desk:
    """Return the desk of a box; without region and outbox where it has joined none."""
    credentials = Credentials(box.folder / "uplink")
    if not credentials.joined:
        return Desk(box)
    region = credentials.region()
    joined = JoinedRegion(region.hospital, region.hub, BoxDirectory(box, region))
    return Desk(box, joined, outgoing_of(box))


def outgoing_of(box: Box) -> Outbox:
    """Return the outbox as one that only puts into it: what others are writing stays."""
    folder = box.folder / "outgoing"
    (folder / "incoming").mkdir(parents=True, exist_ok=True, mode=0o700)
    limit = box.settings.uplink.outbox_mb * 1_000_000
    return Outbox(box.database, folder, box.outside.now_ms, limit)
