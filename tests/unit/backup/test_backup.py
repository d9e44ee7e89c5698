"""Back up, verify, restore: all comes back, what was erased stays erased, faults are named."""

from __future__ import annotations

import json
import shutil

import pytest
from obstore.store import MemoryStore

from core.vault.errors import KeyDestroyed, RecoveryKeyWrong
from edge.backup.check import choose, manifests, verify_target
from edge.backup.errors import (
    BackupBusy,
    BackupDiverged,
    FolderNotEmpty,
    JournalUnfit,
    ManifestUntrusted,
    NoRecoveryKey,
    NothingThere,
    ObjectDamaged,
    SeveralNodes,
    TargetUnusable,
)
from edge.backup.recovery import public_of
from edge.backup.restore import Source, restore
from edge.backup.run import back_up, only_one
from edge.backup.target import ObstoreTarget, open_target
from edge.journal_cli import verify_box
from edge.store.box import open_box
from edge.store.erase import erase_subject
from edge.uplink.alarms import Alarms
from tests.backup_cases import (
    SECRET,
    chain_of,
    digest_of,
    give_a_past,
    new_box,
    outside,
    receive,
)


@pytest.fixture
def box(tmp_path):
    made = new_box(tmp_path / "box")
    give_a_past(made)
    yield made
    made.close()


@pytest.fixture
def target(tmp_path):
    (tmp_path / "target").mkdir()
    return open_target(str(tmp_path / "target"))


def names(target, part=""):
    return sorted(name for name, _ in target.listing("") if f"/{part}" in name)


def restored(target, folder, secret=SECRET, node=""):
    report = restore(Source(target, secret, node), folder, outside())
    return open_box(folder, outside()), report


def same(one, other):
    assert other.views.dump() == one.views.dump()
    assert digest_of(other) == digest_of(one)
    assert chain_of(other) == chain_of(one)
    assert other.vault.export() == one.vault.export()
    assert other.identity.id == one.identity.id
    assert other.settings == one.settings


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_an_empty_machine_gets_everything_back(box, target, tmp_path, kind):
    if kind == "memory":
        target = ObstoreTarget(MemoryStore())
    report = back_up(box, target)
    assert report.ok
    assert (report.records, report.blobs) == (7, 6)
    again, done = restored(target, tmp_path / "new")
    same(box, again)
    assert (done.records, done.blobs, done.blobs_lost) == (7, 6, [])
    assert verify_box(again)["faults"] == []
    person = "SELECT * FROM person"
    assert again.database.query(person) == box.database.query(person)
    assert again.database.query("SELECT state, owner FROM job") == [("waiting", "")]
    assert again.database.query("SELECT position FROM cursor") == [(3,)]
    study = box.vault.study("1.2.3.1").study
    (address,) = [
        r["blob"] for r in box.views.dump()["instance"] if r["sop_instance"] == "1.2.3.1.2"
    ]
    with again.blobs.open(address, again.vault.key(study)) as blob:
        assert b"ZHANG" in blob.read()
    assert receive(again, 3, 1, "P3") == 0  # and it goes on writing its chain
    assert verify_box(again)["faults"] == []
    assert back_up(again, target).records == 1


