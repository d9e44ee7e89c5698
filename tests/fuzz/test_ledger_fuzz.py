"""Ledger files with bytes changed: no crash, no false content, no silent loss but of the end."""

from __future__ import annotations

import itertools
import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vault.errors import KeyUnknown
from edge.intake.entries import unpack
from edge.intake.ledger import PAGE, read_contents, seal_frame

KEY = AESGCM(b"k" * 32)
NAME = "0011223344556677.ledger"
PLAINS = [os.urandom(size) for size in (10, 5000, 0, 4096, 300, 9000)]


def ledger(needed):
    frames = [
        seal_frame(KEY, NAME, (number, min(needed, number)), plain, bytes([number]) * 12)
        for number, plain in enumerate(PLAINS, 1)
    ]
    starts = [sum(map(len, frames[:n])) for n in range(len(frames) + 1)]
    return bytearray(b"".join(frames) + bytes(2 * PAGE)), starts


CHANGES = st.lists(
    st.tuples(st.integers(0, 13 * PAGE), st.binary(min_size=1, max_size=64)), max_size=8
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CHANGES, st.integers(1, len(PLAINS)))
def test_changed_bytes_never_give_other_content(changes, needed):
    data, starts = ledger(needed)
    whole = bytes(data)
    for place, piece in changes:
        at = place % len(data)
        data[at : at + len(piece)] = piece[: len(data) - at]
    found = read_contents(bytes(data), KEY, NAME)
    assert set(found.plains) <= set(PLAINS)
    same = [data[a:b] == whole[a:b] for a, b in itertools.pairwise(starts)]
    if all(same[needed - 1 :]):
        assert list(found.plains) == PLAINS[needed - 1 :]
    intact = [p for p, kept in zip(PLAINS, same, strict=True) if kept]
    if not found.damaged and same[-1]:
        assert set(PLAINS[needed - 1 :]) == set(found.plains)
    if same[-1]:
        assert {p for p in PLAINS[needed - 1 :] if p in intact} <= set(found.plains)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=3 * PAGE))
def test_any_bytes_are_read_without_a_fault(data):
    for some in (data, b"XLLEDG\x00\x01" + data, bytes(PAGE) + b"XLLEDG\x00\x01" + data):
        assert read_contents(some, KEY, NAME).plains == ()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.integers(0, 40), st.integers(0, 400))
def test_contents_of_another_form_are_damage(data, name, length):
    for plain in (data, struct.pack(">HI", name, length) + data):
        found = unpack(plain, Keys())
        assert found.arrivals == []
        assert found.damaged == bool(plain)


class Keys:
    def key(self, key_id):
        if key_id.startswith("s"):
            return bytes(32)
        raise KeyUnknown(key=key_id)
