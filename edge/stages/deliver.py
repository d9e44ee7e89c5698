"""Stages ``forward`` and ``delivery``: send, and find out whether it arrived.

"Sent" means the PACS said so. What it confirmed is never sent again; what it did not is tried again
with back-off until the deadline, and then waits, visible, for a person.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.records.record import Draft
from edge.report.delivery import Deliverable, StoreOutcome, kind_of, next_attempt
from edge.report.delivery import PeerSettings as Destination
from edge.report.errors import ConnectionLost
from edge.report.scu import deliver
from edge.stages.corrections import correction_id, correction_of
from edge.stages.errors import NotDelivered
from edge.stages.queue import Job
from edge.stages.study_data import StudyData, stored_object
from edge.stages.work import Done, Later, Outcome, Work, subject_of
from edge.store.answers import TableInbox
from edge.store.box import Box
from edge.store.peer_tls import peer_context
from edge.store.settings import PeerSettings

_BREAKS_PER_OBJECT = 3


def forward(work: Work, job: Job) -> Outcome:
    """Send on to the PACS what a modality sent to us."""
    box = work.box
    settings = box.settings.delivery
    if not settings.forward or not settings.destination:
        return Done()
    data = StudyData(box, job.study)
    ours = [uid for uid, kept in data.instances.items() if kept.origin == "modality"]
    pending = _unconfirmed(box, job.study, settings.destination, ours)
    items = [_image(box, data, uid) for uid in pending if uid in data.instances]
    return _send(work, job, items, [], "forward", {})


def delivery(work: Work, job: Job) -> Outcome:
    """Send a study's result objects, after its images."""
    box = work.box
    settings = box.settings.delivery
    if not settings.destination or not _released(box, job):
        return Done()
    before = [s for stage, s in work.queue.open_for(job.study) if stage == "forward"]
    if "waiting" in before or "running" in before:
        # Images first; but one that the PACS will not take does not hold its study's results.
        return Later(box.outside.now_ms() + 1000)
    if correction_id(job.payload) != correction_of(box.records_of(job.study)):
        return Done()  # the objects carry an identity that was corrected; new ones follow
    drafted = _drafted(box, job)
    if drafted is None or not drafted["objects"]:
        return Done()
    by_uid = {one["sop_instance"]: one for one in drafted["objects"]}
    pending = _unconfirmed(box, job.study, settings.destination, list(by_uid))
    objects = [by_uid[uid] for uid in pending]
    main = [_object(box, job.study, one) for one in objects if one["label"] != "sc"]
    pictures = [_object(box, job.study, one) for one in objects if one["label"] == "sc"]
    labels = {uid: one["label"] for uid, one in by_uid.items()}
    return _send(work, job, main, pictures, "result", labels)


def opinion_delivery(work: Work, job: Job) -> Outcome:
    """Send the documents of a consultation's opinion."""
    box, settings = work.box, work.box.settings.delivery
    if not settings.destination:
        return Done()
    for record in reversed(box.records_of(job.study)):
        if record.kind == "report.addended" and record.body.get("event") == job.payload["event"]:
            break
    else:
        return Done()
    by_uid = {one["sop_instance"]: one for one in record.body["objects"]}
    pending = _unconfirmed(box, job.study, settings.destination, list(by_uid))
    items = [_object(box, job.study, by_uid[uid]) for uid in pending]
    labels = {uid: one["label"] for uid, one in by_uid.items()}
    return _send(work, job, items, [], "opinion", labels)


def issued_delivery(work: Work, job: Job) -> Outcome:
    """Send the documents of a signed report."""
    return _deliver_written(work, job, "report.issued", "report")


def measurements_delivery(work: Work, job: Job) -> Outcome:
    """Send a person's measurements."""
    return _deliver_written(work, job, "measurements.issued", "measurements")


def _deliver_written(work: Work, job: Job, kind: str, purpose: str) -> Outcome:
    """Send the DICOM objects of the record that has what the job's payload says."""
    box, settings = work.box, work.box.settings.delivery
    if not settings.destination:
        return Done()
    for record in reversed(box.records_of(job.study)):
        if record.kind == kind and job.payload.items() <= record.body.items():
            break
    else:
        return Done()
    by_uid = {o["sop_instance"]: o for o in record.body["objects"] if o.get("sop_instance")}
    pending = _unconfirmed(box, job.study, settings.destination, list(by_uid))
    items = [_object(box, job.study, by_uid[uid]) for uid in pending]
    labels = {uid: one["label"] for uid, one in by_uid.items()}
    return _send(work, job, items, [], purpose, labels)


