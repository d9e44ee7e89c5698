"""Results written for real headers of many vendors, judged by dciodvfy."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from edge.report.context import ResultContext
from edge.report.delivery import part10
from edge.report.key_images import no_pictures
from edge.report.sc import write_sc
from edge.report.seg import Plane, write_seg
from edge.report.sr import write_sr
from tests import report_cases as cases

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not os.environ.get("XINGLIN_DATA"), reason="XINGLIN_DATA (folder of real studies) is unset"
    ),
    pytest.mark.skipif(
        shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)"
    ),
]

RADIOGRAPHS = (
    "objects/fo-dicom__CR-MONO1-10-chest",
    "objects/highdicom__dx_image.dcm",
    "objects/pydicom-data__RG1_J2KI.dcm",
)
CTS = (
    "objects/dcm4che__CT-JPEGLosslessSV1.dcm",
    "objects/dcmqi__01.dcm",
    "objects/highdicom__ct_image.dcm",
    "objects/pydicom-data__eCT_Supplemental.dcm",
)


def header(member: str) -> Dataset:
    archive = Path(os.environ["XINGLIN_DATA"]) / "dicom" / "objects.zip"
    with zipfile.ZipFile(archive) as held, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about what vendors wrote
        return dcmread(io.BytesIO(held.read(member)), force=True, stop_before_pixels=True)


def context(sources: tuple[Dataset, ...]) -> ResultContext:
    return replace(cases.context(cases.ct_series()), sources=sources)


def errors_of(dataset: Dataset, folder: Path) -> list[str]:
    path = folder / "object.dcm"
    path.write_bytes(part10(dataset))
    run = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in (run.stdout + run.stderr).splitlines() if line.startswith("Error")]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("member", RADIOGRAPHS)
def test_radiographs(member: str, tmp_path: Path) -> None:
    about = context((header(member),))
    case = cases.CASES["dr_suspected"]
    for dataset in (write_sr(about, case), *write_sc(about, case, no_pictures)):
        assert errors_of(dataset, tmp_path) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("member", CTS)
def test_cts(member: str, tmp_path: Path) -> None:
    source = header(member)
    frames = int(source.get("NumberOfFrames") or 1)
    labels = np.zeros((frames, source.Rows, source.Columns), dtype=np.uint16)
    labels[frames // 2, 10:20, 10:20] = 3
    about, lesions = context((source,)), cases.lesions()[:1]
    planes = tuple(Plane(str(source.SOPInstanceUID), n + 1) for n in range(frames))
    seg = write_seg(about, lesions, labels, planes)
    case = replace(cases.CASES["ct_findings"], lesions=lesions)
    for dataset in (seg, write_sr(about, case, seg), *write_sc(about, case, no_pictures)):
        assert errors_of(dataset, tmp_path) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_whole_ct_series_with_its_slices_in_any_order(tmp_path: Path) -> None:
    archive = Path(os.environ["XINGLIN_DATA"]) / "ct" / "petct_acrin_nsclc_042.zip"
    with zipfile.ZipFile(archive) as held:
        members = [name for name in held.namelist() if "CT/" in name and not name.endswith("/")]
        sources = tuple(
            dcmread(io.BytesIO(held.read(name)), stop_before_pixels=True) for name in members
        )
    labels = np.zeros((len(sources), 512, 512), dtype=np.uint16)
    labels[40:60, 200:230, 150:190] = 3
    planes = tuple(Plane(str(source.SOPInstanceUID)) for source in sources)
    about = context(sources)
    seg = write_seg(about, cases.lesions()[:1], labels, planes)
    assert int(seg.NumberOfFrames) == 20
    case = replace(cases.CASES["ct_findings"], lesions=cases.lesions()[:1])
    for dataset in (seg, write_sr(about, case, seg)):
        assert errors_of(dataset, tmp_path) == []
