"""Files, folders, archives: what is found, and what is refused before it is unpacked."""

import gzip
import os
import struct
import zipfile

import numpy as np
import pytest

from core.dicom.files import FileLimits, Found, Problem, find_objects, kind_of
from core.dicom.input_errors import (
    ArchiveBrokenError,
    ArchiveCountError,
    ArchiveEncryptedError,
    ArchiveLinkError,
    ArchiveNestedError,
    ArchivePathError,
    ArchiveRatioError,
    ArchiveSizeError,
    FileSizeError,
    FolderTooLargeError,
    FormatUnknownError,
    LinkRefusedError,
    PathUnreadableError,
)
from tests import input_cases as cases

SLICE = cases.encoded(cases.ct_slice(0))


def found_in(*paths, **limits):
    results = list(find_objects(paths, FileLimits(**limits)))
    return (
        [r for r in results if isinstance(r, Found)],
        [type(r.error) for r in results if isinstance(r, Problem)],
    )


def test_nested_folders_in_a_stable_order_and_bystanders(tmp_path):
    for name in ("b/2.dcm", "a/deep/er/1", "a/0.dcm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SLICE)
    (tmp_path / "README").write_text("patient CD 说明")
    (tmp_path / "list.csv").write_text("a,b")
    found, problems = found_in(tmp_path)
    assert [str(f.origin.path.relative_to(tmp_path)) for f in found] == [
        "a/0.dcm", "a/deep/er/1", "b/2.dcm",
    ]  # fmt: skip
    assert problems == []


def test_what_promises_an_image_but_is_none_is_a_problem(tmp_path):
    (tmp_path / "broken.dcm").write_bytes(b"nothing")
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 4)
    assert found_in(tmp_path) == ([], [FormatUnknownError, FormatUnknownError])
    (tmp_path / "given.txt").write_text("x")
    assert found_in(tmp_path / "given.txt") == ([], [FormatUnknownError])
    assert found_in(tmp_path / "missing") == ([], [PathUnreadableError])


def test_links_and_special_files_are_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.dcm").write_bytes(SLICE)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.dcm").symlink_to(tmp_path / "outside" / "secret.dcm")
    (inside / "folder").symlink_to(tmp_path / "outside")
    (inside / "loop").symlink_to(inside)
    os.mkfifo(inside / "pipe.dcm")
    found, problems = found_in(inside)
    assert found == []
    assert problems == [LinkRefusedError] * 4


def test_too_many_files_and_too_deep(tmp_path):
    for n in range(6):
        (tmp_path / f"{n}.dcm").write_bytes(SLICE)
    assert found_in(tmp_path, files=5)[1] == [FolderTooLargeError]
    (tmp_path / "x/y/z").mkdir(parents=True)
    assert FolderTooLargeError in found_in(tmp_path, depth=2)[1]
    assert found_in(tmp_path / "0.dcm", file_bytes=100)[1] == [FileSizeError]


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (bytes(128) + b"DICM", "dicom"),
        (b"\x08\0\x05\0CS\x0a\0ISO_IR 100" + bytes(20), "dicom"),
        (b"\x08\0\0\0\x04\0\0\0" + bytes(20), "dicom"),
        (b"\0\x08\0\x05CS\0\x0aISO_IR 100" + bytes(20), "dicom"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "picture"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "picture"),
        (bytes(344) + b"n+1\0", "nifti"),
        (gzip.compress(bytes(400), mtime=0), "nifti"),
        (b"PK\x03\x04" + bytes(20), "zip"),
        (b"", "other"),
        (b"plain text, and more of it", "other"),
    ],
)
def test_formats_are_told_by_content(start, kind):
    assert kind_of(start) == kind


def test_members_of_an_archive_open_one_by_one(tmp_path):
    path = cases.zip_of([("姓名/a/1.dcm", SLICE), ("notes.txt", b"x"), ("b.dcm", SLICE)],
                        tmp_path / "z.zip")  # fmt: skip
    found, problems = found_in(path)
    assert problems == []
    assert [f.origin.member for f in found] == [0, 2]
    with found[1].origin.open() as stream:
        assert stream.read() == SLICE
    assert "姓名" not in found[0].origin.name()


