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


def run_job(job: Job, engines: Engines, progress: Progress, *, override: bool) -> StudyResult:
    """Return the result of one job; whatever goes wrong is a result, too."""
    result = _analysed(job, engines, progress, override=override)
    if job.prior is None or result.status == "failed":
        return result
    earlier = _analysed(job.prior, engines, progress, override=override)
    # Only here: a worker that compares nothing need not load SimpleITK.
    from core.imaging.followup_study import FailedComparison, follow_up_of

    try:
        progress("follow_up")
        compared = follow_up_of((earlier, job.prior.facts), (result, job.facts))
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