def test_a_box_of_a_region_is_known_there_again(box, target, tmp_path):
    files = {"region.json": b'{"hub": "h"}', "device.pem": b"key and certificate"}
    (box.folder / "uplink").mkdir(exist_ok=True)
    for name, data in {**files, "pending.pem": b"not this"}.items():
        (box.folder / "uplink" / name).write_bytes(data)
    rows = {
        "directory_entry": [(1, b"\x00first"), (2, b"second")],
        "directory_witness": [("n" * 64, b"signed", 2)],
        "uplink": [("directory", "head")],
        "consult_sent": [("e_1", "c_1", None), ("e_2", "c_1", None), ("e_3", "c_2", 5)],
    }
    with box.database.transaction() as sql:
        for seq, entry in rows["directory_entry"]:
            sql.execute("INSERT INTO directory_entry VALUES (?, ?)", (seq, entry))
        for row in rows["directory_witness"]:
            sql.execute("INSERT INTO directory_witness VALUES (?, ?, ?)", row)
        sql.execute("INSERT INTO uplink VALUES (?, ?)", rows["uplink"][0])
        for event, consult, returned in rows["consult_sent"]:
            sql.execute(
                "INSERT INTO consult_sent (event, consult, study, kind, digest, at, author,"
                " returned, opened) VALUES (?, ?, 's', 'message', '', 0, '', ?, '{}')",
                (event, consult, returned),
            )
    back_up(box, target)
    again, _ = restored(target, tmp_path / "new")
    for table in ("directory_entry", "directory_witness", "uplink"):
        assert again.database.query(f"SELECT * FROM {table}") == rows[table]
    kept = {path.name: path.read_bytes() for path in (again.folder / "uplink").iterdir()}
    assert {name: kept.get(name) for name in files} == files
    assert "pending.pem" not in kept
    assert (again.folder / "uplink" / "device.pem").stat().st_mode & 0o077 == 0
    alarms = Alarms(again.database, again.outside.now_ms).shown()
    assert [(one["code"], one["about"]) for one in alarms] == [("E7014", "c_1")]
    assert "2" in alarms[0]["message_zh"]


def test_only_what_is_new_is_sent(box, target):
    first = back_up(box, target)
    segments = names(target, "segments/")
    second = back_up(box, target)
    assert (second.number, second.records, second.blobs, second.pruned) == (2, 0, 0, 0)
    assert second.bytes_sent < first.bytes_sent / 2
    receive(box, 5, 1, "P5")
    third = back_up(box, target)
    assert (third.records, third.blobs) == (1, 1)
    assert set(segments) < set(names(target, "segments/"))
    assert len(names(target, "keys/")) == len(names(target, "manifest/")) == 1


def test_nothing_on_the_target_tells_of_a_patient(box, target, tmp_path):
    back_up(box, target)
    words = ["ZHANG", "张", "P1", "1.2.3.1", "doctor", "王医生", "argon2", "测试县"]
    for path in (tmp_path / "target").rglob("*"):
        assert not any(word in path.name for word in words)
        if path.is_file():
            data = path.read_bytes()
            for word in words:
                assert len(word) < 4 or word.encode() not in data
            for key in ("box.key", "node.key"):
                assert (box.folder / "keys" / key).read_bytes() not in data


def test_destroyed_patient_stays_destroyed(box, target, tmp_path):
    back_up(box, target)
    old = tmp_path / "old"
    shutil.copytree(tmp_path / "target", old)
    ref = box.vault.study("1.2.3.1")
    gone = erase_subject(box, ref.subject, "court")
    report = back_up(box, target)
    assert (gone, report.pruned, report.destroyed) == (4, 4, 1)
    assert len(names(target, "blobs/")) == 2
    assert len(names(target, "keys/")) == 1
    again, done = restored(target, tmp_path / "new")
    same(box, again)
    assert done.destroyed == 1
    with pytest.raises(KeyDestroyed):
        again.vault.key(ref.study)
    assert [row["patient_id"] for row in again.views.dump()["study"]] == ["P2"]


def test_an_old_key_set_put_back_does_not_undo_an_erasure(box, target, tmp_path):
    """The journal's own record is carried out again, whatever key set is used."""
    ref = box.vault.study("1.2.3.1")
    wraps = box.vault.export()
    erase_subject(box, ref.subject, "court")
    with box.vault._database.transaction() as sql:  # the attack itself
        for table in ("study", "subject"):
            sql.execute(f"DELETE FROM {table}")
    box.vault.adopt({**wraps, "head": []})
    back_up(box, target)
    again, done = restored(target, tmp_path / "new")
    assert done.destroyed == 1
    with pytest.raises(KeyDestroyed):
        again.vault.key(ref.study)
    assert [row["patient_id"] for row in again.views.dump()["study"]] == ["P2"]


