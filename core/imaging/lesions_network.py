"""The network judge: a bundle of the slot ``ct_lesions`` rates the classical candidates.

What only size and place can tell (too small to be seen in these slices, a whole scan's worth of
blobs) is decided before the network is asked: at most ``MOST_RATED`` candidates, the nearest to the
classical rules first. The others keep a probability below any operating point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.imaging.lesions import REPORTED_PROBABILITY, Rating
from core.imaging.lesions_field import Candidate, Field
from core.imaging.lesions_patch import (
    FALSE_KIND,
    RULES_LIMIT,
    Answer,
    answer_of,
    patch_of,
    patch_spec,
)
from core.imaging.lesions_score import probability
from core.imaging.location import KINDS
from core.models.bundle import Bundle
from core.models.engine import Engine

MOST_RATED = 260  # per way of finding; 5 ways
BATCH = 32
LEAST_CLASSICAL = 1e-8


@dataclass(frozen=True)
class NetworkJudge:
    """Rates candidates with an engine that runs a bundle of ``ct_lesions``."""

    engine: Engine
    bundle: Bundle

    @property
    def threshold(self) -> float:
        """The bundle's own."""
        return self.bundle.metadata.threshold

    def rate(self, field: Field, candidates: list[Candidate]) -> list[Rating]:
        """Return one rating per candidate.

        Raises
        ------
        BundleNotForLesions, EngineFailed, EngineOutputInvalid
        """
        stated = self.bundle.metadata
        spec = patch_spec(stated.name, stated.preprocessing)
        answer = answer_of(stated.name, stated.postprocessing, frozenset(KINDS))
        chosen = worth_rating(candidates)
        ratings = [Rating(0.0, c.kind) for c in candidates]
        name = stated.inputs[0].name
        for start in range(0, len(chosen), BATCH):
            part = chosen[start : start + BATCH]
            patches = np.stack([patch_of(field, candidates[i], spec) for i in part])
            rows = self.engine.infer({name: patches})[answer.output]
            for index, row in zip(part, rows, strict=True):
                ratings[index] = rating_of(candidates[index], row, answer)
        return ratings


def worth_rating(candidates: list[Candidate]) -> list[int]:
    """Return which candidates the network is asked about, the classically likeliest first."""
    scores = [probability(c) for c in candidates]
    order = sorted(range(len(candidates)), key=lambda i: -scores[i])
    return [i for i in order[:MOST_RATED] if scores[i] >= LEAST_CLASSICAL]


def rating_of(candidate: Candidate, row: np.ndarray, answer: Answer) -> Rating:
    """Return probability and kind; a kind must be one that the candidate's outline can carry.

    Only what was found as an air pocket has a lumen, so only that can be a cavity, and it can be
    nothing else; a large opacity keeps the kind it was found as. A cluster of buds is nothing but
    that: its probability is that of buds, not of any lesion, for a nodule has its own candidate.
    """
    shares = {name: float(share) for name, share in zip(answer.classes, row, strict=True)}
    odds = _odds(1.0 - shares.pop(FALSE_KIND))
    buds = candidate.kind == "tree_in_bud"
    if buds and "score" in candidate.features:
        odds = _odds(shares.get("tree_in_bud", 0.0))
    if answer.rules_weight:
        rules = np.clip(_odds(probability(candidate)), -RULES_LIMIT, RULES_LIMIT)
        odds += answer.rules_weight * float(rules)
    lesion = float(1 / (1 + np.exp(-odds)))
    large = "fill" in candidate.features  # wider than the patch, told by its shape
    if candidate.lumen is not None or large:
        # The network takes no cavity and no large opacity away that the rules report.
        rules_say = probability(candidate)
        surer = max(lesion, rules_say) if rules_say >= REPORTED_PROBABILITY else lesion
        return Rating(surer, candidate.kind if large else "cavity")
    if buds:
        return Rating(lesion, "tree_in_bud")
    shares.pop("cavity", None)
    return Rating(lesion, max(shares, key=lambda k: shares[k]) if shares else candidate.kind)


def _odds(share: float) -> float:
    """Return log odds, within +-16."""
    share = min(max(share, 1e-7), 1 - 1e-7)
    return float(np.log(share / (1 - share)))
