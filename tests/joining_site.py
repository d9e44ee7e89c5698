"""A box with a digital patient's studies, whose analysis says the phantom's own truth: fast, sure.

What is tested with it is the joining: which studies, when, with what, once.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial

import numpy as np

from core.imaging.ct import CtFindings
from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.dr import DrFindings
from core.imaging.dr_ct import DrCtSettings
from core.imaging.dr_qc import assess_dr
from core.imaging.dr_regions import Region
from core.imaging.lungs import find_lungs, refine
from core.imaging.register import RegistrationSettings
from core.imaging.result import Lesion, QcResult, TbScore
from core.phantom.ct import CtSpec, scan
from core.phantom.dicom import ct_objects, dr_object, pet_objects
from core.phantom.dr import DrSpec, expose_dr
from core.phantom.identity import StudyIdentity, study_identity, uid_of
from core.phantom.patients import patient_of
from core.phantom.petct import PetCtPhantom, PetSpec, make_petct
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.intake.sink import JournalSink
from edge.joining.stages import comparison
from edge.joining.tasks import Methods
from edge.stages.queue import Queue
from edge.stages.table import note_dead, stages_of
from edge.stages.work import Work
from edge.stages.worker import LANES, Worker
from edge.store.box import Outside, create_box
from tests import pet_cases
from tests.chain_site import SETTINGS, Clock
from tests.followup_cases import scaled
from tests.input_cases import encoded

SEED = 7
#: Coarse, so that writing, reading and registering take a second or two each.
SCAN = CtSpec(slices=48, rows=96, columns=96, spacing_mm=(7.0, 4.4, 4.4))
EXAMINATION = PetSpec(
    seed=SEED, ct=SCAN, slices=46, rows=64, columns=64, spacing_mm=(7.0, 6.0, 6.0)
)
DAY = datetime(2026, 3, 4, 9, 0)  # noqa: DTZ001  DICOM times carry no zone
CT1 = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
PACS = Peer("pacs", "PACS", "XINGLIN", "127.0.0.1", "a9", traits=frozenset({"pacs", "may-correct"}))
QUICK = Methods(
    RegistrationSettings(edge_mm=4.0, levels=((8.0, 40), (4.0, 20))),
    DrCtSettings(rolls_deg=(0.0,), tilts_deg=()),
    pet_cases.INSTANT,
)


@dataclass(frozen=True)
class Study:
    """One study ready to be sent, with the truth of its slices by SOP Instance UID."""

    uid: str
    objects: tuple
    labels: dict
    kinds: dict


def identity(kind: str, days: int, **patient) -> StudyIdentity:
    """Return the patient's study of a kind, so many days from :data:`DAY`."""
    made = study_identity(SEED, kind, DAY + timedelta(days=days))
    return replace(made, patient=replace(made.patient, **patient))


@cache
def examination() -> PetCtPhantom:
    """Return the patient's PET-CT; made once per process."""
    return make_petct(EXAMINATION)


@cache
def film():
    """Return the patient's radiograph."""
    spec = DrSpec(seed=SEED, rows=192, columns=192, pixel_mm=2.0, oversize=2)
    return expose_dr(examination().ct.patient, spec)


@cache
def grown():
    """Return the patient's CT after every lesion has doubled its volume."""
    ct = examination().ct
    lesions = tuple(scaled(one.spec, 2.0 ** (1 / 3)) for one in ct.patient.lesions)
    return scan(patient_of(SEED, "normal", lesions), replace(ct.spec, noise_hu=11.0))


def ct_study(days: int, *, larger: bool = False, who: StudyIdentity | None = None) -> Study:
    """Return a CT of the patient; ``larger``: its lesions have grown."""
    phantom = grown() if larger else examination().ct
    study = who or identity("CT", days)
    objects = tuple(ct_objects(phantom, study))
    height = {round(float(phantom.volume.to_lps((float(i), 0, 0))[2]), 2): i
              for i in range(phantom.spec.slices)}  # fmt: skip
    labels = {
        str(one.SOPInstanceUID): phantom.truth.label_map[
            height[round(float(one.ImagePositionPatient[2]), 2)]
        ]
        for one in objects
    }
    kinds = {one.id: one.kind for one in phantom.truth.lesions}
    return Study(study.study_uid, objects, labels, kinds)


def dr_study(days: int, **patient) -> Study:
    """Return a radiograph of the patient."""
    study = identity("DX", days, **patient)
    return Study(study.study_uid, (dr_object(film(), study),), {}, {})


