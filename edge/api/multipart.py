"""multipart/related out, and multipart bodies in, read as they come (python-multipart)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.responses import Response, StreamingResponse

from core.web.errors import InputWrong, Unsupported


def multipart_related(
    parts: Sequence[tuple[str, bytes]], kind: str = "application/octet-stream"
) -> Response:
    """Return parts (content type, bytes) as one multipart/related response (RFC 2387)."""
    digest = hashlib.sha256()
    for _, data in parts:
        digest.update(data[:64])
    boundary = f"xl-{digest.hexdigest()[:24]}"
    pieces: list[bytes] = []
    for content_type, data in parts:
        head = f"Content-Type: {content_type}\r\nContent-Length: {len(data)}\r\n\r\n"
        pieces += [f"--{boundary}\r\n{head}".encode(), data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    media = f'multipart/related; type="{kind}"; boundary={boundary}'
    return Response(b"".join(pieces), media_type=media)


def streamed_related(
    parts: Iterator[tuple[str, int, Iterator[bytes]]], boundary: str, kind: str
) -> StreamingResponse:
    """Return parts (content type, length, pieces) as they are read."""

    def body() -> Iterator[bytes]:
        for content_type, length, pieces in parts:
            head = f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
            yield f"--{boundary}\r\n{head}".encode()
            yield from pieces
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    media = f'multipart/related; type="{kind}"; boundary={boundary}'
    return StreamingResponse(body(), media_type=media)


@dataclass
class Part:
    """Events of one part, in order: headers, then data, then end."""

    headers: dict[str, str] = field(default_factory=dict)
    data: list[bytes] = field(default_factory=list)
    begins: bool = False
    ends: bool = False

    @property
    def filename(self) -> str:
        """The file name a browser gave, or ""; hostile."""
        disposition = self.headers.get("content-disposition", "")
        _, options = parse_options_header(disposition)
        return options.get(b"filename", b"").decode("utf-8", "replace")


class PartReader:
    """Feeds a body into python-multipart and gives the events back as a stream of parts."""

    def __init__(self, content_type: str, *kinds: str) -> None:
        media, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if media.decode("latin-1") not in kinds or not 1 <= len(boundary) <= 200:
            raise Unsupported
        self.whole = False
        self._events: list[Part] = []
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._add,
                "on_header_end": self._header,
                "on_headers_finished": self._ready,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._close,
            },
        )

    def feed(self, chunk: bytes) -> Iterator[Part]:
        """Take bytes of the body; yield what became known.

        Raises
        ------
        InputWrong
            If the body is not well-formed.
        """
        try:
            self._parser.write(chunk)
        except ValueError:
            raise InputWrong(field="multipart") from None
        events, self._events = self._events, []
        yield from events

    def _begin(self) -> None:
        self._headers = {}

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._bound()

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bound()

    def _header(self) -> None:
        name = self._name.decode("latin-1").lower()
        self._headers[name] = self._value.decode("latin-1")
        self._name = self._value = b""

    def _bound(self) -> None:
        if len(self._name) + len(self._value) > 8192 or len(self._headers) > 20:
            raise InputWrong(field="multipart header")

    def _close(self) -> None:
        self.whole = True

    def _ready(self) -> None:
        self._events.append(Part(dict(self._headers), begins=True))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(Part(dict(self._headers), [data[start:end]]))

    def _end(self) -> None:
        self._events.append(Part(dict(self._headers), ends=True))
