"""Intake: repeats, corrections, alternates, conflicts, unreadable bytes; nothing is thrown away."""

from __future__ import annotations

import io
import itertools
import os

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from core.journal.chain import Head
from core.journal.store import faults
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.intake.sink import JournalSink
from edge.store.box import Outside, create_box, open_box

SETTINGS = """
hospital = "测试县人民医院"
[[peers]]
name = "ct1"
ae_title = "CT1"
[[peers]]
name = "pacs"
ae_title = "PACS"
traits = ["pacs", "may-correct"]
"""
MODALITY = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
PACS = Peer("pacs", "PACS", "XINGLIN", "127.0.0.1", "a2", traits=frozenset({"pacs", "may-correct"}))


@pytest.fixture
def box(tmp_path):
    clock = itertools.count(1_700_000_000_000)
    return create_box(tmp_path / "box", SETTINGS, Outside(lambda: next(clock), os.urandom))


def image(uid="1.2.3.4.1", study="1.2.3.4", name="ZHANG^SAN=张^三", patient="P001", fill=7, **more):
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = uid
    ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = study + ".7"
    ds.Modality = "CT"
    ds.PatientName, ds.PatientID = name, patient
    ds.StudyDate, ds.AccessionNumber = "20261122", "A1"
    ds.SeriesNumber, ds.InstanceNumber = 1, int(uid.rsplit(".", 1)[1])
    ds.Rows = ds.Columns = 64
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 1, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
    ds.PixelData = np.full((64, 64), fill, np.int16).tobytes()
    for key, value in more.items():
        setattr(ds, key, value)
    return ds


