"""Back-off plan and the words of delivery."""

from __future__ import annotations

from datetime import datetime, timedelta
from string import Formatter

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.errors import XinglinError
from edge.report import errors
from edge.report.delivery import deliverable_of, deliverable_of_file, kind_of, next_attempt, part10
from edge.report.errors import NotADicomFile
from edge.report.seg import write_seg
from edge.report.sr import write_sr
from tests import report_cases as cases

NOW = datetime(2026, 3, 4, 9, 0)  # noqa: DTZ001  only differences matter here


def wait_s(attempts: int, priority: str = "routine", jitter: float = 0.5) -> float:
    return (next_attempt(attempts, NOW, priority, jitter) - NOW).total_seconds()  # type: ignore[arg-type]  # parametrised


def test_waits_double_and_are_bounded() -> None:
    assert [wait_s(n) for n in (1, 2, 3, 4, 5, 6, 50, 10**6)] == [
        30,
        60,
        120,
        240,
        480,
        600,
        600,
        600,
    ]
    assert [wait_s(n, "urgent") for n in (1, 2, 3, 4, 5, 6, 99)] == [5, 10, 20, 40, 80, 120, 120]


@pytest.mark.parametrize("jitter", [0.0, 0.3, 1.0, -5.0, 7.0])
def test_jitter_stays_within_a_quarter(jitter: float) -> None:
    assert 0.75 * 120 <= wait_s(3, jitter=jitter) <= 1.25 * 120


def test_a_pacs_back_after_an_hour_is_found_within_minutes() -> None:
    at, attempts = NOW, 0
    while at < NOW + timedelta(hours=1):
        attempts += 1
        at = next_attempt(attempts, at, "routine", 1.0)
    assert at - (NOW + timedelta(hours=1)) <= timedelta(minutes=12.5)
    assert attempts < 20


def test_kinds_follow_the_storage_class() -> None:
    sources = cases.ct_series()
    context = cases.context(sources)
    seg = write_seg(context, cases.lesions(), cases.label_map(), cases.planes(sources))
    sr = write_sr(context, cases.CASES["ct_findings"], seg)
    assert deliverable_of(seg).kind == "seg"
    assert deliverable_of(sr).kind == "sr"
    assert deliverable_of(sources[0]).kind == "image"
    assert kind_of("1.2.840.10008.5.1.4.1.1.7.4") == "sc"
    assert kind_of("1.2.840.10008.5.1.4.1.1.77.1.6") == "image"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_stored_file_goes_out_without_its_meta_and_otherwise_unchanged(syntax: str) -> None:
    dataset = cases.radiograph()
    dataset.file_meta.TransferSyntaxUID = syntax
    data = part10(dataset)
    item = deliverable_of_file(data)
    assert item.transfer_syntax_uid == syntax
    assert (item.sop_instance_uid, item.kind) == (dataset.SOPInstanceUID, "image")
    assert data.endswith(item.read())
    assert item.read() == deliverable_of(dataset).read()


@pytest.mark.parametrize("data", [b"", b"DICM", b"\0" * 128 + b"DICM", b"x" * 500])
def test_what_is_no_dicom_file_is_refused(data: bytes) -> None:
    with pytest.raises(NotADicomFile):
        deliverable_of_file(data)


def test_every_refusal_has_its_own_number_and_two_sentences_with_the_same_facts() -> None:
    found = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, XinglinError) and value is not XinglinError
    ]
    codes = [error.code for error in found]
    assert len(set(codes)) == len(codes)
    for error in found:
        assert 5000 <= error.code < 5300
        zh, en = (
            {name for _, name, _, _ in Formatter().parse(sentence) if name}
            for sentence in (error.zh, error.en)
        )
        # "one study / one series" is a fact in each language
        assert {x.removesuffix("_zh") for x in zh} == {x.removesuffix("_en") for x in en}
