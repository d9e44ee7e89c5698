"""Canonical JSON: the quick way and RFC 8785's own library give the same bytes."""

import contextlib

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records.canonical import from_bytes, to_bytes

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(), VALUES))
def test_same_bytes_or_the_same_refusal_as_the_library(value):
    expected = None
    with contextlib.suppress(rfc8785.CanonicalizationError):
        expected = rfc8785.dumps(value)
    if expected is None:
        with pytest.raises(rfc8785.CanonicalizationError):
            to_bytes(value)
    else:
        assert to_bytes(value) == expected


@pytest.mark.parametrize(
    "number",
    [0.5, -0.5, 1.0, -0.0, 1e-4, 1.5e-5, 1e-7, 123456789012345.6, 1e16, 1.5e300, 2**53 - 1],
)
def test_numbers_as_ecmascript_writes_them(number):
    assert to_bytes({"n": [number]}) == rfc8785.dumps({"n": [number]})


def test_control_characters_and_han():
    value = {"姓名": '\x00\x1f\x7f"\\\u2028 李四', "a": {"b": [], "c": {}}}
    assert to_bytes(value) == rfc8785.dumps(value)
    assert from_bytes(to_bytes(value)) == value
