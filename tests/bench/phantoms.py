"""Phantom studies for measurements, made once and kept in the machine's temporary folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import pydicom

from tests.bench.appliance import ROOT


def phantom(kind: str, seed: int, size: str = "full") -> list[Path]:
    """Return the DICOM files of a phantom study."""
    sources = hashlib.sha256()
    for file in sorted((ROOT / "core/phantom").glob("*.py")):
        sources.update(file.read_bytes())
    store = Path(tempfile.gettempdir()) / "xinglin-bench-phantoms"
    folder = store / f"{kind}-{size}-{seed}-{sources.hexdigest()[:12]}"
    if not folder.exists():
        store.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store) as work:
            subprocess.run(
                [sys.executable, "-m", "core.cli", "phantom", "make", "--kind", kind, "--seed",
                 str(seed), "--size", size, "--out", f"{work}/made"],
                check=True, cwd=ROOT, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            Path(work, "made").rename(folder)
    return sorted(folder.rglob("*.dcm"))


def renewed(files: list[Path], folder: Path, number: int) -> None:
    """Copy a study into a new folder under new UIDs and another patient id."""
    folder.mkdir()
    base = f"2.25.{number}"
    for n, file in enumerate(files):
        one = pydicom.dcmread(file)
        one.StudyInstanceUID, one.SeriesInstanceUID = f"{base}.1", f"{base}.2"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{base}.3.{n}"
        one.PatientID = f"S{base[-9:]}"
        one.save_as(folder / f"{n:05d}.dcm")
