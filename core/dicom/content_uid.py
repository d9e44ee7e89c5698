"""UIDs for images without DICOM identity: under 2.25, from the hash of their content. Pure.

PS3.5 B.2: "2.25." followed by a UUID as a decimal number; here a version-8 UUID (RFC 9562 5.8).
"""

from __future__ import annotations

import hashlib


def content_uid(content_sha256: bytes, role: str) -> str:
    """Return the UID that an image with this content has in one role (study, series, instance)."""
    digest = hashlib.sha256(role.encode() + b"\0" + content_sha256).digest()
    number = int.from_bytes(digest[:16])
    number = number & ~(0xF << 76) | (8 << 76)
    number = number & ~(0x3 << 62) | (2 << 62)
    return f"2.25.{number}"
