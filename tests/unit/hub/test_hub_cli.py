"""The hub's commands as an operator types them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from core.errors import XinglinError
from hub.cli import app
from hub.outside import real_outside
from hub.site import open_hub

PASSWORD = "a long password"


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "hub"

    def call(*arguments, typed=""):
        command = [*arguments[:1], *arguments[1:]]
        at = 2 if command[0] == "user" else 1
        command[at:at] = ["--folder", str(folder)]
        return CliRunner().invoke(app, command, input=typed)

    from hub.site import create_hub

    create_hub(folder, "", real_outside()).close()
    return call


def test_a_hospital_and_its_people(run, tmp_path):
    made = run("hospital", "县医院", "--recovery-public", "09" + "00" * 31)
    hospital = json.loads(made.stdout)["id"]
    added = run(
        "user", "add", "li", "--role", "expert", "--hospital", hospital, "--department", "imaging",
        typed=f"{PASSWORD}\n",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    (listed,) = [json.loads(line) for line in run("user", "list").stdout.splitlines()]
    assert (listed["user"], listed["hospital_name"]) == ("li", "县医院")
    assert "password" not in listed
    site = open_hub(tmp_path / "hub", real_outside())
    assert len(site.directory.show(0).entries) == 1
    site.close()


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (("user", "add", "li", "--role", "god"), PASSWORD),
        (("user", "add", "li", "--role", "expert"), "short"),
        (("user", "add", "li", "--role", "expert", "--hospital", "h_none"), PASSWORD),
        (("hospital", ""), ""),
    ],
)
def test_what_is_refused_is_a_numbered_sentence(run, arguments, typed):
    found = run(*arguments, typed=f"{typed}\n")
    assert isinstance(found.exception, XinglinError)  # the umbrella command prints it
    assert found.stdout == ""


def test_a_key_that_is_none(run):
    assert run("hospital", "x", "--recovery-public", "zz").exit_code == 2
