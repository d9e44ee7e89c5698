"""Identifiers and responses."""

from __future__ import annotations

import io

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from edge.intake.dimse.errors import QueryKeyError, QueryLevelError
from edge.intake.dimse.query import parse_query, response, retrieve_keys


def asked(**keys: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset


def test_keys_become_matchers_and_returned_attributes():
    dataset = asked(
        QueryRetrieveLevel="STUDY", PatientName="zhang*", StudyDate="20261101-", StudyDescription=""
    )
    dataset.add_new(0x00091001, "LO", "private")
    query = parse_query(dataset, patient_root=False)
    assert query.level == "STUDY"
    assert [(m.keyword, m.kind) for m in query.matchers] == [
        ("StudyDate", "range"),
        ("PatientName", "name"),
    ]
    assert list(query.returned) == [0x00080020, 0x00081030, 0x00091001, 0x00100010, 0x0020000D]


def test_query_text_is_decoded_by_our_own_decoder():
    raw = b"\x08\x00\x52\x00CS\x06\x00STUDY \x10\x00\x10\x00PN\x04\x00" + "张三".encode("gbk")
    query = parse_query(dcmread(io.BytesIO(raw), force=True), patient_root=False)
    assert query.matchers[0].values == ("张三",)


@pytest.mark.parametrize("level", ["", "PATIENT", "WORLD"])
def test_level_must_belong_to_the_model(level):
    with pytest.raises(QueryLevelError):
        parse_query(asked(QueryRetrieveLevel=level), patient_root=False)
    if level == "PATIENT":
        assert parse_query(asked(QueryRetrieveLevel=level), patient_root=True).level == "PATIENT"


def test_response_has_every_key_asked_for_and_is_utf8():
    dataset = asked(QueryRetrieveLevel="STUDY", PatientName="", StudyDescription="", Rows=None)
    dataset.RequestAttributesSequence = []
    dataset.ImagePositionPatient = ""
    query = parse_query(dataset, patient_root=False)
    record = {
        "PatientName": "JI^TIAN=𠮷^田",
        "StudyInstanceUID": "1.2",
        "Rows": 512,
        "ImagePositionPatient": [1.0, -2.5, 3.0],
    }
    answer = response(query, record, "XINGLIN", "ISO_IR 192")
    buffer = io.BytesIO()
    dcmwrite(buffer, answer, implicit_vr=False, little_endian=True)
    again = dcmread(io.BytesIO(buffer.getvalue()), force=True)
    assert again.SpecificCharacterSet == "ISO_IR 192"
    assert str(again.PatientName) == "JI^TIAN=𠮷^田"
    assert again.PatientName.original_string == "JI^TIAN=𠮷^田".encode()
    assert (again.StudyDescription, again.Rows, again.RetrieveAETitle) == ("", 512, "XINGLIN")
    assert list(again.RequestAttributesSequence) == []
    assert list(again.ImagePositionPatient) == [1.0, -2.5, 3.0]


def test_response_in_gb18030_for_a_peer_that_needs_it():
    query = parse_query(asked(QueryRetrieveLevel="STUDY", PatientName=""), patient_root=False)
    answer = response(query, {"PatientName": "𠮷^乗"}, "X", "GB18030")
    buffer = io.BytesIO()
    dcmwrite(buffer, answer, implicit_vr=True, little_endian=True)
    assert "𠮷^乗".encode("gb18030") in buffer.getvalue()


def test_retrieve_keys():
    dataset = asked(QueryRetrieveLevel="SERIES", StudyInstanceUID="1.2")
    dataset.SeriesInstanceUID = ["1.2.1", "1.2.2"]
    assert retrieve_keys(dataset, patient_root=False) == (
        "SERIES",
        {"StudyInstanceUID": ("1.2",), "SeriesInstanceUID": ("1.2.1", "1.2.2")},
    )


@pytest.mark.parametrize("keys", [{}, {"StudyInstanceUID": ""}, {"PatientID": "P1"}])
def test_retrieve_without_its_unique_key_is_refused(keys):
    with pytest.raises(QueryKeyError):
        retrieve_keys(asked(QueryRetrieveLevel="STUDY", **keys), patient_root=False)


def test_retrieve_of_everything_by_wildcard_is_refused():
    dataset = asked(QueryRetrieveLevel="PATIENT", PatientID="*")
    with pytest.raises(QueryKeyError):
        retrieve_keys(dataset, patient_root=True)