def encoded(ds, syntax=ExplicitVRLittleEndian):
    out = io.BytesIO()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    dcmwrite(out, ds, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return out.getvalue()


def send(sink, ds, peer=MODALITY, syntax=ExplicitVRLittleEndian, step=1000):
    data = encoded(ds, syntax) if isinstance(ds, Dataset) else ds
    sop = str(ds.SOPInstanceUID) if isinstance(ds, Dataset) else "1.2.3.4.99"
    command = StoreCommand("1.2.840.10008.5.1.4.1.1.2", sop, str(syntax), 1, peer.calling_ae)
    receipt = sink.begin(peer, command)
    for at in range(0, len(data), step):
        receipt.write(memoryview(data)[at : at + step])
    return receipt.commit()


def rows(box, table, columns="*"):
    return box.database.query(f"SELECT {columns} FROM {table}")


def kinds(box):
    return [s.header.kind for s in box.journal.read(0, 100)]


def test_bytes_are_kept_as_sent_and_encrypted(box):
    sink = JournalSink(box, lambda: "ok")
    ds = image()
    assert send(sink, ds).status == 0
    ((blob, study, offset, pixels),) = rows(
        box, "instance", "blob, study, data_offset, pixel_offset"
    )
    with box.blobs.open(blob, box.vault.key(study)) as reader:
        kept = reader.read()
    assert kept[offset:] == encoded(image())
    assert dcmread(io.BytesIO(kept)).PatientName == "ZHANG^SAN=张^三"
    assert kept[pixels : pixels + 4] == b"\xe0\x7f\x10\x00"
    on_disk = box.blobs.path(blob).read_bytes()
    assert b"ZHANG" not in on_disk
    ((name, instances, complete),) = rows(
        box, "study", "patient_name, instance_count, completeness"
    )
    assert (name, instances, complete) == ("ZHANG^SAN=张^三", 1, "receiving")


def test_search_tokens_cover_han_pinyin_and_initials(box):
    send(JournalSink(box, lambda: "ok"), image(name="SHAN^XIONG XIN=单^雄信"))
    tokens = {row[0] for row in rows(box, "study_token", "token")}
    assert {"单雄信", "shanxiongxin", "sxx", "p001", "a1"} <= tokens


def test_same_bytes_twice_is_success_and_one_copy(box):
    sink = JournalSink(box, lambda: "ok")
    assert [send(sink, image()).status for _ in range(3)] == [0, 0, 0]
    assert len(list(box.blobs.addresses())) == 1
    assert kinds(box) == ["instances.received"]


def test_what_an_earlier_release_kept_is_still_recognised(box):
    """Its digest is a bare HMAC-SHA256; sent again, the same is one copy and another is held."""
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    with box.database.transaction() as sql:
        sql.execute("UPDATE instance SET digest = ?", (sink.digests.old([encoded(image())]),))
    assert send(sink, image()).duplicate
    assert len(list(box.blobs.addresses())) == 1
    assert send(sink, image(name="LI^SI=李^四")).status == 0xB007
    assert kinds(box) == ["instances.received", "instance.quarantined"]


def test_trusted_peer_corrects_the_name(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    outcome = send(sink, image(name="ZHANG^SHAN=张^山", patient="P002"), PACS)
    assert outcome.status == 0
    assert kinds(box) == ["instances.received", "identity.corrected"]
    ((name, pid, flag),) = rows(box, "study", "patient_name, patient_id, identity_corrected")
    assert (name, pid, flag) == ("ZHANG^SHAN=张^山", "P002", 1)
    assert len(list(box.blobs.addresses())) == 2
    assert {r[0] for r in rows(box, "study_token", "token")} >= {"张山", "p002"}
    assert box.vault.study("1.2.3.4").subject == box.vault.subject("", "P002")


def test_untrusted_peer_may_not_correct(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    outcome = send(sink, image(name="LI^SI=李^四"))
    assert outcome.status == 0xB007
    assert rows(box, "study", "patient_name") == [("ZHANG^SAN=张^三",)]
    ((code, sender, state),) = rows(box, "quarantine", "code, sender, state")
    assert (code, sender, state) == ("E2901", "CT1", "held")


def test_changed_pixels_are_a_conflict_from_anyone(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    assert send(sink, image(fill=8), PACS).status == 0xB007
    assert len(list(box.blobs.addresses())) == 2
    assert rows(box, "instance", "count(*)") == [(1,)]


def test_a_repeat_that_cannot_be_parsed_is_kept_apart(box):
    """Found by fuzzing: a value representation nobody knows made the library raise."""
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    data = encoded(image())
    at = data.index(b"\x28\x00\x10\x00US")  # Rows
    broken = data[:at] + b"\x28\x00\x10\x00\x01\x02" + data[at + 6 :]
    for _ in range(2):
        assert send(sink, broken).status == 0xB007
    assert send(sink, broken, PACS).status == 0xB007
    assert rows(box, "instance", "count(*)") == [(1,)]
    assert len(rows(box, "quarantine")) == 3


def test_geometry_change_is_no_correction(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    assert send(sink, image(RescaleSlope=2), PACS).status == 0xB007


def test_same_image_in_another_transfer_syntax_is_an_alternate(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    assert send(sink, image(), PACS, ImplicitVRLittleEndian).status == 0
    assert rows(box, "alternate", "transfer_syntax") == [(str(ImplicitVRLittleEndian),)]
    assert rows(box, "quarantine") == []
    assert send(sink, image(), PACS, ImplicitVRLittleEndian).status == 0
    assert len(list(box.blobs.addresses())) == 2


def test_an_alternate_does_not_reopen_a_complete_study(box):
    from core.records.record import Draft

    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    ((study, subject),) = rows(box, "study", "study, subject")
    body = {"input": "i", "instances": 1, "basis": "quiet", "priority": 5}
    box.append([Draft("study.received", body, subject=subject, key=study)])
    assert rows(box, "study", "completeness") == [("complete",)]
    assert send(sink, image(), PACS, ImplicitVRLittleEndian).status == 0
    assert rows(box, "study", "completeness, superseded") == [("complete", 0)]
    assert send(sink, image("1.2.3.4.2")).status == 0
    assert rows(box, "study", "completeness") == [("receiving",)]


def test_other_patient_in_the_same_study_is_held(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    assert send(sink, image("1.2.3.4.2", patient="P777")).status == 0xB007
    assert rows(box, "quarantine", "code") == [("E2902",)]


@pytest.mark.parametrize("data", [b"", b"\x00" * 50, b"not dicom at all" * 100, os.urandom(5000)])
def test_unreadable_bytes_are_kept_with_the_reason(box, data):
    sink = JournalSink(box, lambda: "ok")
    assert send(sink, data).status == 0xB007
    ((code, blob, key),) = rows(box, "quarantine", "code, blob, key")
    assert code == "E2903"
    with box.blobs.open(blob, box.vault.key(key)) as reader:
        assert reader.read().endswith(data)


def test_full_disk_refuses_routine_first(box):
    from edge.intake.net.errors import OutOfResources

    sink = JournalSink(box, lambda: "refuse_routine")
    with pytest.raises(OutOfResources):
        send(sink, image())
    urgent = Peer("ct1", "CT1", "X", "127.0.0.1", "a3", urgent=True)
    assert send(sink, image(), urgent).status == 0


def test_every_view_rebuilds_to_the_same_rows(box):
    sink = JournalSink(box, lambda: "ok")
    for n in range(1, 6):
        send(sink, image(f"1.2.3.4.{n}"))
    send(sink, image(name="WANG^WU=王^五"), PACS)
    send(sink, image(fill=9))
    send(sink, image(), PACS, ImplicitVRLittleEndian)
    send(sink, b"junk" * 100)
    before = box.views.dump()
    assert box.views.rebuild(box.journal, box.vault) == 9
    assert box.views.dump() == before
    assert before["study"][0]["instance_count"] == 5


def test_destroyed_patient_leaves_no_row_also_after_rebuild(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    send(sink, image("1.9.9.1", "1.9.9", patient="P9"))
    subject = box.vault.study("1.2.3.4").subject
    box.vault.destroy(subject)
    from core.records.record import Draft

    box.append([Draft("key.destroyed", {"reason": "court"}, subject=subject)])
    for _ in range(2):
        assert rows(box, "study", "patient_id") == [("P9",)]
        assert rows(box, "instance", "count(*)") == [(1,)]
        box.views.rebuild(box.journal, box.vault)
    (head,) = list(faults(box.journal))
    assert isinstance(head, Head)


def test_association_end_is_noted_for_completeness(box):
    sink = JournalSink(box, lambda: "ok")
    send(sink, image())
    assert rows(box, "arrival", "released") == [(0,)]
    sink.ended(MODALITY, Ending.RELEASED)
    assert rows(box, "arrival", "released") == [(1,)]
    send(sink, image("1.2.3.4.2"))
    sink.ended(MODALITY, Ending.LOST)
    assert rows(box, "arrival", "released") == [(0,)]


def test_folder_opens_again_with_everything(box, tmp_path):
    send(JournalSink(box, lambda: "ok"), image())
    again = open_box(tmp_path / "box", box.outside)
    assert again.views.dump() == box.views.dump()
    assert again.identity.id == box.identity.id


def test_no_plaintext_identity_anywhere_in_the_folder(box, tmp_path):
    send(JournalSink(box, lambda: "ok"), image(name="ZHANGXYZ^SAN=张^三", patient="PIDXYZ77"))
    box.keep_heads()
    for path in (tmp_path / "box").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for secret in (
                b"ZHANGXYZ",
                b"PIDXYZ77",
                "张^三".encode(),
                generate_uid().encode()[:0] + b"1.2.3.4.1",
            ):
                assert secret not in data
                assert secret.decode() not in str(path.relative_to(tmp_path))
