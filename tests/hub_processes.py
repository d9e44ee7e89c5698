"""Hub processes for tests: started as the service starts them, on free ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, nullcontext


class Process:
    """One ``xinglin hub serve`` and where it listens.

    ``more`` is added to its environment; with ``log`` what it says goes into that file.
    """

    def __init__(self, folder, more=None, log=None):
        command = [sys.executable, "-m", "core.cli", "hub", "serve", "--folder", str(folder),
                   "--portal-port", "0", "--sync-port", "0", "--enrol-port", "0"]  # fmt: skip
        with log.open("wb") if log else nullcontext(subprocess.PIPE) as err:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=err, env={**os.environ, **(more or {})}
            )
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(log.read_text() if log else self.process.stderr.read().decode())
        self.ports = json.loads(line)
        self.url = f"http://127.0.0.1:{self.ports['portal']}"

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def running(folder, count):
    started = []
    try:
        for _ in range(count):
            started.append(Process(folder))
        yield started
    finally:
        for one in started:
            one.process.kill()
            one.process.communicate()
