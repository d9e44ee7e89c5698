"""Train, calibrate and judge the CT lesion network. Seeded, CPU only.

What it learns from: lesions of a generator of its own (``ct_lesions_shapes``), painted into one
real chest and into lesion-free phantoms. Report scans, their patients and their lesion generator
are never seen here (``tests/bench/ct_froc.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation
from torch.nn import functional

from core.imaging.lesions_patch import RULES_LIMIT
from federated.training.ct_lesions_data import (
    CALIBRATION,
    CLASSES,
    PATCH,
    TRAINING,
    Examples,
    Plan,
    background_of,
    examples_for,
    joined,
)
from federated.training.ct_lesions_network import LesionNetwork, lesion_odds

SEED = 5
BATCH = 48
# Rounds of a rate that rises and falls: epochs and highest rate.
ROUNDS = ((26, 3e-3),)
# The threshold: false candidates per calibration scan. A reader is asked to put up with four; a
# patient whom the network never saw gives about twice as many as the one it learnt from.
FALSE_PER_SCAN = 2.0


@dataclass(frozen=True)
class TrainedLesions:
    """A trained network with its calibration and what the calibration scans say.

    Attributes
    ----------
    slope, offset, rules_weight : float
        Of the logistic: ``slope`` times the network's log odds, ``rules_weight`` times the rules'.
    threshold : float
    sensitivity : float
        Share of the calibration scans' true candidates at or above the threshold.
    kind_right : float
        Share of those that were given their own kind.
    auc, network_auc, rules_auc : float
        Of lesion against nothing over the calibration candidates: both, network, rules alone.
    examples : int
        Patches it learnt from.
    """

    network: LesionNetwork
    slope: float
    offset: float
    rules_weight: float
    threshold: float
    sensitivity: float
    kind_right: float
    auc: float
    network_auc: float
    rules_auc: float
    examples: int


def make_examples(
    plans: tuple[Plan, ...], folder: Path, natural: bool, say: Callable[[str], None]
) -> Examples:
    """Make all planned scans; one background is held at a time."""
    parts, name, background = [], "", None
    for plan in plans:
        if background is None or plan.background != name:
            name, background = plan.background, background_of(plan.background, folder)
        parts.append(examples_for(plan, background, natural))
        say(f"{plan.background} {plan.seed}: {len(parts[-1].classes)} candidates")
    return joined(parts)


def train(folder: Path, say: Callable[[str], None]) -> TrainedLesions:
    """Make the scans, train and calibrate.

    Raises
    ------
    TrainingDataMissing
    """
    learnt = make_examples(TRAINING, folder, natural=False, say=say)
    held = make_examples(CALIBRATION, folder, natural=True, say=say)
    return fit(learnt, held, sum(plan.share for plan in CALIBRATION), say)


def fit(
    learnt: Examples, held: Examples, scans: float, say: Callable[[str], None]
) -> TrainedLesions:
    """Train on ``learnt``, calibrate on ``held`` (of so many scans)."""
    return judged(fit_network(learnt, say), held, (scans, len(learnt.classes)), say)


def judged(
    network: LesionNetwork, held: Examples, counts: tuple[float, int], say: Callable[[str], None]
) -> TrainedLesions:
    """Calibrate a trained network on ``held``; ``counts`` are held scans and learnt examples."""
    scans, learnt = counts
    logits = answers(network, held.patches)
    odds = lesion_odds(torch.from_numpy(logits)).numpy().astype(np.float64)
    truth = held.classes > 0
    rules = rules_odds(held.rules)
    slope, rules_weight, offset = calibrate(np.stack([odds, rules], 1), truth)
    both = slope * odds + rules_weight * rules + offset
    scores = 1 / (1 + np.exp(-both))
    # Reported is what is more likely than not, or less if so many false ones would be too many.
    threshold = max(0.5, threshold_for(scores[~truth], FALSE_PER_SCAN * scans))
    found = truth & (scores >= threshold)
    named = (logits[:, 1:].argmax(1) + 1 == held.classes)[found]
    result = TrainedLesions(
        network, slope, offset, rules_weight, threshold,
        float(found.sum() / max(1, truth.sum())), float(named.mean()) if len(named) else 0.0,
        auc(both, truth), auc(odds, truth), auc(held.rules, truth), learnt,
    )  # fmt: skip
    say(f"AUC {result.auc:.4f} (network {result.network_auc:.4f}, rules {result.rules_auc:.4f}) "
        f"weights {slope:.2f} {rules_weight:.2f} threshold {threshold:.3f} "
        f"sensitivity {result.sensitivity:.3f} kind right {result.kind_right:.3f}")  # fmt: skip
    return result


def fit_network(learnt: Examples, say: Callable[[str], None]) -> LesionNetwork:
    """Train the network; the same examples and seed give the same weights on one machine."""
    torch.manual_seed(SEED)
    network = LesionNetwork()
    for number, (epochs, rate) in enumerate(ROUNDS):
        if number:
            torch.manual_seed(SEED + number)
        rng = np.random.default_rng([SEED, 51] if not number else [SEED, 51, number])
        one_round(network, learnt, (epochs, rate), rng, say)
    return network.eval()


def one_round(
    network: LesionNetwork,
    learnt: Examples,
    plan: tuple[int, float],
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> None:
    """Train for some epochs under one rise and fall of the rate."""
    epochs, rate = plan
    counts = np.bincount(learnt.classes, minlength=len(CLASSES)).astype(np.float64)
    weights = torch.tensor((counts.sum() / (len(CLASSES) * np.maximum(counts, 1))) ** 0.4).float()
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    steps = epochs * (len(learnt.classes) // BATCH)
    course = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=max(steps, 2))
    for epoch in range(epochs):
        network.train()
        total, order = 0.0, rng.permutation(len(learnt.classes))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            index = order[start : start + BATCH]
            batch = turned(learnt.patches[index], rng)
            target = torch.from_numpy(learnt.classes[index])
            loss = functional.cross_entropy(
                network(batch), target, weight=weights, label_smoothing=0.03
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            course.step()
            total += float(loss.detach())
        say(f"epoch {epoch + 1}: loss {total / max(1, len(order) // BATCH):.4f}")


def turned(patches: NDArray[np.uint8], rng: np.random.Generator) -> torch.Tensor:
    """Return a batch, each patch mirrored, turned, stretched and shifted by chance, its densities
    scaled, smoothed and roughened.

    A third of the patches keep their voxels (mirrored only), so that interpolation's smoothness is
    not all that is seen.
    """
    batch = torch.from_numpy(patches.astype(np.float32) / 255)
    ways = np.stack([_way(rng, still=rng.random() < 0.33) for _ in range(len(batch))])
    grid = functional.affine_grid(torch.from_numpy(ways), list(batch.shape), align_corners=False)
    batch = functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    out = batch.numpy()
    count = len(out)
    soft = rng.random(count) < 0.15
    if soft.any():
        out[soft, 0] = ndimage.gaussian_filter(out[soft, 0], (0, 0.6, 0.6, 0.6))
    gain = rng.normal(1.0, 0.04, (count, 1, 1, 1)).astype(np.float32)
    shift = rng.normal(0.0, 0.012, (count, 1, 1, 1)).astype(np.float32)
    rough = np.abs(rng.normal(0.0, 0.014, (count, 1, 1, 1))).astype(np.float32)
    noise = rng.standard_normal(out[:, 0].shape, dtype=np.float32)
    out[:, 0] = np.clip(out[:, 0] * gain + shift + rough * noise, 0, 1)
    return torch.from_numpy(out)


def _way(rng: np.random.Generator, still: bool) -> NDArray[np.float32]:
    """Return a (3, 4) map of a patch's (left, back, up) coordinates, -1…1, to where they come from.

    Mirrored along any axis; turned by up to 25° about the long axis and 10° about the others,
    stretched by 0.87 to 1.15, shifted by up to a voxel.
    """
    mirror = np.diag(rng.choice([-1.0, 1.0], 3))
    if rng.random() < 0.5:
        mirror = mirror[[1, 0, 2]]
    out = np.zeros((3, 4), dtype=np.float32)
    if still:
        out[:, :3] = mirror
        return out
    turn = Rotation.from_euler("zyx", rng.uniform(-1, 1, 3) * (25, 10, 10), degrees=True)
    stretch = np.exp(rng.uniform(-0.14, 0.14)) * np.exp(rng.uniform(-0.05, 0.05, 3))
    out[:, :3] = turn.as_matrix() @ mirror * stretch
    out[:, 3] = rng.uniform(-1, 1, 3) * 2 / PATCH.side
    return out


def answers(network: torch.nn.Module, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the network's answers, (n, class)."""
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(patches[s : s + 64].astype(np.float32) / 255)).numpy()
            for s in range(0, len(patches), 64)
        ]
    return np.concatenate(parts)


