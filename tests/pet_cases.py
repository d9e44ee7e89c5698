"""One small PET-CT of a digital patient that the PET tests share."""

from __future__ import annotations

from functools import cache

from core.imaging.pet_rigid import AlignLimits
from core.imaging.petct import PetCtLimits
from core.phantom.ct import CtSpec
from core.phantom.petct import PetCtPhantom, PetSpec, make_petct

COARSE = PetSpec(
    seed=7,
    ct=CtSpec(slices=60, rows=112, columns=112, spacing_mm=(5.6, 3.8, 3.8)),
    slices=52,
    rows=76,
    columns=76,
    spacing_mm=(6.2, 5.0, 5.0),
)

# The last, finest resolution is left to the proof (tests/bench/petct.py): seconds each.
QUICK = PetCtLimits(search=AlignLimits(shrink=(4, 2), smoothing_mm=(8.0, 4.0), iterations=30))
# Where the alignment does not matter.
INSTANT = PetCtLimits(search=AlignLimits(shrink=(8, 8), smoothing_mm=(8.0, 8.0), iterations=1))


@cache
def phantom() -> PetCtPhantom:
    """Return the examination; made once per process."""
    return make_petct(COARSE)
