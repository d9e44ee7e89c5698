"""Fit the probability of a lesion candidate on phantoms with exact truth.

    python -m tests.bench.ct_fit [--seeds 101,102] [--sizes small,thick,middle]

Every candidate that passes its rule's gates is labelled by the true lesion under it (a third of its
voxels or more); per rule a logistic of the rule's own terms is fitted with a pull towards weight 1
(the hand-set rule), so that few examples move little. It prints one table: rule, candidates, true
ones, intercept, weights, and the log loss before and after. numpy and scipy only; the same seeds
give the same table.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.imaging.ct_grid import carry, cut_grid, patient_view
from core.imaging.lesions import find_candidates
from core.imaging.lesions_score import RULES, passes, rule_name, term_values
from core.imaging.lungs import find_lungs
from core.phantom.ct import make_ct
from core.phantom.patients import Case
from tests.bench.ct_cases import FITTING_SEEDS, spec_of

COARSE_EDGE_MM = 2.0
PULL = 3.0  # weight of the hand-set rule against the examples, in examples
FEWEST = 8  # fewer true or false examples: the rule is left as it is
TRUE_SHARE = 1 / 3
Example = tuple[str, tuple[float, ...], bool]
Job = tuple[str, int, Case]


def examples_of(job: Job) -> list[Example]:
    """Return (rule, term values, is a lesion) of every gated candidate of one scan."""
    phantom = make_ct(spec_of(*job))
    view = patient_view(phantom.volume)
    truth = phantom.truth.label_map.transpose(view.order)
    truth = truth[tuple(slice(None, None, -1 if flip else 1) for flip in view.flips)]
    coarse = cut_grid(view, COARSE_EDGE_MM)
    found = []
    for grid, candidate in find_candidates(view, coarse, find_lungs(coarse)):
        if not passes(candidate):
            continue
        there = carry(truth[grid.box], grid.voxels.shape)[candidate.box][candidate.mask]
        lesion = bool((there > 0).mean() >= TRUE_SHARE)
        found.append((rule_name(candidate), tuple(term_values(candidate)), lesion))
    return found


def fit(values: NDArray[np.float64], labels: NDArray[np.bool_], bias: float) -> tuple[float, ...]:
    """Return intercept and weights that minimise the penalised log loss; weights stay >= 0."""
    start = np.array([bias, *np.ones(values.shape[1])])

    def loss(w: NDArray[np.float64]) -> float:
        return _log_loss(w, values, labels) + PULL / 2 * float(((w - start) ** 2).sum())

    bounds = [(None, None), *[(0.0, None)] * values.shape[1]]
    return tuple(float(w) for w in minimize(loss, start, bounds=bounds, method="L-BFGS-B").x)


def _log_loss(
    w: NDArray[np.float64], values: NDArray[np.float64], labels: NDArray[np.bool_]
) -> float:
    total = w[0] + values @ w[1:]
    return float(np.logaddexp(0, np.where(labels, -total, total)).sum())


def main(arguments: list[str]) -> int:
    """Print the fitted table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, FITTING_SEEDS)))
    parser.add_argument("--sizes", default="small,thick,middle")
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(arguments)
    cases: tuple[Case, ...] = ("showcase", "tb", "nodules")
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    jobs = [(s, n, cases[n % 3]) for s in chosen.sizes.split(",") for n in seeds]
    rules: dict[str, list[Example]] = defaultdict(list)
    with ProcessPoolExecutor(chosen.processes) as pool:
        for examples in pool.map(examples_of, jobs):
            for example in examples:
                rules[example[0]].append(example)
    for name in sorted(rules):
        values = np.array([e[1] for e in rules[name]])
        labels = np.array([e[2] for e in rules[name]])
        bias = RULES[name].bias
        before = _log_loss(np.array([bias, *np.ones(values.shape[1])]), values, labels)
        head = f"{name:22s}{len(labels):>6}{labels.sum():>6}"
        if min(labels.sum(), (~labels).sum()) < FEWEST:
            sys.stdout.write(f"{head}  too few, left as it is\n")
            continue
        w = fit(values, labels, bias)
        after = _log_loss(np.array(w), values, labels)
        weights = " ".join(
            f"{t.name}={v:.3f}" for t, v in zip(RULES[name].terms, w[1:], strict=True)
        )
        sys.stdout.write(f"{head}  {before:.1f} -> {after:.1f}  intercept={w[0]:.3f} {weights}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
