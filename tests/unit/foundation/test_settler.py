"""Between success and the record: what waits is looked up, settled, replayed; nothing is lost."""

from __future__ import annotations

import dataclasses
import itertools
import os
import threading

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlcipher3 import dbapi2 as sqlcipher

from edge.intake import settle as settling
from edge.intake.arrival import Arrival, from_bytes, received, to_bytes
from edge.intake.commitments import BoxCommitments
from edge.intake.entries import pack, unpack
from edge.intake.ledger import Ledger, read_contents
from edge.intake.net.errors import OutOfResources
from edge.intake.net.sink import Ending, Peer, Reference, StoreCommand
from edge.intake.replay import folder_of, key_of, replay
from edge.intake.settle import settle, settle_each
from edge.intake.settler import Pace, Settler
from edge.intake.sink import JournalSink
from edge.journal_cli import verify_box
from edge.main import prepare
from edge.stages.queue import Queue
from edge.store.box import Outside, create_box, open_box
from edge.store.erase import erase_subject
from tests.api_site import chest
from tests.input_cases import encoded
from tests.sink_cases import PEER, send

PACS = Peer("pacs", "PACS", "XINGLIN", "127.0.0.1", "a2", traits=frozenset({"pacs", "may-correct"}))
#: Nothing is settled until a test asks for it.
PATIENT = Pace(batch=10_000, window_s=10_000.0)


@pytest.fixture
def box(tmp_path):
    clock = itertools.count(1_700_000_000_000)
    made = create_box(tmp_path / "box", "", Outside(lambda: next(clock), os.urandom))
    yield made
    made.close()


class Hand:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def hand():
    return Hand()


def settler_of(box, hand, pace=PATIENT, size=64 * 4096):
    return Settler(box, Ledger(folder_of(box), key_of(box), os.urandom, size), hand, pace)


@pytest.fixture
def sink(box, hand):
    made = JournalSink(box, lambda: "ok", settler_of(box, hand))
    yield made
    made.close()


def rows(box, table, columns="*"):
    return box.database.query(f"SELECT {columns} FROM {table}")


def kinds(box):
    return [sealed.header.kind for sealed in box.journal.read(0, 100)]


def as_peer(sink, dataset, peer):
    data = encoded(dataset)
    body = data[144 + int.from_bytes(data[140:144], "little") :]
    command = StoreCommand(
        str(dataset.SOPClassUID), "", str(dataset.file_meta.TransferSyntaxUID), 1, peer.calling_ae
    )
    receipt = sink.begin(peer, command)
    receipt.write(memoryview(body))
    return receipt.commit()


def abandoned(box):
    """Return the bytes of the ledgers as the disk has them when the process dies now."""
    return {path: path.read_bytes() for path in folder_of(box).glob("*.ledger")}


def die(sink, box):
    """Let go of the ledger without settling, as a killed process does."""
    sink._settler._ledger.close(remove=False)


def test_success_comes_first_and_the_record_when_the_association_ends(box, sink):
    for number in (1, 2, 3):
        assert send(sink, chest(number)).status == 0
    assert kinds(box) == []
    sink.ended(PEER, Ending.RELEASED)
    assert kinds(box) == ["instances.received"]
    assert rows(box, "study", "instance_count") == [(3,)]
    assert rows(box, "arrival", "released") == [(1,)]
    assert verify_box(box)["faults"] == []


def test_a_batch_settles_by_itself(box):
    sink = JournalSink(box, lambda: "ok", settler_of(box, lambda: 0.0, Pace(2, 10_000.0)))
    done = threading.Event()
    real = box.journal._on_append
    box.journal._on_append = lambda records: (real(records), done.set())
    for number in (1, 2):
        send(sink, chest(number))
    assert done.wait(30)
    sink.close()
    assert rows(box, "instance", "count(*)") == [(2,)]


def test_the_first_of_a_batch_waits_no_longer_than_the_window(box):
    sink = JournalSink(box, lambda: "ok", settler_of(box, lambda: 0.0, Pace(1000, 0.0)))
    done = threading.Event()
    real = box.journal._on_append
    box.journal._on_append = lambda records: (real(records), done.set())
    send(sink, chest(1))
    assert done.wait(30)
    sink.close()


