"""One contract for every store of sealed objects: files, memory, a folder of obstore, S3-like."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from obstore.store import LocalStore, MemoryStore

from hub.errors import ObjectMissing, ObjectStoreDown
from hub.settings import ObjectSettings
from hub.store.objects import FolderObjects, RemoteObjects, open_objects, stream
from tests.s3_fake import s3_server

DATA = bytes(range(256)) * 3000
ADDRESS = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "memory", "obstore folder", "s3"])
def objects(request, tmp_path, monkeypatch):
    if request.param == "folder":
        yield FolderObjects(tmp_path / "objects")
    elif request.param == "memory":
        yield RemoteObjects(MemoryStore())
    elif request.param == "s3":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        with s3_server() as (address, _):
            settings = ObjectSettings("s3://bucket/sealed", address, "r")
            yield open_objects(tmp_path / "none", settings)
    else:
        yield RemoteObjects(LocalStore(tmp_path / "objects", mkdir=True))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "incoming"
    path.write_bytes(DATA)
    return path


def test_what_is_put_is_there(objects, source):
    assert not objects.exists(ADDRESS)
    objects.put(ADDRESS, source)
    assert objects.exists(ADDRESS)
    assert not source.exists()
    assert objects.size(ADDRESS) == len(DATA)
    assert list(objects.addresses()) == [ADDRESS]


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (255, 300), (len(DATA) - 5, 100), (len(DATA), 1), (0, 10**7)]
)
def test_ranges(objects, source, start, length):
    objects.put(ADDRESS, source)
    assert objects.read(ADDRESS, start, length) == DATA[start : start + length]


def test_stream_is_the_range(objects, source):
    objects.put(ADDRESS, source)
    assert b"".join(stream(objects, ADDRESS, 7, len(DATA) - 9)) == DATA[7:-9]


def test_putting_twice_changes_nothing(objects, source):
    objects.put(ADDRESS, source)
    source.write_bytes(DATA)
    objects.put(ADDRESS, source)
    assert not source.exists()
    assert objects.read(ADDRESS, 0, len(DATA)) == DATA


def test_deleting(objects, source):
    objects.put(ADDRESS, source)
    for _ in range(2):
        objects.delete(ADDRESS)
    assert not objects.exists(ADDRESS)
    with pytest.raises(ObjectMissing):
        objects.read(ADDRESS, 0, 1)
    with pytest.raises(ObjectMissing):
        objects.size(ADDRESS)


@pytest.mark.parametrize("address", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_address_is_not_here(objects, source, address):
    assert not objects.exists(address)
    objects.delete(address)
    with pytest.raises(ObjectMissing):
        objects.read(address, 0, 1)
    with pytest.raises(ObjectMissing):
        objects.put(address, source)
    assert source.exists()


def test_a_store_that_is_away_says_so_and_keeps_the_source(source):
    away = open_objects(
        source.parent,
        ObjectSettings("s3://bucket/x", "http://127.0.0.1:1", "region"),
    )
    with pytest.raises(ObjectStoreDown):
        away.put(ADDRESS, source)
    assert source.exists()


def test_from_another_file_system(tmp_path):
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is no file system of its own here")
    objects = FolderObjects(tmp_path / "objects")
    with NamedTemporaryFile(dir=elsewhere, delete=False) as file:
        file.write(DATA)
    source = Path(file.name)
    objects.put(ADDRESS, source)
    assert not source.exists()
    assert objects.read(ADDRESS, 0, len(DATA)) == DATA
    assert [path.name for path in (tmp_path / "objects" / ADDRESS[:2]).iterdir()] == [ADDRESS]


def test_a_full_disk_is_said(tmp_path):
    objects = FolderObjects(tmp_path / "objects")
    (tmp_path / "objects").write_bytes(b"a file where the folder should be")
    source = tmp_path / "incoming"
    source.write_bytes(DATA)
    with pytest.raises(ObjectStoreDown):
        objects.put(ADDRESS, source)
    assert source.exists()
