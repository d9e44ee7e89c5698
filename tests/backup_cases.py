"""A small box with a past, for the tests of backup: studies, a correction, junk, people."""

from __future__ import annotations

import hashlib
import io
import itertools
import os

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from core.records.record import Draft
from edge.backup.recovery import public_of
from edge.intake.net.sink import Peer, StoreCommand
from edge.intake.sink import JournalSink
from edge.store.box import Box, Outside, create_box

SECRET = bytes(range(1, 33))
SETTINGS = """
hospital = "测试县人民医院"
[[peers]]
name = "ct1"
ae_title = "CT1"
"""
CT1 = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
PACS = Peer("pacs", "PACS", "XINGLIN", "127.0.0.1", "a2", traits=frozenset({"pacs", "may-correct"}))


def outside() -> Outside:
    """Return a clock that ticks by itself, and real randomness."""
    clock = itertools.count(1_700_000_000_000)
    return Outside(lambda: next(clock), os.urandom)


def new_box(folder) -> Box:
    """Return an empty box with a recovery key."""
    box = create_box(folder, SETTINGS, outside())
    (folder / "keys" / "recovery.pub").write_bytes(public_of(SECRET))
    return box


def receive(
    box: Box, study: int, image: int, patient: str, name="ZHANG^SAN=张^三", peer=CT1
) -> int:
    """Store one image as a modality would; return the status."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = f"1.2.3.{study}.{image}"
    ds.StudyInstanceUID = f"1.2.3.{study}"
    ds.SeriesInstanceUID = f"1.2.3.{study}.0"
    ds.Modality = "CT"
    ds.PatientName, ds.PatientID = name, patient
    ds.StudyDate, ds.AccessionNumber = "20261122", f"A{study}"
    ds.SeriesNumber, ds.InstanceNumber = 1, image
    ds.Rows = ds.Columns = 32
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 1, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = np.full((32, 32), study * 100 + image, np.int16).tobytes()
    out = io.BytesIO()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(out, ds, implicit_vr=False, little_endian=True)
    return receive_bytes(box, out.getvalue(), ds.SOPInstanceUID, peer)


def receive_bytes(box: Box, data: bytes, sop_instance: str, peer=CT1) -> int:
    """Store bytes as an object."""
    command = StoreCommand(
        "1.2.840.10008.5.1.4.1.1.2", sop_instance, str(ExplicitVRLittleEndian), 1, peer.calling_ae
    )
    receipt = JournalSink(box, lambda: "ok").begin(peer, command)
    receipt.write(memoryview(data))
    return receipt.commit().status


def give_a_past(box: Box) -> None:
    """Two patients, a correction, quarantine, an account, a cursor, a job, an access record."""
    for image in (1, 2, 3):
        assert receive(box, 1, image, "P1") == 0
    assert receive(box, 2, 1, "P2", "LI^SI=李^四") == 0
    assert receive(box, 1, 1, "P1", "ZHANG^SHAN=张^山", PACS) == 0
    assert receive_bytes(box, b"no dicom" * 50, "1.2.3.9.9") != 0
    box.access.append([Draft("study.viewed", {"by": "doctor"}, actor="person:doctor")])
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO person (user, name, role, password, created)"
            " VALUES ('doctor', '王医生', 'physician', '$argon2id$x', 1)"
        )
        sql.execute("INSERT INTO cursor VALUES ('complete', 3)")
        sql.execute(
            "INSERT INTO job (stage, key, study, priority, state, not_before, deadline, created,"
            " payload, owner) VALUES ('report', 'k', 'st', 5, 'running', 0, 0, 0, '{}', 'dead:1')"
        )
    box.keep_heads()


def digest_of(box: Box) -> dict[str, str]:
    """Return address → SHA-256 of every blob's ciphertext on the disk."""
    return {
        address: hashlib.sha256(box.blobs.path(address).read_bytes()).hexdigest()
        for address in box.blobs.addresses()
    }


def chain_of(box: Box) -> list:
    """Return every kept record of both journals, with its place."""
    return [
        [(s.position, s.header_bytes, s.sealed, s.link) for s in journal.read(0, 10_000)]
        for journal in (box.journal, box.access)
    ]


def same_views(one: Box, other: Box) -> bool:
    """Return whether two boxes show the same rows and hold the same blobs."""
    return one.views.dump() == other.views.dump() and digest_of(one) == digest_of(other)
