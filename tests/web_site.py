"""A real appliance in processes of its own, with accounts and phantoms, for tests in a browser."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.uid import generate_uid

from core.web.people import People
from edge.store.box import create_box, real_outside
from provisioning.demo_client import Appliance
from provisioning.demo_ports import free_ports
from provisioning.demo_send import send
from tests.input_cases import (
    HTJ2K,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LS,
    compressed,
    image,
)

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "a long enough passphrase 7"
SETTINGS = """
hospital = "杏林示范县人民医院"
[dicom]
ae_title = "XINGLIN"
port = {dicom}
dimse_port = {dimse}
[web]
port = {web}
[[peers]]
name = "CT1"
ae_title = "MODALITY"
networks = ["127.0.0.0/8"]
traits = ["modality"]
"""
#: user: (name, role, whether the password must be changed first)
ACCOUNTS = {
    "chen": ("陈放", "radiologist", False),
    "li": ("李工", "device_it", False),
    "wang": ("王芳", "radiographer", True),
}
RLE = "1.2.840.10008.1.2.5"
SYNTAXES = {
    "Explicit": "", "RLE": RLE, "JPEG": JPEG_BASELINE, "JPEG lossless": JPEG_LOSSLESS,
    "JPEG-LS": JPEG_LS, "JPEG 2000": JPEG_2000, "HTJ2K": HTJ2K,
}  # fmt: skip


class WebSite:
    """One appliance: its folder, its processes, its address.

    ``more`` settings follow those that every site has; ``prepare`` is told of the people before
    the appliance starts.
    """

    def __init__(
        self, folder: Path, more: str = "", prepare: Callable[[People], None] = lambda _people: None
    ):
        self.dicom, dimse, self.web = free_ports(3)
        settings = SETTINGS.format(dicom=self.dicom, dimse=dimse, web=self.web) + more
        outside = real_outside()
        box = create_box(folder / "data", settings, outside)
        people = People(box.database, outside.now_ms, outside.randomness)
        for user, (name, role, must_change) in ACCOUNTS.items():
            people.add(user, name, role, PASSWORD, must_change=must_change)
        prepare(people)
        box.close()
        self.url = f"http://127.0.0.1:{self.web}"
        self.log = (folder / "appliance.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge.main", str(folder / "data")],
            stdout=self.log, stderr=self.log, cwd=ROOT,
        )  # fmt: skip
        self.reader = Appliance(self.web, "chen", PASSWORD)
        try:
            self.reader.wait(180, threading.Event())  # the processes start side by side
        except BaseException:
            self.close()
            raise

    def send(self, folder: Path) -> None:
        """Send a folder as a modality does."""
        assert send(folder, self.dicom) == []

    def row(self, modality: str, name: str = "") -> dict:
        """Return the row of the study of a modality and patient."""
        (found,) = [
            row for row in self.reader.worklist()
            if row["modality"] == modality and name in row["patient_name"]
        ]  # fmt: skip
        return found

    def detail(self, study: str) -> dict:
        """Return what the interface says of a study."""
        return self.reader.get(f"/api/studies/{study}")

    def close(self) -> None:
        """Stop the processes."""
        self.reader.close()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def phantoms(folder: Path, kind: str, seed: int) -> Path:
    """Write a small phantom's files."""
    subprocess.run(
        [sys.executable, "-m", "core.cli", "phantom", "make", "--kind", kind, "--seed", str(seed),
         "--out", str(folder), "--size", "small"],
        check=True, cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    for truth in folder.rglob("*.json"):
        truth.unlink()
    return folder


def zipped(*datasets: Dataset) -> bytes:
    """Return a zip archive of DICOM files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, dataset in enumerate(datasets):
            part = io.BytesIO()
            dcmwrite(part, dataset, enforce_file_format=True)
            archive.writestr(f"{number}.dcm", part.getvalue())
    return out.getvalue()


def slope() -> np.ndarray:
    """Return a picture (64, 96) uint16 whose value tells the place: 8 * column + row."""
    rows, columns = np.mgrid[:64, :96]
    return (8 * columns + rows).astype(np.uint16)


def in_every_syntax() -> list[Dataset]:
    """Return one study with a series for each transfer syntax; see ``slope``."""
    study = generate_uid(None, ["every syntax"])
    out = []
    for number, (name, syntax) in enumerate(SYNTAXES.items(), start=1):
        stored = (slope() // 4).astype(np.uint8) if syntax == JPEG_BASELINE else slope()
        about = {
            "SpecificCharacterSet": "ISO_IR 192", "PatientName": "Ya^Suo=压^缩", "PatientID": "P77",
            "StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.{number}"[:64],
            "SOPInstanceUID": f"{study}.{number}.1"[:64], "SeriesNumber": number,
            "InstanceNumber": 1, "SeriesDescription": name, "StudyDate": "20261122",
            "StudyDescription": "压缩语法", "PatientSex": "F", "Modality": "OT",
        }  # fmt: skip
        made = compressed(stored, syntax, **about) if syntax else image(stored, **about)
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        out.append(made)
    return out
