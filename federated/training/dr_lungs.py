"""Train and judge the lung-field network. Seeded, CPU, one thread; a fixed number of steps.

Judged on what never trained: projections of a third CT (LCTSC S1-103) at known turns, and
radiographs of digital patients with other seeds, made by another renderer (`core.phantom.dr`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.imaging.dr_chest import fit_chest
from core.imaging.dr_lungs import LungFields, fields_of_network, fields_of_template
from core.imaging.dr_lungs_network import VIEWS, NetworkAnswer, letterboxed
from core.phantom.dr import make_dr, small_dr
from federated.training.dr_lungs_bodies import Body, ct_folder, lctsc_body
from federated.training.dr_lungs_drr import Pose, project
from federated.training.dr_lungs_network import LungNet, Served
from federated.training.dr_lungs_randomise import Drawn, draw, stray
from federated.training.dr_lungs_samples import FRONTAL, OTHER, Sample, all_samples

Floats = NDArray[np.float32]
YAW_SCALE_DEG = 20.0
REPORT_SEEDS = (101, 102, 103, 104, 105, 106)
_TURNS_DEG = (-20.0, -10.0, -5.0, 0.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train."""

    steps: int = 480
    batch: int = 8
    rate: float = 3e-3
    seed: int = 1


@dataclass(frozen=True)
class Judged:
    """Dice of both lungs together and error of the turn, by case."""

    drr_network: tuple[float, ...]
    drr_template: tuple[float, ...]
    phantom_network: tuple[float, ...]
    phantom_template: tuple[float, ...]
    yaw_error_deg: tuple[float, ...]


@dataclass(frozen=True)
class TrainedLungs:
    """The network, how it was judged, and what trained it."""

    network: LungNet
    judged: Judged
    origins: dict[str, int]
    plan: Plan


def train(
    radiograph_folder: Path, say: Callable[[str], None], plan: Plan | None = None
) -> TrainedLungs:
    """Make the samples, train, judge.

    Raises
    ------
    TrainingDataMissing
    """
    chosen = plan or Plan()
    scans = ct_folder()
    samples = all_samples(radiograph_folder, scans, chosen.seed, say)
    network = fit(samples, chosen, say)
    say("fitting the turn")
    fit_turn(network, samples, chosen.seed)
    say("judging")
    judged = judge(network, lctsc_body(scans, "s1-103"))
    origins: dict[str, int] = {}
    for one in samples:
        name = one.origin.split("-")[0] if one.origin.startswith("phantom") else one.origin
        origins[name] = origins.get(name, 0) + 1
    return TrainedLungs(network, judged, origins, chosen)


