"""One job to its result: opens the files, calls the pure analysis."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.dicom.facts import image_facts
from core.dicom.input_errors import InputError
from core.imaging.input_errors import UnexpectedError
from core.imaging.study import Engines, StudyInput, analyse_study
from core.imaging.study_result import StudyResult, failed
from edge.analyze.gather import Job, load_dataset, wrapped_picture
from edge.analyze.nifti import read_nifti

if TYPE_CHECKING:
    from core.dicom.files import Origin

Progress = Callable[[str], None]


class Kept:
    """The results of one patient's studies of this run, arrays included, the latest few."""

    def __init__(self, most: int = 3) -> None:
        self._most = most
        self._patient = b""
        self._results: list[tuple[StudyResult, Job]] = []

    def put(self, job: Job, result: StudyResult) -> None:
        """Keep a result; another patient's are let go."""
        if job.patient_key != self._patient:
            self._patient, self._results = job.patient_key, []
        self._results = [*self._results, (result, job)][-self._most :]

    def beside(self, job: Job, modalities: frozenset[str]) -> tuple[StudyResult, Job] | None:
        """Return the latest kept study of the patient in one of the modalities, or None."""
        for result, kept in reversed(self._results):
            if kept.study in job.beside and result.modality in modalities:
                return result, kept
        return None


def run_job(
    job: Job,
    engines: Engines,
    progress: Progress,
    *,
    override: bool,
    kept: Kept | None = None,
) -> StudyResult:
    """Return the result of one job; whatever goes wrong is a result, too.

    Parameters
    ----------
    kept : Kept or None
        Earlier results of the patient: a CT is compared with an earlier CT, a CT and a radiograph
        are joined. None where only ``job.prior`` is to be compared with.
    """
    result = _analysed(job, engines, progress, override=override)
    kept = kept or Kept()
    if result.status != "failed":
        result = _compared(job, result, engines, progress, (kept, override))
        result = _joined(job, result, progress, kept)
    if job.keep:
        kept.put(job, result)
    return result


_CT, _FILM = frozenset({"CT"}), frozenset({"DX", "CR", "DR"})


def _joined(job: Job, result: StudyResult, progress: Progress, kept: Kept) -> StudyResult:
    """Return the result joined with the patient's other modality, where there is one."""
    other = kept.beside(job, _FILM if result.modality in _CT else _CT)
    if other is None or result.modality not in _CT | _FILM:
        return result
    # Only here: a worker that joins nothing need not load SimpleITK.
    from core.imaging.joint_study import joint_of

    mine, theirs = (result, job.facts), (other[0], other[1].facts)
    try:
        progress("joint")
        film, ct = (theirs, mine) if result.modality in _CT else (mine, theirs)
        return replace(result, joint=joint_of(film, ct))
    except Exception as error:  # noqa: BLE001 - the process edge: the study's own result stands
        progress(f"joint: {type(error).__name__}")
        return result


def _compared(
    job: Job,
    result: StudyResult,
    engines: Engines,
    progress: Progress,
    known: tuple[Kept, bool],
) -> StudyResult:
    """Return a CT compared with the patient's earlier one, where one is given or known."""
    kept, override = known
    earlier: tuple[StudyResult, Job] | None = None
    if job.prior is not None:
        earlier = _analysed(job.prior, engines, progress, override=override), job.prior
    elif result.modality in _CT:
        earlier = kept.beside(job, _CT)
    if earlier is None:
        return result
    # Only here: a worker that compares nothing need not load SimpleITK.
    from core.imaging.followup_study import FailedComparison, follow_up_of

    try:
        progress("follow_up")
        compared = follow_up_of((earlier[0], earlier[1].facts), (result, job.facts))
        return replace(result, follow_up=compared)
    except Exception as error:  # noqa: BLE001 - the process edge: the study's own result stands
        return replace(
            result, follow_up=FailedComparison(UnexpectedError(kind=type(error).__name__))
        )


def _analysed(job: Job, engines: Engines, progress: Progress, *, override: bool) -> StudyResult:
    try:
        with _study_of(job, override=override) as study:
            return analyse_study(study, engines, time.monotonic, progress)
    except InputError as error:
        return failed(job.study, job.modality, error)
    except Exception as error:  # noqa: BLE001 - the process edge: one study never stops the others
        return failed(job.study, job.modality, UnexpectedError(kind=type(error).__name__))


@contextmanager
def _study_of(job: Job, *, override: bool) -> Iterator[StudyInput]:
    if job.kind == "nifti":
        with _plain_file(job.origins[0]) as path:
            yield StudyInput(job.study, volume=lambda: read_nifti(path), override=override)
    elif job.kind == "picture":
        wrapped = wrapped_picture(job.origins[0], job.modality)
        yield StudyInput(
            job.study, (image_facts(wrapped),), load=lambda _uid: wrapped, override=override
        )
    else:
        origins = {f.sop_uid: origin for f, origin in zip(job.facts, job.origins, strict=True)}
        yield StudyInput(
            job.study, job.facts, load=lambda uid: load_dataset(origins[uid]), override=override
        )


@contextmanager
def _plain_file(origin: Origin) -> Iterator[Path]:
    """Yield a path that a library can open; an archive's member is copied out for the while."""
    if origin.member is None:
        yield origin.path
        return
    with tempfile.TemporaryDirectory(prefix="xinglin-") as folder:
        path = Path(folder) / "volume.nii"
        with origin.open() as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        target = path.with_suffix(".nii.gz") if packed else path
        with origin.open() as stream, target.open("wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
        yield target
