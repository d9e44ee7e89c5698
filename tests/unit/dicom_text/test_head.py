"""Heads: values, chunks, encodings, refusals, and equality with pydicom on generated data sets."""

from __future__ import annotations

import io
import os
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from core.dicom.errors import (
    HeadDeflateError,
    HeadIdentifierMissingError,
    HeadTooDeepError,
    HeadUnreadableError,
)
from core.dicom.head import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    MAX_HEAD_BYTES,
    HeadReader,
    read_head,
)
from core.errors import XinglinError

SYNTAXES = [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG]


def ct() -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "GB18030"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyDate = "20261122"
    dataset.Modality = "CT"
    dataset.PatientName = "ZHANG^SAN=张^三"
    dataset.PatientID = "P1"
    dataset.KVP = "120"
    dataset.ConvolutionKernel = "SOFT"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.1"
    dataset.InstanceNumber = 7
    dataset.ImagePositionPatient = [-250.0, -250.0, 12.5]
    dataset.Rows = 512
    dataset.Columns = 256
    dataset.PixelSpacing = [0.7, 0.7]
    return dataset


def encoded(dataset: Dataset, syntax: str = EXPLICIT_LITTLE) -> bytes:
    buffer = io.BytesIO()
    if syntax == DEFLATED:
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(encoded(dataset)) + packer.flush()
    implicit, little = UID(syntax).is_implicit_VR, UID(syntax).is_little_endian
    dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=little)
    return buffer.getvalue()


def with_pixels(dataset: Dataset) -> Dataset:
    dataset.add_new(0x7FE00010, "OW", bytes(64))
    return dataset


def nested(tag: int, value: Dataset | list[Dataset], *, undefined: bool) -> Dataset:
    dataset = Dataset()
    items = value if isinstance(value, list) else [value]
    dataset.add_new(tag, "SQ", Sequence(items))
    dataset[tag].is_undefined_length = undefined
    for one in items:
        one.is_undefined_length_sequence_item = undefined
    return dataset


@pytest.mark.parametrize("syntax", [*SYNTAXES, DEFLATED])
def test_values_of_every_kind(syntax):
    head = read_head(encoded(with_pixels(ct()), syntax), syntax)
    assert head.routing.study_uid == "1.2.3"
    assert head.routing.series_uid == "1.2.3.1"
    assert head.routing.sop_instance_uid == "1.2.3.4"
    assert head.routing.patient_id == "P1"
    assert head.state == "pixels"
    values = head.attributes
    assert values["PatientName"] == "ZHANG^SAN=张^三"
    assert values["ImageType"] == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert values["ConvolutionKernel"] == ["SOFT"]
    assert values["ImagePositionPatient"] == [-250.0, -250.0, 12.5]
    assert (values["Rows"], values["Columns"], values["InstanceNumber"]) == (512, 256, 7)
    assert values["KVP"] == 120.0
    assert (head.repairs, head.invalid) == ((), ())


@pytest.mark.parametrize("syntax", [*SYNTAXES, DEFLATED])
@pytest.mark.parametrize("step", [1, 7, 100])
def test_chunks_give_the_same_head(syntax, step):
    content = encoded(with_pixels(ct()), syntax)
    reader = HeadReader(syntax)
    heads = []
    for start in range(0, len(content), step):
        head = reader.feed(content[start : start + step])
        if head is not None:
            heads.append(head)
            break
    assert heads == [read_head(content, syntax)]


def test_routing_comes_before_the_pixels():
    content = encoded(with_pixels(ct()))
    reader = HeadReader(EXPLICIT_LITTLE)
    early = content.index(b"1.2.3.1\0") + 10
    assert reader.feed(content[: early - 40]) is None
    assert reader.routing is None
    assert reader.feed(content[early - 40 : early]) is None
    assert reader.routing is not None
    assert reader.routing.series_uid == "1.2.3.1"


def test_file_meta_is_recognised_and_wins():
    dataset = ct()
    buffer = io.BytesIO()
    dataset.file_meta = Dataset()
    dataset.file_meta.TransferSyntaxUID = UID(IMPLICIT_LITTLE)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    from pydicom.dataset import FileMetaDataset

    dataset.file_meta = FileMetaDataset(dataset.file_meta)
    dcmwrite(buffer, dataset, enforce_file_format=True)
    head = read_head(buffer.getvalue(), EXPLICIT_LITTLE)
    assert head.transfer_syntax == IMPLICIT_LITTLE
    assert head.attributes["Rows"] == 512
    assert head.state == "end"


