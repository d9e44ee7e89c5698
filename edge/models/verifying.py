"""Verify: is every model here still the one that was imported, and does it still answer so?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import XinglinError
from edge.infer.isolated import Limits
from edge.models.golden import check_golden
from edge.models.known import Known, bundle_of_model, known_models
from edge.store.box import Box


@dataclass(frozen=True, slots=True)
class Verdict:
    """One model's: ``error`` is None where hashes and golden set hold; ``worst`` by output then."""

    model: Known
    worst: dict[str, float]
    error: XinglinError | None


def verify_models(
    box: Box,
    wanted: Known | None = None,
    limits: Limits | None = None,
    said: Callable[[str], None] = lambda _text: None,
) -> list[Verdict]:
    """Check hashes, then the golden set in a process apart, of one model or of all."""
    verdicts = []
    for one in [wanted] if wanted else known_models(box):
        said(one.label)
        try:
            bundle = bundle_of_model(box, one.slot, one.digest)
            verdicts.append(Verdict(one, check_golden(bundle, limits), None))
        except XinglinError as error:
            verdicts.append(Verdict(one, {}, error))
    return verdicts
