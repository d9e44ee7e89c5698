"""Chromium, the development servers, and what a page may say: shared by the tests of pages.

Screenshots go to the folder ``XINGLIN_SHOTS`` when it is set.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[1] / "web"
NODE = shutil.which("node")
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=zh-CN"]
SCREEN = {"width": 1366, "height": 768}


def needs(built: str, node: bool = True) -> list[pytest.MarkDecorator]:
    """Return the marks of a file that needs Chromium, the page ``dist/<built>`` and Node."""
    marks = [
        pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
        pytest.mark.skipif(not (WEB / "dist" / built).exists(), reason="web/dist is not built"),
    ]
    if node:
        marks.append(pytest.mark.skipif(NODE is None, reason="Node.js is not installed"))
    return marks


@contextmanager
def chromium(flags: list[str] | None = None):
    """Yield a running Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=flags or FLAGS)
        yield browser
        browser.close()


class DevServer:
    """A development server of web/mock in its own process, and its switches."""

    def __init__(self, script: str) -> None:
        self.process = subprocess.Popen(
            [str(NODE), f"mock/{script}", "0"], cwd=WEB, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline().split()[1])}"
        self.host = self.url.split("/")[2]

    def tell(self, switch: str, **body: object) -> None:
        """Turn a switch of the server (``/mock/<switch>``)."""
        request = urllib.request.Request(
            f"{self.url}/mock/{switch}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=20).close()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Heard:
    """What a page complained of and where it went; checked when the test ends.

    ``expected`` are the answers that a file's tests provoke.
    """

    def __init__(self, page, expected: tuple[str, ...]) -> None:
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._expected = expected
        page.on("console", self._console)
        page.on("pageerror", lambda e: self._keep(str(e)))
        page.on("request", lambda r: self.hosts.add(r.url.split("/")[2]))

    def check(self, host: str) -> None:
        """Fail where the console complained or a request left for another host."""
        assert self.complaints == [], f"the console complained: {self.complaints}"
        assert self.hosts <= {host, ""}, "a request left for another host"

    def _console(self, message) -> None:
        if message.type == "error":
            self._keep(message.text)

    def _keep(self, text: str) -> None:
        # Cornerstone leaves the rejection of a failed frame unhandled besides answering it.
        if text != "XMLHttpRequest" and not any(word in text for word in self._expected):
            self.complaints.append(text)


def shot(page, name: str) -> None:
    """Keep a screenshot where somebody asked for them."""
    folder = os.environ.get("XINGLIN_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
