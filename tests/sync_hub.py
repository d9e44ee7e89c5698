"""A hub's sync port in a process of its own: ``python -m tests.sync_hub FOLDER URL PORT [STEP N]``.

With a step and a number it kills itself (SIGKILL) at that step's n-th time. It prints its port.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from hub.downlink.server import SyncParts, SyncServer
from hub.downlink.uploads import Limits
from hub.outside import Outside
from hub.registry.authority import open_authority
from hub.site import open_hub
from tests.sync_site import StatisticsAndEvents, now_ms, tls_of


class Killer:
    """Kills this process at the n-th time of a step."""

    def __init__(self, step: str, at: int):
        self.step, self.at, self.count = step, at, 0
        self.lock = threading.Lock()

    def __call__(self, step: str):
        with self.lock:
            if step == self.step:
                self.count += 1
                if self.count == self.at:
                    os.kill(os.getpid(), signal.SIGKILL)


def main():
    folder, url, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    mark = Killer(sys.argv[4], int(sys.argv[5])) if len(sys.argv) > 4 else lambda _: None
    os.environ["XINGLIN_HUB_DATABASE"] = url
    site = open_hub(folder, Outside(now_ms, os.urandom))
    authority = open_authority(site.folder, site.identity.id, site.outside)
    tls = tls_of(authority)
    parts = SyncParts(
        site, StatisticsAndEvents(site), lambda: tls, lambda: shutil.disk_usage(folder).free,
        Limits(reserve=0), links=int(os.environ.get("LINKS", "300")), mark=mark,
    )  # fmt: skip
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = SyncServer(parts)
    sys.stdout.write(f"{server.start('127.0.0.1', port)}\n")
    sys.stdout.flush()
    stop.wait()
    server.stop(0.2)
    site.close()


class HubProcess:
    """The program above, from a test."""

    def __init__(self, folder: Path, url: str, port: int = 0, step: str = "", at: int = 0):
        more = [step, str(at)] if step else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.sync_hub", str(folder), url, str(port), *more],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[1],
        )  # fmt: skip
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the hub did not start")
        self.port = int(line)

    def wait_dead(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.stdout.close()

    def rss_mb(self) -> float:
        """Resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
