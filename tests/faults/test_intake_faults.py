"""kill -9 and a full disk at every write of the intake path: what was acknowledged is there, whole.

The path runs in a forked process (``intake_driver.py``) that strikes itself at its n-th write.
"""

from __future__ import annotations

import io
import shutil

import pytest
from pydicom import dcmread

from core.blobs.errors import BlobDamaged, BlobMissing
from core.errors import XinglinError
from edge.intake.net.errors import OutOfResources, StoreFailed
from edge.intake.sink import JournalSink
from edge.journal_cli import verify_box
from edge.main import prepare
from edge.store.box import create_box, open_box, real_outside
from tests.api_site import chest
from tests.faults import intake_driver
from tests.sink_cases import send

COUNT = 3  # two of one study, one of another


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pristine") / "box"
    create_box(folder, "", real_outside()).close()
    return folder


@pytest.fixture(scope="module", params=["recorded", "ledger"])
def path(request):
    """Whether success stands on the record itself or on an entry of the arrival ledger."""
    return request.param


@pytest.fixture(scope="module")
def operations(path, pristine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("count") / "box"
    shutil.copytree(pristine, folder)
    *lines, last = strike(folder, "none", 0, path)
    assert lines == [f"stored {n}" for n in range(1, COUNT + 1)]
    found = int(last.split()[1])
    assert found > 20  # else the counting is not where the writes are
    return found


def strike(folder, kind, at, path):
    code, lines = intake_driver.strike(folder, kind, at, COUNT, ledger=path == "ledger")
    assert code in ((-9, 0) if kind in ("kill", "after") else (0,))
    return lines


def sop(number):
    return f"1.2.{(number + 1) // 2}.1.{number}"


def examine(folder, acknowledged):
    """After a restart: everything acknowledged opens, nothing is half, sending again succeeds."""
    prepare(folder, "")
    box = open_box(folder, real_outside())
    try:
        assert verify_box(box)["faults"] == []
        rows = box.database.query("SELECT sop_instance, blob, study, bytes FROM instance")
        assert {sop(n) for n in acknowledged} <= {row[0] for row in rows}
        assert len(rows) <= len(acknowledged) + 1
        for uid, blob, study, size in rows:
            with box.blobs.open(blob, box.vault.key(study)) as kept:
                data = kept.read()
            assert len(data) == size
            assert dcmread(io.BytesIO(data)).SOPInstanceUID == uid
        assert set(box.blobs.addresses()) == {row[1] for row in rows}
        assert list((folder / "blobs" / "incoming").iterdir()) == []
        assert not (folder / "intake").exists() or list((folder / "intake").iterdir()) == []
        before = box.views.dump()
        box.views.rebuild(box.journal, box.vault)
        assert box.views.dump() == before
        sink = JournalSink(box, lambda: "ok")
        for number in range(1, COUNT + 1):
            outcome = send(sink, chest(number, study=f"1.2.{(number + 1) // 2}"))
            assert outcome.status == 0
            assert outcome.duplicate or number not in acknowledged
        assert box.database.query("SELECT count(*) FROM instance") == [(COUNT,)]
        assert box.database.query("SELECT sum(instance_count) FROM study") == [(COUNT,)]
    finally:
        box.close()


def kill_at(pristine, tmp_path, kind, at, path):
    folder = tmp_path / "box"
    shutil.copytree(pristine, folder)
    lines = strike(folder, kind, at, path)
    examine(folder, {int(line.split()[1]) for line in lines if line.startswith("stored")})


@pytest.mark.parametrize("share", [0.02, 0.3, 0.55, 0.9])
def test_killed_at_a_write(pristine, operations, tmp_path, share, path):
    kill_at(pristine, tmp_path, "kill", max(1, round(operations * share)), path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "after"])
@pytest.mark.parametrize("round_", range(3))
def test_killed_at_every_write(pristine, operations, tmp_path, kind, round_, path):
    for at in range(1, operations + 1):
        place = tmp_path / str(at)
        place.mkdir()
        kill_at(pristine, place, kind, at, path)
        shutil.rmtree(place)


def fill_at(pristine, tmp_path, at, path):
    folder = tmp_path / "box"
    shutil.copytree(pristine, folder)
    lines = strike(folder, "full", at, path)
    assert lines[-1].startswith("operations")  # alive to the end
    refused = [line.split() for line in lines if line.startswith("refused")]
    assert all(status == "0xa700" for _, _, _, status in refused), lines
    assert not any(line.startswith("held") for line in lines)
    examine(folder, {int(line.split()[1]) for line in lines if line.startswith("stored")})
    return len(refused)


def test_disk_full_at_a_write(pristine, operations, tmp_path, path):
    refused = 0
    for share in (0.1, 0.45, 0.8):
        place = tmp_path / str(share)
        place.mkdir()
        refused += fill_at(pristine, place, max(1, round(operations * share)), path)
    assert refused >= 1


@pytest.mark.slow
def test_disk_full_at_every_write(pristine, operations, tmp_path, path):
    for at in range(1, operations + 1):
        place = tmp_path / str(at)
        place.mkdir()
        fill_at(pristine, place, at, path)
        shutil.rmtree(place)


@pytest.fixture
def box(pristine, tmp_path):
    shutil.copytree(pristine, tmp_path / "box")
    opened = open_box(tmp_path / "box", real_outside())
    yield opened
    opened.close()


def test_a_locked_database_is_a_typed_refusal_and_passes(box):
    other = open_box(box.folder, real_outside())
    box.database.connection.execute("PRAGMA busy_timeout = 20")
    sink = JournalSink(box, lambda: "ok")
    with other.database.transaction(), pytest.raises(StoreFailed):
        send(sink, chest())
    other.close()
    assert list((box.folder / "blobs" / "incoming").iterdir()) == []
    assert send(sink, chest()).status == 0
    assert verify_box(box)["faults"] == []


def test_a_real_full_database_refuses_and_recovers(box):
    sink = JournalSink(box, lambda: "ok")
    ((pages,),) = box.database.query("PRAGMA page_count")
    box.database.query(f"PRAGMA max_page_count = {pages + 1}")
    stored, refusal = 0, None
    while refusal is None and stored < 60:
        try:
            stored += send(sink, chest(stored + 1, ImageComments="x" * 8000)).status == 0
        except OutOfResources as error:
            refusal = error
    assert refusal is not None
    assert refusal.status == 0xA700
    box.database.query("PRAGMA max_page_count = 1000000")
    assert send(sink, chest(99)).status == 0
    assert box.database.query("SELECT count(*) FROM instance") == [(stored + 1,)]
    assert verify_box(box)["faults"] == []


@pytest.mark.parametrize("place", [0, 5, 40, 0.5, -1])
def test_a_flipped_bit_is_a_typed_error_on_read(box, place):
    send(JournalSink(box, lambda: "ok"), chest())
    ((address, study),) = box.database.query("SELECT blob, study FROM instance")
    path = box.blobs.path(address)
    data = bytearray(path.read_bytes())
    at = int(len(data) * place) if isinstance(place, float) else place
    data[at] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(BlobDamaged), box.blobs.open(address, box.vault.key(study)) as blob:
        blob.read()
    path.write_bytes(data[:-20])
    with pytest.raises(BlobDamaged), box.blobs.open(address, box.vault.key(study)) as blob:
        blob.read()
    path.unlink()
    with pytest.raises(BlobMissing):
        box.blobs.open(address, box.vault.key(study))
    assert issubclass(BlobDamaged, XinglinError)
