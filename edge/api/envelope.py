"""How much a request may send, by its path."""

from __future__ import annotations

from core.web.envelope import FORM_BYTES

#: Routes that take files: they stream to disk and count for themselves.
_STREAMED = ("/api/upload", "/api/township/upload", "/dicomweb/studies")
#: A summary, a purpose and an opinion may be long.
_WORDS_BYTES = 512 * 1024
#: A review holds the outlines of every lesion that was drawn.
_OUTLINES_BYTES = 8 * 1024 * 1024


def limit_of(path: str) -> int | None:
    """Return the most bytes that a path takes, None where the route streams."""
    if path.startswith(_STREAMED):
        return None
    if path.startswith("/api/consults/") and path.endswith("/documents"):
        return None
    if path.startswith("/api/studies/") and ("/review/" in path or path.endswith("/review")):
        return _OUTLINES_BYTES
    if path.startswith("/api/studies/") and path.endswith("/measurements"):
        return _OUTLINES_BYTES  # contours
    words = path.startswith(("/api/consults/", "/api/township/")) or path.endswith("/consult")
    return _WORDS_BYTES if words else FORM_BYTES