def test_rows_are_those_of_a_sink_that_records_at_once(box, sink, tmp_path):
    """Same instances, one record each or one for all: the same worklist, but for times."""
    other = create_box(tmp_path / "other", "", box.outside)
    at_once = JournalSink(other, lambda: "ok")
    for number in (1, 2, 3):
        dataset = chest(number, AccessionNumber="" if number == 1 else "A7")
        send(sink, dataset)
        send(at_once, dataset)
    sink.flush()
    columns = "sop_instance, series_uid, bytes, digest, number, sender, route, attributes"
    mine, theirs = (
        {(r[0], r[1], r[2], *r[4:]) for r in rows(b, "instance", columns)} for b in (box, other)
    )
    assert mine == theirs
    columns = "study_uid, instance_count, series_count, bytes, accession, modalities, station"
    assert rows(box, "study", columns) == rows(other, "study", columns)
    columns = "series_uid, instance_count, attributes, number, description"
    assert rows(box, "series", columns) == rows(other, "series", columns)
    before = box.views.dump()
    box.views.rebuild(box.journal, box.vault)
    assert box.views.dump() == before
    other.close()


def test_the_same_again_while_it_waits_is_one_copy(box, sink):
    first, second = send(sink, chest(1)), send(sink, chest(1))
    assert (first.duplicate, second.duplicate) == (False, True)
    assert len(list(box.blobs.addresses())) == 1
    sink.flush()
    assert kinds(box) == ["instances.received"]


def test_other_content_while_it_waits_is_held(box, sink):
    assert send(sink, chest(1)).status == 0
    assert send(sink, chest(1, PatientName="LI^SI")).status == 0xB007
    assert kinds(box) == ["instances.received", "instance.quarantined"]


def test_a_correction_finds_what_waited(box, sink):
    assert send(sink, chest(1)).status == 0
    assert as_peer(sink, chest(1, PatientName="LI^SI"), PACS).status == 0
    assert kinds(box) == ["instances.received", "identity.corrected"]


def test_another_patient_while_the_first_waits_is_held(box, sink):
    assert send(sink, chest(1)).status == 0
    assert send(sink, chest(2, PatientID="OTHER")).status == 0xB007
    sink.flush()
    assert rows(box, "quarantine", "code") == [("E2902",)]


def test_commitment_is_judged_on_what_was_acknowledged(box, sink):
    send(sink, chest(1))
    commitments = BoxCommitments(box, Queue(box.database, box.outside.now_ms, "t"), sink.flush)
    uid = str(chest(1).SOPInstanceUID)
    verdict = commitments.request(PEER, "2.25.1", (Reference(str(chest(1).SOPClassUID), uid),))
    assert [one.sop_instance for one in verdict.committed] == [uid]


def test_another_process_stored_the_same_meanwhile(box, sink):
    send(sink, chest(1))
    other = open_box(box.folder, box.outside)
    assert send(JournalSink(other, lambda: "ok"), chest(1)).status == 0
    sink.flush()
    assert kinds(box) == ["instances.received"]
    assert [row[0] for row in rows(box, "instance", "blob")] == list(box.blobs.addresses())
    other.close()


def test_another_process_stored_other_content_meanwhile(box, sink):
    send(sink, chest(1))
    other = open_box(box.folder, box.outside)
    assert send(JournalSink(other, lambda: "ok"), chest(1, PatientName="LI^SI")).status == 0
    sink.flush()
    assert kinds(box) == ["instances.received", "instance.quarantined"]
    ((code, sender, blob),) = rows(box, "quarantine", "code, sender, blob")
    assert (code, sender) == ("E2901", "CT1")
    assert blob in set(box.blobs.addresses())
    other.close()


def test_another_process_gave_the_study_to_another_patient_meanwhile(box, sink):
    send(sink, chest(1))
    other = open_box(box.folder, box.outside)
    assert send(JournalSink(other, lambda: "ok"), chest(2, PatientID="P2")).status == 0
    sink.flush()
    assert rows(box, "quarantine", "code") == [("E2902",)]
    other.close()


def test_two_sinks_with_ledgers_keep_one_of_each(box, hand):
    other = open_box(box.folder, box.outside)
    sinks = [JournalSink(b, lambda: "ok", settler_of(b, hand)) for b in (box, other)]
    assert [send(one, chest(1)).status for one in sinks] == [0, 0]
    for one in sinks:
        one.close()
    assert rows(box, "instance", "count(*)") == [(1,)]
    assert len(list(box.blobs.addresses())) == 1
    assert list(folder_of(box).iterdir()) == []
    other.close()


def test_a_key_destroyed_meanwhile_leaves_no_bytes(box, sink):
    send(sink, chest(1))
    sink.flush()
    send(sink, chest(2))
    ((subject,),) = rows(box, "study", "subject")
    erase_subject(box, subject, "law")
    sink.flush()
    assert kinds(box) == ["instances.received", "key.destroyed"]
    assert list(box.blobs.addresses()) == []


