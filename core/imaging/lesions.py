"""All lesion candidates of one CT, scored, and made disjoint: the larger explanation wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from core.imaging.ct_grid import Grid, PatientView
from core.imaging.lesions_buds import find_bud_clusters
from core.imaging.lesions_fibrosis import find_fibrosis
from core.imaging.lesions_field import Candidate, Field, build_field
from core.imaging.lesions_large import find_cavities, find_opacities
from core.imaging.lesions_miliary import find_miliary
from core.imaging.lesions_nodes import find_nodes
from core.imaging.lesions_pleural import find_effusions
from core.imaging.lesions_score import probability
from core.imaging.lesions_small import find_blobs, find_hazy_blobs, find_hazy_nodules, find_nodules
from core.imaging.lesions_thickening import find_thickenings
from core.imaging.lungs import LungMap

REPORTED_PROBABILITY = 0.5
# Beyond these an operating point says nothing: below, everything is shown; above, nothing.
OPERATING_POINTS = (0.01, 0.99)


@dataclass(frozen=True)
class Scored:
    """A candidate with its probability and the grid its mask lives on."""

    candidate: Candidate
    probability: float
    grid: Grid


@dataclass(frozen=True, slots=True)
class Rating:
    """What a judge says of one candidate: 0…1 of being a lesion, and of which kind."""

    probability: float
    kind: str


class Judge(Protocol):
    """Rates candidates: the classical rules, or a network that has learnt to."""

    @property
    def threshold(self) -> float:
        """The probability from which a candidate is reported."""
        ...

    def rate(self, field: Field, candidates: list[Candidate]) -> list[Rating]:
        """Return one rating per candidate, in their order."""
        ...


class ClassicalJudge:
    """The hand-set rules of ``lesions_score``."""

    threshold = REPORTED_PROBABILITY

    def rate(self, field: Field, candidates: list[Candidate]) -> list[Rating]:  # noqa: ARG002 the port's argument
        """Return the rules' ratings; the kind is the one it was found as."""
        return [Rating(probability(c), c.kind) for c in candidates]


def find_lesions(
    view: PatientView,
    coarse: Grid,
    lungs: LungMap,
    least: float | None = None,
    judge: Judge | None = None,
) -> list[Scored]:
    """Return candidates of at least a probability, most likely first, without overlaps.

    What is reported at the judge's own threshold is settled first; a lower operating point only
    adds to it, a higher one only takes away.

    Parameters
    ----------
    coarse : Grid
        The 2 mm grid of the whole view that the lungs were found on.
    least : float or None
        Operating point: the least probability to report. None = the judge's threshold.
    judge : Judge or None
        None = the classical rules.
    """
    return settle(search_lesions(view, coarse, lungs), judge or ClassicalJudge(), least)


@dataclass(frozen=True)
class Search:
    """What the candidate search found, before anyone rated it.

    Attributes
    ----------
    field : Field
    patterns : list of Candidate
        Of a whole region or lung (miliary, fibrotic): always rated by the rules.
    groups : list of list of Candidate
        Inside the lungs, by the way they were found, the larger explanations first; they overlap.
    outside : list of Candidate
        Of pleura and mediastinum, always rated by the rules; their masks lie on ``coarse``.
    coarse : Grid
    """

    field: Field
    patterns: list[Candidate]
    groups: list[list[Candidate]]
    outside: list[Candidate]
    coarse: Grid


def search_lesions(view: PatientView, coarse: Grid, lungs: LungMap) -> Search:
    """Return every candidate of a scan."""
    field = build_field(view, coarse, lungs)
    patterns, groups = candidates_inside(field)
    outside = [
        *find_effusions(coarse, lungs),
        *find_thickenings(coarse, lungs),
        *find_nodes(coarse, lungs),
    ]
    return Search(field, patterns, groups, outside, coarse)


def settle(search: Search, judge: Judge, least: float | None = None) -> list[Scored]:
    """Rate the candidates and leave those that are to be reported (see :func:`find_lesions`)."""
    field, rules = search.field, ClassicalJudge()
    sources: list[tuple[list[Candidate], Judge]] = [(search.patterns, rules)]
    sources += [(group, judge) for group in search.groups]
    rated = [(_rated(field, group, by), by.threshold) for group, by in sources]
    rated = _without_miliary_buds(rated)
    chosen: list[Scored] = []
    for group, limit in rated:
        chosen = _disjoint(field, [s for s in group if s.probability >= limit], chosen)
    outside = _outside(search)
    if least is None:
        chosen += [s for s in outside if s.probability >= rules.threshold]
        return sorted(chosen, key=lambda s: -s.probability)
    least = float(np.clip(least, *OPERATING_POINTS))
    rest = [s for group, limit in rated for s in group if least <= s.probability < limit]
    chosen = _beside(sorted(rest, key=lambda s: -s.probability), chosen) + outside
    return sorted((s for s in chosen if s.probability >= least), key=lambda s: -s.probability)