def test_interrupted_backup_is_run_again(box, target, tmp_path):
    class Failing:
        """The target, failing at its n-th write: what is there stays there."""

        def __init__(self, writes):
            self._left = writes

        def __getattr__(self, name):
            return getattr(target, name)

        def put(self, name, data):
            self._left -= 1
            if self._left < 0:
                raise TargetUnusable(what=name, fault="cut")
            target.put(name, data)

    writes = 0
    while True:
        try:
            back_up(box, Failing(writes))
        except TargetUnusable:
            with pytest.raises(NothingThere):
                choose(target)
            writes += 1
        else:
            break
    assert writes >= 6  # blobs of a run that was cut stay; the rest is sent again
    assert verify_target(target, "", SECRET).faults == []
    receive(box, 6, 1, "P6")
    for writes in range(5):
        with pytest.raises(TargetUnusable):
            back_up(box, Failing(writes))
        assert verify_target(target, "", SECRET).faults == []
        assert choose(target).number == 1
    back_up(box, target)
    again, _ = restored(target, tmp_path / "new")
    same(box, again)


def test_interrupted_restore_is_run_again(box, target, tmp_path):
    back_up(box, target)

    class Failing:
        def __init__(self, reads):
            self._left = reads

        def __getattr__(self, name):
            return getattr(target, name)

        def get(self, name):
            self._count(name)
            return target.get(name)

        def stream(self, name):
            self._count(name)
            return target.stream(name)

        def _count(self, name):
            self._left -= 1
            if self._left < 0:
                raise TargetUnusable(what=name, fault="cut")

    folder = tmp_path / "new"
    reads = 0
    while True:
        try:
            restore(Source(Failing(reads), SECRET), folder, outside())
        except TargetUnusable:
            assert not (folder / "appliance.toml").exists()
            reads += 1
        else:
            break
    assert reads > 10
    same(box, open_box(folder, outside()))
    assert not (folder / ".restoring").exists()


@pytest.mark.parametrize("part", ["segments/clinical", "segments/access", "keys/", "settings/"])
def test_a_tampered_object_is_named_and_refused(box, target, tmp_path, part):
    back_up(box, target)
    (name,) = names(target, part)
    path = tmp_path / "target" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    for secret in (None, SECRET):
        assert [f.facts["name"] for f in verify_target(target, "", secret).faults] == [name]
    with pytest.raises(ObjectDamaged, match=name):
        restore(Source(target, SECRET), tmp_path / "new", outside())
    assert not (tmp_path / "new").exists()


def test_a_removed_segment_is_named_and_comes_back_with_the_next_backup(box, target, tmp_path):
    back_up(box, target)
    receive(box, 5, 1, "P5")
    back_up(box, target)
    name = names(target, "segments/clinical")[0]
    target.delete([name])
    (fault,) = verify_target(target).faults
    assert fault.facts["name"] == name
    assert back_up(box, target).records == 7
    assert verify_target(target, "", SECRET).faults == []
    same(box, restored(target, tmp_path / "new")[0])


def test_a_damaged_blob_is_named_and_the_rest_rescued(box, target, tmp_path):
    back_up(box, target)
    damaged, missing, *_ = names(target, "blobs/")
    (tmp_path / "target" / damaged).write_bytes(b"x" * 100)
    target.delete([missing])
    found = verify_target(target)
    assert {f.facts["name"] for f in found.faults} == {damaged, missing}
    assert found.blobs == 4
    again, done = restored(target, tmp_path / "new")
    assert sorted(done.blobs_lost) == sorted([damaged, missing])
    assert again.views.dump() == box.views.dump()
    assert back_up(box, target).blobs == 2
    assert verify_target(target, "", SECRET).faults == []


