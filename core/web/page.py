"""The built page: static files, single-page fall-back, headers that let nothing else in."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

_NONCE = "__CSP_NONCE__"
_SERVED_BY = "__SERVED_BY__"
#: Named here, because a system's own table of types may lack them and nosniff then forbids them.
TYPES = {
    ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".wasm": "application/wasm",
}  # fmt: skip
#: The experts' page among Vite's output.
PORTAL = "portal.html"
#: What the decoders of compressed pictures need: code and WebAssembly from here, and nothing else.
WORKER_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
    "worker-src 'self'; frame-ancestors 'none'"
)


def policy(nonce: str, workers: str = "'self'") -> str:
    """Return the Content-Security-Policy of the page.

    Parameters
    ----------
    workers : str
        Where workers may come from. The portal adds ``blob:``: it starts the worker that holds keys
        from bytes whose hash it has compared, which only a blob can be.
    """
    return (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; "
        f"style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; connect-src 'self'; "
        f"font-src 'self'; worker-src {workers}; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    )


def with_facts(text: str, nonce: str, served_by: str) -> str:
    """Return the built page with what only its server knows; pure.

    Parameters
    ----------
    served_by : str
        Whose code the page says it is: ``hub``, ``box``, or ``box`` and the hospital's name.
    """
    return text.replace(_NONCE, nonce).replace(_SERVED_BY, escape(served_by, quote=True))


def page_headers(nonce: str, name: str) -> dict[str, str]:
    """Return the headers of the page with a name; pure."""
    rule = policy(nonce, "'self' blob:" if name == PORTAL else "'self'")
    return {"Content-Security-Policy": rule, "Cache-Control": "no-store"}


class _Assets(StaticFiles):
    """Files whose names hold their hash: they never change, so a browser asks once."""

    def file_response(self, full_path: Any, *rest: Any, **more: Any) -> Response:
        response = super().file_response(full_path, *rest, **more)
        kind = TYPES.get(Path(full_path).suffix)
        if kind:
            response.headers["Content-Type"] = kind
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        # A worker lives under the policy of its own script, not of the page that started it.
        response.headers["Content-Security-Policy"] = WORKER_POLICY
        return response


def page(
    dist: Path,
    randomness: Callable[[int], bytes],
    name: str = "index.html",
    served_by: str = "",
) -> Starlette:
    """Return an application that serves the built page under any path.

    Parameters
    ----------
    dist : Path
        Vite's output; where it is missing the page says how to build it.
    name : str
        The page's file there.
    served_by : str
        See :func:`with_facts`.
    """

    async def index(_request: Request) -> Response:
        path = dist / name
        if not path.exists():
            return PlainTextResponse("页面尚未构建 / page not built: make web\n", status_code=503)
        nonce = randomness(16).hex()
        text = with_facts(path.read_text(encoding="utf-8"), nonce, served_by)
        return HTMLResponse(text, headers=page_headers(nonce, name))

    async def file(request: Request) -> Response:
        try:
            wanted = (dist / request.path_params["path"]).resolve()
            found = wanted.is_file() and dist.resolve() in wanted.parents
        except (OSError, ValueError):  # a name too long, or with a NUL, is no file of ours
            found = False
        if found and wanted.suffix != ".html":
            return FileResponse(wanted, media_type=TYPES.get(wanted.suffix))
        return await index(request)

    assets = _Assets(directory=dist / "assets", check_dir=False)
    routes = [
        Route("/", index),
        Mount("/assets", assets),
        Route("/{path:path}", file),
    ]
    return Starlette(routes=routes)
