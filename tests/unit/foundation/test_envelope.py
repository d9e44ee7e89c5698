"""The blob envelope: ranges, cuts, glue, wrong keys."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from core.blobs.disk import DiskBlobs, put
from core.blobs.envelope import HEADER, Opener, Sealer, open_whole, seal
from core.blobs.errors import BlobDamaged, BlobMissing

KEY, SALT = b"k" * 32, b"s" * 32


def sealed_in_pieces(plain: bytes, cut: int, log2: int = 10) -> bytes:
    sealer = Sealer(KEY, SALT, log2)
    out = [sealer.header]
    for at in range(0, len(plain), cut):
        out += sealer.update(plain[at : at + cut])
    return b"".join([*out, sealer.final()])


def opener(sealed: bytes, key: bytes = KEY) -> Opener:
    return Opener(key, lambda at, n: sealed[at : at + n], len(sealed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5000), st.integers(1, 3000), st.integers(0, 5200), st.integers(0, 5200))
def test_any_range_of_any_length_comes_back(length, cut, offset, count):
    plain = bytes(n % 251 for n in range(length))
    sealed = sealed_in_pieces(plain, cut)
    assert opener(sealed).length == length
    assert opener(sealed).read(offset, count) == plain[offset : offset + count]


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 1025, 2048, 4096])
def test_every_cut_is_an_error(length):
    sealed = sealed_in_pieces(os.urandom(length), 700)
    for end in {HEADER - 1, HEADER, HEADER + 15, len(sealed) - 1, len(sealed) - 16, HEADER + 1040}:
        if HEADER - 1 <= end < len(sealed):
            with pytest.raises(BlobDamaged):
                opener(sealed[:end]).verify()


def test_every_flipped_byte_is_an_error():
    sealed = sealed_in_pieces(b"x" * 1500, 1500)
    for at in range(0, len(sealed), 7):
        bad = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(BlobDamaged):
            opener(bad).verify()


def test_swapped_chunks_and_appended_bytes_are_errors():
    sealed = sealed_in_pieces(os.urandom(3000), 3000)
    step = 1024 + 16
    first, second = sealed[HEADER : HEADER + step], sealed[HEADER + step : HEADER + 2 * step]
    with pytest.raises(BlobDamaged):
        opener(sealed[:HEADER] + second + first + sealed[HEADER + 2 * step :]).verify()
    with pytest.raises(BlobDamaged):
        opener(sealed + first).verify()


@pytest.mark.parametrize("context", [b"", b"context"])
def test_keys_are_those_of_the_library_hkdf(context):
    sealer = Sealer(KEY, SALT, context=context)
    info = b"xinglin blob v1" + sealer.header[:5] + context
    material = HKDF(SHA256(), 64, salt=SALT, info=info).derive(KEY)
    assert sealer.header.endswith(material[32:])
    first = sealer.final()
    assert AESGCM(material[:32]).decrypt(bytes(11) + b"\x01", first, context or None) == b""


@pytest.mark.parametrize("step", [70_001, 1 << 17, 1 << 18, 262_145, 400_000])
def test_sealing_into_a_place_gives_the_same_bytes(step):
    plain = os.urandom(300_000)
    place, used, stage = memoryview(bytearray(400_000)), 0, memoryview(bytearray(1 << 17))

    def room(length):
        return place[used : used + length]

    one, other = Sealer(KEY, SALT, context=b"c"), Sealer(KEY, SALT, context=b"c")
    for at in range(0, len(plain), step):
        for piece in one.update_into(plain[at : at + step], stage, room):
            used += len(piece)
    used += len(one.final_into(stage, room))
    assert bytes(place[:used]) == b"".join([*other.update(plain), other.final()])


def test_a_blob_opens_under_one_key_only():
    sealed = seal(b"pixels", KEY, SALT)
    assert open_whole(sealed, KEY) == b"pixels"
    with pytest.raises(BlobDamaged, match="key"):
        open_whole(sealed, b"q" * 32)


def test_disk_store_keeps_ciphertext_under_its_hash(tmp_path):
    store = DiskBlobs(tmp_path)
    store.create_folders()
    address = put(store, b"PATIENT PIXELS" * 50_000, KEY, os.urandom(32))
    assert list(store.addresses()) == [address]
    assert b"PATIENT" not in store.path(address).read_bytes()
    with store.open(address, KEY) as blob:
        assert blob.read(14, 14) == b"PATIENT PIXELS"
        assert blob.length == 700_000
    store.delete(address)
    with pytest.raises(BlobMissing):
        store.open(address, KEY)


def test_half_written_blobs_are_gone_after_restart(tmp_path):
    store = DiskBlobs(tmp_path)
    store.create_folders()
    writer = store.create(KEY, os.urandom(32))
    writer.write(b"half")
    DiskBlobs(tmp_path).create_folders()
    assert list(store.addresses()) == []
    assert list((tmp_path / "incoming").iterdir()) == []
    writer.abandon()