def rules_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the classical rules' log odds within the limit that the analysis uses."""
    safe = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return np.asarray(np.clip(np.log(safe / (1 - safe)), -RULES_LIMIT, RULES_LIMIT))


def calibrate(odds: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Fit a logistic of two log odds (n, 2) with Platt's smoothed targets (1999).

    Returns both weights, neither below 0, and the offset. A weak pull towards 1 and 0.3 keeps few
    examples from deciding alone.
    """
    yes, no = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(w: NDArray[np.float64]) -> float:
        z = odds @ w[:2] + w[2]
        pull = 2.0 * ((w[0] - 1.0) ** 2 + ((w[1] - 0.3) / 0.3) ** 2)
        return float((np.logaddexp(0, z) - target * z).sum() + pull)

    bounds = [(0.05, 5), (0.0, 3), (-10, 10)]
    found = minimize(loss, np.array([1.0, 0.3, 0.0]), method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), float(found.x[1]), float(found.x[2])


def threshold_for(false_scores: NDArray[np.float64], allowed: float) -> float:
    """Return the least threshold that leaves so many false candidates, rounded up to 0.001."""
    ordered = np.sort(false_scores)[::-1]
    limit = float(ordered[int(allowed)]) if int(allowed) < len(ordered) else 0.0
    return float(np.clip(np.ceil(limit * 1000 + 1e-9) / 1000, 0.05, 0.95))


def auc(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve (Mann-Whitney, ties by half)."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    yes, no = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - yes * (yes + 1) / 2) / max(1, yes * no))
