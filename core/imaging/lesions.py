"""All lesion candidates of one CT, scored, and made disjoint: the larger explanation wins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.imaging.ct_grid import Grid, PatientView
from core.imaging.lesions_buds import find_bud_clusters
from core.imaging.lesions_field import Candidate, Field, build_field
from core.imaging.lesions_large import find_cavities, find_opacities
from core.imaging.lesions_pleural import find_effusions
from core.imaging.lesions_score import probability
from core.imaging.lesions_small import find_blobs, find_hazy_blobs, find_hazy_nodules, find_nodules
from core.imaging.lungs import LungMap

REPORTED_PROBABILITY = 0.5


@dataclass(frozen=True)
class Scored:
    """A candidate with its probability and the grid its mask lives on."""

    candidate: Candidate
    probability: float
    grid: Grid


def find_lesions(
    view: PatientView, coarse: Grid, lungs: LungMap, least: float = REPORTED_PROBABILITY
) -> list[Scored]:
    """Return candidates of at least a probability, most likely first, without overlaps.

    ``coarse`` is the 2 mm grid of the whole view that the lungs were found on.
    """
    field = build_field(view, coarse, lungs)
    chosen: list[Scored] = []
    for candidates in _by_explanation(field):
        chosen = _disjoint(field, _scored(candidates, field.grid, least), chosen)
    fluid = _scored(find_effusions(coarse, lungs), coarse, least)
    return sorted([*chosen, *fluid], key=lambda s: -s.probability)


def find_candidates(
    view: PatientView, coarse: Grid, lungs: LungMap
) -> list[tuple[Grid, Candidate]]:
    """Return every candidate with the grid of its mask, unscored and overlapping: for fitting."""
    field = build_field(view, coarse, lungs)
    inside = [(field.grid, c) for group in _by_explanation(field) for c in group]
    return inside + [(coarse, c) for c in find_effusions(coarse, lungs)]


def _by_explanation(field: Field) -> list[list[Candidate]]:
    """Return the candidates inside the lungs, the larger explanations first."""
    blobs = find_blobs(field)
    return [
        find_cavities(field),
        find_opacities(field),
        find_hazy_nodules(field, find_hazy_blobs(field), blobs),
        find_bud_clusters(field, blobs),
        [c for c in find_nodules(field, blobs) if c.kind != "ground_glass_nodule"],
    ]


def _scored(candidates: list[Candidate], grid: Grid, least: float) -> list[Scored]:
    """Score and drop the unlikely; the likeliest first."""
    rated = [Scored(c, probability(c), grid) for c in candidates]
    return sorted((s for s in rated if s.probability >= least), key=lambda s: -s.probability)


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
