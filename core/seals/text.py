"""Binary in JSON: lower-case hex for keys, hashes and signatures, base64url for the rest."""

from __future__ import annotations

import base64
import binascii
import re

_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)
_B64 = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def to_base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: object) -> bytes:
    """Return the bytes of base64url without padding, of the one spelling each has.

    Raises
    ------
    ValueError
        If it is something else.
    """
    if not isinstance(text, str) or not _B64.fullmatch(text):
        raise ValueError("not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None
    if to_base64url(data) != text:
        raise ValueError("not the shortest base64url")
    return data


def from_hex(text: object, length: int) -> bytes:
    """Return the bytes of lower-case hex.

    Raises
    ------
    ValueError
        If it is something else or of another length (in bytes).
    """
    if not isinstance(text, str) or len(text) != 2 * length or not _HEX.fullmatch(text):
        raise ValueError("not lower-case hex of that length")
    return bytes.fromhex(text)