def test_a_destroyed_key_takes_along_what_a_ledger_says(box, hand):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand))
    send(sink, chest(1))
    sink.flush()
    send(sink, chest(2))
    die(sink, box)
    ((path, data),) = abandoned(box).items()
    (plain,) = read_contents(data, AESGCM(key_of(box)), path.name).plains
    assert len(unpack(plain, box.vault).arrivals) == 1
    assert b"1.2.3" not in plain
    ((subject,),) = rows(box, "study", "subject")
    erase_subject(box, subject, "law")
    entries = unpack(plain, box.vault)
    assert (entries.arrivals, entries.erased, entries.damaged) == ([], 1, False)
    prepare(box.folder, "")
    assert list(box.blobs.addresses()) == []
    assert list(folder_of(box).iterdir()) == []


def test_a_journal_that_takes_nothing_is_tried_again(box, hand, monkeypatch):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand))
    send(sink, chest(1))

    def full(*_arguments):
        raise sqlcipher.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(settling, "received", full)
        sink._settler.ended(PEER.association, 1)  # noted, not raised
        with pytest.raises(sqlcipher.OperationalError):
            sink.flush()
        hand.now = 4.0
        sink.begin(PEER, StoreCommand("1.2", "", "1.2.840.10008.1.2.1", 1, "CT1")).abort()
        hand.now = 6.0
        with pytest.raises(OutOfResources):
            sink.begin(PEER, StoreCommand("1.2", "", "1.2.840.10008.1.2.1", 1, "CT1"))
    sink.flush()
    assert rows(box, "instance", "count(*)") == [(1,)]
    assert rows(box, "arrival", "released") == [(1,)]
    sink.begin(PEER, StoreCommand("1.2", "", "1.2.840.10008.1.2.1", 1, "CT1")).abort()
    sink.close()


def test_the_thread_tries_again_after_a_failure(box, monkeypatch):
    failed, done = threading.Event(), threading.Event()
    real = settling.settle

    def once(*arguments):
        if not failed.is_set():
            failed.set()
            raise sqlcipher.OperationalError("database is locked")
        found = real(*arguments)
        done.set()
        return found

    monkeypatch.setattr(settling, "settle", once)
    pace = Pace(batch=1, window_s=0.0, retry_s=0.01)
    sink = JournalSink(box, lambda: "ok", settler_of(box, lambda: 0.0, pace))
    send(sink, chest(1))
    assert done.wait(30)
    sink.close()
    assert rows(box, "instance", "count(*)") == [(1,)]


def test_too_many_that_wait_are_a_refusal(box, hand):
    sink = JournalSink(
        box, lambda: "ok", settler_of(box, hand, dataclasses.replace(PATIENT, crowd=2))
    )
    send(sink, chest(1))
    send(sink, chest(2))
    with pytest.raises(OutOfResources):
        send(sink, chest(3))
    sink.close()
    assert rows(box, "instance", "count(*)") == [(2,)]


def test_a_full_ledger_is_settled_and_used_again(box, hand):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand, size=4 * 4096))
    for number in range(1, 9):
        assert send(sink, chest(number)).status == 0
    sink.close()
    assert rows(box, "instance", "count(*)") == [(8,)]


def test_an_entry_too_long_for_the_ledger_is_recorded_at_once(box, hand):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand, size=4096))
    assert send(sink, chest(1)).status == 0
    assert kinds(box) == ["instances.received"]
    sink.close()


def test_a_broken_ledger_is_left_behind(box, sink, monkeypatch):
    send(sink, chest(1))
    monkeypatch.setattr(os, "fdatasync", lambda _handle: (_ for _ in ()).throw(OSError(5, "EIO")))
    with pytest.raises(OSError, match="EIO"):
        send(sink, chest(2))
    monkeypatch.undo()
    assert send(sink, chest(3)).status == 0
    assert rows(box, "instance", "count(*)") == [(2,)]


def test_what_a_dead_process_had_acknowledged_is_recorded_at_the_next_start(box, hand):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand))
    for number in (1, 2):
        send(sink, chest(number))
    sink.flush()
    send(sink, chest(3))
    die(sink, box)
    left = abandoned(box)
    prepare(box.folder, "")
    assert rows(box, "instance", "count(*)") == [(3,)]
    assert len(list(box.blobs.addresses())) == 3
    assert list(folder_of(box).iterdir()) == []
    # The same ledger once more, as if its removal had not reached the disk.
    for path, data in left.items():
        path.write_bytes(data)
    prepare(box.folder, "")
    assert rows(box, "instance", "count(*)") == [(3,)]
    assert len(list(box.blobs.addresses())) == 3
    assert kinds(box).count("instances.received") == 2
    assert verify_box(box)["faults"] == []


