"""The demo's studies: the built-in phantom, or a person's own files, one folder a study."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from core.dicom.facts import image_facts
from core.dicom.files import Found, find_objects
from core.dicom.input_errors import InputError
from core.dicom.parse import parse_dicom
from core.dicom.picture import wrap_as_dx
from edge.report.delivery import part10

_ROOT = Path(__file__).resolve().parents[1]
_KEYWORDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "Modality")


def prepare(studies: Path | None, folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Put the studies' files into one folder each and return the folders, in order of finding.

    Parameters
    ----------
    studies : Path or None
        DICOM files, zips, PNG and JPEG radiographs; None makes the phantom.
    say : callable
        Told what cannot be used, and why.
    """
    folder.mkdir(parents=True)
    if studies is None:
        _make_phantom(folder)
        return sorted(one for one in folder.iterdir() if one.is_dir())
    places: dict[str, Path] = {}
    for number, found in enumerate(find_objects([studies])):
        if not isinstance(found, Found):
            say(f"  ! {found.origin.name()}: {found.error.sentence('zh')}")
            continue
        try:
            study, data = _read(found)
        except InputError as error:
            say(f"  ! {found.origin.name()}: {error.sentence('zh')}")
            continue
        place = places.setdefault(study, folder / f"{len(places):04d}")
        place.mkdir(exist_ok=True)
        (place / f"{number:06d}.dcm").write_bytes(data)
    return list(places.values())


def _make_phantom(folder: Path) -> None:
    command = [
        sys.executable, "-m", "core.cli", "phantom", "make", "--kind", "ct,dr", "--seed", "7",
        "--out", str(folder), "--size", "small",
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=_ROOT, stdout=subprocess.DEVNULL)
    for truth in folder.rglob("*.json"):
        truth.unlink()


def _read(found: Found) -> tuple[str, bytes]:
    """Return (study uid, bytes of a DICOM file) of one object."""
    with found.origin.open() as stream:
        data = stream.read()
    if found.kind == "nifti":
        from core.dicom.input_errors import FormatUnknownError

        raise FormatUnknownError
    if found.kind == "picture":
        wrapped = wrap_as_dx(data)
        return str(wrapped.StudyInstanceUID), part10(wrapped)
    dataset = parse_dicom(io.BytesIO(data), len(data), keywords=_KEYWORDS)
    return image_facts(dataset).study_uid, data