def pet_study(days: int, frame: str = "") -> Study:
    """Return the patient's PET as a study without a CT; ``frame``: its frame of reference."""
    study = identity("PETCT", days)
    if frame:
        study = replace(study, frame_of_reference_uid=frame)
    objects = tuple(pet_objects(examination(), study, 3))
    return Study(study.study_uid, objects, {}, {})


class TruthMethod:
    """Answers the phantom's truth; a radiograph is suspected, with one region."""

    def __init__(self):
        self.labels, self.kinds = {}, {}
        self.calls = 0

    def know(self, study: Study) -> None:
        """Learn a study's truth."""
        self.labels |= study.labels
        self.kinds |= dict.fromkeys(study.labels, study.kinds)

    def ct(self, volume, geometry, progress, *, override):
        self.calls += 1
        labels = np.stack([self.labels[uid] for uid in volume.uids]).astype(np.uint16)
        kinds = self.kinds[volume.uids[0]]
        view = patient_view(volume)
        coarse = cut_grid(view, 4.0)
        lungs = view.restore(refine(view, coarse, find_lungs(coarse).labels))
        lungs[(labels > 0) & (lungs == 0)] = 1
        found = tuple(
            Lesion(int(n), kinds[int(n)], (0, 0, 0), 0, 0, 0, 0, "right_upper_zone", 0.9)
            for n in np.unique(labels)[1:]
        )
        return CtFindings(QcResult("pass"), "ok", found, labels, lungs)

    def radiograph(self, radiograph, *, override):
        rows, columns = radiograph.pixels.shape
        box = (rows // 5, columns // 5, rows // 3, columns // 3)
        region = Region(box, (rows // 4, columns // 4), 0.9, 0.05, "right_upper_zone")
        tb = TbScore(0.8, 0.5, True, "fake", "1", "none")
        return DrFindings(QcResult("pass"), "ok", tb, None, (region,))

    def quality(self, radiograph):
        return assess_dr(radiograph)

    def method(self, modality):
        return {"model": "truth", "version": "1", "research_only": True}


class JoiningSite:
    """A box, its workers, and what a test asks of them."""

    def __init__(self, folder, settings=SETTINGS):
        self.clock = Clock()
        self.folder = folder
        self.box = create_box(folder, settings, Outside(self.clock, os.urandom))
        self.sink = JournalSink(self.box, lambda: "ok")
        self.method = TruthMethod()
        self.queue = Queue(self.box.database, self.clock, "test")
        self.work = Work(
            self.box, self.queue, self.method, itertools.count().__next__, lambda: 0.5
        )  # fmt: skip
        self.workers = [self.worker(lane) for lane in LANES if lane not in ("delivery", "shadow")]

    def worker(self, lane: str, **instead) -> Worker:
        """Return a lane's worker; registrations are coarse, ``instead`` replaces stages."""
        stages = dict(stages_of(lane))
        if lane == "joining":
            stages["comparison"] = partial(comparison, methods=QUICK)
        return Worker(self.work, lane, stages | instead, note_dead)

    def send(self, study: Study, peer: Peer = CT1) -> None:
        """Send a study as a modality does."""
        self.method.know(study)
        for one in study.objects:
            data = encoded(one)
            command = StoreCommand(
                str(one.SOPClassUID), "", str(one.file_meta.TransferSyntaxUID), 1, peer.name
            )
            receipt = self.sink.begin(peer, command)
            receipt.write(memoryview(data[144 + int.from_bytes(data[140:144], "little") :]))
            assert receipt.commit().status == 0
        self.sink.ended(peer, Ending.RELEASED)

    def settle(self, seconds: float = 70.0, lanes: tuple[str, ...] = tuple(LANES)) -> None:
        """Let time pass, and every lane work until nobody has anything to do."""
        for _ in range(4):
            self.clock.at += int(seconds * 250)
            for _ in range(400):
                busy = [w.turn() for w in self.workers if w.lane in lanes]
                if not any(busy):
                    break
            else:
                raise AssertionError("never quiet")

    def take(self, *studies: Study) -> None:
        """Send studies one after the other, each to its end."""
        for study in studies:
            self.send(study)
            self.settle()

    def id(self, study: Study) -> str:
        """Return a study's opaque id."""
        found = self.box.database.query("SELECT study FROM study WHERE study_uid = ?", (study.uid,))
        return found[0][0]

    def rows(self) -> list[tuple]:
        """Return (task, study, other, status) of every comparison."""
        return self.box.database.query(
            "SELECT task, study, other, status FROM comparison ORDER BY task, study, other"
        )

    def kinds(self, *which: str) -> list[str]:
        """Return the journal's records of some kinds, in order."""
        found = [s.header.kind for s in self.box.journal.read(0, 10_000)]
        return [kind for kind in found if kind in which]


OTHER_FRAME = uid_of("frame", "another")
