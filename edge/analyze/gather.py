"""What lies under the given paths, grouped into studies; only headers are read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.dicom.facts import HEAD_KEYWORDS, ImageFacts, image_facts
from core.dicom.files import FileLimits, Found, Origin, Problem, find_objects
from core.dicom.input_errors import (
    ArchiveBrokenError,
    InputError,
    NothingFoundError,
    PathUnreadableError,
    PictureModalityError,
)
from core.dicom.parse import parse_dicom
from core.dicom.picture import wrap_as_dx

if TYPE_CHECKING:
    from pydicom import Dataset

_DICOMDIR = "1.2.840.10008.1.3.10"
_FILM_MODALITIES = ("DX", "CR")


@dataclass(frozen=True, slots=True)
class Job:
    """One study to analyse, small enough to hand to another process.

    Attributes
    ----------
    study : str
        StudyInstanceUID, or the path of a picture or NIfTI.
    kind : str
        ``dicom``, ``picture`` or ``nifti``.
    facts, origins
        Parallel, one per instance; a picture and a NIfTI have one origin and no facts.
    modality : str
        What a picture is.
    prior : Job or None
        An earlier study of the patient to compare with.
    beside : tuple of str
        Studies of the same patient that come before this one in the same run: what they say is
        joined with it.
    keep : bool
        A later study of the same patient wants this one's result, arrays included.
    """

    study: str
    kind: str
    facts: tuple[ImageFacts, ...]
    origins: tuple[Origin, ...]
    modality: str = ""
    prior: Job | None = None
    beside: tuple[str, ...] = ()
    keep: bool = False

    @property
    def patient_key(self) -> bytes:
        """Hash of Patient ID; empty where there is none."""
        return self.facts[0].patient_key if self.facts else b""

    @property
    def study_date(self) -> str:
        """Study Date as stored, or ""."""
        return self.facts[0].study_date if self.facts else ""


@dataclass(frozen=True, slots=True)
class Refused:
    """One input that cannot be read, named by its path (and member index)."""

    name: str
    error: InputError


@dataclass
class _Instances:
    facts: dict[str, ImageFacts] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)


def gather(
    paths: Iterable[Path], modality: str = "", limits: FileLimits | None = None
) -> Iterator[Job | Refused]:
    """Yield refusals as they are met, then pictures and NIfTI, then each DICOM study.

    Instances are grouped by StudyInstanceUID over all paths; a second copy of an instance is
    passed over. DICOMDIR files, and pictures that nobody said are radiographs, are bystanders; a
    path that holds nothing else is refused.
    """
    studies: dict[str, _Instances] = {}
    for path in paths:
        seen = 0
        pictures = 0
        for found in find_objects([path], limits):
            if isinstance(found, Found) and found.kind == "dicom":
                seen += 1
                try:
                    _add(studies, found.origin)
                except InputError as error:
                    yield Refused(found.origin.name(), error)
            elif (job := _single(found, modality)) is not None:
                seen += 1
                yield job
            else:
                pictures += 1
        if not seen:
            yield Refused(str(path), PictureModalityError() if pictures else NothingFoundError())
    for uid, group in studies.items():
        yield Job(uid, "dicom", tuple(group.facts.values()), tuple(group.origins.values()))


def _single(found: Found | Problem, modality: str) -> Job | Refused | None:
    """Return what stands for itself; ``None`` for a picture among others of unknown kind."""
    name = found.origin.name()
    if isinstance(found, Problem):
        return Refused(name, found.error)
    if found.kind == "nifti":
        return Job(name, "nifti", (), (found.origin,), "CT")
    if modality in _FILM_MODALITIES:
        return Job(name, "picture", (), (found.origin,), modality)
    # A patient CD is full of icons: only a picture that was asked for is worth a refusal.
    return Refused(name, PictureModalityError()) if found.given else None


def load_dataset(origin: Origin) -> Dataset:
    """Return the whole data set of one instance.

    Raises
    ------
    InputError
    """
    with origin.open() as stream:
        return parse_dicom(stream, origin.size)


def wrapped_picture(origin: Origin, modality: str) -> Dataset:
    """Return the object made from a picture file.

    Raises
    ------
    InputError
    """
    try:
        with origin.open() as stream:
            content = stream.read(origin.size)
    except OSError as error:
        raise PathUnreadableError from error
    except (EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ArchiveBrokenError from error
    return wrap_as_dx(content, modality)


def _add(studies: dict[str, _Instances], origin: Origin) -> None:
    with origin.open() as stream:
        head = parse_dicom(stream, origin.size, keywords=HEAD_KEYWORDS)
    meta = getattr(head, "file_meta", None)
    if str(getattr(meta, "MediaStorageSOPClassUID", "")) == _DICOMDIR:
        return
    facts = image_facts(head)
    group = studies.setdefault(facts.study_uid, _Instances())
    if facts.sop_uid not in group.facts:
        group.facts[facts.sop_uid] = facts
        group.origins[facts.sop_uid] = origin
