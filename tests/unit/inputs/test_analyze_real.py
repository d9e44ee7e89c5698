"""The command on real files: radiographs, a chest CR, and the malformed set beside them."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import input_cases as cases

XINGLIN = Path(sys.executable).with_name("xinglin")
KEYS = {"study", "modality", "status", "qc", "tb", "lesions", "seconds", "reason", "method"}


@pytest.mark.slow
@pytest.mark.data
def test_radiographs_and_hostile_files_in_one_run(tmp_path):
    with zipfile.ZipFile(cases.data_folder() / "cxr/da.zip") as archive:
        pictures = [n for n in archive.namelist() if n.endswith(("px1.jpg", "nx1.jpg"))]
        for name in pictures:
            (tmp_path / Path(name).name).write_bytes(archive.read(name))
    for name, content in cases.members("dicom/objects.zip"):
        if "RG1_J2KI" in name or "RG3_J2KI" in name:
            (tmp_path / Path(name).name).write_bytes(content)
    done = subprocess.run(
        [XINGLIN, "analyze", tmp_path, cases.data_folder() / "dicom/malformed.zip", "--json",
         "--modality", "DX"],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(one) >= KEYS for one in results)
    scored = {one["study"]: one for one in results if one["tb"]}
    assert {Path(study).name for study in scored if study.startswith("/")} == {
        Path(name).name for name in pictures
    }
    assert len(scored) == 3  # the two pictures and the chest CR
    for one in scored.values():
        assert (one["status"], one["lesions"]) == ("ok", None)
        assert 0 <= one["tb"]["score"] <= 1
        assert one["tb"]["positive"] == (one["tb"]["score"] >= one["tb"]["threshold"])
        assert one["method"]["research_only"] is True
    extremity = [
        one for one in results if (one["reason"] or {}).get("code", "").endswith("BODY_PART")
    ]
    assert {one["modality"] for one in extremity} == {"CR", "CT"}  # a limb, and a neck
    for one in results:
        if one["status"] == "failed":
            assert one["reason"]["code"] not in ("E3197", "E3198", "E3199"), one
    # a patient's name in the malformed set must not reach the log
    assert "script" not in done.stderr.lower()
