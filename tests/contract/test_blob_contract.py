"""One contract for every blob store; run against memory and disk."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os

import pytest

from core.blobs.disk import DiskBlobs, put
from core.blobs.envelope import CHUNK_LOG2
from core.blobs.errors import BlobDamaged, BlobMissing
from core.blobs.memory import MemoryBlobs

KEY, OTHER = b"k" * 32, b"o" * 32
CHUNK = 1 << CHUNK_LOG2
PLAIN = bytes(range(256)) * (3 * CHUNK // 256) + b"end"


class Memory:
    def __init__(self, _folder):
        self.kept = {}
        self.store = MemoryBlobs(self.kept)

    def sealed(self, address):
        return self.kept[address]

    def replace(self, address, data):
        self.kept[address] = data


class Disk:
    def __init__(self, folder):
        self.store = DiskBlobs(folder)
        self.store.create_folders()

    def sealed(self, address):
        return self.store.path(address).read_bytes()

    def replace(self, address, data):
        self.store.path(address).write_bytes(data)


@pytest.fixture(params=[Memory, Disk], ids=["memory", "disk"])
def at(request, tmp_path):
    return request.param(tmp_path)


def kept(at, plain=PLAIN):
    return put(at.store, plain, KEY, os.urandom(32))


@pytest.mark.parametrize("refusal", ["none", "open", "write"])
@pytest.mark.parametrize("length", [0, 4096 - 85, 4096 - 84, 3_000_000, 5_000_003])
def test_long_ones_and_file_systems_without_direct_writes(tmp_path, monkeypatch, length, refusal):
    """Whole blocks, a rest, more than one buffer; O_DIRECT refused at the start or later."""
    store = DiskBlobs(tmp_path)
    store.create_folders()
    store.direct = True
    real_open, real_write = os.open, os.write

    def opened(path, flags, *mode):
        if flags & os.O_DIRECT and refusal == "open":
            raise OSError(errno.EINVAL, "no direct writes here")
        return real_open(path, flags, *mode)

    def written(handle, piece):
        if refusal == "write" and fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no direct writes here")
        return real_write(handle, piece)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "write", written)
    plain = (PLAIN * (length // len(PLAIN) + 1))[:length]
    address = put(store, plain, KEY, os.urandom(32))
    monkeypatch.undo()
    sealed = store.path(address).read_bytes()
    assert hashlib.sha256(sealed).hexdigest() == address
    with store.open(address, KEY) as blob:
        assert blob.read() == plain


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, len(PLAIN)])
def test_what_was_written_is_read(at, length):
    address = kept(at, PLAIN[:length])
    with at.store.open(address, KEY) as blob:
        assert blob.length == length
        assert blob.read() == PLAIN[:length]
    assert hashlib.sha256(at.sealed(address)).hexdigest() == address


def test_pieces_make_the_same_blob(at):
    writer = at.store.create(KEY, b"s" * 32)
    for start in range(0, len(PLAIN), 9973):
        writer.write(memoryview(PLAIN)[start : start + 9973])
    address = writer.finish()
    at.store.place([writer])
    assert (writer.length, writer.address) == (len(PLAIN), address)
    assert put(at.store, PLAIN, KEY, b"s" * 32) == address
    assert list(at.store.addresses()) == [address]


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 1), (CHUNK - 1, 2), (CHUNK, CHUNK), (5, 2 * CHUNK), (len(PLAIN) - 3, 99),
     (len(PLAIN), 1), (7, 0)],
)  # fmt: skip
def test_ranges(at, offset, length):
    with at.store.open(kept(at), KEY) as blob:
        assert blob.read(offset, length) == PLAIN[offset : offset + length]


def test_an_abandoned_blob_is_nowhere_and_a_finished_one_stays(at):
    writer = at.store.create(KEY, os.urandom(32))
    writer.write(PLAIN)
    writer.abandon()
    assert list(at.store.addresses()) == []
    writer = at.store.create(KEY, os.urandom(32))
    address = writer.finish()
    writer.abandon()
    assert list(at.store.addresses()) == [address]


def test_missing_and_deleted_are_typed(at):
    address = kept(at)
    at.store.delete(address)
    at.store.delete(address)
    assert list(at.store.addresses()) == []
    with pytest.raises(BlobMissing):
        at.store.open(address, KEY)


def test_another_key_opens_nothing(at):
    with pytest.raises(BlobDamaged):
        at.store.open(kept(at), OTHER)


@pytest.mark.parametrize("place", [0, 20, 60, 100, -1])
def test_a_flipped_bit_is_damage(at, place):
    address = kept(at)
    data = bytearray(at.sealed(address))
    data[place] ^= 1
    at.replace(address, bytes(data))
    with pytest.raises(BlobDamaged), at.store.open(address, KEY) as blob:
        blob.read()


@pytest.mark.parametrize("length", [0, 10, 80, -1])
def test_a_cut_blob_is_damage(at, length):
    address = kept(at)
    at.replace(address, at.sealed(address)[:length])
    with pytest.raises(BlobDamaged), at.store.open(address, KEY) as blob:
        blob.read()


def test_closing_twice_is_fine(at):
    blob = at.store.open(kept(at), KEY)
    blob.close()
    blob.close()