def test_a_forged_or_renamed_manifest_is_untrusted(box, target, tmp_path):
    back_up(box, target)
    (name,) = names(target, "manifest/")
    path = tmp_path / "target" / name
    text = path.read_text()
    outer = json.loads(text)
    outer["manifest"]["blob_count"] = 0
    for forged in (json.dumps(outer), text[:-2], "{}", "[]", ""):
        path.write_text(forged)
        with pytest.raises(ManifestUntrusted):
            choose(target)
    path.write_text(text)
    path.rename(path.with_name("0000000009.json"))
    with pytest.raises(ManifestUntrusted):
        choose(target)
    report = back_up(
        box, target
    )  # the box is the truth: all is sent again, after the highest number
    assert (report.number, report.records) == (10, 7)
    assert verify_target(target, "", SECRET).faults == []


def test_a_blob_lost_on_the_box_stays_on_the_target(box, target):
    back_up(box, target)
    address = next(iter(box.views.dump()["instance"]))["blob"]
    box.blobs.delete(address)
    report = back_up(box, target)
    assert (report.pruned, report.missing) == (0, 0)
    assert any(address in name for name in names(target, "blobs/"))


def test_what_is_wrong_on_the_box_is_not_backed_up_as_right(box, target):
    address = next(iter(box.blobs.addresses()))
    path = box.blobs.path(address)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    report = back_up(box, target)
    assert (report.ok, report.damaged) == (False, [address])
    with box.database.transaction() as sql:
        sql.execute("UPDATE record_clinical SET sealed = zeroblob(40) WHERE seq = 3")
    receive(box, 5, 1, "P5")
    target.delete(names(target))
    with pytest.raises(JournalUnfit):
        back_up(box, target)


def test_a_box_that_lost_records_does_not_overwrite_a_longer_backup(box, target, tmp_path):
    shutil.copytree(box.folder, tmp_path / "older")
    receive(box, 5, 1, "P5")
    back_up(box, target)
    older = open_box(tmp_path / "older", outside())
    with pytest.raises(BackupDiverged):
        back_up(older, target)
    assert choose(target).number == 1


def test_wrong_key_wrong_folder_wrong_place(box, target, tmp_path):
    with pytest.raises(NothingThere):
        restore(Source(target, SECRET), tmp_path / "new", outside())
    back_up(box, target)
    with pytest.raises(RecoveryKeyWrong):
        restore(Source(target, bytes(32)), tmp_path / "new", outside())
    with pytest.raises(RecoveryKeyWrong):
        verify_target(target, "", bytes(32))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty):
        restore(Source(target, SECRET), tmp_path / "full", outside())
    with pytest.raises(FolderNotEmpty):
        restore(Source(target, SECRET), box.folder, outside())
    with pytest.raises(TargetUnusable):
        open_target(str(tmp_path / "not-mounted"))
    (box.folder / "keys" / "recovery.pub").unlink()
    with pytest.raises(NoRecoveryKey):
        back_up(box, target)


def test_a_new_recovery_key_seals_everything_anew(box, target, tmp_path):
    back_up(box, target)
    other = bytes(range(2, 34))
    (box.folder / "keys" / "recovery.pub").write_bytes(public_of(other))
    assert back_up(box, target).records == 7
    with pytest.raises(RecoveryKeyWrong):
        restore(Source(target, SECRET), tmp_path / "new", outside())
    same(box, restored(target, tmp_path / "new", other)[0])


def test_two_boxes_share_a_target_but_one_backup_at_a_time(box, target, tmp_path):
    second = new_box(tmp_path / "second")
    receive(second, 1, 1, "P1")
    back_up(box, target)
    back_up(second, target)
    assert len(manifests(target)) == 2
    with pytest.raises(SeveralNodes):
        choose(target)
    same(second, restored(target, tmp_path / "new", node=second.identity.id[:12])[0])
    with only_one(box.folder), pytest.raises(BackupBusy):
        back_up(box, target)
