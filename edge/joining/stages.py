"""Stages ``companions`` and ``comparison``: which studies belong together, and what they say.

``companions`` is cheap: it looks at one patient's studies, withdraws what no longer holds and
orders what is missing. ``comparison`` does one pair. Both may be repeated at will: a pair has an id
that follows from its two results, and what is there already is not made again.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from core.blobs.disk import put
from core.dicom.names import name_keys
from core.errors import XinglinError
from core.records.record import Draft
from edge.joining.choice import Pair
from edge.joining.exams import rules_of, wanted
from edge.joining.rows import Held, held_by
from edge.joining.sentences import WITHDRAWN, noted
from edge.stages.queue import BACKGROUND, Job, JobSpec
from edge.stages.work import Done, Outcome, Work, study_row, subject_of
from edge.store.box import Box

if TYPE_CHECKING:
    from edge.joining.tasks import Methods


def companions(work: Work, job: Job) -> Outcome:
    """Bring a patient's comparisons up to what their studies now are."""
    box, study = work.box, job.study
    subject = subject_of(box, study)
    if not subject:
        return Done()
    pairs = wanted(box, subject)
    mine = {one for pair in pairs for one in (pair.study, pair.other)} | {study}
    held = held_by(box, mine)
    ids = {pair.id for pair in pairs}
    for carrier, task, other, identity in held:
        if identity not in ids:
            _withdraw(box, (carrier, task, other, identity))
            if subject_of(box, carrier) != subject:
                # Its patient is another now: what that patient's studies want changes too.
                work.queue.put([look_again(carrier)])
            if subject_of(box, other) != subject:
                work.queue.put([look_again(other)])
    known = {identity for *_, identity in held}
    work.queue.put([_order(pair) for pair in pairs if pair.id not in known])
    return Done()


def comparison(work: Work, job: Job, methods: Methods | None = None) -> Outcome:
    """Bring one pair together; append ``comparison.proposed``."""
    # Only here: the other stages of the lane need no registration.
    from edge.joining.tasks import made_of, plain

    box, study = work.box, job.study
    pair = _still(box, job)
    if pair is None:
        return Done()
    start = work.elapsed()
    made = made_of(box, pair, methods)
    if _still(box, job) is None:
        return Done()  # corrected or renewed while it was computed
    blobs = {name: _sealed(box, study, _png(pixels)) for name, pixels in made.pictures.items()}
    body = {
        **_of_pair(pair, job.payload),
        "status": made.status,
        "result": plain(made.result),
        "reason": made.reason,
        "notes": [*made.notes, *_notes(box, pair)],
        "blobs": blobs,
        "seconds": round(work.elapsed() - start, 3),
    }
    _append(box, study, "comparison.proposed", body)
    return Done()


def note_failed(work: Work, job: Job, error: XinglinError) -> None:
    """A comparison that cannot be done is a result: ``failed``, never silence."""
    pair = _still(work.box, job)
    if pair is None:
        return
    body = {
        **_of_pair(pair, job.payload), "status": "failed", "result": {},
        "reason": error.as_json(), "notes": [], "blobs": {}, "seconds": 0.0,
    }  # fmt: skip
    _append(work.box, job.study, "comparison.proposed", body)


def look_again(study: str, not_before_ms: int = 0) -> JobSpec:
    """Return the order to look at a study's patient; one that waits already is not doubled."""
    return JobSpec("companions", study, study, BACKGROUND, not_before_ms, renew=True)


def _order(pair: Pair) -> JobSpec:
    payload = {"task": pair.task, "other": pair.other, "id": pair.id}
    return JobSpec("comparison", pair.id, pair.study, BACKGROUND, payload=payload, renew=True)


def _still(box: Box, job: Job) -> Pair | None:
    """Return the pair of a job if it is still wanted and not there yet.

    A failure that a person sends again is made again.
    """
    identity = job.payload["id"]
    made = "SELECT 1 FROM comparison WHERE study = ? AND id = ? AND status <> 'failed'"
    if box.database.query(made, (job.study, identity)):
        return None
    subject = subject_of(box, job.study)
    pairs = wanted(box, subject) if subject else ()
    return next((pair for pair in pairs if pair.id == identity), None)


def _of_pair(pair: Pair, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": payload["id"], "task": pair.task, "other": pair.other, "days": pair.days,
        "shared_frame": pair.shared_frame,
    }  # fmt: skip


def _notes(box: Box, pair: Pair) -> list[dict[str, str]]:
    notes = []
    if pair.left_out:
        notes.append(noted("JOIN_LEFT_OUT", count=pair.left_out))
    names = [
        study_row(box, s, "patient_name").get("patient_name") for s in (pair.study, pair.other)
    ]
    if names_differ(names[0] or "", names[1] or ""):
        notes.append(noted("JOIN_NAME_DIFFERS"))
    return notes


def names_differ(one: str, other: str) -> bool:
    """Say whether two names share neither characters, nor reading, nor letters. Pure.

    A hint for a reader, never what decides: married names, pinyin and typing errors differ too.
    """
    keys = [
        {key for key in (found.han, found.pinyin, found.latin) if key}
        for found in (name_keys(one), name_keys(other))
    ]
    return bool(keys[0] and keys[1] and keys[0].isdisjoint(keys[1]))


def _withdraw(box: Box, held: Held) -> None:
    study, task, other, identity = held
    body = {
        "id": identity, "task": task, "other": other, "reason": _why(box, study, other)
    }  # fmt: skip
    _append(box, study, "comparison.withdrawn", body)


def _why(box: Box, study: str, other: str) -> str:
    if subject_of(box, study) != subject_of(box, other):
        code = "other_person"
    else:
        code = "replaced" if rules_of(box).automatic else "switched_off"
    assert code in WITHDRAWN
    return code


def _append(box: Box, study: str, kind: str, body: dict[str, Any]) -> None:
    subject = subject_of(box, study)
    if subject:
        box.append([Draft(kind, body, subject=subject, key=study)])


def _sealed(box: Box, study: str, plain: bytes) -> str:
    return put(box.blobs, plain, box.vault.key(study), box.outside.randomness(32))


def _png(pixels: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=4)
    return out.getvalue()
