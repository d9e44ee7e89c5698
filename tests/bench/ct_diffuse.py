"""Tree-in-bud, miliary and late disease, per patient: docs/imaging/ct-lesions.md.

    python -m tests.bench.ct_diffuse --seeds 21,22,23 [--judge classical|network]
        [--patients healthy,miliary]

Slabs of 90 mm of phantoms at 2 mm (healthy, miliary, tree-in-bud, sequelae), of report seeds. A
patient's score for a kind is the probability of its likeliest candidate of that kind.
"""

from __future__ import annotations

import argparse
import sys
from time import process_time

import numpy as np

from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.lesions import Judge, search_lesions, settle
from core.imaging.lungs import find_lungs
from core.phantom.anatomy import build_of
from core.phantom.ct import CtSpec, make_ct
from core.phantom.patients import Case
from tests.bench.ct_cases import FITTING_SEEDS
from tests.bench.ct_froc import COARSE_EDGE_MM, LEAST, judge_of
from tests.bench.ct_inserts import BUDS, phantom_specs

SLAB_MM = (-20.0, 66.0)
KINDS = ("miliary", "tree_in_bud", "fibrosis", "lymph_node", "pleural_thickening")
PATIENTS: tuple[tuple[str, Case], ...] = (
    ("healthy", "normal"),
    ("miliary", "miliary"),
    ("tree_in_bud", "normal"),
    ("sequelae", "sequelae"),
)
# Which patients truly have a kind.
WITH = {"miliary": "miliary", "tree_in_bud": "tree_in_bud"}


def slab(seed: int, patient: str, case: Case) -> CtSpec:
    """Return a patient's slab."""
    lesions = ()
    if patient == "tree_in_bud":
        lesions = tuple(phantom_specs(build_of(seed), BUDS, seed, SLAB_MM))
    middle = sum(SLAB_MM) / 2
    return CtSpec(
        seed=seed, case=case, slices=45, rows=230, columns=230, spacing_mm=(2.0, 1.6, 1.6),
        noise_hu=15.0, lesions=lesions, centre_z_mm=middle,
    )  # fmt: skip


def scores_of(spec: CtSpec, judge: Judge) -> dict[str, float]:
    """Return the likeliest candidate's probability of each kind."""
    view = patient_view(make_ct(spec).volume)
    coarse = cut_grid(view, COARSE_EDGE_MM)
    found = settle(search_lesions(view, coarse, find_lungs(coarse)), judge, LEAST)
    return {
        kind: max((s.probability for s in found if s.candidate.kind == kind), default=0.0)
        for kind in KINDS
    }


def auc(positive: list[float], negative: list[float]) -> float:
    """Return the area under the ROC curve, ties by half."""
    wins = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    return float(np.mean(wins)) if wins else float("nan")


def main(arguments: list[str]) -> int:
    """Print one line per patient, and the AUC."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="21,22,23")
    parser.add_argument("--judge", choices=("classical", "network"), default="classical")
    parser.add_argument("--patients", default=",".join(name for name, _ in PATIENTS))
    chosen = parser.parse_args(arguments)
    seeds = [int(s) for s in chosen.seeds.split(",")]
    if set(seeds) & set(FITTING_SEEDS):
        sys.stderr.write("some of these seeds were fitted on: no figures to report\n")
    judge = judge_of(chosen.judge)
    rows: list[tuple[str, dict[str, float]]] = []
    for seed in seeds:
        for patient, case in PATIENTS:
            if patient not in chosen.patients.split(","):
                continue
            before = process_time()
            scores = scores_of(slab(seed, patient, case), judge)
            rows.append((patient, scores))
            told = "  ".join(f"{k} {v:.3f}" for k, v in scores.items())
            spent = process_time() - before
            sys.stdout.write(f"{seed} {patient:12s} {told}  ({spent:.0f} s CPU)\n")
            sys.stdout.flush()
    for kind, patient in WITH.items():
        yes = [s[kind] for p, s in rows if p == patient]
        no = [s[kind] for p, s in rows if p != patient]
        sys.stdout.write(f"{kind}: AUC {auc(yes, no):.3f} ({len(yes)} with, {len(no)} without)\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
