"""A real box with a fake method behind the port, driven by a clock that the test moves."""

from __future__ import annotations

import io
import itertools
import os

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from core.imaging.ct import CtFindings
from core.imaging.dr_qc import assess_dr
from core.imaging.result import Lesion, QcResult, Reason
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.intake.sink import JournalSink
from edge.stages.queue import Queue
from edge.stages.table import note_dead, stages_of
from edge.stages.work import Work
from edge.stages.worker import LANES, Worker
from edge.store.box import Outside, create_box

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

    def quality(self, radiograph):
        return assess_dr(radiograph)

    def method(self, modality):
        return {"model": "fake", "version": "1", "research_only": True}


class Site:
    def __init__(self, folder, settings=SETTINGS):
        self.clock = Clock()
        self.box = create_box(folder, settings, Outside(self.clock, os.urandom))
        self.sink = JournalSink(self.box, lambda: "ok")
        self.method = FakeMethod()
        queue = Queue(self.box.database, self.clock, "test")
        work = Work(self.box, queue, self.method, itertools.count().__next__, lambda: 0.5)
        self.workers = [Worker(work, lane, stages_of(lane), note_dead) for lane in LANES]
        self.queue = queue

    def send(self, slices=range(12), missing=(), sender="CT1", release=True, **more):
        body_part, urgent = more.get("body_part", "CHEST"), more.get("urgent", False)
        traits = frozenset({"modality"} if sender == "CT1" else {"pacs", "may-correct"})
        name = "ct1" if sender == "CT1" else "pacs"
        peer = Peer(name, sender, "XINGLIN", "127.0.0.1", "a1", traits=traits, urgent=urgent)
        for n in slices:
            if n in missing:
                continue
            data = ct_slice(n, body_part)
            command = StoreCommand(
                "1.2.840.10008.5.1.4.1.1.2", "", ExplicitVRLittleEndian, 1, "CT1"
            )
            receipt = self.sink.begin(peer, command)
            receipt.write(memoryview(data))
            assert receipt.commit().status == 0
        if release:
            self.sink.ended(peer, Ending.RELEASED)
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
