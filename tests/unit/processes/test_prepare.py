"""What is mended before any process runs: only blobs that nothing can name any more go."""

from __future__ import annotations

import os

import pytest

from core.blobs.disk import put
from edge.intake.ledger import Ledger
from edge.intake.replay import folder_of, key_of
from edge.main import prepare
from edge.store.box import create_box, real_outside
from tests.sink_cases import send_one


@pytest.fixture
def folder(tmp_path):
    """A box with one stored object, and the blob of one whose record a crash prevented."""
    box = create_box(tmp_path / "box", "", real_outside())
    send_one(box)
    put(box.blobs, b"nobody knows me", box.vault.key("node"), os.urandom(32))
    box.close()
    return tmp_path / "box"


def _addresses(folder):
    box = create_box(folder, "", real_outside())
    try:
        named = {row[0] for row in box.database.query("SELECT blob FROM instance")}
        return set(box.blobs.addresses()), named
    finally:
        box.close()


def test_an_empty_place_becomes_a_box(tmp_path):
    prepare(tmp_path / "box", "")
    assert _addresses(tmp_path / "box") == (set(), set())


def test_a_blob_without_a_record_goes_and_a_recorded_one_stays(folder):
    there, named = _addresses(folder)
    assert len(there) == 2
    prepare(folder, "")
    there, still_named = _addresses(folder)
    assert there == named == still_named
    assert len(named) == 1


def test_preparing_again_changes_nothing(folder):
    prepare(folder, "")
    first = _addresses(folder)
    prepare(folder, "")
    assert _addresses(folder) == first


def test_an_open_read_of_the_kept_object_still_gives_its_bytes(folder):
    prepare(folder, "")
    box = create_box(folder, "", real_outside())
    ((study, address),) = box.database.query("SELECT study, blob FROM instance")
    with box.blobs.open(address, box.vault.key(study)) as blob:
        assert len(blob.read()) == blob.length
    box.close()


def test_nothing_goes_while_another_process_holds_its_ledger(folder):
    box = create_box(folder, "", real_outside())
    ledger = Ledger(folder_of(box), key_of(box), os.urandom)
    box.close()
    prepare(folder, "")
    assert len(_addresses(folder)[0]) == 2
    ledger.close(remove=True)
    prepare(folder, "")
    assert len(_addresses(folder)[0]) == 1


def test_nothing_goes_while_a_damaged_ledger_lies_aside(folder):
    """It may have named the blob; a person looks at it, and only its removal lets pruning go on."""
    damaged = folder / "intake" / "0011223344556677.damaged"
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(os.urandom(4096))
    prepare(folder, "")
    assert len(_addresses(folder)[0]) == 2
    assert damaged.exists()
    damaged.unlink()
    prepare(folder, "")
    assert len(_addresses(folder)[0]) == 1
