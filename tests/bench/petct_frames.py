"""PET and CT of two examinations without a common frame of reference: docs/imaging/pet-ct.md.

    python -m tests.bench.petct_frames --cases phantom --seeds 511,512,513
    python -m tests.bench.petct_frames --cases acrin --poses 3

The PET's patient is turned by up to 5 degrees and put up to 400 mm along and 60 mm across
elsewhere, as another table and another zero do; found is what the images alone give back.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from time import process_time

import numpy as np

from core.errors import XinglinError
from core.imaging.petct import fuse
from core.imaging.petct_space import Rigid, rigid_of, still
from core.phantom.petct import make_petct, small_petct
from tests.bench.petct_cases import Case, acrin, digital, moved


def elsewhere(rng: np.random.Generator, centre_mm: np.ndarray) -> Rigid:
    """Return a motion into another frame of reference."""
    axis = rng.normal(size=3)
    turn = axis / np.linalg.norm(axis) * rng.uniform(0.5, 5.0)
    across = rng.uniform(-60.0, 60.0, 2)
    shift = (float(across[0]), float(across[1]), float(rng.uniform(-400.0, 400.0)))
    return rigid_of((float(turn[0]), float(turn[1]), float(turn[2])), shift, centre_mm)


def cases(which: str, seeds: list[int]) -> Iterator[Case]:
    """Yield the real examination or digital patients."""
    if which == "acrin":
        real = acrin()
        if real is not None:
            yield real
        return
    for seed in seeds:
        yield digital(make_petct(small_petct(seed)), f"phantom {seed}")


def line(case: Case, number: int) -> str:
    """Place one PET and return what was found."""
    motion = elsewhere(np.random.default_rng([31, number]), case.centre_mm)
    before = process_time()
    try:
        found = fuse(case.side, moved(case.series, motion), shared_frame=False)
    except XinglinError as error:
        return f"{case.name:12s}  refused E{error.code}: {error}"
    left = still(case.centre_mm).after(motion.inverse().after(found.motion))
    assert found.alignment is not None
    return (
        f"{case.name:12s} put {motion.shift_mm.round(0).tolist()} mm, {motion.angle_deg:.1f} deg:"
        f" left {left.length_mm:.2f} mm {left.angle_deg:.2f} deg,"
        f" spread {found.alignment.spread_mm:.2f} mm,"
        f" information {found.alignment.information_after:.3f},"
        f" CPU {process_time() - before:.0f} s"
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="phantom", choices=("phantom", "acrin"))
    parser.add_argument("--seeds", default="511,512,513")
    parser.add_argument("--poses", type=int, default=1)
    given = parser.parse_args()
    seeds = [int(one) for one in given.seeds.split(",")]
    for place, case in enumerate(cases(given.cases, seeds)):
        for number in range(given.poses):
            sys.stdout.write(line(case, seeds[0] * 100 + place * given.poses + number) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