def fit(samples: list[Sample], plan: Plan, say: Callable[[str], None]) -> LungNet:
    """Fit the network on random renderings of the samples."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng([plan.seed, 2])
    weights = _weights(samples)
    network = LungNet().train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps)
    sums = np.zeros(3)
    for step in range(1, plan.steps + 1):
        chosen = rng.choice(len(samples), plan.batch, p=weights)
        drawn = [draw(samples[int(i)], rng) if rng.random() > 0.06 else stray(rng) for i in chosen]
        losses = _losses(network, drawn)
        optimiser.zero_grad()
        (losses[0] + 0.25 * losses[1] + 0.5 * losses[2]).backward()
        optimiser.step()
        schedule.step()
        sums += [float(loss.detach()) for loss in losses]
        if step % 40 == 0:
            say(f"step {step}: lungs, view, yaw {np.round(sums / 40, 3).tolist()}")
            sums[:] = 0
    return network.eval()


def fit_turn(network: LungNet, samples: list[Sample], seed: int, draws: int = 2200) -> None:
    """Fit the turn's head in closed form (ridge) on the finished network's deepest features.

    Gradient steps shared with the outline never learnt it. Projections have their known turn; real
    radiographs, whose turn nobody knows but which are straight on the whole, count as 0 with a
    quarter of the weight.
    """
    rng = np.random.default_rng([seed, 3])
    known = [s for s in samples if s.view == FRONTAL and np.isfinite(s.yaw_deg)]
    films = [s for s in samples if s.origin == "nih"]
    rows: list[Floats] = []
    turns, weights = [], []
    while len(rows) < draws:
        made = rng.random() < 0.7
        source = known if made else films
        drawn = draw(source[int(rng.integers(len(source)))], rng)
        if drawn.view != FRONTAL:
            continue
        with torch.inference_mode():
            image = torch.from_numpy(drawn.image[None, None])
            rows.append(network.grid(network.levels(image)[-1])[0].numpy().ravel())
        turns.append(drawn.yaw_deg / YAW_SCALE_DEG if made else 0.0)
        weights.append(1.0 if made else 0.25)
    x, y = np.array(rows, np.float64), np.array(turns)
    weight = np.array(weights)[:, None]
    mean = (weight * x).sum(0) / weight.sum()
    centred = x - mean
    gram = centred.T @ (weight * centred)
    ridge = 0.02 * np.trace(gram) / len(gram) * np.eye(len(gram))
    slope = np.linalg.solve(gram + ridge, centred.T @ (weight[:, 0] * y))
    with torch.no_grad():
        shape = network.turn.weight.shape
        network.turn.weight.copy_(torch.from_numpy(slope.reshape(shape)).float())
        network.turn.bias.fill_(float(-mean @ slope))


def _weights(samples: list[Sample]) -> NDArray[np.float64]:
    """Real pictures a third, projections a half, slices the rest."""
    share = {"nih": 0.40, "slice": 0.08, "made": 0.52}
    kinds = np.array(
        ["nih" if s.origin == "nih" else "slice" if s.view == OTHER else "made" for s in samples]
    )
    found = np.array([share[kind] / (kinds == kind).sum() for kind in kinds])
    return np.asarray(found / found.sum())


def _losses(
    network: LungNet, drawn: list[Drawn]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(np.stack([one.image for one in drawn])[:, None])
    lungs, view, yaw = network(images)
    known = [k for k, one in enumerate(drawn) if one.lungs is not None]
    zero = lungs.sum() * 0.0
    shape_loss = zero
    if known:
        truth = torch.from_numpy(np.stack([one.lungs for one in drawn if one.lungs is not None]))
        said = lungs[known]
        soft = torch.sigmoid(said)
        overlap = 2 * (soft * truth).sum((2, 3)) + 1
        dice = overlap / (soft.sum((2, 3)) + truth.sum((2, 3)) + 1)
        shape_loss = functional.binary_cross_entropy_with_logits(said, truth) + (1 - dice).mean()
    view_loss = functional.cross_entropy(view, torch.tensor([one.view for one in drawn]))
    turned = [k for k, one in enumerate(drawn) if np.isfinite(one.yaw_deg)]
    yaw_loss = zero
    if turned:
        wanted = torch.tensor([drawn[k].yaw_deg / YAW_SCALE_DEG for k in turned])
        yaw_loss = functional.smooth_l1_loss(yaw[turned, 0], wanted.to(torch.float32), beta=0.2)
    return shape_loss, view_loss, yaw_loss


def answer_of(network: LungNet, pixels: Floats) -> NetworkAnswer:
    """Return what the bundle would say (`core.imaging.dr_lungs_network.ask`)."""
    frame, box = letterboxed(pixels)
    with torch.inference_mode():
        lungs, view, yaw = Served(network).eval()(torch.from_numpy(frame[None, None]))
    views = dict(zip(VIEWS, (float(p) for p in view[0]), strict=True))
    return NetworkAnswer(lungs[0].numpy(), views, YAW_SCALE_DEG * float(yaw[0, 0]), box)


def dice(found: LungFields, truth: NDArray[np.bool_]) -> float:
    """Return the Dice overlap of both lungs together."""
    said = found.mask > 0
    return float(2 * (said & truth).sum() / max(1, int(said.sum() + truth.sum())))


def judge(network: LungNet, held_out: Body) -> Judged:
    """Return overlap and turn error where the truth is known and nothing was trained."""
    by_network, by_template, errors = [], [], []
    for turn in _TURNS_DEG:
        shown = project(held_out, Pose(yaw_deg=turn))
        pixels = np.repeat(np.repeat(shown.path, 4, 0), 4, 1)
        truth = np.repeat(np.repeat(shown.field > 0, 4, 0), 4, 1)
        answer = answer_of(network, pixels)
        by_network.append(dice(fields_of_network(answer, pixels.shape), truth))
        by_template.append(dice(fields_of_template(pixels, fit_chest(pixels)), truth))
        errors.append(answer.yaw_deg - turn)
    phantom_network, phantom_template = [], []
    for seed in REPORT_SEEDS:
        made = make_dr(small_dr(seed, "tb" if seed % 2 else "normal"))
        pixels, truth = made.radiograph.pixels, made.truth.lung_field
        found = fields_of_network(answer_of(network, pixels), pixels.shape)
        phantom_network.append(dice(found, truth))
        phantom_template.append(dice(fields_of_template(pixels, fit_chest(pixels)), truth))
    return Judged(
        tuple(by_network),
        tuple(by_template),
        tuple(phantom_network),
        tuple(phantom_template),
        tuple(errors),
    )