def find_candidates(
    view: PatientView, coarse: Grid, lungs: LungMap
) -> list[tuple[Grid, Candidate]]:
    """Return every candidate with the grid of its mask, unscored and overlapping: for fitting."""
    search = search_lesions(view, coarse, lungs)
    inside = [(search.field.grid, c) for group in (search.patterns, *search.groups) for c in group]
    return inside + [(coarse, c) for c in search.outside]


def candidates_inside(field: Field) -> tuple[list[Candidate], list[list[Candidate]]]:
    """Return patterns, and the single candidates by the way they were found, the larger first."""
    blobs = find_blobs(field)
    groups = [
        find_cavities(field),
        find_opacities(field),
        find_hazy_nodules(field, find_hazy_blobs(field), blobs),
        find_bud_clusters(field, blobs),
        [c for c in find_nodules(field, blobs) if c.kind != "ground_glass_nodule"],
    ]
    return [*find_miliary(field, blobs), *find_fibrosis(field)], groups


def _outside(search: Search) -> list[Scored]:
    """Rate what lies outside the lungs; fluid is not thick pleura too."""
    rated = [Scored(c, probability(c), search.coarse) for c in search.outside]
    fluid = np.zeros(search.coarse.voxels.shape, dtype=bool)
    for scored in rated:
        if scored.candidate.kind == "pleural_effusion" and scored.probability >= 0.5:
            fluid[scored.candidate.box] |= scored.candidate.mask
    kept = []
    for scored in rated:
        candidate = scored.candidate
        same = float(fluid[candidate.box][candidate.mask].mean())
        if candidate.kind == "pleural_effusion" or same < 0.3:
            kept.append(scored)
    return kept


def _rated(field: Field, candidates: list[Candidate], judge: Judge) -> list[Scored]:
    """Rate one group; the likeliest first."""
    if not candidates:
        return []
    ratings = judge.rate(field, candidates)
    rated = [
        Scored(c if c.kind == r.kind else replace(c, kind=r.kind), r.probability, field.grid)
        for c, r in zip(candidates, ratings, strict=True)
    ]
    return sorted(rated, key=lambda s: -s.probability)


def _without_miliary_buds(
    rated: list[tuple[list[Scored], float]],
) -> list[tuple[list[Scored], float]]:
    """Drop clusters of buds inside a lung that is reported as miliary: its nodules are their buds.

    The patterns are the first group.
    """
    whole, limit = rated[0]
    miliary = [
        s.candidate for s in whole if s.candidate.kind == "miliary" and s.probability >= limit
    ]

    def is_one(scored: Scored) -> bool:
        candidate = scored.candidate
        size = int(candidate.mask.sum())
        return candidate.kind == "tree_in_bud" and any(
            _common(candidate, other) > size / 5 for other in miliary
        )

    return [([s for s in group if not is_one(s)], least) for group, least in rated]


def _beside(candidates: list[Scored], taken: list[Scored]) -> list[Scored]:
    """Add candidates below the usual point; the likelier of two outlines of one thing stays.

    Here an unlikely large outline must not hide what lies in it: two are one thing only where
    their union is a third shared.
    """
    kept = list(taken)
    for scored in candidates:
        if all(_shared(scored.candidate, other.candidate) < 1 / 3 for other in kept):
            kept.append(scored)
    return kept


def _shared(one: Candidate, other: Candidate) -> float:
    """Return intersection over union of two masks on one grid."""
    both = _common(one, other)
    return both / (int(one.mask.sum()) + int(other.mask.sum()) - both)


def _common(one: Candidate, other: Candidate) -> int:
    """Return how many voxels two masks on one grid share."""
    low = [max(a.start, b.start) for a, b in zip(one.box, other.box, strict=True)]
    high = [min(a.stop, b.stop) for a, b in zip(one.box, other.box, strict=True)]
    if any(a >= b for a, b in zip(low, high, strict=True)):
        return 0
    parts = [
        tuple(slice(a - s.start, b - s.start) for a, b, s in zip(low, high, c.box, strict=True))
        for c in (one, other)
    ]
    return int((one.mask[parts[0]] & other.mask[parts[1]]).sum())


def _disjoint(field: Field, candidates: list[Scored], taken: list[Scored]) -> list[Scored]:
    """Drop a candidate of which a third is already another's; earlier ones win."""
    kept = list(taken)
    occupied = np.zeros(field.grid.voxels.shape, dtype=bool)
    for scored in kept:
        occupied[scored.candidate.box] |= scored.candidate.mask
    for scored in candidates:
        candidate = scored.candidate
        here = occupied[candidate.box]
        if (here & candidate.mask).sum() > candidate.mask.sum() / 3:
            continue
        kept.append(scored)
        here |= candidate.mask
    return kept
