"""`xinglin models` as a person types it: two languages, numbers, exit codes."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from edge.models.cli import app
from edge.models.known import store_of
from edge.store.box import create_box, open_box, real_outside
from tests.model_cases import write_foreign, write_golden
from tests.model_site import IT, PHYSICIAN, add_people, film


@pytest.fixture
def run(tmp_path):
    box = create_box(tmp_path / "box", "", real_outside())
    add_people(box)
    box.close()

    def call(*words):
        folder = ["--folder", str(tmp_path / "box")]
        return CliRunner().invoke(app, [*map(str, words), *folder])

    call.folder = tmp_path / "box"
    return call


@pytest.fixture
def acme(tmp_path):
    return write_golden(write_foreign(tmp_path / "acme"))


def test_list_verify_import_activate_and_back(run, acme):
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert rows.keys() == {"ct_lesions", "dr_lungs", "dr_tb"}
    row = rows["dr_tb"]
    assert (row["slot"], row["active"], row["built_in"], row["golden"]) == (
        "dr_tb", True, True, "given",
    )  # fmt: skip
    assert "许可 / licence" in run("list").stdout
    assert run("import", acme, "--by", IT).exit_code == 0
    asked = run("activate", "acme_cxr", "--by", IT)
    assert asked.exit_code == 3
    words = re.search(r"--confirm (\S+)", asked.stdout)[1]
    assert "acme_cxr 1.0.0" in asked.stdout
    assert run("activate", "acme_cxr", "--by", IT, "--confirm", words).exit_code == 0
    rows = {row["name"]: row["active"] for row in json.loads(run("list", "--json").stdout)}
    assert rows == {"acme_cxr": True, "ct_lesions": True, "dr_lungs": True, "dr_tb": False}
    back = run("rollback", "dr_tb", "--by", IT)
    assert back.exit_code == 3
    words = re.search(r"--confirm (\S+)", back.stdout)[1]
    assert run("rollback", "dr_tb", "--by", IT, "--confirm", words).exit_code == 0
    assert run("verify", "acme_cxr").exit_code == 0


def test_verify_fails_with_an_exit_code(run, acme):
    assert run("import", acme, "--by", IT).exit_code == 0
    box = open_box(run.folder, real_outside())
    ((slot, digest),) = store_of(box).here()
    (store_of(box).path(slot, digest) / "card.md").unlink()
    box.close()
    found = run("verify", "acme_cxr", "--json")
    assert found.exit_code == 1
    (row,) = json.loads(found.stdout)
    assert (row["ok"], row["error"]["code"]) == (False, "E4001")
    assert "E4001" in run("verify", "acme_cxr").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("import", "/nowhere", "--by", IT), "E4020"),
        (("import", "ACME", "--by", PHYSICIAN), "E4040"),
        (("activate", "nobody", "--by", IT), "E4033"),
        (("activate", "dr_tb", "--by", IT), "E4036"),
        (("rollback", "dr_tb", "--by", IT), "E4037"),
        (("rollback", "mri", "--by", IT), "E4029"),
        (("shadow", "report"), "E4043"),
        (("shadow", "stop", "--by", IT), "E4043"),
        (("shadow", "dr_tb", "--by", IT), "E4036"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_refusals_are_numbered_in_two_languages(run, acme, words, code):
    said = run(*(str(acme) if word == "ACME" else word for word in words))
    assert said.exit_code == 2
    refusal = said.stderr.splitlines()[-1]
    assert refusal.startswith(code)
    assert " / " in refusal


def test_a_shadow_by_its_name_then_its_report(run, acme, tmp_path):
    assert run("import", acme, "--by", IT).exit_code == 0
    begun = run("shadow", "acme_cxr", "--by", IT, "--next", 5)
    assert begun.exit_code == 0, begun.stderr
    rows = {row["name"]: row["shadow"] for row in json.loads(run("list", "--json").stdout)}
    assert rows == {"acme_cxr": True, "ct_lesions": False, "dr_lungs": False, "dr_tb": False}
    assert json.loads(run("shadow", "report", "--json").stdout)["n"] == 0
    assert run("shadow", "stop", "--by", IT).exit_code == 0
    films = tmp_path / "films"
    films.mkdir()
    (films / "1.dcm").write_bytes(film(1))
    assert "比较例数" in run("shadow", "acme_cxr", "--by", IT, "--on", films).stdout
    report = json.loads(run("shadow", "report", "--json").stdout)
    assert (report["n"], report["run"]["state"]) == (1, "ended")
