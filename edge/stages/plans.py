"""Which jobs a record causes: pure rules, one reader per stage.

::

    instances.received → complete, image_quality (radiographs), forward (from a modality)
    study.received, processing.requested → quality → qc.assessed → inference
    findings.proposed → measuring → measurement.saved → report → report.drafted → delivery
    findings.assessed (a physician's review) → report → report.drafted → delivery
    identity.corrected → renewal → report → report.drafted → delivery
    report.drafted, identity.corrected → companions → comparison → comparison.proposed → redraft
    measurements.sent, report.signed → measurements → measurements.issued → measurements_delivery
    hub.event → consult_inbox → consult.opined → opinion → report.addended → opinion_delivery

A job's key is made of the record's study and input, so that the same record planned twice, on this
box or its pair, is one job.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.records.record import Record
from edge.stages.queue import BACKGROUND, ROUTINE, URGENT, JobSpec
from edge.stages.reader import Reader

_CORRECTION_QUIET_MS = 5000
_FILM = frozenset({"DX", "CR", "DR"})
_STORAGE_OF_IMAGES = "1.2.840.10008.5.1.4.1.1."
_NO_IMAGES = (
    "1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.11.", "1.2.840.10008.5.1.4.1.1.104.",
    "1.2.840.10008.5.1.4.1.1.66", "1.2.840.10008.5.1.4.1.1.67", "1.2.840.10008.5.1.4.1.1.481.",
)  # fmt: skip


def priority_of(modality: str, urgent: bool) -> int:
    """Return a study's priority: radiographs before CT, since the patient still stands there."""
    if urgent:
        return URGENT
    return ROUTINE - 2 if modality in _FILM else ROUTINE


def plan_complete(record: Record, now_ms: int) -> Sequence[JobSpec]:
    """Every image moves the moment at which the study is looked at again."""
    if all(one.get("alternate") for one in record.body["instances"]):
        return []
    return [JobSpec("complete", record.study, record.study, URGENT, now_ms + 1000, renew=True)]


