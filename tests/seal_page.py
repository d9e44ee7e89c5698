"""A bare page with the product's seals in it, built and served with the product's policies.

``/object/<name>`` serves sealed bytes with ranges; ``old`` puts a prelude before the worker that
takes away what Chromium 109 does not have.
"""

from __future__ import annotations

import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from core.web.page import WORKER_POLICY, policy

WEB = Path(__file__).resolve().parents[1] / "web"
TYPES = {".html": "text/html", ".js": "text/javascript"}

#: Newer than Chromium 109 (MDN's compatibility data): gone, or refused as an unknown algorithm.
OLD = """
for (const [where, names] of [
  [String.prototype, ['isWellFormed', 'toWellFormed']],
  [Array.prototype, ['toSorted', 'toReversed', 'toSpliced', 'with']],
  [Object.getPrototypeOf(Uint8Array.prototype), ['toSorted', 'toReversed', 'with']],
  [Uint8Array.prototype, ['toHex', 'toBase64', 'setFromHex', 'setFromBase64']],
  [Uint8Array, ['fromHex', 'fromBase64']],
  [ArrayBuffer.prototype, ['transfer', 'transferToFixedLength', 'resize']],
  [Object, ['groupBy']], [Map, ['groupBy']], [Array, ['fromAsync']],
  [Promise, ['withResolvers', 'try']], [RegExp, ['escape']], [Math, ['sumPrecise', 'f16round']],
  [Set.prototype, ['union', 'intersection', 'difference', 'isSubsetOf', 'isSupersetOf']],
  [globalThis.Iterator?.prototype ?? {}, ['map', 'filter', 'take', 'drop', 'toArray', 'some']],
  [globalThis, ['Iterator', 'Float16Array', 'SuppressedError', 'DisposableStack']],
]) for (const name of names) delete where[name];
for (const name of ['importKey', 'generateKey', 'deriveBits', 'sign', 'verify']) {
  const native = SubtleCrypto.prototype[name];
  SubtleCrypto.prototype[name] = function (...given) {
    if (given.some((one) => /25519|448|ML-/.test(String(one?.name ?? one))))
      return Promise.reject(new DOMException('not in 109', 'NotSupportedError'));
    return native.apply(this, given);
  };
}
"""


def build(folder: Path, node: str) -> Path:
    """Build the page with Vite, as the product's is built."""
    command = [node, "node_modules/vite/bin/vite.js", "build"]
    command += ["--config", "test/seals/page/vite.config.ts", "--outDir", str(folder)]
    subprocess.run(command, cwd=WEB, check=True, capture_output=True, timeout=120)
    return folder


class SealPage:
    """The page's server."""

    def __init__(self, dist: Path, *, old: bool) -> None:
        self.objects: dict[str, bytes] = {}
        self.ranges: list[tuple[str, int, int]] = []
        page = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = self.path.removeprefix("/object/")
                if name in page.objects:
                    page.send_object(self, name)
                    return
                file = dist / (self.path.lstrip("/") or "index.html")
                if not file.is_file():
                    page.send(self, 404, b"", {})
                    return
                data, kind = file.read_bytes(), TYPES[file.suffix]
                if old and file.name.startswith("worker-"):
                    data = OLD.encode() + data
                rule = WORKER_POLICY if file.suffix == ".js" else policy("none")
                page.send(self, 200, data, {"Content-Type": kind, "Content-Security-Policy": rule})

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def send_object(self, request: BaseHTTPRequestHandler, name: str) -> None:
        data, wanted = self.objects[name], request.headers.get("Range")
        if wanted is None:
            self.ranges.append((name, 0, len(data)))
            self.send(request, 200, data, {})
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        assert found is not None
        start, end = int(found[1]), min(int(found[2]) + 1, len(data))
        self.ranges.append((name, start, end))
        about = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
        self.send(request, 206, data[start:end], about)

    @staticmethod
    def send(
        request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str]
    ) -> None:
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
