"""Sync: a CT's sealed objects to the hub, against a plain gRPC stream of the same bytes."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from tests.bench.figure import Figure
from tests.bench.plain_stream import PlainServer
from tests.sync_hub import HubProcess
from tests.sync_site import SyncBox, SyncSite, sealed, tls_of, until

#: A 300-slice CT as lossless HTJ2K is about 70 MB; groups of ten frames.
GROUPS, GROUP_BYTES = 30, 2_400_000


def measure(work: Path, quick: bool) -> list[Figure]:
    rounds = 3 if quick else 9
    site = SyncSite(work / "site")
    hub = HubProcess(site.site.folder, str(site.site.database.engine.url))
    site.port = hub.port
    box = SyncBox(site, work / "box")
    plain = PlainServer(work, tls_of(site.region.authority))
    keeping = PlainServer(work, tls_of(site.region.authority), keep=True)
    ours: list[float] = []
    theirs: list[float] = []
    kept: list[float] = []
    try:
        box.up()
        until(lambda: box.uplink._state == "open")
        for _ in range(rounds):
            objects = [sealed(GROUP_BYTES) for _ in range(GROUPS)]
            for server, seconds in ((plain, theirs), (keeping, kept)):
                started = time.perf_counter()
                server.send(box.credentials, objects)
                seconds.append(time.perf_counter() - started)
            ours.append(_upload(box, objects))
    finally:
        box.close()
        hub.close()
        plain.close()
        keeping.close()
        site.stop()
    size = GROUPS * GROUP_BYTES / 1e6
    ratio = median(theirs) / median(ours)
    return [
        Figure(
            "sync", "sealed upload of a 300-slice CT on loopback vs a plain gRPC stream",
            "≥ 0.8 ×", f"{size / median(ours):.0f} vs {size / median(theirs):.0f} MB/s",
            ratio >= 0.8, f"{GROUPS} sealed objects, {size:.0f} MB", ratio,
            {"ours_s": ours, "plain_s": theirs, "plain_kept_s": kept},
        ),
        Figure(
            "sync", "the same against a plain gRPC stream that is written to a file and synced",
            "", f"{size / median(ours):.0f} vs {size / median(kept):.0f} MB/s",
            None, "as above", median(kept) / median(ours),
        ),
    ]  # fmt: skip


def _upload(box: SyncBox, objects: list[bytes]) -> float:
    """Return seconds from the first byte that may go to the last object's Committed.

    What is put into the outbox waits until all is there, as after a bundle was made.
    """
    later = box.box.outside.now_ms() + 3_600_000
    for data in objects:
        with box.box.database.transaction() as sql:
            address = box.outbox.put_object(data, "c_bench")
            sql.execute("UPDATE outbox SET not_before = ? WHERE id = ?", (later, address))
    with box.box.database.transaction() as sql:
        sql.execute("UPDATE outbox SET not_before = 0 WHERE state = 'waiting'")
    started = time.perf_counter()
    until(box.empty, 60, "uploaded")
    return time.perf_counter() - started
