"""Train and judge the lung-field network. Seeded, CPU, one thread; a fixed number of steps.

Judged on what never trained: projections of a third CT (LCTSC S1-103) at known turns, and
radiographs of digital patients with other seeds, made by another renderer (`core.phantom.dr`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.imaging.dr_chest import fit_chest
from core.imaging.dr_lungs import LungFields, fields_of_network, fields_of_template, laid_out
from core.imaging.dr_lungs_network import (
    YAW_SCALE_DEG,
    NetworkAnswer,
    answer_of,
    certainty,
    letterboxed,
    tidied,
)
from core.phantom.dr import make_dr, small_dr
from federated.training.dr_lungs_bodies import Body, ct_folder, lctsc_body
from federated.training.dr_lungs_drr import Pose, project
from federated.training.dr_lungs_network import OUTPUTS, LungNet, Said, Served
from federated.training.dr_lungs_randomise import Drawn, draw, stray
from federated.training.dr_lungs_samples import FILM, FRONTAL, OTHER, Sample, all_samples

Floats = NDArray[np.float32]
REPORT_SEEDS = (101, 102, 103, 104, 105, 106)
_CUTS = (0.05, 0.10, 0.20, 0.30)
# A film's outline is learnt from where the network is this sure of it.
_CERTAIN = 0.55
_TURNS_DEG = (-20.0, -10.0, -5.0, 0.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train."""

    steps: int = 1200
    batch: int = 8
    rate: float = 3e-3
    seed: int = 1
    relabel_at: int = 450


@dataclass(frozen=True)
class Judged:
    """Dice of both lungs together, error of the turn and of the share that is cut off, by case."""

    drr_network: tuple[float, ...]
    drr_template: tuple[float, ...]
    phantom_network: tuple[float, ...]
    phantom_template: tuple[float, ...]
    yaw_error_deg: tuple[float, ...]
    missing_error: tuple[float, ...]


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
    """Fit the network on random renderings of the samples.

    From step ``relabel_at`` on the films carry the network's own outlines: it has learnt from many
    pictures at once and follows a single lung better than the template that taught it.
    """
    torch.manual_seed(plan.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng([plan.seed, 2])
    weights = _weights(samples)
    # Channels last is a third faster on a processor; what is learnt is the same.
    network = LungNet().train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps)
    sums = np.zeros(len(_WEIGHTS))
    for step in range(1, plan.steps + 1):
        chosen = rng.choice(len(samples), plan.batch, p=weights)
        drawn = [draw(samples[int(i)], rng) if rng.random() > 0.06 else stray(rng) for i in chosen]
        losses = _losses(network, drawn)
        optimiser.zero_grad()
        (losses * torch.tensor(_WEIGHTS)).sum().backward()
        optimiser.step()
        schedule.step()
        sums += losses.detach().numpy()
        if step % 50 == 0:
            say(f"step {step}: {', '.join(_LOSSES)} {np.round(sums / 50, 3).tolist()}")
            sums[:] = 0
        if step == plan.relabel_at:
            samples = relabelled(network, samples)
            say(f"{sum(s.field is not None for s in samples if s.origin == FILM)} films outlined")
    return network.eval().to(memory_format=torch.contiguous_format)


def relabelled(network: LungNet, samples: list[Sample]) -> list[Sample]:
    """Return the samples with the films outlined by the network, where it is sure."""
    network.eval()
    out = []
    for one in samples:
        if one.origin != FILM:
            out.append(one)
            continue
        top, left, bottom, right = (int(side) for side in one.window)
        frame, box = letterboxed(one.image[top:bottom, left:right])
        plain = _lungs_of(network, frame)
        # The mirrored picture is asked too: what both say is steadier.
        other = _lungs_of(network, frame[:, ::-1].copy())[::-1, :, ::-1]
        shares = np.float32(0.5) * (plain + other)
        tidy = np.stack([tidied(share) for share in shares])
        field = np.zeros(one.image.shape, np.uint8)
        field[top:bottom, left:right] = laid_out(tidy, box, (bottom - top, right - left))
        out.append(replace(one, field=field if certainty(shares) >= _CERTAIN else None))
    network.train()
    return out


def _lungs_of(network: LungNet, frame: Floats) -> Floats:
    with torch.inference_mode():
        shares = torch.sigmoid(network(torch.from_numpy(frame[None, None])).lungs)[0]
    return np.asarray(shares.numpy())


def fit_turn(network: LungNet, samples: list[Sample], seed: int, draws: int = 2200) -> None:
    """Fit the turn's head in closed form (ridge) on the finished network's deepest features.

    Gradient steps shared with the outline never learnt it. Projections have their known turn; real
    radiographs, whose turn nobody knows but which are straight on the whole, count as 0 with a
    quarter of the weight.
    """
    rng = np.random.default_rng([seed, 3])
    known = [s for s in samples if s.view == FRONTAL and np.isfinite(s.yaw_deg)]
    films = [s for s in samples if s.origin == FILM]
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
        ["nih" if s.origin == FILM else "slice" if s.view == OTHER else "made" for s in samples]
    )
    found = np.array([share[kind] / (kinds == kind).sum() for kind in kinds])
    return np.asarray(found / found.sum())


