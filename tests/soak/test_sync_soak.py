"""Full size of sync: 200 boxes on one hub process; the countryside line with forty cuts."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from hub.store.tables import STATISTIC
from tests.bench.figure import percentile
from tests.nasty_proxy import Line, NastyProxy
from tests.soak.sync_boxes import enrol_many, live_all
from tests.sync_hub import HubProcess
from tests.sync_site import SyncBox, SyncSite, running, sealed, until

DAY_S, LAPSE = 86_400, 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_boxes_sixty_times_as_fast(tmp_path):
    """Each box: a heartbeat in 30 s and 200 results a day, sixty times as fast."""
    count = int(os.environ.get("SOAK_BOXES", "200"))
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    site = SyncSite(tmp_path / "site")
    boxes = enrol_many(site, count)
    hub = HubProcess(site.site.folder, str(site.site.database.engine.url))
    root = site.region.authority.root.public_bytes(Encoding.PEM)
    memory: list[float] = []
    stop = threading.Event()

    def watch():
        while not stop.wait(seconds / 20):
            memory.append(hub.rss_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        plan = (seconds, 30 / LAPSE, DAY_S / 200 / LAPSE)
        asyncio.run(live_all(boxes, hub.port, root, plan))
    finally:
        stop.set()
        watcher.join()
        hub.close()
    latencies = [one for box in boxes for one in box.latencies]
    sent = sum(len(box.accepted) for box in boxes)
    with site.site.database.read() as sql:
        kept = sql.execute(select(func.count()).select_from(STATISTIC)).scalar()
    site.stop()
    p50, p99 = (1000 * percentile(latencies, share) for share in (0.5, 0.99))
    figures = f"{sent} results, p50 {p50:.0f} ms, p99 {p99:.0f} ms, MB {memory}"
    assert all(not box.sent for box in boxes), figures
    assert kept == sent, figures
    assert p99 <= 500, figures
    # Flat: the last third is no larger than the second, but for noise.
    third = len(memory) // 3
    if third:
        middle, last = memory[third : 2 * third], memory[2 * third :]
        assert max(last) <= max(middle) * 1.1 + 5, figures
    sys.stdout.write(f"boxes: {figures}\n")


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_the_countryside_at_full_size(tmp_path):
    """1 Mbit/s, 600 ms, 5 % loss, 40 cuts, a 300-slice CT; see ``tests.nasty_proxy`` for "loss"."""
    site = SyncSite(tmp_path / "site").start()
    needed, cuts = 72_000_000, 40
    draw = random.Random(5)
    proxy = NastyProxy(
        site.port, Line(1e6, 0.6, 0.05), [int(needed * draw.random()) for _ in range(cuts)]
    )
    box = SyncBox(site, tmp_path / "box")
    box.connect_to(proxy.port)
    with running(site, box):
        addresses = {box.outbox.put_object(sealed(needed // 30 + n), "c_1") for n in range(30)}
        size = box.outbox.backlog().size
        box.up()
        until(lambda: proxy.bytes_up > 5_000_000, 600)
        urgent = time.monotonic()
        box.outbox.put_event("e_urgent", "c_2", b"{}", 0)
        until(lambda: site.sink.order, 60)
        urgent_s = time.monotonic() - urgent
        assert urgent_s < 20
        until(box.empty, 5000)
        assert site.objects() == addresses
        assert site.sink.order == ["e_urgent"]
        assert proxy.cuts >= cuts
        figures = f"{proxy.bytes_up / size:.4f} x, urgent {urgent_s:.1f} s, {proxy.cuts} cuts"
        sys.stdout.write(f"countryside: {figures}\n")
        assert proxy.bytes_up <= 1.05 * size, figures
        proxy.close()
