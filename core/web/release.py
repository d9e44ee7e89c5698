"""A built page as it was released: every file compared with the list that the build wrote.

``asset-manifest.json`` names each file's SHA-384 in the form of subresource integrity (W3C SRI).
What is served afterwards are the very bytes that were compared, not what lies on the disk by then.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from core.web.errors import NotFound
from core.web.page import TYPES, WORKER_POLICY, page_headers, with_facts
from core.web.release_errors import ReleaseDamaged, ReleaseMissing
from core.web.release_signature import SIGNATURE, check_signature

MANIFEST = "asset-manifest.json"
_NAME = re.compile(r"(?:assets/)?[A-Za-z0-9_.-]{1,200}", re.ASCII)
_KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Release:
    """The files of a built page by their path below its folder, compared."""

    files: Mapping[str, bytes]


def integrity_of(data: bytes) -> str:
    """Return the hash of a file as the list states it; pure."""
    return "sha384-" + base64.b64encode(hashlib.sha384(data).digest()).decode()


def read_release(dist: Path, publisher: Ed25519PublicKey | None = None) -> Release:
    """Return the files of a built page.

    Parameters
    ----------
    dist : Path
        Vite's output.
    publisher : Ed25519PublicKey or None
        Who must have signed the list of files; None where no publisher is set.

    Raises
    ------
    ReleaseMissing
        If nothing was built, or by a build that wrote no list.
    ReleaseDamaged
        If a file is changed, missing, or not on the list; it is named.
    ReleaseUnsigned, ReleaseForged
        If the list is not signed by ``publisher``.
    """
    try:
        manifest = (dist / MANIFEST).read_bytes()
    except OSError:
        raise ReleaseMissing from None
    if publisher is not None:
        check_signature(manifest, _signature(dist), publisher)
    try:
        stated = json.loads(manifest)["files"]
    except (ValueError, KeyError, TypeError):
        raise ReleaseDamaged(file=MANIFEST) from None
    if not isinstance(stated, dict):
        raise ReleaseDamaged(file=MANIFEST)
    found = {str(p.relative_to(dist)) for p in dist.rglob("*") if not p.is_dir()}
    found -= {MANIFEST, SIGNATURE}
    for name in sorted(found ^ set(stated)):
        raise ReleaseDamaged(file=name[:80])
    files: dict[str, bytes] = {}
    for name, integrity in stated.items():
        path = dist / name
        if not _NAME.fullmatch(name) or path.is_symlink():
            raise ReleaseDamaged(file=name[:80])
        files[name] = path.read_bytes()
        if integrity_of(files[name]) != integrity:
            raise ReleaseDamaged(file=name[:80])
    return Release(files)


def _signature(dist: Path) -> bytes | None:
    try:
        return (dist / SIGNATURE).read_bytes()
    except FileNotFoundError:
        return None


def released_page(
    release: Release, randomness: Callable[[int], bytes], name: str, served_by: str
) -> Starlette:
    """Return an application that serves a release's page under any path.

    Parameters
    ----------
    name : str
        The page among its files.
    served_by : str
        What the page shows of whose code it is.

    Raises
    ------
    ReleaseDamaged
        If that page is not among the files.
    """
    if name not in release.files:
        raise ReleaseDamaged(file=name)
    text = release.files[name].decode("utf-8")

    async def index(_request: Request) -> Response:
        nonce = randomness(16).hex()
        return HTMLResponse(with_facts(text, nonce, served_by), headers=page_headers(nonce, name))

    async def file(request: Request) -> Response:
        path = request.path_params["path"]
        data = release.files.get(path)
        suffix = Path(path).suffix
        if data is None and path.startswith("assets/"):
            raise NotFound  # a script that was not released is no page
        if data is None or suffix == ".html":
            return await index(request)
        headers = {}
        if path.startswith("assets/"):
            headers = {"Cache-Control": _KEPT, "Content-Security-Policy": WORKER_POLICY}
        return Response(
            data, media_type=TYPES.get(suffix, "application/octet-stream"), headers=headers
        )

    async def refused(_request: Request, error: Exception) -> Response:
        del error
        return Response(status_code=404)

    routes = [Route("/", index), Route("/{path:path}", file)]
    return Starlette(routes=routes, exception_handlers={NotFound: refused})
