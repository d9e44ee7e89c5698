"""dicom3tools' dciodvfy as a judge of objects that we write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from edge.report.delivery import part10

needs_dciodvfy = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)"
)


def errors_of(dataset: Dataset, folder: Path) -> list[str]:
    """Error lines of dciodvfy; also fails when the tool did not name the object's IOD."""
    path = folder / "object.dcm"
    path.write_bytes(part10(dataset))
    run = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
    )
    lines = (run.stdout + run.stderr).splitlines()
    assert any(line.strip() in {"Segmentation", "Comprehensive3DSR", "SCImage"} for line in lines)
    return [line for line in lines if line.startswith("Error")]
