"""Whole data sets to UTF-8: nested labels, raw and already decoded elements, real files."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from core.dicom.errors import HeadTooDeepError
from core.dicom.utf8 import to_utf8


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    head = tag.to_bytes(4, "little")
    head = head[2:4] + head[0:2] + vr
    if vr in (b"SQ", b"UN", b"UT"):
        return head + b"\0\0" + len(value).to_bytes(4, "little") + value
    return head + len(value).to_bytes(2, "little") + value


def item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content


def read(content: bytes) -> Dataset:
    meta = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0")
    head = bytes(128) + b"DICM" + element(0x00020000, b"UL", len(meta).to_bytes(4, "little"))
    return dcmread(io.BytesIO(head + meta + content))


def written_and_read(dataset: Dataset) -> Dataset:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    return dcmread(io.BytesIO(buffer.getvalue()), force=True)


def test_mislabelled_name_is_written_as_utf8():
    source = read(
        element(0x00080005, b"CS", b"ISO_IR 100")
        + element(0x00100010, b"PN", "Zhang^San=张^三".encode("gbk"))
        + element(0x00280010, b"US", b"\x00\x02")
    )
    copy, repairs = to_utf8(source)
    again = written_and_read(copy)
    assert again.SpecificCharacterSet == "ISO_IR 192"
    assert str(again.PatientName) == "Zhang^San=张^三"
    assert again.Rows == 512
    assert [(r.tag, r.kind, r.used) for r in repairs] == [("00100010", "relabelled", "gb18030")]
    assert bytes(source.get_item(0x00100010).value) == "Zhang^San=张^三 ".encode("gbk")


def test_item_with_its_own_label_and_item_without():
    inner = element(0x00080104, b"LO", "胸部".encode("gb18030"))
    labelled = element(0x00080005, b"CS", b"GB18030") + inner
    plain = element(0x00080104, b"LO", "胸部".encode())
    source = read(
        element(0x00080005, b"CS", b"ISO_IR 192")
        + element(0x00081032, b"SQ", item(labelled) + item(plain))
    )
    copy, repairs = to_utf8(source)
    again = written_and_read(copy)
    assert [i.CodeMeaning for i in again.ProcedureCodeSequence] == ["胸部", "胸部"]
    assert "SpecificCharacterSet" not in again.ProcedureCodeSequence[0]
    assert repairs == ()


def test_one_strong_value_helps_a_weak_one():
    source = read(
        element(0x00081030, b"LO", "胸部平扫".encode("gbk"))
        + element(0x00100010, b"PN", "镕".encode("gbk"))
    )
    copy, repairs = to_utf8(source)
    assert str(copy.PatientName) == "镕"
    assert len(repairs) == 2


def test_extension_b_character_survives_to_a_file():
    source = read(
        element(0x00080005, b"CS", b"GB18030")
        + element(0x00100010, b"PN", "JI^Tian=𠮷^田".encode("gb18030"))
    )
    copy, _ = to_utf8(source)
    again = written_and_read(copy)
    assert str(again.PatientName) == "JI^Tian=𠮷^田"
    assert again.PatientName.original_string == "JI^Tian=𠮷^田".encode()


def test_values_pydicom_has_decoded_already_are_taken_back():
    source = read(
        element(0x00081030, b"LO", "胸部".encode("gbk"))
        + element(0x00100010, b"PN", "张三".encode("gbk"))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert source.StudyDescription != "胸部"
        assert str(source.PatientName) != "张三"
    copy, _ = to_utf8(source)
    assert (copy.StudyDescription, str(copy.PatientName)) == ("胸部", "张三")


def test_data_set_built_by_hand_keeps_its_text():
    source = Dataset()
    source.PatientName = "ZHANG^SAN=张^三"
    source.StudyDescription = "平扫"
    copy, repairs = to_utf8(source)
    assert (str(copy.PatientName), copy.StudyDescription) == ("ZHANG^SAN=张^三", "平扫")
    assert repairs == ()


def test_implicit_vr_and_several_values():
    built = Dataset()
    built.SpecificCharacterSet = "GB18030"
    built.OtherPatientNames = ["李^乗", "區^刕"]
    built.OperatorsName = "王^五"
    buffer = io.BytesIO()
    dcmwrite(buffer, built, implicit_vr=True, little_endian=True)
    source = dcmread(io.BytesIO(buffer.getvalue()), force=True)
    copy, _ = to_utf8(source)
    assert [str(n) for n in copy.OtherPatientNames] == ["李^乗", "區^刕"]
    assert [str(n) for n in written_and_read(copy).OtherPatientNames] == ["李^乗", "區^刕"]


def test_nesting_without_end_is_refused():
    top = current = Dataset()
    for _ in range(70):
        inner = Dataset()
        current.ContentSequence = Sequence([inner])
        current = inner
    with pytest.raises(HeadTooDeepError):
        to_utf8(top)


@pytest.mark.data
def test_every_real_file_comes_out_as_utf8():
    root = os.environ.get("XINGLIN_DATA")
    if root is None:
        pytest.skip("XINGLIN_DATA is not set")
    archive = zipfile.ZipFile(Path(root) / "dicom" / "charsets.zip")
    descriptions = {}
    for name in archive.namelist():
        if not name.endswith(".dcm"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = dcmread(io.BytesIO(archive.read(name)), force=True)
        copy, repairs = to_utf8(source)
        again = written_and_read(copy)
        assert again.SpecificCharacterSet == "ISO_IR 192"
        if "PatientName" in source:
            assert str(again.get("PatientName")) == str(copy.PatientName)
            assert "\x1b" not in str(again.PatientName)
        else:
            descriptions[name[-15:]] = str(
                again.RequestedProcedureCodeSequence[0].get("PatientName", "")
            )
        assert repairs == (), name
    assert len(descriptions) == 2
    assert all(descriptions.values())
