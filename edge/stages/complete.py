"""Stage ``complete``: says when a study has arrived, and starts the chain."""

from __future__ import annotations

import json

from core.records.record import Draft
from edge.stages.completeness import Arrival, decide, has_gap
from edge.stages.plans import priority_of
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Later, Outcome, Work, study_row, subject_of
from edge.store.settings import Appliance


def complete(work: Work, job: Job) -> Outcome:
    """Look at a study's arrival; append ``study.received`` when it is complete."""
    box = work.box
    row = study_row(box, job.study, "modality", "instance_count", "completeness", "superseded")
    if not row or row["completeness"] == "complete":
        return Done()
    found = box.database.query(
        "SELECT last_at, sender, released, expected, queried_count FROM arrival WHERE study = ?",
        (job.study,),
    )
    last_ms, sender, released, expected, counts = found[0]
    decision = decide(
        Arrival(
            last_ms=last_ms,
            now_ms=box.outside.now_ms(),
            received=row["instance_count"],
            released=bool(released),
            expected=expected,
            pacs_counts=tuple(json.loads(counts)) if counts else (),
            has_gap=_gap(work, job.study),
        ),
        box.settings.intake.quiet_s,
        timer_for(box.settings, sender),
    )
    if decision.basis is None:
        return Later(decision.again_ms)
    data = StudyData(box, job.study)
    body = {
        "input": data.input,
        "instances": len(data.instances),
        "basis": decision.basis,
        "supersedes": bool(row["superseded"]),
        "priority": priority_of(row["modality"], urgent=False),
    }
    box.append([Draft("study.received", body, subject=subject_of(box, job.study), key=job.study)])
    return Done()


def timer_for(settings: Appliance, sender: str) -> float:
    """Return a device's own timer in seconds."""
    timers = settings.intake.device_timer_s
    return float(timers.get(sender, timers.get("default", 60.0)))


def _gap(work: Work, study: str) -> bool:
    by_series: dict[str, tuple[list[list[float]], list[list[float]]]] = {}
    rows = work.box.database.query(
        "SELECT series_uid, attributes FROM instance WHERE study = ?", (study,)
    )
    for series, text in rows:
        attributes = json.loads(text)
        position = attributes.get("ImagePositionPatient")
        orientation = attributes.get("ImageOrientationPatient")
        if isinstance(position, list) and len(position) == 3 and len(orientation or []) == 6:
            places = by_series.setdefault(series, ([], []))
            places[0].append(position)
            places[1].append(orientation)
    return any(has_gap(*places) for places in by_series.values())
