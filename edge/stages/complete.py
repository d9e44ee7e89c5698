"""Stage ``complete``: says when a study has arrived, and starts the chain."""

from __future__ import annotations

import json

from core.records.record import Draft
from edge.stages.completeness import Arrival, decide, has_gap
from edge.stages.pacs_count import count_at
from edge.stages.plans import priority_of
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Later, Outcome, Work, study_row, subject_of
from edge.store.box import Box
from edge.store.settings import Appliance

_ASK_AFTER_MS = 2000
_ASK_AGAIN_MS = 2000


def complete(work: Work, job: Job) -> Outcome:
    """Look at a study's arrival; append ``study.received`` when it is complete."""
    box = work.box
    row = study_row(
        box, job.study, "study_uid", "modality", "instance_count", "completeness", "superseded",
        "urgent",
    )  # fmt: skip
    if not row or row["completeness"] == "complete":
        return Done()
    found = box.database.query(
        "SELECT last_at, sender, released FROM arrival WHERE study = ?", (job.study,)
    )
    last_ms, sender, released = found[0]
    decision = decide(
        Arrival(
            last_ms=last_ms,
            now_ms=box.outside.now_ms(),
            received=row["instance_count"],
            released=bool(released),
            expected=_expected(box, row["study_uid"]),
            pacs_counts=_asked(box, job.study, row["study_uid"], sender, last_ms),
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
        "priority": priority_of(row["modality"], urgent=bool(row["urgent"])),
    }
    box.append([Draft("study.received", body, subject=subject_of(box, job.study), key=job.study)])
    return Done()


def timer_for(settings: Appliance, sender: str) -> float:
    """Return a device's own timer in seconds."""
    timers = settings.intake.device_timer_s
    return float(timers.get(sender, timers.get("default", 60.0)))


def _expected(box: Box, study_uid: str) -> int | None:
    """Return how many images completed procedure steps announced; None where none did."""
    rows = box.database.query(
        "SELECT sum(expected) FROM mpps, json_each(mpps.studies) WHERE status = 'COMPLETED'"
        " AND json_each.value = ? AND expected > 0",
        (study_uid,),
    )
    return int(rows[0][0]) if rows and rows[0][0] else None


def _asked(box: Box, study: str, study_uid: str, sender: str, last_ms: int) -> tuple[int, ...]:
    """Return what the sending PACS answered since the last image, asking it again if due."""
    peer = box.settings.peer_of_ae(sender)
    now = box.outside.now_ms()
    if peer is None or "pacs" not in peer.traits or not peer.host or now - last_ms < _ASK_AFTER_MS:
        return ()
    rows = box.database.query("SELECT queried, answers FROM arrival WHERE study = ?", (study,))
    asked_ms, answers = rows[0][0] or 0, json.loads(rows[0][1])
    counts: list[int] = answers if asked_ms > last_ms else []
    if now - asked_ms >= _ASK_AGAIN_MS:
        count = count_at(peer, study_uid, box.settings.dicom)
        counts = [*counts, count][-4:] if count is not None else counts
        with box.database.transaction() as sql:
            sql.execute(
                "UPDATE arrival SET queried = ?, answers = ? WHERE study = ?",
                (now, json.dumps(counts), study),
            )
    return tuple(counts)


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
