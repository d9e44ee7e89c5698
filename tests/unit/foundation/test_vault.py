"""The vault: ids, wrapping, restrict, destroy, heads."""

from __future__ import annotations

import os

import pytest

from core.journal.checkpoint import Checkpoint, is_signed_by, sign
from core.journal.database import Database
from core.vault.errors import KeyDestroyed, KeyUnknown, VaultSealed
from core.vault.identity import box_key, node_identity
from core.vault.vault import SqliteVault


def vault(path, key=b"b" * 32):
    one = SqliteVault(Database(path, b"d" * 32), key, os.urandom)
    one.create()
    return one


def test_same_patient_same_subject_and_each_study_its_key(tmp_path):
    v = vault(tmp_path / "v.db")
    first = v.open_study("1.2.3", "HIS", "P1")
    again = v.open_study("1.2.3", "HIS", "P1")
    second = v.open_study("1.2.4", "HIS", "P1")
    other = v.open_study("1.2.5", "HIS", "P2")
    assert first == again
    assert first.subject == second.subject != other.subject
    assert len({v.key(r.study) for r in (first, second, other)}) == 3
    assert v.study("1.2.3") == first
    assert v.study("9.9") is None


def test_patients_without_id_are_never_joined(tmp_path):
    v = vault(tmp_path / "v.db")
    assert v.open_study("1.2.3", "", "").subject != v.open_study("1.2.4", "", " ").subject


def test_issuer_and_id_cannot_be_shifted_into_each_other(tmp_path):
    v = vault(tmp_path / "v.db")
    assert v.open_study("1", "AB", "C").subject != v.open_study("2", "A", "BC").subject


def test_no_identity_in_clear(tmp_path):
    v = vault(tmp_path / "v.db")
    v.open_study("1.2.840.777", "HIS", "PATIENT-ID-42")
    dumped = repr(v._database.query("SELECT * FROM subject")) + repr(
        v._database.query("SELECT * FROM study")
    )
    assert "PATIENT-ID-42" not in dumped
    assert "1.2.840.777" not in dumped


def test_destroy_is_final_also_for_another_process(tmp_path):
    one, two = vault(tmp_path / "v.db"), vault(tmp_path / "v.db")
    ref = one.open_study("1.2.3", "HIS", "P1")
    keep = one.open_study("1.2.9", "HIS", "P9")
    assert two.key(ref.study) == one.key(ref.study)
    one.destroy(ref.subject)
    for v in (one, two):
        with pytest.raises(KeyDestroyed):
            v.key(ref.study)
        with pytest.raises(KeyDestroyed):
            v.key(ref.subject)
    assert two.key(keep.study)
    assert one.state(ref.subject) == "destroyed"
    assert one.open_study("1.2.3", "HIS", "P1").subject != ref.subject


def test_restrict_hides_and_keeps(tmp_path):
    v = vault(tmp_path / "v.db")
    ref = v.open_study("1.2.3", "HIS", "P1")
    v.restrict(ref.subject, restricted=True)
    assert v.state(ref.subject) == "restricted"
    assert v.key(ref.study)
    v.restrict(ref.subject, restricted=False)
    assert v.state(ref.subject) == "active"


def test_study_moves_to_the_corrected_patient(tmp_path):
    v = vault(tmp_path / "v.db")
    ref = v.open_study("1.2.3", "HIS", "WRONG")
    key = v.key(ref.study)
    moved = v.move_study(ref.study, "HIS", "RIGHT")
    assert moved.study == ref.study
    assert moved.subject != ref.subject
    assert v.key(ref.study) == key
    v.destroy(ref.subject)
    assert v.key(ref.study) == key
    v.destroy(moved.subject)
    with pytest.raises(KeyDestroyed):
        v.key(ref.study)


def test_another_box_key_opens_nothing(tmp_path):
    ref = vault(tmp_path / "v.db").open_study("1.2.3", "HIS", "P1")
    with pytest.raises(VaultSealed):
        vault(tmp_path / "v.db", b"c" * 32).key(ref.subject)
    with pytest.raises(KeyUnknown):
        vault(tmp_path / "v.db").key("st_unknown")


def test_heads_only_grow(tmp_path):
    v = vault(tmp_path / "v.db")
    node = node_identity(tmp_path / "node.key")
    new = sign(Checkpoint("clinical", node.id, 9, "ab", "t"), node.key)
    old = sign(Checkpoint("clinical", node.id, 4, "cd", "t"), node.key)
    v.keep_head(new)
    v.keep_head(old)
    assert v.heads() == [new]
    assert is_signed_by(new, node.key.public_key())
    forged = Checkpoint("clinical", node.id, 10, "ab", "t", new.signature)
    assert not is_signed_by(forged, node.key.public_key())


def test_identity_files_are_private_and_stay(tmp_path):
    first = node_identity(tmp_path / "keys" / "node.key")
    assert node_identity(tmp_path / "keys" / "node.key").id == first.id
    key = box_key(tmp_path / "keys" / "box.key", os.urandom)
    assert box_key(tmp_path / "keys" / "box.key", os.urandom) == key
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
