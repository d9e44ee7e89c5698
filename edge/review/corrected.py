"""A submitted version as the writers of result objects take it: what stands, and where it lies."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.imaging.case import LungVolumes, case_json, sum_up
from core.imaging.location import OUTSIDE
from core.imaging.redraw import drawn_map, rings_of
from core.imaging.result import Lesion
from core.views.review import counts_of
from edge.report.context import Correction
from edge.review.base import Lines
from edge.review.measuring import lesion_of
from edge.store.box import Box


@dataclass(frozen=True)
class Corrected:
    """What a physician let stand, changed or added.

    Attributes
    ----------
    lesions : list of dict
        Public form, rejected ones left out.
    lines : dict
        Their outlines by frame.
    correction : Correction
    """

    lesions: list[dict[str, Any]]
    lines: Lines
    correction: Correction

    def label_map(self, uids: tuple[str, ...], shape: tuple[int, int, int]) -> NDArray[np.uint16]:
        """Return the label map of the outlines on the volume's slices.

        What was drawn later has the voxels that two outlines share.
        """
        index = {f"{uid}/1": at for at, uid in enumerate(uids)}
        drawn: dict[int, dict[int, list[Any]]] = {}
        for frame, lines in self.lines.items():
            if frame in index:
                for line in lines:
                    rings = drawn.setdefault(line["lesion"], {}).setdefault(index[frame], [])
                    rings.extend(rings_of([line["points"]]))
        return drawn_map(drawn, shape)


def corrected_of(box: Box, study: str, of: dict[str, Any]) -> Corrected | None:
    """Return the submission that a job's payload or a record names; None where it has no lesions.

    A review on the findings as a whole leaves the AI's lesions as they are.
    """
    wanted = (of.get("review") or {}).get("id")
    if not wanted:
        return None
    for record in reversed(box.records_of(study)):
        if record.kind == "findings.assessed" and record.body["review"]["id"] == wanted:
            body = record.body
            break
    else:
        return None
    if not body.get("lesions"):
        return None
    standing = [one for one in body["lesions"] if one["decision"] != "rejected"]
    lines: Lines = {}
    if body["blobs"].get("outlines"):
        with box.blobs.open(body["blobs"]["outlines"], box.vault.key(study)) as blob:
            lines = json.loads(blob.read())
    said = Correction(
        decisions=tuple((one["id"], one["decision"]) for one in standing),
        counts=tuple(counts_of(body["lesions"]).items()),
        disagreed=tuple(
            (one["code"], one["value"], one["reason"])
            for one in body.get("predictions", [])
            if one["decision"] == "disagree"
        ),
    )
    return Corrected([one["lesion"] for one in standing], lines, said)


def with_corrections(
    result: dict[str, Any], corrected: Corrected, lungs_ml: float
) -> dict[str, Any]:
    """Return a result with the lesions that stand and what they amount to. Pure.

    The case is summed up anew by the same function; a lesion that a physician added counts as
    there. The AI's own result is not touched: this is a copy for the corrected objects.
    """
    lesions = [lesion_of(one) for one in corrected.lesions]
    sure = [x if isfinite(x.probability) else replace(x, probability=1.0) for x in lesions]
    case = sum_up(sure, LungVolumes(lungs_ml, {})) if result.get("case") else None
    return {**result, "lesions": corrected.lesions, "case": case_json(case)}


def lungs_ml_of(result: dict[str, Any]) -> float:
    """Return the lungs' volume that a result's burden was held against; 0 where it says none."""
    case = result.get("case") or {}
    burden = case.get("burden_percent")
    inside: list[Lesion] = [
        lesion_of(x) for x in result.get("lesions") or [] if x["kind"] not in OUTSIDE
    ]
    volume = sum(x.volume_ml for x in inside)
    return 100.0 * volume / burden if burden and volume else 0.0
