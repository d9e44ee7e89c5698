"""A person's measurements on a real box: written as SR, sent to a real (pynetdicom) PACS."""

from __future__ import annotations

import pytest

from core.records.record import Header, Record
from core.web.people import Session
from edge.measured.lists import Drawing, save, send
from edge.measured.stages import list_at, released_of
from provisioning.demo_ports import free_ports
from tests.unit.stages.test_delivery import Pacs, site_with
from tests.unit.stages.test_report_issuing import version

CHEN = Session("s1", "chen", "陈放", "radiologist", "c", "zh", False)
LI = Session("s2", "li", "李明", "physician", "c", "zh", False)


@pytest.fixture
def pacs():
    one = Pacs(free_ports(1)[0])
    one.start()
    yield one
    one.stop()


def row(site):
    study, subject = site.row("study", "subject")
    return {"study": study, "subject": subject}


def line(name, length=4.0):
    return Drawing(name, "1.2.3.1/1", "length", ((2.0, 2.0), (2.0 + length, 2.0)))


def drawn(site, person, version, *drawings):
    save(site.box, person, row(site), version, drawings)


def quiet(site):
    for _ in range(2):
        site.settle(8)


def sent_of(pacs):
    kept = [d for d in pacs.kept.values() if d.get("SeriesNumber") == 9131]
    return {d.SOPInstanceUID: d for d in kept}


def before(dataset):
    series = dataset.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    return series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID


# pynetdicom leaves the socket of a closed association to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_its_author_let_go_reaches_the_pacs_and_each_supersedes_the_last(tmp_path, pacs):
    site = site_with(tmp_path, pacs)
    site.send()
    site.settle(6)
    drawn(site, CHEN, 0, line("a1"))
    drawn(site, LI, 0, line("b1"))
    quiet(site)
    assert not sent_of(pacs), "saving sends nothing"
    send(site.box, CHEN, row(site), 1)
    quiet(site)
    ((first, report),) = sent_of(pacs).items()
    assert report.VerificationFlag == "UNVERIFIED"
    assert "陈放^" in str(report.ContentSequence)
    assert "李明" not in str(report)
    state = site.box.database.query(
        "SELECT label, state FROM delivery WHERE sop_instance = ?", (first,)
    )
    assert state == [("measurements_sr", "confirmed")]
    drawn(site, CHEN, 1, line("a1", 5.0))
    drawn(site, CHEN, 2, line("a1", 5.0), line("a2"))
    # The signature takes the signer's newest version along, and nobody else's.
    quiet(site)
    version(site, "report.signed", 1)
    quiet(site)
    (second,) = [d for uid, d in sent_of(pacs).items() if uid != first]
    assert (second.VerificationFlag, before(second)) == ("VERIFIED", first)
    assert str(second.ContentSequence).count("M2 length") == 1
    drawn(site, CHEN, 3)
    send(site.box, CHEN, row(site), 4)
    quiet(site)
    (third,) = [d for d in sent_of(pacs).values() if d not in (report, second)]
    assert before(third) == second.SOPInstanceUID
    assert "withdrawn" in str(third.ContentSequence)
    assert site.kinds().count("measurements.issued") == 3


def record(number, kind, **body):
    clock = f"{1_760_000_000_000 + number:014d}-0000"
    header = Header("n", number, "", clock, kind, 1, "su_1", "person:a", "st_1")
    return Record(number, header, body)


def test_a_list_is_what_it_was_at_that_version():
    records = [
        record(1, "measurements.drawn", by="a", version=1, set=[{"id": "x"}, {"id": "y"}],
               removed=[]),
        record(2, "measurements.drawn", by="b", version=1, set=[{"id": "z"}], removed=[]),
        record(3, "measurements.drawn", by="a", version=2, set=[{"id": "w"}], removed=["x"]),
    ]  # fmt: skip
    assert [one["id"] for one in list_at(records, "a", 1)] == ["x", "y"]
    assert [one["id"] for one in list_at(records, "a", 2)] == ["y", "w"]
    assert released_of(records) == []
