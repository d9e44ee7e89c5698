"""The line to the hub's portal: mutual TLS, the region's root and nobody else's.

The hub is known by its key's name wherever it is reached, as on the boxes' link; no public
authority and no name service is believed. No cookie is kept and no redirection followed: this is a
transport, not a client that remembers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from core.errors import XinglinError
from core.vault.certificates import sync_name
from edge.portal.errors import HubAway, HubTooSlow, NoRelay
from edge.portal.rules import Asked, Header
from edge.uplink.certificates import Credentials, Region

_MOST_CONNECTIONS = 200
#: Shorter than the hub keeps one, so that none is taken up that is just being closed.
_KEEP_S = 20.0
_RETIRE_S = 120.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect, between two pieces of an answer (the hub's streams beat every 15).

    ``begin`` is how long an answer may take to begin, however it drips.
    """

    connect: float = 10.0
    read: float = 45.0
    write: float = 30.0
    pool: float = 10.0
    begin: float = 60.0

    def as_extension(self) -> dict[str, float]:
        """Return what the transport reads."""
        return {name: getattr(self, name) for name in ("connect", "read", "write", "pool")}


@dataclass(frozen=True, slots=True)
class Answer:
    """The hub's answer, its body still to be read."""

    status: int
    headers: tuple[Header, ...]
    pieces: AsyncIterator[bytes]


class HubLine:
    """Asks the hub on behalf of browsers; made anew when the certificate was renewed.

    Parameters
    ----------
    folder : Path
        The box's ``uplink`` folder.
    """

    def __init__(self, folder: Path, patience: Patience = Patience()) -> None:
        self._folder = folder
        self._patience = patience
        self._stamp: tuple[int, ...] = ()
        self._region: Region | None = None
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def ask(self, asked: Asked, body: bytes) -> AsyncIterator[Answer]:
        """Pass a request on and yield the beginning of its answer.

        Raises
        ------
        NoRelay
            If the box is in no region whose hub takes requests through boxes.
        HubAway, HubTooSlow
            Before the answer or amidst it.
        """
        transport, region = self._current()
        request = httpx.Request(
            asked.method,
            httpx.URL(f"https://{region.relay_address}").copy_with(raw_path=asked.target),
            headers=[*asked.headers, (b"user-agent", b"xinglin")],
            content=body,
            extensions={
                "timeout": self._patience.as_extension(),
                "sni_hostname": sync_name(region.hub),
            },
        )
        try:
            async with asyncio.timeout(self._patience.begin):
                answer = await transport.handle_async_request(request)
            try:
                stream = answer.stream
                assert isinstance(stream, httpx.AsyncByteStream)
                yield Answer(answer.status_code, tuple(answer.headers.raw), aiter(stream))
            finally:
                with suppress(httpx.TransportError):
                    await answer.aclose()
        except (httpx.TimeoutException, TimeoutError):
            raise HubTooSlow from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise HubAway(fault=type(error).__name__) from None

    async def close(self) -> None:
        """End every connection."""
        for task in self._retiring:
            task.cancel()
        if self._transport is not None:
            await self._transport.aclose()

    def _current(self) -> tuple[httpx.AsyncHTTPTransport, Region]:
        stamp = tuple(_changed(self._folder / name) for name in ("region.json", "device.pem"))
        if self._transport is None or self._region is None or stamp != self._stamp:
            made, region = self._made()
            if self._transport is not None:
                self._retire(self._transport)
            self._transport, self._region, self._stamp = made, region, stamp
        return self._transport, self._region

    def _made(self) -> tuple[httpx.AsyncHTTPTransport, Region]:
        try:
            region = Credentials(self._folder).region()
            context = ssl.create_default_context(cadata=region.root)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(self._folder / "device.pem")
        except (XinglinError, OSError):  # ssl.SSLError is one
            raise NoRelay from None
        if not region.relay_address:
            raise NoRelay
        limits = httpx.Limits(
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=20,
            keepalive_expiry=_KEEP_S,
        )
        return httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits), region

    def _retire(self, transport: httpx.AsyncHTTPTransport) -> None:
        """Close a transport when its answers should be over; the page opens a stream anew."""

        async def later() -> None:
            await asyncio.sleep(_RETIRE_S)
            await transport.aclose()

        task = asyncio.get_running_loop().create_task(later())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
