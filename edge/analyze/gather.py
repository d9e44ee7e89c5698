"""What lies under the given paths, grouped into studies; only headers are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.dicom.facts import HEAD_KEYWORDS, ImageFacts, image_facts
from core.dicom.files import FileLimits, Origin, Problem, find_objects
from core.dicom.input_errors import (
    ArchiveBrokenError,
    InputError,
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
    """

    study: str
    kind: str
    facts: tuple[ImageFacts, ...]
    origins: tuple[Origin, ...]
    modality: str = ""


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
    passed over. DICOMDIR files are bystanders.
    """
    studies: dict[str, _Instances] = {}
    for found in find_objects(paths, limits):
        if isinstance(found, Problem):
            yield Refused(found.origin.name(), found.error)
        elif found.kind == "nifti":
            yield Job(found.origin.name(), "nifti", (), (found.origin,), "CT")
        elif found.kind == "picture" and modality not in _FILM_MODALITIES:
            yield Refused(found.origin.name(), PictureModalityError())
        elif found.kind == "picture":
            yield Job(found.origin.name(), "picture", (), (found.origin,), modality)
        else:
            try:
                _add(studies, found.origin)
            except InputError as error:
                yield Refused(found.origin.name(), error)
    for uid, group in studies.items():
        yield Job(uid, "dicom", tuple(group.facts.values()), tuple(group.origins.values()))


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
    except (EOFError, ValueError, RuntimeError) as error:
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
