"""Paths in, results out: what `xinglin analyze` and the demo share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import Language
from core.imaging.input_errors import PriorMissingError
from core.imaging.study_result import failed
from edge.analyze.gather import Job, Refused, gather
from edge.analyze.worker import Worker, WorkerSettings


@dataclass(frozen=True, slots=True)
class Request:
    """What to analyse and how.

    Attributes
    ----------
    modality : str
        What PNG and JPEG pictures are: ``DX``, ``CR``, or "" (then pictures are refused).
    seconds : float
        Longest time without a sign of life before a study is given up.
    operating_point : float or None
        The least probability at which a CT lesion is reported; None for the method's own.
    prior : tuple of Path
        Where the patient's earlier CT lies; each CT of ``paths`` is compared with it.
    """

    paths: tuple[Path, ...]
    modality: str = ""
    language: Language = "zh"
    override: bool = False
    seconds: float = 600.0
    operating_point: float | None = None
    prior: tuple[Path, ...] = ()


def results_of(request: Request, say: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Yield one result per study (or refused file) in its public form, as each is done."""
    settings = WorkerSettings(
        cache_folder(os.environ),
        request.language,
        request.override,
        request.seconds,
        request.operating_point,
    )
    with Worker(settings, lambda stage: say(f"  … {stage}")) as worker:
        prior = _prior_of(request)
        if isinstance(prior, Refused):
            say(f"{prior.name}: {prior.error}")
            yield failed(prior.name, "CT", prior.error).as_json(request.language)
            return
        for job in by_patient(list(gather(request.paths, request.modality))):
            if isinstance(job, Refused):
                say(f"{job.name}: {job.error}")
                yield failed(job.name, request.modality, job.error).as_json(request.language)
            else:
                say(f"{job.study} ({len(job.origins)})")
                yield worker.analyse(replace(job, prior=prior))


def by_patient(found: list[Job | Refused]) -> list[Job | Refused]:
    """Return what was gathered with each patient's studies together, the earliest first.

    Studies of one patient know each other, so that modalities are joined and a CT is compared with
    an earlier one. Patients and refusals keep their order.
    """
    first: dict[bytes, int] = {}
    for place, one in enumerate(found):
        if isinstance(one, Job) and one.patient_key:
            first.setdefault(one.patient_key, place)

    def order(item: tuple[int, Job | Refused]) -> tuple[int, str, int]:
        place, one = item
        if isinstance(one, Refused) or not one.patient_key:
            return place, "", place
        return first[one.patient_key], one.study_date, place

    ordered = [one for _, one in sorted(enumerate(found), key=order)]
    studies: dict[bytes, list[str]] = {}
    out: list[Job | Refused] = []
    for one in ordered:
        if isinstance(one, Refused) or not one.patient_key:
            out.append(one)
            continue
        before = studies.setdefault(one.patient_key, [])
        out.append(replace(one, beside=tuple(before)))
        before.append(one.study)
    last = {many[-1] for many in studies.values()}
    return [
        replace(one, keep=one.study not in last)
        if isinstance(one, Job) and one.patient_key
        else one
        for one in out
    ]


def _prior_of(request: Request) -> Job | Refused | None:
    """Return the prior study, None where none is asked for; the first CT of several."""
    refused: Refused | None = None
    for found in gather(request.prior):
        if isinstance(found, Refused):
            refused = refused or found
        elif found.kind == "nifti" or any(one.modality == "CT" for one in found.facts):
            return found
    if not request.prior:
        return None
    return refused or Refused(str(request.prior[0]), PriorMissingError())


def cache_folder(environment: os._Environ[str] | dict[str, str]) -> Path:
    """Return where built engines are kept (XDG Base Directory)."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "xinglin"
