"""One study from its images to its result: choose, read, judge, find, measure. No IO, no clock.

The caller brings the images (`StudyInput.load`), the engines and the time; typed refusals end as
``failed`` with their code, everything else is a defect and passes through to the process edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.errors import XinglinError
from core.imaging.input_errors import PatientMixedError
from core.imaging.reading import read_radiograph, read_volume
from core.imaging.result import QcResult, Sentence, Status
from core.imaging.series import Choice, choose_series
from core.imaging.study_pet import with_pet
from core.imaging.study_result import (
    CtOutcome,
    DrOutcome,
    Explanation,
    StudyResult,
    explanation_of,
    failed,
    qc_json,
)
from core.imaging.summary import summarise

if TYPE_CHECKING:
    from pydicom import Dataset

    from core.dicom.facts import ImageFacts
    from core.imaging.geometry import SeriesGeometry
    from core.imaging.volume import Radiograph, Volume

__all__ = [
    "CtOutcome",
    "DrOutcome",
    "Engines",
    "Explanation",
    "StudyInput",
    "StudyResult",
    "analyse_study",
    "failed",
    "main_modality",
    "qc_json",
]

Clock = Callable[[], float]
Progress = Callable[[str], None]


class Engines(Protocol):
    """The methods of this box: classical CT analysis, and the radiograph's active bundle."""

    def ct(
        self, volume: Volume, geometry: SeriesGeometry, progress: Progress, *, override: bool
    ) -> CtOutcome:
        """Analyse a CT volume."""
        ...

    def radiograph(self, radiograph: Radiograph, *, override: bool) -> DrOutcome:
        """Analyse a radiograph."""
        ...

    def quality(self, radiograph: Radiograph) -> QcResult:
        """Judge a radiograph's quality and no more, as it arrives."""
        ...

    def method(self, modality: str) -> dict[str, object]:
        """Return model, version, licence notes of the method for a modality."""
        ...


@dataclass(frozen=True)
class StudyInput:
    """One study to analyse.

    Attributes
    ----------
    study : str
        What the result calls it: StudyInstanceUID, or the path of a picture or NIfTI.
    facts : tuple of ImageFacts
        Every instance of the study; empty for ``volume``.
    load : callable
        SOP Instance UID -> the whole data set.
    volume : callable or None
        For CT without DICOM headers (NIfTI): the volume and its geometry.
    override : bool
        A physician asked for the analysis although quality control refused (仍然分析).
    """

    study: str
    facts: tuple[ImageFacts, ...] = ()
    load: Callable[[str], Dataset] | None = None
    volume: Callable[[], tuple[Volume, SeriesGeometry]] | None = None
    override: bool = False


class _Stages:
    """Collects seconds per stage from the clock that was passed in."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = self.clock()
        try:
            yield
        finally:
            self.seconds[name] = self.clock() - start


def analyse_study(
    study: StudyInput,
    engines: Engines,
    clock: Clock,
    progress: Progress = lambda _stage: None,
) -> StudyResult:
    """Return the result of one study; typed refusals become status ``failed`` with their code.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    progress : callable
        Called with the name of each stage as it begins.
    """
    stages = _Stages(clock)
    choice: Choice | None = None
    try:
        if study.volume is not None:
            return _analyse_grid(study, engines, stages, progress)
        with stages.stage("choose"):
            _check_patients(study.facts)
            choice = choose_series(summarise(study.facts))
        if choice.series_uid is None:
            reason = Explanation(choice.reason_code, choice.reason.zh, choice.reason.en)
            return StudyResult(
                study.study, choice.modality, "not_applicable", reason, choice=choice,
                seconds=stages.seconds,
            )  # fmt: skip
        if choice.sop_uid is not None:
            return _analyse_film(study, choice, engines, stages, progress)
        return _analyse_series(study, choice, engines, stages, progress)
    except XinglinError as error:
        modality = choice.modality if choice else main_modality(study)
        return failed(study.study, modality, error, stages.seconds, choice)


def main_modality(study: StudyInput) -> str:
    """Return the modality a study is known by before a series is chosen."""
    if study.volume is not None:
        return "CT"
    modalities = [one.modality for one in study.facts]
    for wanted in ("CT", "DX", "CR", "DR"):
        if wanted in modalities:
            return wanted
    return modalities[0] if modalities else ""


def _check_patients(facts: Sequence[ImageFacts]) -> None:
    if len({one.patient_key for one in facts if one.patient_key}) > 1:
        raise PatientMixedError


def _analyse_series(
    study: StudyInput, choice: Choice, engines: Engines, stages: _Stages, progress: Progress
) -> StudyResult:
    facts = [one for one in study.facts if one.series_uid == choice.series_uid and one.has_pixels]
    with stages.stage("read"):
        progress("read")
        volume, geometry = read_volume(facts, lambda index: _load(study, facts[index].sop_uid))
    result = _measure(study, choice, (volume, geometry), engines, stages, progress)
    return with_pet(result, study.facts, lambda uid: _load(study, uid), progress, stages.clock)


def _analyse_grid(
    study: StudyInput, engines: Engines, stages: _Stages, progress: Progress
) -> StudyResult:
    assert study.volume is not None
    sentence = Sentence(
        "不含 DICOM 头的单个体数据（NIfTI）", "A single volume without headers (NIfTI)"
    )
    with stages.stage("read"):
        progress("read")
        volume = study.volume()
    choice = Choice(None, "CT", "SERIES_SINGLE_VOLUME", sentence)
    return _measure(study, choice, volume, engines, stages, progress)


def _measure(
    study: StudyInput,
    choice: Choice,
    image: tuple[Volume, SeriesGeometry],
    engines: Engines,
    stages: _Stages,
    progress: Progress,
) -> StudyResult:
    volume, geometry = image
    with stages.stage("analyse"):
        found = engines.ct(volume, geometry, progress, override=study.override)
    return StudyResult(
        study=study.study,
        modality="CT",
        status=found.status,
        reason=explanation_of(found.reason, found.qc, found.status),
        qc=found.qc,
        lesions=found.lesions,
        choice=choice,
        method=engines.method("CT"),
        seconds=_seconds(stages, found.seconds),
        overridden=_overridden(study, found.qc, found.status),
        ct=found,
        volume=volume,
        geometry=geometry,
    )


def _analyse_film(
    study: StudyInput, choice: Choice, engines: Engines, stages: _Stages, progress: Progress
) -> StudyResult:
    assert choice.sop_uid is not None
    with stages.stage("read"):
        progress("read")
        radiograph = read_radiograph(_load(study, choice.sop_uid))
    with stages.stage("analyse"):
        progress("analyse")
        found = engines.radiograph(radiograph, override=study.override)
    return StudyResult(
        study=study.study,
        modality=choice.modality,
        status=found.status,
        reason=explanation_of(found.reason, found.qc, found.status),
        qc=found.qc,
        tb=found.tb,
        choice=choice,
        method=engines.method(choice.modality),
        seconds=_seconds(stages, found.seconds),
        overridden=_overridden(study, found.qc, found.status),
        dr=found,
        radiograph=radiograph,
    )


def _load(study: StudyInput, sop_uid: str) -> Dataset:
    assert study.load is not None
    return study.load(sop_uid)


def _overridden(study: StudyInput, qc: QcResult | None, status: Status) -> bool:
    """Return whether the override changed anything: rejected, and analysed all the same."""
    return study.override and status == "ok" and qc is not None and qc.verdict == "reject"


def _seconds(stages: _Stages, inner: dict[str, float]) -> dict[str, float]:
    return {**stages.seconds, **{f"analyse.{stage}": s for stage, s in inner.items()}}
