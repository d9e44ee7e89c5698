"""An archive in memory and sinks that remember: fakes at the ports of the query service."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from core.dicom.head import read_head
from edge.intake.dimse.match import Matcher
from edge.intake.dimse.ports import (
    UNIQUE_KEY,
    CommitmentAnswer,
    InstanceRef,
    Level,
    ProcedureStep,
    Record,
    ServiceEvent,
)

CT = "1.2.840.10008.5.1.4.1.1.2"


def make_instance(
    patient: str, name: str, study: str, series: str, number: int, **extra: object
) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = f"{series}.{number}"
    dataset.StudyDate = "20261101"
    dataset.StudyTime = "083000"
    dataset.Modality = "CT"
    dataset.PatientName = name
    dataset.PatientID = patient
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    dataset.InstanceNumber = number
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = dataset.Columns = 16
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = bytes(range(256)) * 2
    for keyword, value in extra.items():
        setattr(dataset, keyword, value)
    return dataset


def file_of(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta = meta
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@dataclass
class MemoryArchive:
    """Files in a dictionary; `find` yields every record, so that the service must judge."""

    files: dict[str, bytes] = field(default_factory=dict)
    heads: dict[str, dict[str, object]] = field(default_factory=dict)
    refs: dict[str, InstanceRef] = field(default_factory=dict)

    def add(self, content: bytes) -> None:
        head = read_head(content, "")
        uid = head.routing.sop_instance_uid
        self.files[uid] = content
        self.heads[uid] = dict(head.attributes)
        self.refs[uid] = InstanceRef(head.routing.sop_class_uid, uid, head.transfer_syntax, uid)

    def find(self, level: Level, matchers: Sequence[Matcher], limit: int) -> Iterator[Record]:
        seen: set[object] = set()
        for record in self.heads.values():
            unique = record.get(UNIQUE_KEY[level])
            if unique not in seen:
                seen.add(unique)
                yield record  # type: ignore[misc]  # heads are JSON values

    def locate(self, level: Level, keys: Mapping[str, tuple[str, ...]]) -> list[InstanceRef]:
        return [
            self.refs[uid]
            for uid, record in self.heads.items()
            if all(record.get(k) in values for k, values in keys.items())
        ]

    def open(self, ref: InstanceRef) -> BinaryIO:
        return io.BytesIO(self.files[ref.key])


@dataclass
class Steps:
    """An MPPS sink that keeps messages in order."""

    saved: list[ProcedureStep] = field(default_factory=list)

    def status_of(self, uid: str) -> str | None:
        found = [s.status for s in self.saved if s.uid == uid]
        return found[-1] if found else None

    def save(self, step: ProcedureStep) -> None:
        self.saved.append(step)


@dataclass
class Answers:
    """A commitment sink that knows one transaction."""

    known: str = ""
    taken: list[CommitmentAnswer] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def answered(self, sender: str, answer: CommitmentAnswer) -> bool:
        if answer.transaction_uid != self.known:
            return False
        self.taken.append(answer)
        self.arrived.set()
        return True


@dataclass
class Log:
    """An observer that remembers."""

    events: list[ServiceEvent] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, event: ServiceEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def wait_for(self, kind: str, seconds: float = 20.0) -> ServiceEvent:
        with self.changed:
            assert self.changed.wait_for(lambda: any(e.kind == kind for e in self.events), seconds)
            return next(e for e in self.events if e.kind == kind)
