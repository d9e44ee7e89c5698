"""A box's uplink in a process of its own: ``python -m tests.sync_edge FOLDER [STEP N]``.

It ends when nothing waits; with a step and a number it kills itself at that step's n-th time.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from edge.store.box import open_box, real_outside
from edge.uplink.process import uplink_of
from tests.sync_hub import Killer


def main():
    box = open_box(Path(sys.argv[1]), real_outside())
    uplink = uplink_of(box)
    if len(sys.argv) > 2:
        uplink.mark = Killer(sys.argv[2], int(sys.argv[3]))
    thread = threading.Thread(target=uplink.run)
    thread.start()
    ends = time.monotonic() + 60
    while uplink.outbox.backlog().items and time.monotonic() < ends:
        time.sleep(0.02)
    time.sleep(0.3)  # rows of the hub's chain that are on their way
    uplink.stop()
    thread.join()
    box.close()


def run_edge(folder: Path, step: str = "", at: int = 0) -> int:
    """Run the program above; return its exit status (-9 where it killed itself)."""
    more = [step, str(at)] if step else []
    return subprocess.run(
        [sys.executable, "-m", "tests.sync_edge", str(folder), *more], check=False, timeout=90,
        cwd=Path(__file__).resolve().parents[1],
    ).returncode  # fmt: skip


if __name__ == "__main__":
    main()
