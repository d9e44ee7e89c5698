"""An S3-like store in this process: put, get, list, delete over HTTP, as obstore's client asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_AT = "2026-01-01T00:00:00.000Z"


class _Handler(BaseHTTPRequestHandler):
    objects: dict[str, bytes]
    parts: dict[int, bytes]
    page = 5
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments) -> None:
        """Say nothing."""

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).partition("/bucket/")[2]

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _query(self) -> dict[str, str]:
        pairs = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in pairs.items()}

    def do_PUT(self) -> None:
        query = self._query()
        if "partNumber" in query:
            self.parts[int(query["partNumber"])] = self._body()
        else:
            self.objects[self._key()] = self._body()
        self._answer(200, ETag='"e"')

    def do_GET(self) -> None:
        query = self._query()
        if "list-type" in query:
            self._answer(200, self._listing(query))
            return
        data = self.objects.get(self._key())
        if data is None:
            body = b"<Error><Code>NoSuchKey</Code></Error>"
            self._answer(404, body)
            return
        facts = {"ETag": '"e"', "Last_Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if not wanted:
            self._answer(200, data, **facts)
            return
        first, _, last = wanted.partition("-")
        start, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
        place = f"bytes {start}-{end}/{len(data)}"
        self._answer(206, data[start : end + 1], **facts, Content_Range=place)

    def do_HEAD(self) -> None:
        data = self.objects.get(self._key())
        self.send_response(404 if data is None else 200)
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()

    def do_DELETE(self) -> None:
        self.objects.pop(self._key(), None)
        self._answer(204)

    def do_POST(self) -> None:
        """Begin or complete an upload in parts, or delete several keys."""
        query = self._query()
        if "uploads" in query:
            self.parts.clear()
            xml = b"<InitiateMultipartUploadResult><UploadId>u</UploadId>"
            self._answer(200, xml + b"</InitiateMultipartUploadResult>")
            return
        if "uploadId" in query:
            self._body()
            self.objects[self._key()] = b"".join(self.parts[n] for n in sorted(self.parts))
            xml = b"<CompleteMultipartUploadResult><ETag>e</ETag>"
            self._answer(200, xml + b"</CompleteMultipartUploadResult>")
            return
        root = ElementTree.fromstring(self._body())
        keys = [e.text or "" for e in root.iter() if e.tag.endswith("Key")]
        for key in keys:
            self.objects.pop(key, None)
        gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

    def _listing(self, query: dict[str, str]) -> bytes:
        """Answer ListObjectsV2, a few keys a page, so that paging is walked."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token", "")
        contents, folders = [], set()
        keys = sorted(k for k in self.objects if k.startswith(prefix) and k > after)
        for key in keys[: self.page] if not delimiter else keys:
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            contents.append(key)
        more = not delimiter and len(keys) > self.page
        xml = "".join(
            f"<Contents><Key>{escape(k)}</Key><Size>{len(self.objects[k])}</Size>"
            f"<LastModified>{_AT}</LastModified><ETag>e</ETag></Contents>"
            for k in contents
        )
        xml += "".join(
            f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>"
            for f in sorted(folders)
        )
        token = f"<NextContinuationToken>{contents[-1]}</NextContinuationToken>" if more else ""
        return f"<ListBucketResult>{xml}{token}</ListBucketResult>".encode()


@contextmanager
def s3_server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Serve a bucket named ``bucket`` for a block; yields its address and its objects."""
    objects: dict[str, bytes] = {}
    handler = type("Handler", (_Handler,), {"objects": objects, "parts": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
