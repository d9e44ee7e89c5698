"""Stages ``quality`` and ``inference``: from images to judged findings."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

import numpy as np

from core.blobs.disk import put
from core.imaging.ct_qc import assess_geometry
from core.imaging.outlines import outlines_of
from core.imaging.reading import series_geometry
from core.imaging.series import choose_series
from core.imaging.study import StudyInput, StudyResult, analyse_study, qc_json
from core.imaging.summary import summarise
from edge.models.shadow_runs import queue_shadow
from edge.quality.arrivals import after_study
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work, append, study_row
from edge.store.box import Box


def quality(work: Work, job: Job) -> Outcome:
    """Judge a complete study by its geometry; pixels are judged with the findings."""
    data = StudyData(work.box, job.study)
    if data.input != job.payload["input"]:
        return Done()
    work.progress(job.study, "quality")
    start = work.elapsed()
    body: dict[str, Any] = {**_origin(job), "qc": None}
    choice = choose_series(summarise(data.facts()))
    body["series"] = {"series_uid": choice.series_uid, "reason_code": choice.reason_code}
    if choice.series_uid is not None and choice.sop_uid is None:
        facts = [f for f in data.facts() if f.series_uid == choice.series_uid and f.has_pixels]
        body["qc"] = qc_json(assess_geometry(series_geometry(facts)))
    elif choice.sop_uid is not None:
        rows = work.box.database.query(
            "SELECT result FROM image_qc WHERE sop_instance = ? AND verdict <> 'failed'",
            (choice.sop_uid,),
        )
        body["qc"] = json.loads(rows[0][0]) if rows else None
    body["seconds"] = round(work.elapsed() - start, 3)
    append(work, job.study, "qc.assessed", body)
    after_study(work.box, job.study, body)
    return Done()


def inference(work: Work, job: Job) -> Outcome:
    """Analyse a study and append what was found, or why nothing could be."""
    data = StudyData(work.box, job.study)
    if data.input != job.payload["input"]:
        return Done()
    work.progress(job.study, "inference")
    override = bool(job.payload.get("override"))
    row = study_row(work.box, job.study, "study_uid")
    if not row:
        return Done()
    study = StudyInput(row["study_uid"], data.facts(), data.load, override=override)
    result = analyse_study(
        study, work.engines, work.elapsed, lambda step: work.progress(job.study, "inference", step)
    )
    work.last.study, work.last.input, work.last.override = job.study, data.input, override
    work.last.result = result
    body = {
        **_origin(job),
        "result": result.as_json("zh"),
        "blobs": _blobs(work, job.study, result),
    }
    kind = "processing.failed" if result.status == "failed" else "findings.proposed"
    append(work, job.study, kind, body)
    # After the record: what runs beside it can delay or change nothing.
    queue_shadow(work.box, work.queue, job.study, body)
    return Done()


def _blobs(work: Work, study: str, result: StudyResult) -> dict[str, Any]:
    """Seal the arrays that belong to a result; return their addresses by name."""
    made: dict[str, Any] = {}
    label_map = getattr(result.ct, "label_map", None)
    lungs = getattr(result.ct, "lungs", None)
    if lungs is not None and result.status == "ok":
        made["lungs"] = _put(work, study, _packed(lungs=lungs))
    if label_map is not None and result.volume is not None:
        uids = result.volume.uids
        made["label_map"] = _put(work, study, _packed(label_map=label_map))
        made["planes"] = _put(work, study, json.dumps(list(uids)).encode())
        lines = {
            f"{uids[index]}/1": [
                {"lesion": o.lesion_id, "points": np.round(o.points, 1).tolist()} for o in outlines
            ]
            for index, outlines in outlines_of(label_map).items()
            if uids
        }
        made["outlines"] = _put(work, study, json.dumps(lines).encode())
    regions = getattr(result.dr, "regions", None)
    if regions is not None:
        made["regions"] = _put(work, study, json.dumps([asdict(one) for one in regions]).encode())
    heat_map = getattr(result.dr, "heat_map", None)
    if heat_map is not None:
        made["heat_map"] = _put(work, study, _packed(heat_map=heat_map.astype(np.float16)))
    return made


def _packed(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _put(work: Work, study: str, plain: bytes) -> str:
    box = work.box
    return put(box.blobs, plain, box.vault.key(study), box.outside.randomness(32))


def unpacked(work: Work, study: str, address: str, name: str) -> Any:
    """Return one array that :func:`_packed` wrote."""
    return unpacked_from(work.box, study, address, name)


def unpacked_from(box: Box, study: str, address: str, name: str) -> Any:
    """Return one array that :func:`_packed` wrote, from a box."""
    with box.blobs.open(address, box.vault.key(study)) as blob:
        return np.load(io.BytesIO(blob.read()), allow_pickle=False)[name]


def _origin(job: Job) -> dict[str, Any]:
    return {
        "input": job.payload["input"],
        "override": job.payload.get("override"),
        "priority": job.priority,
    }
