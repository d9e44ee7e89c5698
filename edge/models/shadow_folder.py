"""A shadow run on a folder of radiographs: both models asked here and now, results kept as rows."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from core.imaging.dr import DrOptions, analyse_dr
from core.imaging.dr_qc import assess_dr
from core.models.bundle import Bundle
from core.models.engine import Engine
from core.models.errors import EngineFailed, SlotNotRead
from core.vault.identity import box_key, derive
from edge.analyze.gather import Refused, gather
from edge.analyze.job import run_job
from edge.infer.engines import choose_engine
from edge.infer.isolated import IsolatedEngine
from edge.models.known import BoxModels, bundle_of_model, chosen
from edge.models.shadow_runs import Run, answer_json, end_run, keep_result, run_of
from edge.store.box import Box

if TYPE_CHECKING:
    from core.imaging.geometry import SeriesGeometry
    from core.imaging.result import QcResult
    from core.imaging.study import Engines, Progress
    from core.imaging.study_result import CtOutcome, DrOutcome
    from core.imaging.volume import Radiograph, Volume
    from edge.analyze.gather import Job


class OneModel:
    """The analysis with one given bundle, radiographs only."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self._bundle = bundle
        self._engine = engine

    def ct(  # the port's arguments
        self,
        volume: Volume,  # noqa: ARG002
        geometry: SeriesGeometry,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
        *,
        override: bool,  # noqa: ARG002
    ) -> CtOutcome:
        """Refuse: nothing is compared on CT.

        Raises
        ------
        SlotNotRead
        """
        raise SlotNotRead(slot="ct_lesions")

    def radiograph(self, radiograph: Radiograph, *, override: bool) -> DrOutcome:
        """Analyse a radiograph."""
        return analyse_dr(radiograph, self._engine, self._bundle, DrOptions(override=override))

    def quality(self, radiograph: Radiograph) -> QcResult:
        """Judge the quality, by the template's lung fields."""
        return assess_dr(radiograph)

    def method(self, modality: str) -> dict[str, object]:  # noqa: ARG002 the port's argument
        """Return what serves."""
        stated = self._bundle.metadata
        return {
            "model": stated.name, "version": stated.version, "digest": self._bundle.digest,
            "research_only": stated.research_only, "engine": self._engine.name,
        }  # fmt: skip


def run_on_folder(
    box: Box,
    run: Run,
    folder: Path,
    modality: str = "",
    said: Callable[[str], None] = lambda _text: None,
) -> int:
    """Ask both models about every radiograph under a folder; return how many were compared.

    Studies are named by a keyed hash: the same study has the same name on this box, and nobody
    else can tell which it is.
    """
    secret = box_key(box.folder / "keys" / "box.key", box.outside.randomness)
    key = derive(secret, "shadow names v1")
    bundle = bundle_of_model(box, run.slot, run.digest)
    digest = chosen(box, run.slot)
    now = BoxModels(box).bundle(run.slot, digest)
    active = OneModel(now, choose_engine(now, box.folder / "engines"))
    seen = 0
    with IsolatedEngine(bundle) as engine:
        with suppress(EngineFailed):  # then every study says so
            engine.open()
        trial = OneModel(bundle, engine)
        for job in gather([folder], modality):
            if isinstance(job, Refused) or job.kind == "nifti":
                continue
            name = "f_" + hmac.new(key, job.study.encode(), sha256).hexdigest()[:20]
            if _compare(box, run, (name, "folder"), job, (active, trial)):
                seen += 1
                said(f"{seen}  {name}")
            if run_of(box, run.id).state != "folder":
                break  # it failed again and again
    end_run(box, run, "ended")
    return seen


def _compare(
    box: Box, run: Run, place: tuple[str, str], job: Job, both: tuple[Engines, Engines]
) -> bool:
    """Keep both answers to one study; False where the active model has none to compare with."""
    first = run_job(job, both[0], lambda _stage: None, override=False).as_json("zh")
    if not first["tb"]:
        return False
    second = run_job(job, both[1], lambda _stage: None, override=False).as_json("zh")
    said = answer_json(second) if second["tb"] else None
    reason = second["reason"]
    code = "" if said else str(reason["code"] if isinstance(reason, dict) else second["status"])
    keep_result(box, run, place, answer_json(first), said, code)
    return True
