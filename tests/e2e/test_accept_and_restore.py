"""A real appliance: the acceptance test passes on it, and its backup gives the same box again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from edge.store.box import open_box, real_outside
from provisioning.demo_ports import free_ports
from tests.backup_cases import same_views

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long password 1"
XINGLIN = [sys.executable, "-m", "core.cli"]


def xinglin(*arguments, typed=""):
    done = subprocess.run(
        [*XINGLIN, *map(str, arguments)], input=typed, capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "XINGLIN_PASSWORD": PASSWORD}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def appliance(tmp_path):
    dicom, dimse, web = free_ports(3)
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f"[dicom]\nport = {dicom}\ndimse_port = {dimse}\n[web]\nport = {web}\n"
        '[[peers]]\nname = "modality"\nae_title = "MODALITY"\n'
    )
    folder = tmp_path / "data"
    xinglin("edge", "init", "--folder", folder, "--settings", settings)
    add = ("edge", "user", "add", "--folder", folder, "--role", "radiologist", "--keep", "doctor")
    xinglin(*add, typed=PASSWORD + "\n")
    command = [sys.executable, "-m", "edge.main", str(folder)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{web}/api/me")
            yield folder, dicom, web
        finally:
            process.terminate()
            process.wait(60)


def wait_for(url):
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        try:
            return httpx.get(url)
        except httpx.HTTPError:
            time.sleep(0.3)
    raise TimeoutError(url)


@pytest.mark.slow
def test_a_new_box_is_accepted_backed_up_and_restored(appliance, tmp_path):
    folder, dicom, web = appliance
    accepted = json.loads(
        xinglin(
            "phantom", "accept", f"127.0.0.1:{dicom}", "--url", f"http://127.0.0.1:{web}", "--user",
            "doctor", "--kind", "dr", "--size", "small", "--timeout", "200", "--json",
        )
    )  # fmt: skip
    assert accepted["passed"], accepted
    assert {s["key"] for s in accepted["steps"] if s["ok"]} >= {"received", "quality", "findings"}
    (tmp_path / "target").mkdir()
    sheet = xinglin("backup", "key", "--folder", folder)
    key = "-".join(re.findall(r"^ +((?:[0-9A-Z]{4}-?){7})$", sheet, re.M))
    xinglin("backup", "run", "--folder", folder, "--target", tmp_path / "target")
    verify = ("backup", "verify", "--target", tmp_path / "target", "--recovery-key-file", "-")
    xinglin(*verify, typed=key)
    back = ("restore", "--from", tmp_path / "target", "--folder", tmp_path / "new")
    xinglin(*back, typed=key)
    one, other = (open_box(path, real_outside()) for path in (folder, tmp_path / "new"))
    assert len(one.views.dump()["result"]) == 1
    assert same_views(one, other)
    one.close()
    other.close()