def _send(
    work: Work, job: Job, items: list[Deliverable], pictures: list[Deliverable], purpose: str,
    labels: dict[str, str],
) -> Outcome:  # fmt: skip
    box = work.box
    peer = box.settings.peer(box.settings.delivery.destination)
    assert peer is not None
    if not items:
        return Done()
    work.progress(job.study, purpose)
    outcomes = deliver(
        items, destination_of(box, peer), lambda: _transaction(box), pictures, TableInbox(box)
    )
    outcomes = [_given_up(outcome, job.attempts) for outcome in outcomes]
    # Pictures that were not needed have no outcome; the peer took the objects themselves.
    body = {
        "destination": peer.name,
        "purpose": purpose,
        "input": job.payload.get("input", ""),
        "version": _version(box, job.study) if purpose == "result" else 0,
        "objects": [_outcome_json(o, labels) for o in outcomes],
    }
    subject = subject_of(box, job.study)
    if subject:
        box.append([Draft("result.delivered", body, subject=subject, key=job.study)])
    failed = [o for o in outcomes if o.retry]
    if failed:
        error = failed[0].error
        raise NotDelivered(
            peer=peer.name, count=len(failed), cause=f"E{error.code}" if error else "-"
        )
    return Done()


def _given_up(outcome: StoreOutcome, attempts: int) -> StoreOutcome:
    """Call an object refused on which the peer broke off ``_BREAKS_PER_OBJECT`` times.

    A peer that cannot be reached at all is another matter: that is waited out.
    """
    hopeless = isinstance(outcome.error, ConnectionLost) and attempts >= _BREAKS_PER_OBJECT
    return replace(outcome, state="refused") if hopeless else outcome


def destination_of(box: Box, peer: PeerSettings) -> Destination:
    """Return a configured peer as the delivery takes it."""
    return Destination(
        name=peer.name,
        host=peer.host,
        port=peer.port,
        ae_title=peer.ae_title,
        calling_ae_title=box.settings.dicom.ae_title,
        tls=peer_context(box.settings.dicom, peer),
        commitment=peer.confirmation in ("auto", "commitment"),
        query=peer.confirmation in ("auto", "query"),
    )


def _image(box: Box, data: StudyData, uid: str) -> Deliverable:
    kept = data.instances[uid]
    study_uid = box.database.query("SELECT study_uid FROM study WHERE study = ?", (data.study,))[0][
        0
    ]
    return Deliverable(
        kept.sop_class, uid, study_uid, kept.series_uid, kept.transfer_syntax,
        lambda: data.stored(uid), "image",
    )  # fmt: skip


def _object(box: Box, study: str, one: dict[str, Any]) -> Deliverable:
    return Deliverable(
        one["sop_class"], one["sop_instance"], one["study"], one["series"],
        one["transfer_syntax"], lambda: stored_object(box, study, one), kind_of(one["sop_class"]),
    )  # fmt: skip


def _unconfirmed(box: Box, study: str, destination: str, uids: list[str]) -> list[str]:
    rows = box.database.query(
        "SELECT sop_instance, state FROM delivery WHERE study = ? AND destination = ?",
        (study, destination),
    )
    settled = {uid for uid, state in rows if state in ("confirmed", "unconfirmed", "refused")}
    return [uid for uid in uids if uid not in settled]


def _drafted(box: Box, job: Job) -> dict[str, Any] | None:
    wanted = _edition(job.payload)
    for record in reversed(box.records_of(job.study)):
        if record.kind != "report.drafted" or record.body["input"] != job.payload["input"]:
            continue
        if _edition(record.body) == wanted:
            return record.body
    return None


def _edition(body: dict[str, Any]) -> tuple[str, str, str]:
    override, review = body.get("override") or {}, body.get("review") or {}
    return str(override.get("id", "")), str(review.get("id", "")), correction_id(body)


def _released(box: Box, job: Job) -> bool:
    """Whether results may leave: the hospital's setting, or a physician has accepted them."""
    return box.settings.delivery.before_review or bool(job.payload.get("review"))


def _version(box: Box, study: str) -> int:
    rows = box.database.query("SELECT result_version FROM study WHERE study = ?", (study,))
    return int(rows[0][0]) if rows else 0


def _outcome_json(outcome: StoreOutcome, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "sop_class": outcome.sop_class_uid,
        "sop_instance": outcome.sop_instance_uid,
        "label": labels.get(outcome.sop_instance_uid, "image"),
        "state": outcome.state,
        "confirmed_by": outcome.confirmed_by or "",
        "detail": f"E{outcome.error.code}" if outcome.error else "",
        "replaced_by": list(outcome.replaced_by),
    }


def _transaction(box: Box) -> str:
    digest = hashlib.sha256(box.outside.randomness(32)).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def retry_at(attempts: int, now_ms: int, urgent: bool, jitter: float) -> int:
    """Return when a delivery is tried again (ms)."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    at = next_attempt(attempts, now, "urgent" if urgent else "routine", jitter)
    return int(at.timestamp() * 1000)
