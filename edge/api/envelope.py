"""How much a request may send, by its path."""

from __future__ import annotations

from core.web.envelope import FORM_BYTES

#: Routes that take files: they stream to disk and count for themselves.
_STREAMED = ("/api/upload", "/dicomweb/studies")


def limit_of(path: str) -> int | None:
    """Return the most bytes that a path takes, None where the route streams."""
    return None if path.startswith(_STREAMED) else FORM_BYTES
