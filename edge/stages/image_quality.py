"""Stage ``image_quality``: a radiograph is judged at arrival, before its study is complete.

An image that cannot be read has no quality: its record carries the error and no verdict, so that
"failed" is never taken for "rejected".
"""

from __future__ import annotations

from typing import Any

from core.errors import XinglinError
from core.imaging.reading import read_radiograph
from core.imaging.study import qc_json
from edge.quality.arrivals import after_image
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work, append


def image_quality(work: Work, job: Job) -> Outcome:
    """Judge one radiograph at arrival: the patient still stands at the detector."""
    data = StudyData(work.box, job.study)
    sop_instance = job.payload["sop_instance"]
    if sop_instance not in data.instances:
        return Done()
    start = work.elapsed()
    body: dict[str, Any] = {"sop_instance": sop_instance}
    try:
        body["qc"] = qc_json(work.engines.quality(read_radiograph(data.load(sop_instance))))
    except XinglinError as error:
        body |= {"qc": None, "error": error.as_json()}
    body["seconds"] = round(work.elapsed() - start, 3)
    append(work, job.study, "qc.assessed", body)
    after_image(work.box, job.study, body)
    return Done()
