"""Backups by the clock and after every erasure; the commands; the key never in an argument."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from core.cli import LazyGroup, entry_points
from edge.backup.errors import NoTarget, TargetUnusable
from edge.backup.schedule import back_up_and_note, backup_if_due, is_due, last_result, main
from edge.housekeeping import keep_house
from edge.store.box import Outside, open_box
from edge.store.erase import erase_subject
from tests.backup_cases import give_a_past, new_box, receive, same_views

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("last", "destroyed", "expected"),
    [
        ({}, 0, True),
        ({"ok": True, "at_ms": 100 * HOUR, "destroyed": 0}, 0, False),
        ({"ok": True, "at_ms": 76 * HOUR, "destroyed": 0}, 0, True),
        ({"ok": True, "at_ms": 100 * HOUR, "destroyed": 0}, 1, True),
        ({"ok": False, "at_ms": 100 * HOUR - 60_000}, 1, False),
        ({"ok": False, "at_ms": 99 * HOUR}, 0, True),
    ],
)
def test_when_a_backup_is_due(last, destroyed, expected):
    assert is_due(last, 100 * HOUR, 24.0, destroyed) is expected


class Clock:
    now = 1_700_000_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def box(tmp_path):
    made = new_box(tmp_path / "box")
    give_a_past(made)
    made.close()
    settings = tmp_path / "box" / "appliance.toml"
    (tmp_path / "target").mkdir()
    text = settings.read_text() + f'[backup]\ntarget = "{tmp_path / "target"}"\n'
    settings.write_text(text)
    opened = open_box(tmp_path / "box", Outside(Clock(), made.outside.randomness))
    yield opened
    opened.close()


def test_started_when_due_and_not_twice(box):
    started = []
    clock = box.outside.now_ms
    assert backup_if_due(box, started.append)
    clock.now += 60_000
    assert not backup_if_due(box, started.append)  # it still runs
    back_up_and_note(box, box.settings.backup.target)
    assert not backup_if_due(box, started.append)
    subject = box.vault.study("1.2.3.1").subject
    erase_subject(box, subject, "court")
    clock.now += 1000
    assert backup_if_due(box, started.append)
    report = back_up_and_note(box, box.settings.backup.target)
    assert report.pruned == 4
    clock.now += 23 * HOUR
    assert not backup_if_due(box, started.append)
    clock.now += HOUR
    assert backup_if_due(box, started.append)
    assert started == [box.folder] * 3


def test_the_result_is_kept_for_the_page_good_or_bad(box, tmp_path):
    back_up_and_note(box, box.settings.backup.target)
    good = last_result(box)
    assert (good["ok"], good["at"][:10], good["next"][:10]) == (True, "2023-11-14", "2023-11-15")
    with pytest.raises(TargetUnusable):
        back_up_and_note(box, str(tmp_path / "gone"))
    bad = last_result(box)
    assert (bad["ok"], bad["error"]["code"]) == (False, "E7004")
    with pytest.raises(NoTarget):
        back_up_and_note(box, "")


def test_housekeeping_asks_once_in_a_while_only_where_there_is_a_target(tmp_path):
    box = new_box(tmp_path / "plain")
    keep_house(box)
    assert last_result(box) == {}
    assert not backup_if_due(box, lambda _folder: pytest.fail("no target, no backup"))
    box.close()


def test_the_process_that_the_appliance_starts(box, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["schedule", str(box.folder)])
    main()
    assert last_result(box)["ok"] is True
    (tmp_path / "target").rename(tmp_path / "unmounted")
    with pytest.raises(SystemExit):
        main()
    assert last_result(box)["error"]["code"] == "E7004"


def xinglin(*arguments, typed=""):
    group = LazyGroup({e.name: e for e in entry_points(group="xinglin.commands")}, name="xinglin")
    return CliRunner().invoke(group, [str(a) for a in arguments], input=typed)


def test_the_commands_from_key_to_restored_box(box, tmp_path):
    folder, target = box.folder, tmp_path / "target"
    (folder / "keys" / "recovery.pub").unlink()
    refused = xinglin("backup", "run", "--folder", folder)
    assert refused.exit_code == 2
    assert "E7001" in refused.stderr
    made = xinglin("backup", "key", "--folder", folder)
    assert made.exit_code == 0
    key = "-".join(re.findall(r"^ +((?:[0-9A-Z]{4}-?){7})$", made.stdout, re.M))
    assert xinglin("backup", "key", "--folder", folder).exit_code == 2
    assert xinglin("backup", "key", "--folder", folder, "--check", typed=key).exit_code == 0
    wrong = xinglin("backup", "key", "--folder", folder, "--check", typed=key[:-1])
    assert (wrong.exit_code, "E1104" in wrong.stderr) == (2, True)

    ran = xinglin("backup", "run", "--folder", folder, "--json")
    assert json.loads(ran.stdout)["ok"] is True
    (listed,) = json.loads(xinglin("backup", "list", "--target", target, "--json").stdout)
    assert (listed["node"], listed["records"]) == (box.identity.id, 7)
    verify = ("backup", "verify", "--target", target, "--json", "--recovery-key-file", "-")
    found = json.loads(xinglin(*verify, typed=key).stdout)
    assert (found["ok"], found["opened"], found["blobs"]) == (True, True, 6)

    new = tmp_path / "new"
    back = ("restore", "--from", target, "--folder", new, "--json")
    assert xinglin(*back, typed="not a key\n").exit_code == 2
    assert not new.exists()
    done = xinglin(*back, typed=key + "\n")
    assert (done.exit_code, json.loads(done.stdout)["records"]) == (0, 7)
    assert same_views(box, open_box(new, box.outside))
    again = xinglin(*back, typed=key + "\n")
    assert (again.exit_code, "E7010" in again.stderr) == (2, True)


def test_repair_sends_again_what_the_target_lost(box, tmp_path):
    xinglin("backup", "run", "--folder", box.folder)
    blobs = sorted((tmp_path / "target").rglob("blobs/*/*"))
    blobs[0].write_bytes(b"rot")
    size = blobs[1].stat().st_size
    blobs[1].write_bytes(bytes(size))  # the same length: only the hash tells
    bad = xinglin("backup", "verify", "--folder", box.folder)
    assert bad.exit_code == 1
    assert blobs[1].name in bad.stdout
    repaired = xinglin("backup", "verify", "--folder", box.folder, "--repair")
    assert repaired.exit_code == 0
    receive(box, 7, 1, "P7")
    assert xinglin("backup", "run", "--folder", box.folder).exit_code == 0
