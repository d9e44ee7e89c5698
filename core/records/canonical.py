"""Canonical JSON (RFC 8785), the byte form of every record body and header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
import rfc8785

Json = dict[str, Any]


def to_bytes(value: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of a JSON object.

    Raises
    ------
    rfc8785.CanonicalizationError
        If the value holds something JSON cannot say (NaN, integers beyond 2**53).
    """
    if _is_plain(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:  # a lone surrogate: the library names it
            pass
    return rfc8785.dumps(dict(value))


_SAFE_INTEGER = 2**53 - 1


def _is_plain(value: Any) -> bool:
    """Return whether orjson and RFC 8785 agree on a value for sure.

    They differ in the order of keys beyond ASCII, in exponents (1e-07), in whole floats (1.0), and
    RFC 8785 has no integers beyond 2**53 - 1; a test holds both against each other.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -_SAFE_INTEGER <= value <= _SAFE_INTEGER
    if kind is float:
        text = repr(value)
        return "." in text and "e" not in text and not text.endswith(".0")
    if kind is dict:
        return all(
            type(key) is str and key.isascii() and _is_plain(one) for key, one in value.items()
        )
    return kind in (list, tuple) and all(map(_is_plain, value))


def from_bytes(data: bytes) -> Json:
    """Return the object of canonical bytes; unknown fields are kept as they are.

    Raises
    ------
    ValueError
        If the bytes are not a JSON object.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:  # what Python reads beyond the standard, it may read
        try:
            value = json.loads(data)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("a record is a JSON object")
    return value
