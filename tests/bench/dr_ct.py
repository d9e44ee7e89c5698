"""A radiograph and a CT of one digital patient laid upon each other: docs/imaging/dr-ct.md.

    python -m tests.bench.dr_ct --seeds 41,42,45

The CT is deformed by a known pose, breath and irregular motion against the radiograph
(`tests.followup_cases`); the radiograph is the phantom's own projection, which shares no code with
`core.imaging.drr`. Error: distance at the patient between where a lesion is drawn on the radiograph
and where it is.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from core.imaging.dr_ct import DrCtMap, DrCtSettings, map_dr_ct
from core.imaging.drr import Beam
from core.phantom.dr import expose_dr, small_dr
from core.phantom.patients import patient_of
from tests.bench.ct_followup import SCAN
from tests.followup_cases import FITTING_SEEDS, Pair, make_pair

PARALLEL = Beam(sid_mm=float("inf"))


@dataclass(frozen=True)
class Laid:
    """One pair: errors (along, across) in millimetres of lesions and of vessels."""

    seed: int
    lesions: np.ndarray
    vessels: np.ndarray
    found: DrCtMap
    strangers: float

    def line(self) -> str:
        """Return a row."""
        size = [np.linalg.norm(e, axis=1) for e in (self.lesions, self.vessels)]
        a, b = (np.percentile(s, [50, 95]) for s in size)
        return (
            f"seed {self.seed}: lesions {len(size[0])}, {a[0]:.1f} / {a[1]:.1f} mm; vessels"
            f" {b[0]:.1f} / {b[1]:.1f} mm; agreement {self.found.agreement:.3f}, with another's CT"
            f" {self.strangers:.3f}; roll {self.found.projection.pose.roll_deg:.0f},"
            f" tilt {self.found.projection.pose.tilt_deg:.0f}"
        )


def laid_of(pair: Pair, other: Pair | None = None) -> Laid:
    """Lay the pair's radiograph and deformed CT upon each other."""
    patient = patient_of(pair.seed, "normal", pair.after)
    film = expose_dr(patient, small_dr(pair.seed, "normal"))
    found = map_dr_ct(film.radiograph, pair.current, PARALLEL)
    places = [
        pair.current.to_lps(np.argwhere(pair.current_labels == k).mean(axis=0))
        for k in np.unique(pair.current_labels)[1:]
    ]
    rng = np.random.default_rng(pair.seed)
    vessels = np.argwhere(pair.vessels)
    chosen = vessels[rng.choice(len(vessels), 300, replace=False)].astype(np.float64)
    here = pair.deformation.to_current(pair.prior.to_lps(chosen))
    strangers = np.nan
    if other is not None:
        strangers = map_dr_ct(film.radiograph, other.current, PARALLEL).agreement
    errors = [_error(pair, found, points, film.spec) for points in (np.array(places), here)]
    return Laid(pair.seed, errors[0], errors[1], found, strangers)


def _error(pair: Pair, found: DrCtMap, points: np.ndarray, spec) -> np.ndarray:
    """Return (n, 2) errors (along, across) in millimetres of LPS points of the current scan."""
    there = pair.deformation.to_prior(points)
    row = (spec.rows - 1) / 2 - (there[:, 2] - 2.0) / spec.pixel_mm
    column = (spec.columns - 1) / 2 + there[:, 0] / spec.pixel_mm
    return (found.to_film(points) - np.stack([row, column], axis=1)) * spec.pixel_mm


def summary(runs: list[Laid], settings: DrCtSettings | None = None) -> list[str]:
    """Return errors over all pairs and how often the stated ellipse held the truth."""
    settings = settings or DrCtSettings()
    factor = np.sqrt(-2.0 * np.log(1.0 - settings.confidence))
    semi = np.array([settings.sigma_mm[1], settings.sigma_mm[0]]) * factor
    lines = []
    for name in ("lesions", "vessels"):
        error = np.concatenate([getattr(run, name) for run in runs])
        inside = ((error / semi) ** 2).sum(axis=1) <= 1.0
        size = np.percentile(np.linalg.norm(error, axis=1), [50, 95])
        lines.append(
            f"{name}: n {len(error)}, median {size[0]:.1f} mm, 95 % {size[1]:.1f} mm, sd along"
            f" {error[:, 0].std():.1f}, across {error[:, 1].std():.1f}, in the"
            f" {settings.confidence:.0%} ellipse {inside.mean():.1%}"
        )
    return lines


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="41,42,45")
    seeds = [int(seed) for seed in parser.parse_args(arguments).seeds.split(",")]
    if set(seeds) & set(FITTING_SEEDS):
        sys.stderr.write("some of these seeds were fitted on: no figures to report\n")
    runs, before = [], None
    for seed in seeds:
        pair = make_pair(seed, SCAN)
        runs.append(laid_of(pair, before))
        before = pair
        sys.stdout.write(runs[-1].line() + "\n")
    sys.stdout.write("\n".join(summary(runs)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
