"""Canonical JSON (RFC 8785), the byte form of every record body and header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import rfc8785

Json = dict[str, Any]


def to_bytes(value: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of a JSON object.

    Raises
    ------
    rfc8785.CanonicalizationError
        If the value holds something JSON cannot say (NaN, integers beyond 2**53).
    """
    return rfc8785.dumps(dict(value))


def from_bytes(data: bytes) -> Json:
    """Return the object of canonical bytes; unknown fields are kept as they are.

    Raises
    ------
    ValueError
        If the bytes are not a JSON object.
    """
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("a record is a JSON object")
    return value
