"""The chain from arrival to drafted report, on a real box with a fake method behind the port."""

from __future__ import annotations

import io
import itertools
import json
import os

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from core.imaging.ct import CtFindings
from core.imaging.result import Lesion, QcResult, Reason
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.intake.sink import JournalSink
from edge.stages.queue import Queue
from edge.stages.table import note_dead, stages_of
from edge.stages.work import Work
from edge.stages.worker import LANES, Worker
from edge.store.box import Outside, create_box

MODALITY = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
SETTINGS = '[[peers]]\nname = "ct1"\nae_title = "CT1"\n'


class Clock:
    """Milliseconds that the test moves; every look is one later, so that records have an order."""

    def __init__(self):
        self.at = 1_700_000_000_000

    def __call__(self):
        self.at += 1
        return self.at


class FakeMethod:
    """Answers what the test tells it to; raises where the test wants a defect."""

    def __init__(self):
        self.answer = "lesion"
        self.calls = 0

    def ct(self, volume, geometry, progress, *, override):
        self.calls += 1
        progress("lesions")
        if self.answer == "crash":
            raise RuntimeError("defect")
        reason = Reason("CT_NOISE_HIGH", "reject", "噪声过高", "Too noisy", "noise_hu", 99.0, 50.0)
        if self.answer == "refuse" and not override:
            return CtFindings(QcResult("reject", (reason,)), "refused", None, None, None)
        labels = np.zeros(volume.voxels.shape, np.uint16)
        if self.answer == "nothing":
            return CtFindings(QcResult("pass"), "ok", (), labels, None)
        labels[4:8, 20:30, 20:32] = 1
        lesion = Lesion(1, "solid_nodule", (0, 0, 0), 0, 0, 0, 0, "right_upper_zone", 0.8)
        qc = QcResult("reject", (reason,)) if self.answer == "refuse" else QcResult("pass")
        return CtFindings(qc, "ok", (lesion,), labels, None)

    def radiograph(self, radiograph, *, override):
        raise AssertionError("no radiograph here")

    def method(self, modality):
        return {"model": "fake", "version": "1", "research_only": True}


class Site:
    def __init__(self, folder):
        self.clock = Clock()
        self.box = create_box(folder, SETTINGS, Outside(self.clock, os.urandom))
        self.sink = JournalSink(self.box, lambda: "ok")
        self.method = FakeMethod()
        queue = Queue(self.box.database, self.clock, "test")
        work = Work(self.box, queue, self.method, itertools.count().__next__, lambda: 0.5)
        self.workers = [Worker(work, lane, stages_of(lane), note_dead) for lane in LANES]
        self.queue = queue

    def send(self, slices=range(12), missing=(), body_part="CHEST"):
        for n in slices:
            if n in missing:
                continue
            data = ct_slice(n, body_part)
            command = StoreCommand(
                "1.2.840.10008.5.1.4.1.1.2", "", ExplicitVRLittleEndian, 1, "CT1"
            )
            receipt = self.sink.begin(MODALITY, command)
            receipt.write(memoryview(data))
            assert receipt.commit().status == 0
        self.sink.ended(MODALITY, Ending.RELEASED)
        self.settle()

    def settle(self, seconds=0.0):
        """Let time pass, then let every lane work until nobody has anything to do."""
        self.clock.at += int(seconds * 1000)
        for _ in range(200):
            busy = [worker.turn() for worker in self.workers]
            if not any(busy):
                return
        raise AssertionError("never quiet")

    def row(self, *columns):
        sql = f"SELECT {', '.join(columns)} FROM study"
        return self.box.database.query(sql)[0]

    def kinds(self):
        return [
            s.header.kind
            for s in self.box.journal.read(0, 1000)
            if s.header.kind != "instances.received"
        ]


def ct_slice(n, body_part="CHEST"):
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{n + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = (
        "1.2.3",
        "1.2.3.900",
        "1.2.9",
    )
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20261122", "080000", "A1", "1"
    ds.Modality, ds.BodyPartExamined, ds.StudyDescription = "CT", body_part, body_part
    ds.SeriesDescription = f"{body_part} 5mm"
    ds.PatientName, ds.PatientID = "ZHANG^SAN=张^三", "P1"
    ds.PatientBirthDate, ds.PatientSex, ds.ReferringPhysicianName = "19700101", "M", ""
    ds.SeriesNumber, ds.InstanceNumber = 2, n + 1
    ds.ImagePositionPatient = [-100.0, -100.0, 25.0 * n]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.ConvolutionKernel = [5, 5], 5, "STANDARD"
    ds.Rows = ds.Columns = 64
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 1, 1
    ds.PhotometricInterpretation, ds.RescaleIntercept, ds.RescaleSlope = "MONOCHROME2", 0, 1
    ds.PixelData = np.full((64, 64), n - 800, np.int16).tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True)
    return out.getvalue()


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "box")


def test_a_study_goes_through_every_stage(site):
    site.send()
    site.settle(6)
    assert site.kinds() == [
        "study.received", "qc.assessed", "findings.proposed", "measurement.saved", "report.drafted",
    ]  # fmt: skip
    assert site.row("ai", "qc", "lesion_count", "completeness") == ("ok", "pass", 1, "complete")
    ((result, report),) = site.box.database.query("SELECT result, report FROM result")
    lesion = json.loads(result)["lesions"][0]
    assert lesion["long_axis_mm"] == pytest.approx(np.hypot(50, 60), abs=5)
    assert lesion["volume_ml"] == pytest.approx(4 * 10 * 12 * 25 * 5 * 5 / 1000)
    labels = [one["label"] for one in json.loads(report)["objects"]]
    assert labels[:2] == ["seg", "sr"]
    assert "疑似" in json.loads(report)["text_zh"] or "结节" in json.loads(report)["text_zh"]