def plan_image_quality(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A radiograph is judged at arrival, before its study is complete."""
    return [
        JobSpec("image_quality", one["sop_instance"], record.study, URGENT,
                payload={"sop_instance": one["sop_instance"]})
        for one in record.body["instances"]
        if one.get("modality") in _FILM and is_image(one["sop_class"]) and not one.get("alternate")
    ]  # fmt: skip


def plan_forward(record: Record, now_ms: int) -> Sequence[JobSpec]:
    """What came straight from a modality goes on to the PACS; corrections go with their study."""
    if record.body.get("origin") != "modality":
        return []
    if all(one.get("alternate") for one in record.body["instances"]):
        return []
    # One job a study, gathering what came in the meantime: hundreds of associations help nobody.
    priority = URGENT if record.body.get("urgent") else ROUTINE
    return [JobSpec("forward", record.study, record.study, priority, now_ms + 700, renew=True)]


def plan_quality(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A complete study, or a physician's wish, starts the chain."""
    body = record.body
    payload = {"input": body["input"], "override": body.get("override")}
    key = f"{record.study}:{body['input']}:{_edition(body)}"
    return [JobSpec("quality", key, record.study, _priority(body), payload=payload)]


def plan_manifest(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A complete study gets its display manifest before anybody opens it."""
    key = f"{record.study}:{record.body['input']}"
    return [JobSpec("manifest", key, record.study, ROUTINE)]


def plan_thumbnail(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A complete study has a picture in the list; a new result may choose another."""
    return [JobSpec("thumbnail", record.study, record.study, BACKGROUND, renew=True)]


def plan_inference(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """The study's quality is judged: find."""
    body = record.body
    if body.get("sop_instance"):
        return []
    payload = {"input": body["input"], "override": body.get("override")}
    key = f"{record.study}:{body['input']}:{_edition(body)}"
    return [JobSpec("inference", key, record.study, _priority(body), payload=payload)]


def plan_measuring(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """Proposed lesions with a label map are measured."""
    body = record.body
    if not body.get("blobs", {}).get("label_map"):
        return []
    payload = {"input": body["input"], "blobs": body["blobs"], "override": body.get("override")}
    key = f"{record.study}:{body['input']}:{_edition(body)}"
    return [JobSpec("measuring", key, record.study, _priority(body), payload=payload)]


def plan_report(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """Draft when all numbers are there: after measuring, or at once where nothing is measured."""
    body = record.body
    if record.kind == "findings.proposed" and body.get("blobs", {}).get("label_map"):
        return []
    if record.kind == "findings.assessed" and body["review"]["decision"] == "rejected":
        return []  # what a physician rejected does not go out under a physician's name
    key = f"{record.study}:{body['input']}:{_edition(body)}"
    payload = {
        "input": body["input"], "override": body.get("override"), "review": body.get("review"),
    }  # fmt: skip
    return [JobSpec("report", key, record.study, _priority(body), payload=payload)]


def plan_delivery(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A drafted report is the last thing a result object needs."""
    body = record.body
    key = f"{record.study}:{body['input']}:{_edition(body)}"
    payload = {
        "input": body["input"], "override": body.get("override"), "review": body.get("review"),
    }  # fmt: skip
    correction = body.get("correction")
    if correction:
        key += f":{correction['id']}"
        payload["correction"] = correction
    return [JobSpec("delivery", key, record.study, _priority(body), payload=payload)]


def plan_renewal(record: Record, now_ms: int) -> Sequence[JobSpec]:
    """A corrected identity renews the results: once, some seconds after its last image."""
    at = now_ms + _CORRECTION_QUIET_MS
    return [JobSpec("renewal", record.study, record.study, ROUTINE, at, renew=True)]


def plan_issuing(record: Record, now_ms: int) -> Sequence[JobSpec]:
    """A signed report, an addendum, or a corrected identity: the report's documents are written."""
    if record.kind == "identity.corrected":
        at = now_ms + _CORRECTION_QUIET_MS
        return [JobSpec("issuing", record.study, record.study, ROUTINE, at, renew=True)]
    if "report" not in record.body:
        return []  # an opinion of a consultation has documents of its own
    return [JobSpec("issuing", f"{record.study}:{record.body['report']['id']}", record.study)]


def plan_issued(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """Documents of a signed report go to the PACS."""
    payload = {name: record.body[name] for name in ("id", "correction")}
    key = f"{payload['id']}:{payload['correction']}"
    return [JobSpec("issued_delivery", key, record.study, payload=payload)]


def plan_measurements(record: Record, now_ms: int) -> Sequence[JobSpec]:
    """A person lets measurements go, signs a report, or the identity was corrected."""
    corrected = record.kind == "identity.corrected"
    at = now_ms + (_CORRECTION_QUIET_MS if corrected else 0)
    return [JobSpec("measurements", record.study, record.study, ROUTINE, at, renew=True)]


def plan_measured(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A written measurement report goes to the PACS."""
    payload = {"id": record.body["id"]}
    return [JobSpec("measurements_delivery", payload["id"], record.study, payload=payload)]


def plan_companions(record: Record, now_ms: int) -> Sequence[JobSpec]:
    """A study whose draft is written, or whose patient was corrected, may have companions."""
    corrected = record.kind == "identity.corrected"
    at = now_ms + (_CORRECTION_QUIET_MS if corrected else 0)
    return [JobSpec("companions", record.study, record.study, BACKGROUND, at, renew=True)]


def plan_redraft(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """What is said beside a study's own result changed: its draft says so."""
    return [JobSpec("redraft", record.study, record.study, BACKGROUND, renew=True)]


def plan_inbox(_record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """What the hub's chain brought is looked at once for all that came."""
    return [JobSpec("consult_inbox", "hub", "", URGENT, renew=True)]


def plan_opinion(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A signed opinion is written as documents; one that is unsound waits for a person's eyes."""
    if record.body.get("unread"):
        return []
    payload = {name: record.body[name] for name in ("consult", "event")}
    key = f"{payload['consult']}:{payload['event']}"
    return [JobSpec("opinion", key, record.study, ROUTINE, payload=payload)]


def plan_opinion_delivery(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """Documents of an opinion go to the PACS; an addendum's are made first."""
    if not record.body.get("consult"):
        return []
    payload = {name: record.body[name] for name in ("consult", "event", "input")}
    key = f"{payload['consult']}:{payload['event']}"
    return [JobSpec("opinion_delivery", key, record.study, ROUTINE, payload=payload)]


def plan_statistics(record: Record, _now_ms: int) -> Sequence[JobSpec]:
    """A result may count for the region's statistics, where the hospital's policy lists fields."""
    body = record.body
    key = f"{record.study}:{body['input']}:{_edition(body)}"
    payload = {"input": body["input"], "review": body.get("review")}
    return [JobSpec("statistics", key, record.study, BACKGROUND, payload=payload)]


def is_image(sop_class: str) -> bool:
    """Return whether a storage class holds images that are looked at."""
    return sop_class.startswith(_STORAGE_OF_IMAGES) and not sop_class.startswith(_NO_IMAGES)


def _edition(body: dict[str, object]) -> str:
    """Tell results of the same images apart: by the override and the review they follow from."""
    parts = [body.get("override"), body.get("review")]
    return ":".join(str(part["id"]) if isinstance(part, dict) else "0" for part in parts)


def _priority(body: dict[str, object]) -> int:
    value = body.get("priority")
    return value if isinstance(value, int) else ROUTINE


_CHAIN = frozenset({"findings.proposed", "processing.failed"})
_SIGNED = frozenset({"report.signed", "report.addended"})
READERS: tuple[Reader, ...] = (
    Reader("complete", frozenset({"instances.received"}), plan_complete),
    Reader("image_quality", frozenset({"instances.received"}), plan_image_quality),
    Reader("forward", frozenset({"instances.received"}), plan_forward),
    Reader("quality", frozenset({"study.received", "processing.requested"}), plan_quality),
    Reader("manifest", frozenset({"study.received"}), plan_manifest),
    Reader("thumbnail", frozenset({"study.received", "findings.proposed"}), plan_thumbnail),
    Reader("inference", frozenset({"qc.assessed"}), plan_inference),
    Reader("measuring", frozenset({"findings.proposed"}), plan_measuring),
    Reader("report", _CHAIN | {"measurement.saved", "findings.assessed"}, plan_report),
    Reader("delivery", frozenset({"report.drafted"}), plan_delivery),
    Reader("renewal", frozenset({"identity.corrected"}), plan_renewal),
    Reader("companions", frozenset({"report.drafted", "identity.corrected"}), plan_companions),
    Reader("redraft", frozenset({"comparison.proposed", "comparison.withdrawn"}), plan_redraft),
    Reader("consult_inbox", frozenset({"hub.event", "hub.notice"}), plan_inbox),
    Reader("opinion", frozenset({"consult.opined"}), plan_opinion),
    Reader("statistics", _CHAIN | {"findings.assessed"}, plan_statistics),
    Reader("opinion_delivery", frozenset({"report.addended"}), plan_opinion_delivery),
    Reader("issuing", _SIGNED | {"identity.corrected"}, plan_issuing),
    Reader("issued_delivery", frozenset({"report.issued"}), plan_issued),
    Reader(
        "measurements",
        frozenset({"measurements.sent", "report.signed", "identity.corrected"}),
        plan_measurements,
    ),
    Reader("measurements_delivery", frozenset({"measurements.issued"}), plan_measured),
)
