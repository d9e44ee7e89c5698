"""``xinglin journal verify`` on a real folder: damage, tampering, a cut tail, signed heads."""

from __future__ import annotations

import itertools
import json
import os

import pytest
from typer.testing import CliRunner

from core.records.record import Draft
from edge.housekeeping import keep_house
from edge.journal_cli import app, verify_box
from edge.store.box import Outside, create_box

PAGE = 4096


class Clock:
    def __init__(self):
        self.now = 1_700_000_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def box(tmp_path, clock):
    made = create_box(tmp_path / "box", "", Outside(clock, os.urandom))
    yield made
    made.close()


def fill(box, count=300):
    body = {"action": "test", "text": "y" * 300}
    box.access.append([Draft("audit.logged", body) for _ in range(count)])


def verified(folder):
    ran = CliRunner().invoke(app, ["verify", "--folder", str(folder), "--json"])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, json.loads(ran.stdout)["faults"]


def flip(folder, *pages):
    path = folder / "journal" / "edge.db"
    data = bytearray(path.read_bytes())
    for page in pages:
        data[page * PAGE + 1000] ^= 1
    path.write_bytes(data)


def test_whole_folder_is_sound(box):
    fill(box)
    box.keep_heads()
    box.close()
    assert verified(box.folder) == (0, [])


def test_every_damaged_page_is_named_or_elsewhere_and_never_a_traceback(box):
    fill(box)
    box.keep_heads()
    box.database.query("PRAGMA wal_checkpoint(TRUNCATE)")
    box.close()
    path = box.folder / "journal" / "edge.db"
    whole = path.read_bytes()
    named = set()
    for page in itertools.chain((0, 1), range(2, len(whole) // PAGE, 11)):
        flip(box.folder, page)
        code, found = verified(box.folder)
        assert {one["fault"] for one in found} <= {"unreadable"}
        assert code == int(bool(found))
        named |= {(one["journal"], one["seq"]) for one in found}
        for left in ("edge.db-wal", "edge.db-shm"):
            (path.parent / left).unlink(missing_ok=True)
        path.write_bytes(whole)
    assert ("database", 0) in named
    assert any(journal == "access" and 1 < seq < 300 for journal, seq in named)
    assert verified(box.folder) == (0, [])


def test_a_damaged_vault_is_a_fault(box):
    fill(box, 3)
    box.keep_heads()
    box.vault._database.query("PRAGMA wal_checkpoint(TRUNCATE)")
    box.vault._database.close()
    box.close()
    path = box.folder / "vault" / "vault.db"
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // PAGE):
        data[page * PAGE + 1000] ^= 1
    path.write_bytes(data)
    code, found = verified(box.folder)
    assert (code, [one["fault"] for one in found]) == (1, ["unreadable"])


def test_columns_that_lead_elsewhere_are_named(box):
    fill(box, 20)
    with box.database.transaction() as sql:
        sql.execute(
            "UPDATE record_access SET kind = 'x', subject = 'y', key = 'st_z', clock = '0'"
            " WHERE seq = 12"
        )
    (fault,) = verify_box(box)["faults"]
    assert (fault["journal"], fault["seq"], fault["fault"]) == ("access", 12, "columns")


def test_a_tail_cut_two_seconds_after_the_append_is_named(box, clock):
    fill(box, 5)
    keep_house(box)
    clock.now += 1
    fill(box, 5)
    clock.now += 2_000
    keep_house(box)
    with box.database.transaction() as sql:
        sql.execute("DELETE FROM record_access WHERE seq > 7")
    (fault,) = verify_box(box)["faults"]
    assert (fault["journal"], fault["seq"], fault["fault"]) == ("access", 8, "truncated")


def test_heads_are_signed_when_grown_and_at_most_every_two_seconds(box, clock):
    def signed():
        return [head.seq for head in box.vault.heads() if head.journal == "access"]

    keep_house(box)
    assert signed() == []
    fill(box, 1)
    keep_house(box)
    assert signed() == [1]
    clock.now += 1_999
    fill(box, 1)
    keep_house(box)
    assert signed() == [1]
    clock.now += 1
    keep_house(box)
    assert signed() == [2]
    clock.now -= 3_600_000  # set back: signing goes on
    fill(box, 1)
    keep_house(box)
    assert signed() == [3]


def test_a_swapped_link_at_the_signed_head_is_a_fork(box):
    fill(box, 4)
    box.keep_heads()
    with box.database.transaction() as sql:
        sql.execute("DELETE FROM record_access WHERE seq = 4")
    fill(box, 1)
    assert [one["fault"] for one in verify_box(box)["faults"]] == ["forked"]
