"""A real box that analyses radiographs with the models its journal says are active."""

from __future__ import annotations

import io
import itertools

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from core.web.people import People
from edge.analyze.local_engines import LocalEngines
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.models.known import BoxModels
from edge.stages.models import note_active
from edge.stages.table import note_dead, stages_of
from edge.stages.work import Work
from edge.stages.worker import LANES, Worker
from edge.store.box import Box
from tests.chain_site import Site
from tests.dr_cases import chest_pixels

IT, PHYSICIAN = "it1", "wang"


def add_people(box: Box) -> None:
    """Give the box one who may change models and one who may not."""
    people = People(box.database, box.outside.now_ms, box.outside.randomness)
    people.add(IT, "", "device_it", "A-long-passw0rd!", must_change=False)
    people.add(PHYSICIAN, "", "physician", "A-long-passw0rd!", must_change=False)


class ModelSite(Site):
    def __init__(self, folder):
        super().__init__(folder)
        add_people(self.box)
        box = self.box
        self.engines = LocalEngines(
            box.folder / "engines", BoxModels(box), lambda changed: note_active(box, changed)
        )
        work = Work(box, self.queue, self.engines, itertools.count().__next__, lambda: 0.5)
        self.workers = [Worker(work, lane, stages_of(lane), note_dead) for lane in LANES]

    def send_film(self, number):
        """Take in one radiograph and let every lane work; return the study's opaque id."""
        peer = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
        command = StoreCommand(
            DigitalXRayImageStorageForPresentation, "", ExplicitVRLittleEndian, 1, "DX1"
        )
        receipt = self.sink.begin(peer, command)
        receipt.write(memoryview(film(number)))
        assert receipt.commit().status == 0
        self.sink.ended(peer, Ending.RELEASED)
        self.settle()
        self.settle(60)
        sql = "SELECT study FROM study WHERE study_uid = ?"
        return self.box.database.query(sql, (f"1.2.7.{number}",))[0][0]

    def result(self, study):
        """Return the study's newest result."""
        kinds = ("findings.proposed", "processing.failed")
        return [r for r in self.box.records_of(study) if r.kind in kinds][-1].body["result"]

    def kinds_of(self, study):
        return [record.kind for record in self.box.records_of(study)]


def film(number):
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = DigitalXRayImageStorageForPresentation, f"1.2.7.{number}.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.7.{number}", f"1.2.7.{number}.9"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20261122", "080000", "A2", "1"
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "DX", "CHEST", "PA"
    ds.PatientName, ds.PatientID = f"LI^SI{number}", f"P{number}"
    ds.PatientBirthDate, ds.PatientSex, ds.ReferringPhysicianName = "19700101", "F", ""
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.Rows = ds.Columns = 256
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 7, 0, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = chest_pixels(256, seed=number).astype(np.uint8).tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True)
    return out.getvalue()
