"""Delivery on a real box to a real (pynetdicom) PACS: down and up again, confirmation, review."""

from __future__ import annotations

import json
import threading

import pytest
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom._globals import ALL_TRANSFER_SYNTAXES
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from core.records.record import Draft
from provisioning.demo_ports import free_ports
from tests.chain_site import Site

SETTINGS = """
[[peers]]
name = "ct1"
ae_title = "CT1"
[[peers]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = {port}
traits = ["pacs", "may-correct"]
confirmation = "query"
[delivery]
destination = "pacs"
before_review = {before}
"""


class Pacs:
    """An archive that keeps what it gets and answers image-level queries truthfully."""

    def __init__(self, port):
        self.port = port
        self.kept = {}
        self.hated = set()
        self.lock = threading.Lock()
        self.server = None

    def start(self):
        ae = AE("PACS")
        for context in AllStoragePresentationContexts:
            ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
        ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        ae.add_supported_context(Verification)
        handlers = [(evt.EVT_C_STORE, self.store), (evt.EVT_C_FIND, self.find)]
        self.server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server = None

    def store(self, event):
        if event.dataset.SOPInstanceUID in self.hated:
            event.assoc.abort()
            return 0xC000
        with self.lock:
            self.kept[event.dataset.SOPInstanceUID] = event.dataset
        return 0x0000

    def find(self, event):
        wanted = event.identifier
        with self.lock:
            found = [
                ds for ds in self.kept.values() if ds.StudyInstanceUID == wanted.StudyInstanceUID
            ]
        for ds in found:
            answer = type(wanted)()
            answer.QueryRetrieveLevel = "IMAGE"
            answer.StudyInstanceUID = ds.StudyInstanceUID
            answer.SeriesInstanceUID = ds.SeriesInstanceUID
            answer.SOPInstanceUID = ds.SOPInstanceUID
            if wanted.get("SeriesInstanceUID") in (None, "", ds.SeriesInstanceUID):
                yield 0xFF00, answer
        yield 0x0000, None


@pytest.fixture
def pacs():
    one = Pacs(free_ports(1)[0])
    yield one
    one.stop()


def site_with(tmp_path, pacs, before="true"):
    return Site(tmp_path / "box", SETTINGS.format(port=pacs.port, before=before))


def states(site):
    rows = site.box.database.query("SELECT label, state, count(*) FROM delivery GROUP BY 1, 2")
    return {(label, state): count for label, state, count in rows}


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_pacs_down_for_an_hour_loses_nothing(tmp_path, pacs):
    site = site_with(tmp_path, pacs)
    site.send()
    site.settle(6)
    for _ in range(6):
        site.settle(600)
    assert site.row("ai") == ("ok",)
    waiting = site.queue.waiting()
    assert {(job.stage, job.state) for job in waiting} == {
        ("forward", "failed"),
        ("delivery", "failed"),
    }
    assert waiting[0].error["code"] == "E5301"
    assert site.row("delivery")[0] in ("none", "failed")
    pacs.start()
    for _ in range(3):
        site.settle(700)
    assert site.queue.waiting() == []
    assert states(site) == {
        ("image", "confirmed"): 12,
        ("seg", "confirmed"): 1,
        ("sr", "confirmed"): 1,
    }
    assert site.row("delivery") == ("confirmed",)
    assert len(pacs.kept) == 14
    sr = next(ds for ds in pacs.kept.values() if ds.Modality == "SR")
    assert sr.VerificationFlag == "UNVERIFIED"


def test_one_object_that_breaks_the_line_holds_nothing_else_up(tmp_path, pacs):
    pacs.hated = {"1.2.3.4"}
    pacs.start()
    site = site_with(tmp_path, pacs)
    site.send()
    site.settle(6)
    assert states(site)[("image", "confirmed")] == 11
    site.settle(2)
    assert states(site)[("sr", "confirmed")] == 1
    for _ in range(4):
        site.settle(700)
    assert states(site)[("image", "refused")] == 1
    assert site.queue.waiting() == []
    assert site.row("delivery") == ("confirmed",)


def test_results_wait_for_a_physician_where_the_hospital_says_so(tmp_path, pacs):
    pacs.start()
    site = site_with(tmp_path, pacs, before="false")
    site.send()
    site.settle(6)
    site.settle(2)
    assert states(site) == {("image", "confirmed"): 12}
    study, subject = site.row("study", "subject")
    newest = [r for r in site.box.records_of(study) if r.kind == "findings.proposed"][-1]
    review = {
        "id": "r1",
        "by": "wang",
        "name": "王^医生",
        "at": "2026-11-22T08:00:00+00:00",
        "decision": "rejected",
        "reason": "x",
    }
    body = {"input": newest.body["input"], "override": None, "review": review, "priority": 0}
    site.box.append([Draft("findings.assessed", body, subject=subject, key=study)])
    site.settle(2)
    assert states(site) == {("image", "confirmed"): 12}
    body = {**body, "review": {**review, "id": "r2", "decision": "accepted"}}
    site.box.append([Draft("findings.assessed", body, subject=subject, key=study)])
    site.settle(2)
    assert states(site) == {
        ("image", "confirmed"): 12,
        ("seg", "confirmed"): 1,
        ("sr", "confirmed"): 1,
    }
    sr = next(ds for ds in pacs.kept.values() if ds.Modality == "SR")
    assert sr.VerificationFlag == "VERIFIED"


def test_superseding_result_names_its_predecessor(tmp_path, pacs):
    pacs.start()
    site = site_with(tmp_path, pacs)
    site.send(range(12))
    site.settle(6)
    site.settle(2)
    site.send([12])
    site.settle(6)
    site.settle(2)
    reports = [ds for ds in pacs.kept.values() if ds.Modality == "SR"]
    assert len(reports) == 2
    newer = next(ds for ds in reports if "PredecessorDocumentsSequence" in ds)
    older = next(ds for ds in reports if ds is not newer)
    item = newer.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == older.SOPInstanceUID
    versions = site.box.database.query(
        "SELECT version, superseded, report FROM result ORDER BY version"
    )
    assert [(v, s) for v, s, _ in versions] == [(1, 1), (2, 0)]
    assert json.loads(versions[1][2])["objects"]


def test_a_pacs_that_says_the_same_count_twice_completes_the_study(tmp_path, pacs):
    from edge.stages import complete as stage

    pacs.start()
    site = site_with(tmp_path, pacs)
    answers = iter([11, 12, 12, 12])
    site.send(sender="PACS", release=False)

    def counted(peer, study_uid, calling):
        assert (peer.name, study_uid) == ("pacs", "1.2.3")
        return next(answers)

    original, stage.count_at = stage.count_at, counted
    try:
        for _ in range(4):
            site.settle(2.5)
    finally:
        stage.count_at = original
    (record,) = [r for r in site.box.records_of(site.row("study")[0]) if r.kind == "study.received"]
    assert record.body["basis"] == "pacs"
