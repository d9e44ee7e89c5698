"""C-FIND over a real socket, pynetdicom as the client."""

from __future__ import annotations

import warnings

import pytest
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
)

from tests.dimse_cases import FIND, associate, found, query, running


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        ("STUDY", {"PatientName": "zhang*"}, 1),
        ("STUDY", {"PatientName": "zs"}, 1),
        ("STUDY", {"StudyInstanceUID": ["1.2.1", "1.2.2"]}, 2),
        ("STUDY", {"StudyDate": "20261101-20261130"}, 3),
        ("STUDY", {"StudyDate": "-20261031"}, 0),
        ("SERIES", {"StudyInstanceUID": "1.2.1"}, 1),
        ("IMAGE", {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1"}, 3),
    ],
)
def test_find(box, level, keys, count):
    answers = found(box, FIND, QueryRetrieveLevel=level, **keys)
    assert len(answers) == count
    assert all(a.QueryRetrieveLevel == level for a in answers)
    assert box.log.wait_for("find").count == count


def test_find_patient_level_and_unknown_key_empty(box):
    model = PatientRootQueryRetrieveInformationModelFind
    answers = found(
        box, model, QueryRetrieveLevel="PATIENT", PatientName="", PatientID="P3", EthnicGroup=""
    )
    assert [(str(a.PatientName), a.EthnicGroup) for a in answers] == [("𠮷^田", "")]
    assert answers[0].SpecificCharacterSet == "ISO_IR 192"


def test_find_with_a_level_of_another_model_is_refused(box):
    association = associate(box, FIND)
    results = list(association.send_c_find(query(QueryRetrieveLevel="PATIENT"), FIND))
    association.release()
    assert [s.Status for s, _ in results] == [0xA900]


def test_find_over_the_limit_says_so():
    for small in running(max_matches=2):
        association = associate(small, FIND)
        results = list(association.send_c_find(query(QueryRetrieveLevel="STUDY"), FIND))
        association.release()
        assert [s.Status for s, _ in results] == [0xFF00, 0xFF00, 0xA700]


def test_nothing_of_a_query_reaches_the_log(box, caplog, capfd):
    caplog.set_level("DEBUG")
    name = "SECRETNAME" * 8  # longer than a component may be: the libraries would warn
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")  # the client's own, in this process
        assert found(box, FIND, QueryRetrieveLevel="STUDY", PatientName=name) == []
    shown = capfd.readouterr()
    assert "SECRETNAME" not in caplog.text + shown.out + shown.err
