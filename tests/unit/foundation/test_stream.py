"""A sealed blob read as a file: zip and seek work on it, closing twice is fine."""

from __future__ import annotations

import io
import os
import zipfile

from core.blobs.disk import DiskBlobs, put
from core.blobs.stream import sealed_stream

KEY = b"k" * 32


def test_a_zip_is_read_in_place(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", b"A" * 300_000)
        archive.writestr("b", os.urandom(10_000))
    store = DiskBlobs(tmp_path)
    store.create_folders()
    address = put(store, packed.getvalue(), KEY, os.urandom(32))
    blob = store.open(address, KEY)
    stream = sealed_stream(blob)
    with zipfile.ZipFile(stream) as archive:
        assert archive.read("a") == b"A" * 300_000
    stream.seek(-22, io.SEEK_END)
    assert stream.read(4) == b"PK\x05\x06"
    stream.close()
    blob.close()