@pytest.mark.parametrize(
    "name", ["../x.dcm", "a/../../x.dcm", "/etc/x.dcm", "C:/x.dcm", "..\\x.dcm", "\\\\host\\x.dcm"]
)
def test_members_that_leave_the_archive_are_refused(tmp_path, name):
    path = cases.zip_of([(name, SLICE), ("good.dcm", SLICE)], tmp_path / "z.zip")
    found, problems = found_in(path)
    assert problems == [ArchivePathError]
    assert len(found) == 1


def test_links_and_devices_in_archives(tmp_path):
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in (("link.dcm", 0o120777), ("device.dcm", 0o020666)):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, "/etc/passwd")
    assert found_in(path) == ([], [ArchiveLinkError, ArchiveLinkError])


def test_encrypted_nested_and_damaged_members(tmp_path):
    inner = cases.zip_of([("x.dcm", SLICE)], tmp_path / "inner.zip").read_bytes()
    path = cases.zip_of([("a.dcm", SLICE), ("inner.zip", inner)], tmp_path / "z.zip")
    assert found_in(path)[1] == [ArchiveNestedError]
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8] |= 1
    content[6] |= 1
    path.write_bytes(content)
    assert found_in(path)[1][0] is ArchiveEncryptedError
    path = cases.zip_of([("a.dcm", SLICE * 20)], tmp_path / "damaged.zip")
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    assert found_in(path)[1] == [ArchiveBrokenError]


def test_truncated_and_empty_archives(tmp_path):
    whole = cases.zip_of([("a.dcm", SLICE)], tmp_path / "z.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    assert found_in(tmp_path / "cut.zip")[1] == [ArchiveBrokenError]
    assert found_in(cases.zip_of([], tmp_path / "empty.zip")) == ([], [])


def test_bombs_by_count_size_and_ratio(tmp_path):
    many = cases.zip_of([(f"{n}.dcm", SLICE) for n in range(9)], tmp_path / "many.zip")
    assert found_in(many, members=8)[1] == [ArchiveCountError]
    assert found_in(many, archive_bytes=5 * len(SLICE))[1] == [ArchiveSizeError]
    bomb = cases.zip_of([("0.dcm", SLICE + bytes(3_000_000))], tmp_path / "bomb.zip")
    assert found_in(bomb, ratio_floor_bytes=1_000_000)[1] == [ArchiveRatioError]
    assert len(found_in(bomb)[0]) == 1  # three empty megabytes are no attack


def test_overlapping_members_unpack_the_same_bytes_many_times(tmp_path):
    """Fifield 2019: every directory entry points at one compressed kernel."""
    path = cases.zip_of([("0.dcm", bytes(2_000_000))], tmp_path / "z.zip")
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entries = b"".join(content[at:end].replace(b"0.dcm", f"{n}.dcm".encode()) for n in range(9))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(entries), at, 0)
    path.write_bytes(content[:at] + entries + tail)
    assert found_in(path, ratio_floor_bytes=8_000_000)[1] == [ArchiveRatioError]


def test_a_directory_that_would_fill_the_memory(tmp_path):
    path = cases.zip_of([("0.dcm", SLICE)], tmp_path / "z.zip")
    content = bytearray(path.read_bytes())
    end = content.index(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<L", 900_000_000)
    path.write_bytes(content)
    assert found_in(path)[1] == [ArchiveCountError]


def test_heads_are_read_without_the_pixels(tmp_path):
    from core.dicom.facts import HEAD_KEYWORDS, image_facts
    from core.dicom.parse import GrowingReader, parse_dicom

    class Counting:
        def __init__(self, stream):
            self.stream, self.taken = stream, 0

        def read(self, count):
            piece = self.stream.read(count)
            self.taken += len(piece)
            return piece

    big = cases.encoded(cases.image(np.zeros((2000, 2000), np.uint16), Modality="DX"))
    path = cases.zip_of([("big.dcm", big)], tmp_path / "z.zip")
    (found,), _ = found_in(path)
    with found.origin.open() as stream:
        counting = Counting(stream)
        head = parse_dicom(counting, found.origin.size, keywords=HEAD_KEYWORDS)
    assert image_facts(head).rows == 2000
    assert counting.taken < 600_000
    reader = GrowingReader(stream, 10)
    assert reader.seek(5) == reader.tell() == 5
