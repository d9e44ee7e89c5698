"""RECIST 1.1 response of two scans (Eisenhauer et al., Eur J Cancer 45:228, 2009).

The rules were made for solid tumours in trials. Nothing in them is validated for tuberculosis: the
category is given with that population, for the physician who follows a tumour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.imaging.followup_change import Change
from core.imaging.result import Lesion, Sentence

Category = Literal["CR", "PR", "SD", "PD"]
POPULATION = Sentence(
    "RECIST 1.1：仅针对实体瘤，未在结核病中验证；两次检查之间，无最低值记录",
    "RECIST 1.1: for solid tumours only, not validated for tuberculosis; between two scans, "
    "without a nadir from others",
)
TARGET_MM = 10.0
MOST_PER_ORGAN = 2
# Not measurable by RECIST 1.1: effusion, diffuse or small-airway disease, calcification.
MEASURABLE = frozenset(
    {"solid_nodule", "part_solid_nodule", "ground_glass_nodule", "mass", "cavity"}
)


@dataclass(frozen=True, slots=True)
class RecistResponse:
    """A response category with what it rests on.

    Attributes
    ----------
    category : {"CR", "PR", "SD", "PD"}
    target_ids : tuple of int
        Target lesions, by their id in the prior scan.
    sum_prior_mm, sum_current_mm : float
        Sums of longest diameters.
    new_lesions : int
    """

    category: Category
    target_ids: tuple[int, ...]
    sum_prior_mm: float
    sum_current_mm: float
    new_lesions: int


def recist_response(
    prior: Sequence[Lesion],
    current: Sequence[Lesion],
    changes: Sequence[Change],
    slice_mm: float,
) -> RecistResponse | None:
    """Return the response; None where the rules cannot be used.

    None for slices over 5 mm, without a measurable lesion of 10 mm in the prior scan, or where a
    target's fate is undetermined.
    """
    if slice_mm > 5.0:
        return None
    order = sorted(prior, key=lambda one: -one.long_axis_mm)
    targets = [x for x in order if x.kind in MEASURABLE and x.long_axis_mm >= TARGET_MM]
    targets = targets[:MOST_PER_ORGAN]
    if not targets:
        return None
    after = {x.id: x for x in current}
    fate = {number: change for change in changes for number in change.prior_ids}
    total = 0.0
    for target in targets:
        change = fate.get(target.id)
        if change is None or change.verdict == "undetermined":
            return None
        total += max((after[k].long_axis_mm for k in change.current_ids), default=0.0)
    before = sum(x.long_axis_mm for x in targets)
    fresh = sum(c.verdict == "new" for c in changes)
    gone = all(c.verdict == "resolved" for c in changes if c.prior_ids)
    return RecistResponse(
        _category(before, total, fresh, gone), tuple(x.id for x in targets), before, total, fresh
    )


def _category(before: float, after: float, fresh: int, gone: bool) -> Category:
    if fresh or (after >= 1.2 * before and after - before >= 5.0):
        return "PD"
    if gone:
        return "CR"
    return "PR" if after <= 0.7 * before else "SD"