def test_no_finding_failed_refused_and_not_applicable_differ(tmp_path):
    seen = {}
    for answer, part in (
        ("nothing", "CHEST"),
        ("crash", "CHEST"),
        ("refuse", "CHEST"),
        ("x", "ANKLE"),
    ):
        site = Site(tmp_path / f"{answer}{part}")
        site.method.answer = answer
        site.send(body_part=part)
        site.settle(6)
        for _ in range(3):
            site.settle(60)
        seen[answer] = site.row("ai", "lesion_count", "qc")
    assert seen["nothing"] == ("ok", 0, "pass")
    assert seen["crash"][:2] == ("failed", None)
    assert seen["refuse"] == ("refused", None, "reject")
    assert seen["x"][:2] == ("not_applicable", None)


def test_a_crash_is_tried_once_more_then_shown_dead(site):
    site.method.answer = "crash"
    site.send()
    site.settle(6)
    assert site.method.calls == 1
    site.settle(120)
    assert site.method.calls == 2
    dead = [job for job in site.queue.waiting() if job.state == "dead"]
    assert [(job.stage, job.error["code"]) for job in dead] == [("inference", "E5302")]
    assert site.row("ai") == ("failed",)


def test_a_physician_overrides_a_refusal_and_it_is_marked(site):
    site.method.answer = "refuse"
    site.send()
    site.settle(6)
    assert site.row("ai", "overridden") == ("refused", 0)
    from core.records.record import Draft
    from edge.stages.study_data import StudyData

    study, subject = site.row("study", "subject")
    wish = {"id": "w1", "by": "wang", "name": "王", "at": "t", "reason": "急诊"}
    body = {"input": StudyData(site.box, study).input, "override": wish, "priority": 0}
    site.box.append(
        [Draft("processing.requested", body, subject=subject, key=study, actor="person:wang")]
    )
    site.settle()
    assert site.row("ai", "overridden", "lesion_count") == ("ok", 1, 1)
    rows = site.box.database.query(
        "SELECT version, superseded, override FROM result ORDER BY version"
    )
    assert [(v, s) for v, s, _ in rows] == [(1, 1), (2, 0)]
    assert json.loads(rows[1][2])["reason"] == "急诊"


def test_a_late_slice_runs_the_chain_again_and_supersedes_visibly(site):
    site.send(range(11))
    site.settle(6)
    assert site.row("result_version", "superseded") == (1, 0)
    site.send([11])
    assert site.row("completeness", "superseded") == ("receiving", 1)
    site.settle(6)
    assert site.row("completeness", "superseded", "result_version") == ("complete", 0, 2)
    versions = site.box.database.query("SELECT version, superseded FROM result ORDER BY version")
    assert versions == [(1, 1), (2, 0)]


def test_a_gap_waits_for_the_device_timer(site):
    site.send(missing=(5,))
    site.settle(6)
    assert site.row("completeness") == ("receiving",)
    site.settle(60)
    assert site.row("completeness") == ("complete",)
    (record,) = [r for r in site.box.records_of(site.row("study")[0]) if r.kind == "study.received"]
    assert record.body["basis"] == "timer"


def test_an_unreleased_association_waits_for_the_timer(site):
    site.send()
    site.sink._studies.clear()
    with site.box.database.transaction() as sql:
        sql.execute("UPDATE arrival SET released = 0")
    site.settle(10)
    assert site.row("completeness") == ("receiving",)
    site.settle(60)
    assert site.row("completeness") == ("complete",)


def test_mpps_count_completes_at_once(site):
    from edge.intake.dimse.ports import ProcedureStep, SeriesDone
    from edge.store.archive import BoxSteps

    site.send(missing=(5,))
    uids = tuple(f"1.2.3.{n + 1}" for n in range(12) if n != 5)
    step = ProcedureStep(
        "1.9", "COMPLETED", False, "CT1", "CT", ("1.2.3",), (), "", "", "",
        (SeriesDone("1.2.3.900", uids, ""),),
    )  # fmt: skip
    BoxSteps(site.box, site.queue).save(step)
    site.settle(0.1)
    assert site.row("completeness") == ("complete",)


def test_repeated_planning_and_restart_are_harmless(site):
    site.send()
    site.settle(6)
    before = site.kinds()
    with site.box.database.transaction() as sql:
        sql.execute("DELETE FROM cursor")
    site.settle(6)
    assert site.kinds() == before


def test_views_rebuild_to_the_same_rows_after_the_whole_chain(site):
    site.send()
    site.settle(6)
    before = site.box.views.dump()
    site.box.views.rebuild(site.box.journal, site.box.vault)
    assert site.box.views.dump() == before


def test_erased_study_leaves_jobs_rows_and_blobs_behind_nowhere(site):
    from edge.store.erase import erase_subject

    site.send()
    site.settle(6)
    subject = site.row("subject")[0]
    assert erase_subject(site.box, subject, "court") >= 12
    assert site.box.database.query("SELECT count(*) FROM study") == [(0,)]
    assert list(site.box.blobs.addresses()) == []
    site.settle(100)
    assert site.queue.waiting() == []
