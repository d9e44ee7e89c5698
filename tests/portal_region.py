"""A hub process, its experts, and a real box that has joined and sends sealed cases.

Everything is the product's own: the hub's process, enrolment, the link, the bundle. Only the box's
lanes are turned by hand, so that no analysis runs beside what is measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom

from core.records.record import Draft
from edge.consult.desk import desk_of
from edge.consult.keys import pin
from edge.consult.lane import ConsultStages
from edge.consult.requests import Asker, request
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.intake.sink import JournalSink
from edge.stages.plans import READERS
from edge.stages.queue import Queue
from edge.stages.reader import step_all
from edge.stages.work import Later, Work
from edge.store.box import Outside, create_box
from edge.uplink.join import join
from edge.uplink.process import Uplink, outbox_of, uplink_of
from provisioning.demo_hub import Hub

COUNTY = "杏林示范县人民医院"
_DOCTOR = Asker("physician", "王医生", "physician")
_MODALITY = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
_SETTINGS = f'hospital = "{COUNTY}"\n[[peers]]\nname = "ct1"\nae_title = "CT1"\n'


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until a condition holds; return what it said."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError(what)


class SendingBox:
    """A county's box: keeps studies, asks, sends."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        outside = Outside(lambda: time.time_ns() // 1_000_000, os.urandom)
        self.box = create_box(folder, _SETTINGS, outside)
        join(self.box, hub.boxes, hub.invite(COUNTY))
        self.queue = Queue(self.box.database, outside.now_ms, "bench")
        self.work = Work(self.box, self.queue, None, lambda: 0.0, lambda: 0.0)
        self.outbox = outbox_of(self.box)
        self.uplink: Uplink = uplink_of(self.box)
        self.desk = desk_of(self.box)
        stages = ConsultStages(self.desk)
        self.stages = {"consult_inbox": stages.inbox, "consult": stages.case}
        self._thread = threading.Thread(target=self.uplink.run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.uplink.stop()
        self._thread.join(30)
        self.box.close()

    def keep(self, files: list[Path]) -> str:
        """Store files as a modality sends them; return the study's opaque id."""
        sink = JournalSink(self.box, lambda: "ok")
        uid = ""
        for file in files:
            head = pydicom.dcmread(file, stop_before_pixels=True)
            uid, data = str(head.StudyInstanceUID), file.read_bytes()
            start = 144 + int.from_bytes(data[140:144], "little")  # after the file meta information
            command = StoreCommand(
                str(head.SOPClassUID), "", str(head.file_meta.TransferSyntaxUID), 1, "CT1"
            )
            receipt = sink.begin(_MODALITY, command)
            receipt.write(memoryview(data)[start:])
            if receipt.commit().status:
                raise RuntimeError("the box refused an image")
        sink.ended(_MODALITY, Ending.RELEASED)
        ((study,),) = self.box.database.query("SELECT study FROM study WHERE study_uid = ?", (uid,))
        return str(study)

    def found(self, study: str, result: dict[str, Any]) -> None:
        """Append a result as the analysis does."""
        ((subject,),) = self.box.database.query(
            "SELECT subject FROM study WHERE study = ?", (study,)
        )
        body = {"result": {"status": "ok", **result}, "blobs": {}, "input": "i"}
        self.box.append([Draft("findings.proposed", body, subject=subject, key=study)])

    def ask(self, study: str, person: str) -> str:
        """Ask a person about a study; return once hub and person have everything."""
        until(lambda: self._knows(person), 60, "the expert's key at the box")
        # The province's hospital has no box that vouches: somebody compared the fingerprint.
        key = self.desk.joined.directory().recipient(person).key
        pin(self.box, person, key, _DOCTOR.user)
        asked = {
            "kind": "consultation", "to_hospital": "", "to_department": "imaging",
            "to_level": "chief", "people": [{"person": person}], "urgency": "urgent",
            "deadline_at": "", "purpose": "右上肺病灶性质待定，请协助诊断",
            "summary": "咳嗽三周，低热，痰涂片阴性",
            "consent": {"reference": "知情同意书 2026-0117", "at": "2026-11-22"}, "include": {},
        }  # fmt: skip
        consult = request(self.desk, self.queue, study, asked, _DOCTOR)
        until(lambda: self._turn() and self._wrapped(consult), 900, "the case at the hub")
        return consult

    def sent_bytes(self, consult: str) -> int:
        """Return the sealed bytes of a case, as its request states them."""
        rows = self.box.database.query(
            "SELECT opened FROM consult_sent WHERE consult = ? AND kind = 'requested'", (consult,)
        )
        objects = json.loads(rows[0][0])["case"]["objects"]
        return sum(int(one["length"]) for one in objects)

    def _knows(self, person: str) -> bool:
        people = self.desk.joined.directory().contents.people
        return person in people

    def _wrapped(self, consult: str) -> bool:
        rows = self.box.database.query(
            "SELECT COUNT(*) FROM consult_event WHERE consult = ?", (consult,)
        )
        return bool(rows[0][0]) and self.outbox.backlog().items == 0

    def _turn(self) -> bool:
        step_all(self.box, self.queue, READERS)
        while (job := self.queue.claim(tuple(self.stages))) is not None:
            outcome = self.stages[job.stage](self.work, job)
            if isinstance(outcome, Later):
                self.queue.postpone(job, outcome.at_ms)
                break
            self.queue.done(job)
            step_all(self.box, self.queue, READERS)
        return True


@contextlib.contextmanager
def region(folder: Path) -> Iterator[Hub]:
    """Run a hub with its people for a block."""
    hub = Hub(folder / "hub", "127.0.0.1")
    hub.make()
    with hub.running():
        hub.wait(180)
        hub.set_up_second_factors()
        yield hub
