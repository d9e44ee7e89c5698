"""Stage ``shadow``: the model on trial says, apart and unseen, what it would have said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.errors import XinglinError
from core.imaging.dr import DrFindings, DrOptions, analyse_dr
from core.imaging.reading import read_radiograph
from core.models.bundle import Bundle
from edge.infer.isolated import IsolatedEngine, Limits
from edge.models.known import bundle_of_model
from edge.models.shadow_runs import keep_result, run_of
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work

if TYPE_CHECKING:
    from core.imaging.volume import Radiograph

#: One thread: the active model has the others.
_LIMITS = Limits(threads=1)


def shadow(work: Work, job: Job) -> Outcome:
    """Ask the model on trial about one radiograph that the active one has answered.

    Whatever it does is a row of its run: no refusal of it, no crash and no silence reaches a
    result. The network runs in a process of its own, this stage in a lane of its own.
    """
    run = run_of(work.box, int(job.payload["run"]))
    if run.state != "running":
        return Done()
    data = StudyData(work.box, job.study)
    if data.input != job.payload["input"]:
        return Done()
    said, code = asked(
        lambda: bundle_of_model(work.box, run.slot, run.digest),
        lambda: read_radiograph(data.load(job.payload["sop_uid"])),
        override=bool(job.payload["override"]),
    )
    place = (job.study, str(job.payload["input"]))
    keep_result(work.box, run, place, job.payload["active"], said, code)
    return Done()


def asked(
    bundle_of: Callable[[], Bundle], image_of: Callable[[], Radiograph], *, override: bool
) -> tuple[dict[str, Any] | None, str]:
    """Return what a model says of a radiograph, or None and the code of what went wrong."""
    try:
        bundle = bundle_of()
        with IsolatedEngine(bundle, _LIMITS) as engine:
            engine.open()
            found = analyse_dr(image_of(), engine, bundle, DrOptions(override=override))
            return answer_of(found, engine.name, bundle.digest), "" if found.tb else found.status
    except XinglinError as error:
        return None, f"E{error.code}"
    except OSError:
        return None, "files"


def answer_of(found: DrFindings, engine: str, digest: str) -> dict[str, Any] | None:
    """Return the answer as a row keeps it; None where there is no score."""
    if found.tb is None:
        return None
    return {
        "score": found.tb.score, "threshold": found.tb.threshold,
        "seconds": found.seconds.get("inference", 0.0), "engine": engine, "digest": digest,
    }  # fmt: skip
