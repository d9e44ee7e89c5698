"""The stages by name, and what happens when one ends for good without success."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import XinglinError
from core.records.record import Draft
from edge.stages.queue import Job
from edge.stages.work import Stage, Work, study_row, subject_of


def stages_of(lane: str) -> Mapping[str, Stage]:
    """Return a lane's stages by name; only what the lane needs is imported."""
    if lane == "urgent":
        from edge.consult.lane import ConsultStages
        from edge.stages.complete import complete
        from edge.stages.image_quality import image_quality

        inbox = ConsultStages().inbox
        return {"complete": complete, "image_quality": image_quality, "consult_inbox": inbox}
    if lane == "shadow":
        from edge.models.shadow import shadow

        return {"shadow": shadow}
    if lane == "joining":
        from edge.joining.redraft import redraft
        from edge.joining.stages import companions, comparison

        return {"companions": companions, "comparison": comparison, "redraft": redraft}
    if lane == "compute":
        from edge.stages.analyse import inference, quality
        from edge.stages.corrections import renewal
        from edge.stages.results import measuring, report

        return {
            "quality": quality, "inference": inference, "measuring": measuring, "report": report,
            "renewal": renewal,
        }  # fmt: skip
    from edge.consult.lane import ConsultStages
    from edge.measured.stages import measurements
    from edge.reports.stages import issuing
    from edge.stages.commitment import commitment
    from edge.stages.deliver import (
        delivery,
        forward,
        issued_delivery,
        measurements_delivery,
        opinion_delivery,
    )
    from edge.stages.manifest import manifest
    from edge.stages.thumbnail import make_thumbnail

    consult = ConsultStages()
    return {
        "forward": forward, "delivery": delivery, "commitment": commitment, "manifest": manifest,
        "consult": consult.case, "consult_answer": consult.answer, "opinion": consult.opinion,
        "opinion_delivery": opinion_delivery, "issuing": issuing,
        "issued_delivery": issued_delivery, "statistics": consult.statistics,
        "thumbnail": make_thumbnail, "measurements": measurements,
        "measurements_delivery": measurements_delivery,
    }  # fmt: skip


_ANALYSIS = frozenset({"quality", "inference"})


def note_dead(work: Work, job: Job, error: XinglinError) -> None:
    """An analysis that cannot be done is a result: ``failed``, never silence."""
    if job.stage == "comparison":
        from edge.joining.stages import note_failed

        note_failed(work, job, error)
    subject = subject_of(work.box, job.study)
    if job.stage not in _ANALYSIS or not subject:
        return
    row = study_row(work.box, job.study, "study_uid", "modality")
    reason = {**error.as_json(), "message": error.sentence("zh")}
    result = {
        "study": row["study_uid"], "modality": row["modality"], "status": "failed",
        "reason": reason, "qc": None, "tb": None, "lesions": None, "series": None, "method": {},
        "overridden": False, "seconds": {},
    }  # fmt: skip
    body = {
        "input": job.payload["input"], "override": job.payload.get("override"),
        "priority": job.priority, "result": result, "blobs": {},
    }  # fmt: skip
    work.box.append([Draft("processing.failed", body, subject=subject, key=job.study)])
