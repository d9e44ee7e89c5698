"""The key on paper and the seal: what is typed wrong is refused, what was changed does not open."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vault.errors import RecoveryKeyWrong
from edge.backup.errors import ObjectDamaged
from edge.backup.recovery import from_text, public_of, seal, to_text, unseal

SECRET = bytes(range(32))


@given(st.binary(min_size=32, max_size=32))
def test_any_key_survives_paper(secret):
    text = to_text(secret)
    assert [len(group) for group in text.split("-")] == [4] * 14
    assert from_text(text) == secret


def test_how_it_is_typed_does_not_matter():
    text = to_text(SECRET)
    full_width = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    zero_as_o = text.replace("0", "o").replace("1", "l").lower().replace("-", " ")
    for typed in (text.lower(), text.replace("-", ""), full_width, zero_as_o, f" {text} \n"):
        assert from_text(typed) == SECRET


@pytest.mark.parametrize("position", range(0, 69, 5))
def test_one_wrong_letter_is_refused(position):
    text = list(to_text(SECRET))
    text[position] = "7" if text[position] != "7" else "8"
    with pytest.raises(RecoveryKeyWrong):
        from_text("".join(text))


@pytest.mark.parametrize("typed", ["", "0000", "U" * 56, "密钥", to_text(SECRET)[:-1]])
def test_what_is_no_key_is_refused(typed):
    with pytest.raises(RecoveryKeyWrong):
        from_text(typed)


def test_seal_binds_the_name_and_every_byte():
    sealed = seal(b"records", "n/keys/1", public_of(SECRET), os.urandom)
    assert unseal(sealed, "n/keys/1", SECRET) == b"records"
    with pytest.raises(ObjectDamaged, match="n/keys/2"):
        unseal(sealed, "n/keys/2", SECRET)
    with pytest.raises(ObjectDamaged):
        unseal(sealed, "n/keys/1", bytes(31) + b"\1")
    for at in range(0, len(sealed), 11):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(ObjectDamaged):
            unseal(bytes(changed), "n/keys/1", SECRET)
    for cut in (0, 3, 6, 50, len(sealed) - 1):
        with pytest.raises(ObjectDamaged):
            unseal(sealed[:cut], "n/keys/1", SECRET)
