"""A signed report's documents on a real box: written once, sent to a real (pynetdicom) PACS."""

from __future__ import annotations

import json

import pytest
from pydicom.uid import EncapsulatedPDFStorage

from core.records.record import Draft
from core.web.people import Session
from edge.report.physician.content import Content
from edge.reports.desk import signature_of, versions_of
from edge.reports.pictures import printed_pictures
from provisioning.demo_ports import free_ports
from tests.physician_cases import free
from tests.unit.stages.test_delivery import Pacs, site_with

DOCTOR = Session("s", "chen", "陈放", "radiologist", "c", "zh", False)


@pytest.fixture
def pacs():
    one = Pacs(free_ports(1)[0])
    one.start()
    yield one
    one.stop()


def version(site, kind, number, pictures=(), **more):
    content = Content((free("i", "右肺上叶病变，疑似肺结核。", "impression"),), pictures=pictures)
    body = {
        "id": f"rp_{number}", "at": "2026-11-23T02:00:00Z", "by": "chen", "name": "陈放",
        "role": "radiologist", "content": content.as_json(), "digest": content.digest,
        "text_zh": "右肺上叶病变，疑似肺结核。", "text_en": "-", "words": "w", "basis": {},
        "acknowledged": [], **more,
    }  # fmt: skip
    body["signature"] = signature_of(site.box, DOCTOR, body)
    study, subject = site.row("study", "subject")
    site.box.append([Draft(kind, {"report": body}, subject=subject, key=study)])


# pynetdicom leaves the socket of a closed association to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signed_report_and_its_addendum_reach_the_pacs(tmp_path, pacs):
    site = site_with(tmp_path, pacs)
    site.send()
    site.settle(6)
    # One picture is the study's, one is gone: the report is printed all the same, and says so.
    version(site, "report.signed", 1, pictures=("1.2.3.4/1", "1.9.9.9/1"))
    for _ in range(3):
        site.settle(60)
    assert site.kinds().count("report.issued") == 1
    labels = site.box.database.query(
        "SELECT label, state FROM delivery WHERE label LIKE 'report%' ORDER BY label"
    )
    assert labels == [("report_pdf", "confirmed"), ("report_sr", "confirmed")]
    (paper,) = [d for d in pacs.kept.values() if d.SOPClassUID == EncapsulatedPDFStorage]
    assert paper.EncapsulatedDocument.startswith(b"%PDF-")
    assert paper.EncapsulatedDocument.count(b"DCTDecode") == 1  # the page of pictures
    study = site.row("study")[0]
    body = versions_of(site.box, study)[0]["body"]
    seen, gone = printed_pictures(site.box, study, body)
    assert (seen.pixels.shape, "E5201" in gone.caption_zh) == ((64, 64), True)
    assert str(paper.PatientID)
    first = [d for d in pacs.kept.values() if d.get("SeriesNumber") == 9122]
    version(site, "report.addended", 2, to="rp_1", why="supplement")
    for _ in range(3):
        site.settle(60)
    later = [d for d in pacs.kept.values() if d.get("SeriesNumber") == 9122]
    (second,) = [d for d in later if d.SOPInstanceUID != first[0].SOPInstanceUID]
    refers = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert refers.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first[0].SOPInstanceUID
    ((blob,),) = site.box.database.query(
        "SELECT blob FROM report_object WHERE label = 'fhir' AND id = 'rp_2'"
    )
    with site.box.blobs.open(blob, site.box.vault.key(site.row("study")[0])) as kept:
        resource = json.loads(kept.read())
    assert resource["status"] == "amended"
    assert resource["contained"][0]["name"] == [{"text": "张三"}]  # not ZHANG^SAN=张^三
