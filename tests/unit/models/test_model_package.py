"""Reading what is to be imported: hostile folders and archives are refused before they are read."""

from __future__ import annotations

import os
import zipfile

import pytest

from core.dicom.input_errors import (
    ArchiveCountError,
    ArchiveLinkError,
    ArchivePathError,
    ArchiveRatioError,
    ArchiveSizeError,
)
from core.models.errors import PackageTooLarge, PackageUnreadable, PackageUnsafe
from core.models.package import PackageLimits, read_package

SMALL = PackageLimits(
    file_bytes=100_000, total_bytes=150_000, files=6, ratio=50, ratio_floor_bytes=10_000
)


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members:
            out.writestr(name, data)
    return path


def test_a_folder_gives_names_and_bytes_and_notes_what_it_did_not_read(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.onnx").write_bytes(b"net")
    (tmp_path / "models" / "model.pt").write_bytes(b"pickle")
    (tmp_path / "run.py").write_text("print()")
    package = read_package(tmp_path)
    assert package.files == {"models/model.onnx": b"net"}
    assert sorted(package.unread) == ["models/model.pt", "run.py"]


def test_an_archive_with_one_folder_around_everything_reads_the_same(tmp_path):
    path = archive(tmp_path / "a.zip", [("top/model.onnx", b"net"), ("top/x/run.py", b"")])
    package = read_package(path)
    assert package.files == {"model.onnx": b"net"}
    assert package.unread == ["x/run.py"]


def test_one_file_takes_only_what_is_named_like_it(tmp_path):
    for name in ("acme.onnx", "acme.toml", "other.toml", "golden.npz"):
        (tmp_path / name).write_bytes(name.encode())
    package = read_package(tmp_path / "acme.onnx")
    assert sorted(package.files) == ["acme.onnx", "acme.toml"]
    assert package.stem == "acme"


@pytest.mark.parametrize(
    ("name", "data"), [("x.txt", b"text"), ("x.onnx/", None), ("x", b"\x80\x04pickle")],
    ids=["text", "nothing", "pickle"],
)  # fmt: skip
def test_what_is_no_model_is_refused(tmp_path, name, data):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(PackageUnreadable):
        read_package(path)


def test_a_link_in_a_folder_is_refused(tmp_path):
    (tmp_path / "model.onnx").symlink_to("/etc/passwd")
    with pytest.raises(PackageUnsafe):
        read_package(tmp_path)


def test_a_linked_folder_is_refused(tmp_path):
    (tmp_path / "models").symlink_to("/etc")
    with pytest.raises(PackageUnsafe):
        read_package(tmp_path)


def test_a_pipe_in_a_folder_is_refused_and_not_waited_on(tmp_path):
    os.mkfifo(tmp_path / "model.onnx")
    with pytest.raises(PackageUnsafe):
        read_package(tmp_path)


def test_a_link_beside_one_file_is_refused(tmp_path):
    (tmp_path / "acme.onnx").write_bytes(b"net")
    (tmp_path / "acme.toml").symlink_to("/etc/passwd")
    with pytest.raises(PackageUnsafe):
        read_package(tmp_path / "acme.onnx")


@pytest.mark.parametrize(
    "name", ["../model.onnx", "/model.onnx", "a/../../model.onnx", "C:\\m.onnx"]
)
def test_a_member_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ArchivePathError):
        read_package(archive(tmp_path / "a.zip", [(name, b"net")]))


def test_a_member_that_is_a_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("model.onnx")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveLinkError):
        read_package(tmp_path / "a.zip")


def test_a_bomb_is_refused_by_its_directory(tmp_path):
    path = archive(tmp_path / "a.zip", [("model.onnx", bytes(90_000))])
    with pytest.raises(ArchiveRatioError):
        read_package(path, SMALL)


def test_too_much_together_is_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [(f"{n}.onnx", os.urandom(60_000)) for n in range(3)])
    with pytest.raises(ArchiveSizeError):
        read_package(path, SMALL)
    folder = tmp_path / "folder"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.onnx").write_bytes(bytes(60_000))
    with pytest.raises(PackageTooLarge):
        read_package(folder, SMALL)


def test_too_many_files_are_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [(f"{n}.md", b"") for n in range(7)])
    with pytest.raises(ArchiveCountError):
        read_package(path, SMALL)
    folder = tmp_path / "folder"
    folder.mkdir()
    for n in range(7):
        (folder / f"{n}.md").touch()
    with pytest.raises(PackageTooLarge):
        read_package(folder, SMALL)


def test_a_file_over_the_limit_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes(100_001))
    with pytest.raises(PackageTooLarge):
        read_package(tmp_path, SMALL)


def test_folders_nested_too_deeply_are_refused(tmp_path):
    deep = tmp_path.joinpath(*"abcdef")
    deep.mkdir(parents=True)
    with pytest.raises(PackageTooLarge):
        read_package(tmp_path)


def test_two_members_of_one_name_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("model.onnx", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("model.onnx", b"two")
    with pytest.raises(PackageUnsafe):
        read_package(path)


def test_a_broken_archive_is_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [("model.onnx", os.urandom(5000))])
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(PackageUnreadable):
        read_package(path)
