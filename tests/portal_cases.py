"""A box that serves the portal, and hubs behind it: the real one, and ones that lie."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path

from core.web.release import MANIFEST, integrity_of
from edge.portal.app import PortalParts, portal_server
from edge.portal.line import HubLine, Patience
from edge.store.settings import Appliance
from hub.api.relayed import context_of
from tests.sync_site import tls_of, until

PAGE = (
    '<html><meta name="served" content="__SERVED_BY__"><style nonce="__CSP_NONCE__"></style>'
    '<script src="/assets/a.js"></script></html>'
)


def release(folder: Path) -> Path:
    """Write a small built page with its list; return its folder."""
    (folder / "assets").mkdir(parents=True)
    (folder / "portal.html").write_text(PAGE, encoding="utf-8")
    (folder / "assets" / "a.js").write_bytes(b"let a = 1;")
    (folder / "assets" / "b.wasm").write_bytes(b"\0asm")
    (folder / "icon.svg").write_bytes(b"<svg/>")
    return listed(folder)


def listed(folder: Path) -> Path:
    """Write the list of what lies in a folder."""
    paths = [p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST]
    files = {str(p.relative_to(folder)): integrity_of(p.read_bytes()) for p in paths}
    (folder / MANIFEST).write_text(json.dumps({"version": 1, "files": files}))
    return folder


@contextlib.contextmanager
def running(server, listening):
    """Run a uvicorn server on a listening socket for a block; yields its port."""
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), what="the server")
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)
    assert not thread.is_alive()


@contextlib.contextmanager
def portal(
    folder: Path, dist: Path, settings: Appliance | None = None, patience: Patience | None = None
):
    """Serve the portal of a box's ``uplink`` folder; yields its address."""
    settings = settings or Appliance(hospital='甲县 "医院" <b>')
    parts = PortalParts(settings, dist, HubLine(folder, patience or Patience()), os.urandom)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        running(portal_server(parts), listening) as port,
    ):
        yield f"http://127.0.0.1:{port}"


def points_at(credentials, port: int) -> None:
    """Have a box find the hub's portal at a port of this machine; 0 for nowhere."""
    address = f"127.0.0.1:{port}" if port else ""
    credentials.keep_region(replace(credentials.region(), relay_address=address))


class LyingHub:
    """Answers each request with the very bytes of a script; keeps what it was sent.

    A script is a list of bytes to send; ``WAIT`` in it waits until the other side has gone.
    """

    WAIT = None

    def __init__(self, authority):
        self.asked: list[bytes] = []
        self.gone = threading.Event()
        self.script: list[bytes | None] = []
        self._context = context_of(lambda: tls_of(authority))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._stop = False
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def says(self, *script: bytes | None) -> None:
        """Set what is answered from now on."""
        self.script = list(script)

    def stop(self):
        self._stop = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        self._thread.join(30)
        self._listening.close()

    def _serve(self):
        while not self._stop:
            plain, _ = self._listening.accept()
            plain.settimeout(60)
            with contextlib.suppress(OSError), plain:
                if self._stop:
                    return
                with self._context.wrap_socket(plain, server_side=True) as line:
                    self._answer(line)

    def _answer(self, line):
        said = b""
        while b"\r\n\r\n" not in said:
            more = line.recv(65536)
            if not more:
                return
            said += more
        head, _, body = said.partition(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n")
             if h.startswith(b"content-length:")), 0,
        )  # fmt: skip
        while len(body) < length:
            body += line.recv(65536)
        self.asked.append(head + b"\r\n\r\n" + body)
        for part in self.script:
            if part is not self.WAIT:
                try:
                    line.sendall(part)
                except OSError:  # cut amidst what is sent
                    self.gone.set()
                    return
                continue
            with contextlib.suppress(OSError):
                while line.recv(65536):
                    pass
            self.gone.set()


def answer(status="200 OK", kind="application/json", body=b"{}", *more: str) -> bytes:
    """Return a whole HTTP answer that then closes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}",
             "Connection: close", *more]  # fmt: skip
    return (
        "\r\n".join([line for line in lines if not line.endswith(": None")]).encode()
        + b"\r\n\r\n"
        + body
    )
