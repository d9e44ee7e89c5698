"""Every phantom object passes dicom3tools' dciodvfy without an error."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from core.phantom.ct import CtSpec, make_ct
from core.phantom.dicom import write_ct, write_dr, write_petct
from core.phantom.dr import DrSpec, make_dr
from core.phantom.identity import study_identity
from core.phantom.petct import PetSpec, make_petct

AT = datetime.fromisoformat("2026-03-02T09:00:00")
THIN = CtSpec(seed=7, case="normal", slices=4, rows=48, columns=48, spacing_mm=(70.0, 8.0, 8.0))

needs_dciodvfy = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dicom3tools (dciodvfy) is not installed"
)


def errors_of(path: Path) -> list[str]:
    done = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, check=False, timeout=60
    )
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    assert lines, "dciodvfy said nothing at all"
    return [line for line in lines if line.startswith("Error")]


@needs_dciodvfy
@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030"])
def test_ct(tmp_path: Path, character_set: str) -> None:
    study = study_identity(7, "CT", AT, character_set)
    for tilt in (0.0, 11.0):
        spec = CtSpec(7, "tb", 4, 48, 48, (70.0, 8.0, 8.0), tilt_deg=tilt, repeated_slices=(1,))
        for path in write_ct(make_ct(spec), study, tmp_path / f"{tilt:g}"):
            assert errors_of(path) == []


@needs_dciodvfy
@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030"])
@pytest.mark.parametrize("fault", ["none", "under_exposed", "monochrome1"])
def test_dr(tmp_path: Path, character_set: str, fault) -> None:
    study = study_identity(7, "DX", AT, character_set)
    phantom = make_dr(DrSpec(7, "normal", fault, rows=64, columns=64, pixel_mm=6.2))
    for path in write_dr(phantom, study, tmp_path):
        assert errors_of(path) == []


@needs_dciodvfy
@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030"])
def test_petct(tmp_path: Path, character_set: str) -> None:
    study = study_identity(7, "PETCT", AT, character_set)
    spec = PetSpec(ct=THIN, slices=4, rows=32, columns=32, spacing_mm=(70.0, 12.0, 12.0))
    for path in write_petct(make_petct(spec), study, tmp_path):
        assert errors_of(path) == []


@needs_dciodvfy
def test_the_checker_does_find_errors(tmp_path: Path) -> None:
    """A checker that never complains would make the tests above worthless."""
    import pydicom

    path = write_ct(make_ct(THIN), study_identity(7, "CT", AT), tmp_path)[0]
    broken = pydicom.dcmread(path)
    del broken.ImageOrientationPatient
    broken.save_as(path)
    assert errors_of(path)