@pytest.mark.parametrize("syntax", SYNTAXES[:2])
@pytest.mark.parametrize("label", ["", *SYNTAXES[:2]])
def test_wrong_or_missing_syntax_is_seen_from_the_bytes(syntax, label):
    assert read_head(encoded(ct(), syntax), label).attributes["Rows"] == 512


def test_mislabelled_text_is_repaired_and_recorded():
    dataset = ct()
    del dataset.SpecificCharacterSet
    dataset.PatientName = "X"
    content = encoded(dataset).replace(b"PN\x02\0X ", b"PN\x04\0" + "张三".encode("gbk"))
    head = read_head(content, EXPLICIT_LITTLE)
    assert head.attributes["PatientName"] == "张三"
    assert [(r.tag, r.used) for r in head.repairs] == [("00100010", "gb18030")]
    forced = read_head(content, EXPLICIT_LITTLE, charset_override="ISO_IR 100")
    assert forced.attributes["PatientName"] == "ÕÅÈý"


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("uid", [None, "", "../../etc", "1" * 65, "1.2\n3"])
def test_identifier_missing_or_malformed(keyword, uid):
    dataset = ct()
    if uid is None:
        del dataset[keyword]
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            setattr(dataset, keyword, uid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = encoded(dataset)
    with pytest.raises(HeadIdentifierMissingError) as caught:
        read_head(content, EXPLICIT_LITTLE)
    assert keyword in str(caught.value)
    assert "etc" not in str(caught.value)


def test_identifiers_inside_sequences_are_not_the_instances():
    inner = ct()
    inner.StudyInstanceUID = "9.9.9"
    outer = ct()
    outer.update(nested(0x00081110, inner, undefined=True))
    outer.update(nested(0x00400275, inner, undefined=False))
    for syntax in SYNTAXES:
        head = read_head(encoded(outer, syntax), syntax)
        assert head.routing.study_uid == "1.2.3"
        assert head.state == "end"


def test_depth_is_capped_without_recursion():
    opened = b"\x08\x00\x10\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(HeadTooDeepError):
        read_head(opened * 5000, EXPLICIT_LITTLE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08\x00",
        b"not dicom at all, only a text file that someone dropped here" * 4,
        b"\x08\x00\x10\x11SQ\0\0\xff\xff\xff\xff\x08\x00\x10\x11SQ\0\0\0\0\0\0",
        b"\x08\x00\x05\x00CS\x02\x00AB\xfe\xff\x00\xe0\x08\0\0\0",
        b"\x02\x00\x10\x00UI",
    ],
)
def test_what_is_no_data_set_is_refused(content):
    with pytest.raises((HeadUnreadableError, HeadIdentifierMissingError)):
        read_head(content, EXPLICIT_LITTLE)


def test_deflate_bomb_is_bounded_and_garbage_refused():
    packer = zlib.compressobj(9, wbits=-15)
    bomb = encoded(ct()) + b"\x09\x00\x10\x00OB\0\0\0\0\0\x7f"
    packed = packer.compress(bomb) + packer.compress(bytes(64 << 20)) + packer.flush()
    reader = HeadReader(DEFLATED)
    head = reader.feed(packed)
    assert head is not None
    assert len(reader._buffer) == MAX_HEAD_BYTES
    with pytest.raises(HeadDeflateError):
        read_head(b"\xff" * 400, DEFLATED)


def test_numbers_that_are_none_are_named():
    content = encoded(ct()).replace(b"DS\x04\x00120 ", b"DS\x04\x00NaN ")
    head = read_head(content, EXPLICIT_LITTLE)
    assert "KVP" not in head.attributes
    assert head.invalid == ("KVP",)


def test_long_private_element_is_skipped_across_chunks():
    dataset = ct()
    dataset.add_new(0x00190010, "LO", "MAKER")
    dataset.add_new(0x00191001, "OB", bytes(300_000))
    content = encoded(with_pixels(dataset))
    reader = HeadReader(EXPLICIT_LITTLE)
    head = None
    for start in range(0, len(content), 16384):
        head = head or reader.feed(content[start : start + 16384])
    assert head is not None
    assert head.attributes["Rows"] == 512