def test_a_conflict_settled_before_death_is_not_held_twice(box, hand):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand))
    send(sink, chest(1))
    other = JournalSink(open_box(box.folder, box.outside), lambda: "ok")
    send(other, chest(1, PatientName="LI^SI"))
    sink.flush()
    die(sink, box)
    for _ in range(2):
        left = abandoned(box)
        assert replay(box).all_told
        for path, data in left.items():
            path.write_bytes(data)
    assert rows(box, "quarantine", "count(*)") == [(1,)]
    assert len(list(box.blobs.addresses())) == 2


def test_a_ledger_in_use_is_left_alone_and_stops_the_pruning(box, sink):
    send(sink, chest(1))
    other = open_box(box.folder, box.outside)
    assert replay(other).in_use == 1
    prepare(box.folder, "")
    sink.flush()
    ((blob,),) = rows(box, "instance", "blob")
    assert box.blobs.path(blob).exists()
    other.close()


def test_a_damaged_ledger_is_kept_aside_and_no_blob_goes(box, hand, capsys):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand))
    for number in (1, 2, 3):
        send(sink, chest(number))
    die(sink, box)
    ((path, data),) = abandoned(box).items()
    broken = bytearray(data)
    broken[4096 + 100] ^= 1
    path.write_bytes(bytes(broken))
    for _ in range(2):
        prepare(box.folder, "")
        assert rows(box, "instance", "count(*)") == [(2,)]
        assert len(list(box.blobs.addresses())) == 3
        assert [p.suffix for p in folder_of(box).iterdir()] == [".damaged"]
    said = capsys.readouterr().out
    assert "damaged" in said
    assert "1.2.3" not in said


def test_an_entry_without_its_bytes_is_no_instance(box, hand):
    sink = JournalSink(box, lambda: "ok", settler_of(box, hand))
    send(sink, chest(1))
    die(sink, box)
    for address in box.blobs.addresses():
        box.blobs.delete(address)
    assert replay(box).without_bytes == 1
    assert rows(box, "instance", "count(*)") == [(0,)]


def test_one_that_cannot_be_recorded_does_not_stop_the_others(box, sink):
    for number in (1, 2):
        send(sink, chest(number))
    first, second = (one for _, _, one in sink._settler._waiting)
    bad = dataclasses.replace(first, attributes={**first.attributes, "StudyID": 2**60})
    settled = settle_each(box, [bad, second], {})
    assert [one.sop_instance for one in settled.recorded] == [second.sop_instance]
    assert [one.sop_instance for one, _ in settled.held] == [first.sop_instance]
    assert rows(box, "quarantine", "code") == [("E2903",)]
    again = settle(box, [second], {})
    assert again.known == 1


def test_a_hostile_number_is_kept_and_recorded(box, sink):
    assert send(sink, chest(1, SliceThickness="1e300", ExposureIndex="9" * 16)).status == 0
    sink.flush()
    assert kinds(box) == ["instances.received"]


def test_arrivals_read_back_as_they_were(box, sink):
    send(sink, chest(1, PatientName="ZHANG^SAN=张^三", SliceThickness="1.25"))
    waiting = [one for _, _, one in sink._settler._waiting]
    assert [from_bytes(to_bytes(one)) for one in waiting] == waiting
    assert unpack(pack(waiting, box.vault, os.urandom), box.vault).arrivals == waiting
    assert isinstance(waiting[0], Arrival)
    assert received(waiting).body["instances"] == [waiting[0].instance]


def test_repairs_of_every_instance_are_recorded_once(box, sink):
    send(sink, chest(1))
    one = sink._settler._waiting[0][2]
    repair = {"tag": "00100010", "kind": "k", "declared": "", "used": "gb18030", "original": "ff"}
    other = {**repair, "tag": "00081030"}
    many = [
        dataclasses.replace(one, repairs=[]), dataclasses.replace(one, repairs=[repair]),
        dataclasses.replace(one, repairs=[repair, other]),
    ]  # fmt: skip
    assert received(many).body["repairs"] == [repair, other]


def test_the_ledger_tells_nothing_of_a_patient(box, sink):
    send(sink, chest(1, PatientName="ZHANGXYZ^SAN", PatientID="PIDXYZ77"))
    ((path, data),) = abandoned(box).items()
    assert b"XYZ" not in data
    assert AESGCM(key_of(box)) is not None
    assert path.stem.isalnum()
