"""The appliance: starts its processes, restarts one that dies, keeps house, stops them all.

``python -m edge.main FOLDER`` is what the system service runs; ``xinglin edge serve`` is the same.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlcipher3 import dbapi2 as sqlcipher

from core.errors import XinglinError
from edge.housekeeping import keep_house
from edge.intake.replay import replay
from edge.logs import set_up_logs
from edge.processes import ROLES, roles_of, run, until_told
from edge.ready import addresses_of, all_answer, tell_manager
from edge.store.box import Box, create_box, open_box, real_outside
from edge.store.erase import prune_orphans

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


def our_module(folder: Path, role: str) -> list[str]:
    """Return the command of one process; nothing in it is secret, for everybody can read it."""
    return [sys.executable, "-m", "edge.main", str(folder), role]


@dataclass
class Supervisor:
    """Keeps the appliance's processes alive, with growing pauses for one that keeps dying."""

    folder: Path
    roles: tuple[str, ...] = ROLES
    command: Callable[[Path, str], list[str]] = our_module
    grace_s: float = _GRACE_S
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
                command = self.command(self.folder, child.role)
                child.process = subprocess.Popen(command)  # noqa: S603 our own module
                child.started = now

    def stop(self) -> None:
        """Tell all to stop; the receiver finishes what is in transit."""
        for child in self.children.values():
            if child.process is not None:
                child.process.terminate()
        ends = time.monotonic() + self.grace_s
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
    prepare(folder, settings)
    box = open_box(folder, real_outside())
    supervisor = Supervisor(folder, roles_of(box.settings))
    supervisor.start()
    waited_for = addresses_of(box.settings)
    try:
        while not stop.wait(0.5):
            supervisor.look(time.monotonic())
            _keep_house(box)
            if waited_for and all_answer(waited_for):
                waited_for = ()
                _log.info("ready")
                tell_manager("READY=1")
    finally:
        tell_manager("STOPPING=1")
        supervisor.stop()
        _keep_heads(box)
        box.close()


def prepare(folder: Path, settings: str) -> None:
    """Make or mend the folder before any process runs.

    What was acknowledged and has no record yet gets one; then what a crash left behind goes.
    """
    box = create_box(folder, settings, real_outside())
    try:
        replayed = replay(box)
        if replayed.recorded or replayed.without_bytes:
            _log.warning(
                "arrivals recorded from ledgers",
                count=replayed.recorded,
                without_bytes=replayed.without_bytes,
            )
        if not replayed.all_told:
            # A blob may be named by what cannot be read, or by a process that still lives.
            _log.error(
                "blobs are not pruned", ledgers_in_use=replayed.in_use, damaged=replayed.damaged
            )
            return
        orphans = prune_orphans(box, set(box.blobs.addresses()))
        if orphans:
            _log.warning("blobs without a record removed", count=orphans)
    finally:
        box.close()


def _keep_house(box: Box) -> None:
    try:
        keep_house(box)
    except (OSError, sqlcipher.Error, XinglinError) as error:
        # A full disk or a long lock must not take the processes down; it is due again.
        _log.error("housekeeping failed", exc_info=error)


def _keep_heads(box: Box) -> None:
    try:
        box.keep_heads()
    except (OSError, sqlcipher.Error, XinglinError) as error:
        _log.error("heads not signed", exc_info=error)


def main() -> None:
    """Entry of ``python -m edge.main FOLDER [ROLE]``."""
    set_up_logs()
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        run(sys.argv[2], folder)
    else:
        serve(folder, until_told())


if __name__ == "__main__":
    main()