def test_time_per_head_is_small():
    content = encoded(with_pixels(ct()))
    best = min(_seconds(content) for _ in range(5))
    assert best < 0.002  # five times the budget: a shared machine must not make this fail


def _seconds(content: bytes) -> float:
    start = time.perf_counter()
    for _ in range(20):
        read_head(content, EXPLICIT_LITTLE)
    return (time.perf_counter() - start) / 20


TEXT = st.text(st.sampled_from("abcXYZ 张三乗區·"), max_size=12)
LEAF = st.fixed_dictionaries(
    {},
    optional={
        "StudyDescription": TEXT,
        "PatientName": TEXT,
        "InstitutionName": TEXT,
        "Rows": st.integers(0, 65535),
        "InstanceNumber": st.integers(-5, 99999),
        "PixelSpacing": st.lists(st.integers(1, 9), min_size=2, max_size=2),
        "ImageComments": TEXT,
    },
)


def _dataset(values: dict[str, object]) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _wrap(children: list[Dataset], values: dict[str, object], undefined: bool) -> Dataset:
    dataset = _dataset(values)
    if children:
        dataset.update(nested(0x00081110, children, undefined=undefined))
    return dataset


TREE = st.recursive(
    LEAF.map(_dataset),
    lambda inner: st.builds(_wrap, st.lists(inner, max_size=3), LEAF, st.booleans()),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TREE, st.sampled_from(SYNTAXES), st.integers(1, 400))
def test_agrees_with_pydicom(tree, syntax, step):
    tree.SpecificCharacterSet = "ISO_IR 192"
    tree.SOPInstanceUID, tree.StudyInstanceUID, tree.SeriesInstanceUID = "1.1", "1.2", "1.3"
    content = encoded(with_pixels(tree), syntax)
    head = read_head(content, syntax)
    reader = HeadReader(syntax)
    for start in range(0, len(content), step):
        partial = reader.feed(content[start : start + step])
        if partial is not None:
            assert partial == head
            break
    for keyword in ("StudyDescription", "PatientName", "InstitutionName", "Rows"):
        theirs = tree.get(keyword)
        ours = head.attributes.get(keyword)
        if keyword == "Rows":
            assert ours == theirs
        else:
            assert (ours or "") == str(theirs or "").strip(" ")


SEED_CONTENT = encoded(with_pixels(ct()))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, len(SEED_CONTENT) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(SEED_CONTENT)),
    st.sampled_from([*SYNTAXES, DEFLATED, ""]),
)
@example([(4, 0xFF)], 50, "")
def test_damaged_bytes_end_in_a_head_or_a_typed_refusal(changes, cut, syntax):
    content = bytearray(SEED_CONTENT)
    for position, value in changes:
        content[position] = value
    try:
        head = read_head(bytes(content[:cut]), syntax)
    except XinglinError:
        return
    assert head.routing.study_uid


@pytest.mark.data
def test_real_files_agree_with_pydicom():
    root = os.environ.get("XINGLIN_DATA")
    if root is None:
        pytest.skip("XINGLIN_DATA is not set")
    compared = 0
    for name in ("objects", "transfer_syntaxes", "malformed", "encapsulation"):
        archive = zipfile.ZipFile(Path(root) / "dicom" / f"{name}.zip")
        for member in archive.infolist():
            if member.is_dir() or member.file_size > 4 << 20:
                continue
            compared += _compare(archive.read(member))
    assert compared > 100


def _compare(content: bytes) -> int:
    try:
        head = read_head(content, "")
    except XinglinError:
        return 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = dcmread(io.BytesIO(content), stop_before_pixels=True, force=True)
        assert head.routing.study_uid == theirs.StudyInstanceUID
        assert head.routing.sop_instance_uid == theirs.SOPInstanceUID
        for keyword in ("Rows", "Columns", "BitsStored", "Modality", "InstanceNumber"):
            value = theirs.get(keyword)
            assert head.attributes.get(keyword) == (None if value == "" else value)
    return 1
