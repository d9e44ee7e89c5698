"""Sync: a CT's sealed objects to the hub, against a plain gRPC stream of the same bytes.

Sealing happens before, when the bundle is made, and is in no figure. Ours begins when the objects
become visible in the outbox and ends when the outbox knows that the hub has them for good: hashed,
synced, in their place and in the database. The peer connects anew each time (some 10 ms).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.figure import Figure
from tests.bench.plain_stream import PlainServer
from tests.sync_hub import HubProcess
from tests.sync_site import SyncBox, SyncSite, sealed, tls_of, until

#: A 300-slice CT as lossless HTJ2K is about 70 MB; groups of ten frames.
GROUPS, GROUP_BYTES = 30, 2_400_000


@dataclass
class Times:
    """Seconds of each round: by the clock, and of the processors at both ends."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def add(self, pid: int, work: Callable[[], object]):
        """Run a round; ``pid`` is the other end's process."""
        started, used = time.perf_counter(), _cpu_s(pid)
        work()
        self.wall_s.append(time.perf_counter() - started)
        self.cpu_s.append(_cpu_s(pid) - used)


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of this process and that one."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(work: Path, quick: bool) -> list[Figure]:
    rounds = 3 if quick else 9
    site = SyncSite(work / "site")
    hub = HubProcess(site.site.folder, str(site.site.database.engine.url))
    site.port = hub.port
    box = SyncBox(site, work / "box")
    plain = PlainServer(work, tls_of(site.region.authority))
    keeping = PlainServer(work, tls_of(site.region.authority), keep=True)
    ours, theirs, kept = Times(), Times(), Times()
    try:
        box.up()
        until(lambda: box.uplink._state == "open")
        for _ in range(rounds):
            objects = [sealed(GROUP_BYTES) for _ in range(GROUPS)]
            for server, times in ((plain, theirs), (keeping, kept)):
                times.add(server.process.pid, partial(server.send, box.credentials, objects))
            _put(box, objects)
            ours.add(hub.process.pid, lambda: until(box.empty, 60, "uploaded"))
            # As with the peer's files, the next round's bytes find the page cache's memory in use
            # already: the first touch of memory costs a virtual machine more than the copy.
            for data in objects:
                site.site.objects.delete(hashlib.sha256(data).hexdigest())
    finally:
        box.close()
        hub.close()
        plain.close()
        keeping.close()
        site.stop()
    return _figures(ours, theirs, kept)


def _figures(ours: Times, theirs: Times, kept: Times) -> list[Figure]:
    size = GROUPS * GROUP_BYTES / 1e6

    def against(peer: Times) -> tuple[str, float]:
        wall = [median(one.wall_s) for one in (ours, peer)]
        cpu = [median(one.cpu_s) for one in (ours, peer)]
        speed = f"{size / wall[0]:.0f} vs {size / wall[1]:.0f} MB/s"
        said = f"{speed}, CPU {cpu[0]:.2f} vs {cpu[1]:.2f} s"
        # Of one round's runs, one after the other: what else runs disturbs both alike.
        return said, median(b / a for a, b in zip(ours.wall_s, peer.wall_s, strict=True))

    (hardest, ratio), (other, other_ratio) = against(theirs), against(kept)
    return [
        Figure(
            "sync",
            "sealed upload of a 300-slice CT on loopback vs a plain gRPC stream thrown away",
            "≥ 0.8 ×", hardest, ratio >= 0.8, f"{GROUPS} sealed objects, {size:.0f} MB", ratio,
            {"ours": asdict(ours), "thrown_away": asdict(theirs), "kept": asdict(kept)},
        ),
        Figure(
            "sync", "the same vs a plain gRPC stream written to a file per object, each synced",
            "", other, None, "as above", other_ratio,
        ),
    ]  # fmt: skip


def _put(box: SyncBox, objects: list[bytes]):
    """Have all objects wait at once, as after a bundle was made."""
    with box.box.database.transaction():
        for data in objects:
            box.outbox.put_object(data, "c_bench")
