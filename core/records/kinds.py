"""The record kinds of this release: name, version, journal and whose key seals the body.

A kind is never reused for another meaning, and a field is never reused within a kind. Older
versions are read through :data:`UPCASTERS`; unknown fields survive unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Journal = Literal["clinical", "access"]
Scope = Literal["study", "subject", "node", "clear"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One record kind.

    Attributes
    ----------
    scope : {"study", "subject", "node", "clear"}
        Whose key seals the body: the study's data key, the patient's key, or the box's own. The
        body of a ``clear`` kind holds routing facts and ciphertext only, and is not sealed.
    """

    name: str
    version: int
    scope: Scope
    journal: Journal = "clinical"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("instances.received", 1, "study"),
        Kind("instance.quarantined", 1, "node"),
        Kind("quarantine.resolved", 1, "node"),
        Kind("study.received", 1, "study"),
        Kind("study.superseded", 1, "study"),
        Kind("identity.corrected", 1, "study"),
        Kind("subject.restricted", 1, "subject"),
        Kind("processing.requested", 1, "study"),
        Kind("processing.failed", 1, "study"),
        Kind("qc.assessed", 1, "study"),
        Kind("findings.proposed", 1, "study"),
        Kind("findings.assessed", 2, "study"),
        Kind("measurement.saved", 1, "study"),
        Kind("measurements.drawn", 1, "study"),
        Kind("measurements.sent", 1, "study"),
        Kind("measurements.issued", 1, "study"),
        Kind("comparison.proposed", 1, "study"),
        Kind("comparison.withdrawn", 1, "study"),
        Kind("result.delivered", 1, "study"),
        Kind("report.drafted", 1, "study"),
        Kind("report.saved", 2, "study"),
        Kind("report.signed", 2, "study"),
        Kind("report.issued", 1, "study"),
        Kind("notification.recorded", 1, "study"),
        Kind("report.addended", 1, "study"),
        Kind("screening.read", 1, "study"),
        Kind("repeat.requested", 1, "study"),
        Kind("repeat.acknowledged", 1, "study"),
        Kind("repeat.closed", 1, "study"),
        Kind("clinical.imported", 1, "subject"),
        Kind("risk.assessed", 1, "subject"),
        Kind("consult.requested", 1, "study"),
        Kind("consult.event", 1, "study"),
        Kind("consult.opined", 1, "study"),
        Kind("consult.closed", 1, "study"),
        Kind("access.granted", 1, "study"),
        Kind("access.revoked", 1, "study"),
        Kind("model.imported", 1, "node"),
        Kind("model.activated", 1, "node"),
        Kind("model.rolled_back", 1, "node"),
        Kind("model.shadowed", 1, "node"),
        Kind("key.destroyed", 1, "node"),
        Kind("hub.event", 1, "clear"),
        Kind("hub.notice", 1, "clear"),
        Kind("study.viewed", 1, "node", "access"),
        Kind("audit.logged", 1, "node", "access"),
    )
}

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def _assessed_as_a_whole(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew a decision on the findings as a whole; on no lesion and no prediction."""
    review = {"result": 0, "parent": "", "supersedes": [], **body["review"]}
    return {"lesions": [], "predictions": [], "blobs": {}, **body, "review": review}


def _without_pictures(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 of a report had no pictures, so no outlines on them."""
    return {**body, "report": {"outlines": {}, **body["report"]}}


#: (kind, version) → pure function that returns the body as version + 1 wrote it.
UPCASTERS: dict[tuple[str, int], Upcaster] = {
    ("findings.assessed", 1): _assessed_as_a_whole,
    ("report.saved", 1): _without_pictures,
    ("report.signed", 1): _without_pictures,
}


def upcast(kind: str, version: int, body: dict[str, Any]) -> dict[str, Any]:
    """Return a body as the newest version of its kind would say it.

    A kind or version from a newer release is returned untouched: readers skip what they do not
    know, they never drop it.
    """
    while (kind, version) in UPCASTERS:
        body = UPCASTERS[(kind, version)](body)
        version += 1
    return body
