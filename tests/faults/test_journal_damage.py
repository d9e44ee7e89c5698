"""``xinglin journal verify`` names what was done to the journal, and exits with 1."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from edge.intake.sink import JournalSink
from edge.journal_cli import app
from edge.store.box import create_box, open_box, real_outside
from tests.api_site import chest
from tests.sink_cases import send


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal") / "box"
    box = create_box(folder, "", real_outside())
    sink = JournalSink(box, lambda: "ok")
    for number in range(1, 7):
        assert send(sink, chest(number)).status == 0
    box.keep_heads()
    box.close()
    return folder


def verified(folder):
    done = CliRunner().invoke(app, ["verify", "--folder", str(folder), "--json"])
    return done.exit_code, json.loads(done.stdout)


def test_a_whole_journal_passes(filled):
    code, found = verified(filled)
    assert (code, found["faults"], found["records"]) == (0, [], 6)


DAMAGE = {
    "changed bit of the sealed body": (
        "UPDATE {t} SET sealed = CAST(substr(sealed, 1, 9) || X'00' || substr(sealed, 11) AS BLOB)"
        " WHERE seq = 3",
        ("changed", 3),
    ),
    "changed header": (
        "UPDATE {t} SET header = CAST(replace(CAST(header AS TEXT), '\"seq\":4', '\"seq\":9')"
        " AS BLOB) WHERE seq = 4",
        ("changed", 4),
    ),
    "removed": ("DELETE FROM {t} WHERE seq = 2", ("removed", 2)),
    "first removed": ("DELETE FROM {t} WHERE seq = 1", ("removed", 1)),
    "reordered": (
        "UPDATE {t} SET seq = CASE seq WHEN 3 THEN -4 ELSE -3 END WHERE seq IN (3, 4);"
        "UPDATE {t} SET seq = -seq WHERE seq < 0",
        ("reordered", 3),
    ),
    "tail cut off": ("DELETE FROM {t} WHERE seq > 4", ("truncated", 5)),
    "everything gone": ("DELETE FROM {t}", ("truncated", 1)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(filled, tmp_path, kind):
    folder = tmp_path / "box"
    shutil.copytree(filled, folder)
    box = open_box(folder, real_outside())
    statements, (fault, seq) = DAMAGE[kind]
    for sql in statements.format(t=box.journal._table).split(";"):
        assert box.database.connection.execute(sql).rowcount > 0
    box.close()
    code, found = verified(folder)
    assert code == 1
    assert (fault, seq) in {(one["fault"], one["seq"]) for one in found["faults"]}
    assert all(one["journal"] == "clinical" for one in found["faults"])
    shown = CliRunner().invoke(app, ["verify", "--folder", str(folder)])
    assert f"clinical #{seq} {fault}" in shown.stdout


def test_a_forged_tail_does_not_pass_the_signed_head(filled, tmp_path):
    """Whoever holds the box key can write a chain; the head in the vault is signed."""
    folder = tmp_path / "box"
    shutil.copytree(filled, folder)
    box = open_box(folder, real_outside())
    table = box.journal._table
    box.database.connection.execute(f"DELETE FROM {table} WHERE seq > 3")
    sink = JournalSink(box, lambda: "ok")
    for number in range(20, 24):
        assert send(sink, chest(number)).status == 0
    box.close()
    code, found = verified(folder)
    assert code == 1
    assert [(one["fault"], one["seq"]) for one in found["faults"]] == [("forked", 6)]
