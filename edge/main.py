"""The appliance: starts its processes, restarts one that dies, keeps house, stops them all.

``python -m edge.main FOLDER`` is what the system service runs; ``xinglin edge serve`` is the same.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from edge.housekeeping import keep_house
from edge.processes import ROLES, run, until_told
from edge.store.box import create_box, open_box, real_outside

_log = structlog.get_logger("edge")
_GRACE_S = 25.0


@dataclass
class Child:
    """One process and when it may be started again."""

    role: str
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    not_before: float = 0.0
    started: float = 0.0


@dataclass
class Supervisor:
    """Keeps the appliance's processes alive, with growing pauses for one that keeps dying."""

    folder: Path
    roles: tuple[str, ...] = ROLES
    children: dict[str, Child] = field(default_factory=dict)

    def start(self) -> None:
        """Start every process."""
        for role in self.roles:
            self.children[role] = Child(role)
        self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Start what is not running and is due."""
        for child in self.children.values():
            if child.process is not None and child.process.poll() is None:
                continue
            if child.process is not None:
                self._died(child, now)
            if now >= child.not_before:
                command = [sys.executable, "-m", "edge.main", str(self.folder), child.role]
                child.process = subprocess.Popen(command)  # noqa: S603 our own module
                child.started = now

    def stop(self) -> None:
        """Tell all to stop; the receiver finishes what is in transit."""
        for child in self.children.values():
            if child.process is not None:
                child.process.terminate()
        ends = time.monotonic() + _GRACE_S
        for child in self.children.values():
            if child.process is not None:
                try:
                    child.process.wait(max(0.1, ends - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()

    def _died(self, child: Child, now: float) -> None:
        code = child.process.returncode if child.process else None
        child.failures = 0 if now - child.started > 60 else child.failures + 1
        child.not_before = now + min(0.2 * 2**child.failures, 30.0)
        child.process = None
        _log.error("process ended", role=child.role, exit_code=code, failures=child.failures)


def serve(folder: Path, stop: threading.Event) -> None:
    """Run the appliance in a folder until told to stop."""
    settings = (folder / "appliance.toml").read_text(encoding="utf-8")
    create_box(folder, settings, real_outside()).close()
    supervisor = Supervisor(folder)
    supervisor.start()
    box = open_box(folder, real_outside())
    try:
        while not stop.wait(0.5):
            supervisor.look(time.monotonic())
            keep_house(box)
    finally:
        supervisor.stop()
        box.keep_heads()
        box.close()


def main() -> None:
    """Entry of ``python -m edge.main FOLDER [ROLE]``."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        run(sys.argv[2], folder)
    else:
        serve(folder, until_told())


if __name__ == "__main__":
    main()