_LOSSES = ("lungs", "view", "yaw", "missing", "mirrored")
_WEIGHTS = (1.0, 0.25, 0.5, 2.0, 0.2)


def _losses(network: LungNet, drawn: list[Drawn]) -> torch.Tensor:
    """Return the five losses of a batch, each over the pictures where the truth is known."""
    images = torch.from_numpy(np.stack([one.image for one in drawn])[:, None])
    said: Said = network(images.to(memory_format=torch.channels_last))
    zero = said.lungs.sum() * 0.0
    known = [k for k, one in enumerate(drawn) if one.lungs is not None]
    shape_loss = zero
    if known:
        truth = torch.from_numpy(np.stack([one.lungs for one in drawn if one.lungs is not None]))
        shape_loss = _outline_loss(said.lungs[known], truth)
    view_loss = functional.cross_entropy(said.view, torch.tensor([one.view for one in drawn]))
    yaw_loss = _known(said.yaw, [[one.yaw_deg / YAW_SCALE_DEG] for one in drawn], 0.2)
    missing = _known(said.missing, [one.missing.tolist() for one in drawn], 0.05)
    sides = torch.tensor([[one.mirrored] for one in drawn])
    told = torch.isfinite(sides)
    side_loss = zero
    if told.any():
        side_loss = functional.binary_cross_entropy_with_logits(said.mirrored[told], sides[told])
    return torch.stack([shape_loss, view_loss, yaw_loss, missing, side_loss])


def _outline_loss(said: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and Dice together."""
    soft = torch.sigmoid(said)
    overlap = 2 * (soft * truth).sum((2, 3)) + 1
    score = overlap / (soft.sum((2, 3)) + truth.sum((2, 3)) + 1)
    return functional.binary_cross_entropy_with_logits(said, truth) + (1 - score).mean()


def _known(said: torch.Tensor, wanted: list[list[float]], beta: float) -> torch.Tensor:
    """Smooth L1 over what is known (not NaN)."""
    truth = torch.tensor(wanted, dtype=torch.float32)
    told = torch.isfinite(truth)
    if not told.any():
        return said.sum() * 0.0
    return functional.smooth_l1_loss(said[told], truth[told], beta=beta)


def asked(network: LungNet, pixels: Floats) -> NetworkAnswer:
    """Return what the bundle would say (`core.imaging.dr_lungs_network.ask`)."""
    frame, box = letterboxed(pixels)
    with torch.inference_mode():
        outputs = Served(network).eval()(torch.from_numpy(frame[None, None]))
    return answer_of({n: o.numpy() for n, o in zip(OUTPUTS, outputs, strict=True)}, box)


def dice(found: LungFields, truth: NDArray[np.bool_]) -> float:
    """Return the Dice overlap of both lungs together."""
    said = found.mask > 0
    return float(2 * (said & truth).sum() / max(1, int(said.sum() + truth.sum())))


def judge(network: LungNet, held_out: Body) -> Judged:
    """Return overlap and turn error where the truth is known and nothing was trained."""
    by_network, by_template, errors = [], [], []
    missing: tuple[float, ...] = ()
    for turn in _TURNS_DEG:
        shown = project(held_out, Pose(yaw_deg=turn))
        pixels = np.repeat(np.repeat(shown.path, 4, 0), 4, 1)
        truth = np.repeat(np.repeat(shown.field > 0, 4, 0), 4, 1)
        answer = asked(network, pixels)
        by_network.append(dice(fields_of_network(answer, pixels.shape), truth))
        by_template.append(dice(fields_of_template(pixels, fit_chest(pixels)), truth))
        errors.append(answer.yaw_deg - turn)
        if turn == 0.0:
            missing = tuple(_missing_errors(network, pixels, truth))
    phantom_network, phantom_template = [], []
    for seed in REPORT_SEEDS:
        made = make_dr(small_dr(seed, "tb" if seed % 2 else "normal"))
        pixels, truth = made.radiograph.pixels, made.truth.lung_field
        found = fields_of_network(asked(network, pixels), pixels.shape)
        phantom_network.append(dice(found, truth))
        phantom_template.append(dice(fields_of_template(pixels, fit_chest(pixels)), truth))
    return Judged(
        tuple(by_network),
        tuple(by_template),
        tuple(phantom_network),
        tuple(phantom_template),
        tuple(errors),
        missing,
    )


def _missing_errors(network: LungNet, pixels: Floats, truth: NDArray[np.bool_]) -> Iterator[float]:
    """Cut a picture at each edge by known shares; yield what is said less what is true."""
    down, across = (np.flatnonzero(truth.any(axis)) for axis in (1, 0))
    for share in _CUTS:
        row, column = round(share * len(down)), round(share * len(across))
        for edge, part in (
            ("apices", pixels[down[0] + row :]),
            ("bases", pixels[: down[-1] + 1 - row]),
            ("image_left", pixels[:, across[0] + column :]),
            ("image_right", pixels[:, : across[-1] + 1 - column]),
        ):
            said = asked(network, np.ascontiguousarray(part)).missing
            assert said is not None
            yield said[edge] - share
