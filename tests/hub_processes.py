"""Hub processes for tests: started as the service starts them, on free ports."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager


class Process:
    """One ``xinglin hub serve`` and where it listens."""

    def __init__(self, folder):
        command = [sys.executable, "-m", "core.cli", "hub", "serve", "--folder", str(folder),
                   "--portal-port", "0", "--sync-port", "0", "--enrol-port", "0"]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.stderr.read().decode())
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
