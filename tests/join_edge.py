"""A box that joins, in a process of its own: ``python -m tests.join_edge FOLDER ADDRESS [STEP]``.

The code comes on standard input. With a step it kills itself right after that; else it prints the
hospital, or the number of the refusal.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from core.errors import XinglinError
from edge.store.box import open_box, real_outside
from edge.uplink.certificates import Credentials
from edge.uplink.enrol_client import EnrolClient
from edge.uplink.join import join

STEPS = {
    "key made": (Credentials, "pending"), "answered": (EnrolClient, "join"),
    "certificate kept": (Credentials, "install"), "region kept": (Credentials, "keep_region"),
    "request forgotten": (Credentials, "forget_pending"),
}  # fmt: skip


def _die_after(step: str) -> None:
    owner, name = STEPS[step]
    honest = getattr(owner, name)

    def deed(*args, **kwargs):
        honest(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deed)


def main() -> None:
    if len(sys.argv) > 3:
        _die_after(sys.argv[3])
    box = open_box(Path(sys.argv[1]), real_outside())
    try:
        said = join(box, sys.argv[2], sys.stdin.readline()).hospital
    except XinglinError as refusal:
        said = f"E{refusal.code}"
    box.close()
    sys.stdout.write(said)


def run_join(folder: Path, address: str, code: str, step: str = "") -> tuple[int, str]:
    """Run the program above; return its exit status (-9 where it killed itself) and its words."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.join_edge", str(folder), address, *([step] if step else [])],
        check=False, timeout=120, capture_output=True, text=True, input=f"{code}\n",
        cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout


if __name__ == "__main__":
    main()
