"""A small network that marks what looks like tuberculosis; trained on drawn disease. Torch.

It learns from images that exist with and without disease (`federated.training.dr_insertion`), so
neither hospital nor detector tells it the answer. Its three maps (affected lung, cavity, effusion)
are the classifier's further features, the outline of what is affected, and the basis of the share
of each zone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from core.imaging.dr_input import InputSpec, local_contrast
from federated.training.dr_insertion import CLEAR_SHARE, moved, sample

KINDS = 3
PLACES = 32
_BATCH = 32


@dataclass(frozen=True)
class Pool:
    """Drawn samples.

    Attributes
    ----------
    inputs : (sample, 1, 128, 128) float16
        Network inputs at half resolution, which is what the network looks at.
    masks : (sample, 3, 32, 32) float16
        Share of each place that is affected, cavity, effusion.
    tuberculosis : (sample,) bool
    """

    inputs: NDArray[np.float16]
    masks: NDArray[np.float16]
    tuberculosis: NDArray[np.bool_]


def make_pool(
    crops: NDArray[np.float32], lungs: NDArray[np.float16], count: int, seed: int, spec: InputSpec
) -> Pool:
    """Draw `count` samples from normal (image, row, column) crops and their lung fields."""
    draw = np.random.default_rng(seed)
    inputs, masks, truth = [], [], []
    for number in range(count):
        which = number % len(crops)
        lung = lungs[which].astype(np.float32)
        crop, field = moved(crops[which], lung, draw, draw.random() < 0.5)
        made = sample(crop, field, draw, draw.random() >= CLEAR_SHARE)
        inputs.append(_binned(local_contrast(made.crop, spec), 2))
        masks.append([_binned(m.astype(np.float32), spec.size // PLACES) for m in made.masks])
        truth.append(made.tuberculosis)
    return Pool(
        np.array(inputs, np.float16)[:, None], np.array(masks, np.float16), np.array(truth, bool)
    )


class LesionNet(nn.Module):
    """Image (n, 1, 256, 256) to log odds (n, 3, 32, 32), the same for an image and its mirror."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False)
        self.second = nn.Conv2d(16, 24, 3, padding=1, bias=False)
        self.third = nn.Conv2d(24, 32, 3, stride=2, padding=1, bias=False)
        self.wide = nn.ModuleList(
            nn.Conv2d(34 if step == 0 else 32, 32, 3, padding=reach, dilation=reach, bias=False)
            for step, reach in enumerate((1, 2, 4))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (16, 24, 32, 32, 32, 32))
        self.last = nn.Conv2d(32, KINDS, 1)
        nn.init.constant_(self.last.bias, -2.5)
        ramp = torch.linspace(-1, 1, PLACES)
        down, across = torch.meshgrid(ramp, ramp.abs(), indexing="ij")
        self.register_buffer("grid", torch.stack([down, across])[None])

    def one_way(self, half: torch.Tensor) -> torch.Tensor:
        """Half-resolution image (n, 1, 128, 128) to log odds, without the mirror image."""
        x = functional.relu(self.norms[0](self.first(half)))
        x = functional.relu(self.norms[1](self.second(x)))
        x = functional.relu(self.norms[2](self.third(x)))
        grid = self.grid.expand(x.shape[0], -1, -1, -1)
        x = functional.relu(self.norms[3](self.wide[0](torch.cat([x, grid], 1))))
        x = x + functional.relu(self.norms[4](self.wide[1](x)))
        x = x + functional.relu(self.norms[5](self.wide[2](x)))
        odds: torch.Tensor = self.last(x)
        return odds

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        half = functional.avg_pool2d(image, 2)
        back = torch.flip(self.one_way(torch.flip(half, dims=[3])), dims=[3])
        return 0.5 * (self.one_way(half) + back)


def train_lesion_net(pool: Pool, seed: int, epochs: int) -> LesionNet:
    """Train on a pool; the same seed gives the same network on the same machine and threads."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    network = LesionNet().train()
    steps = epochs * (len(pool.inputs) // _BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=max(steps, 1))
    weight = torch.tensor([2.0, 3.0, 2.0])[None, :, None, None]
    for _ in range(epochs):
        numbers = order.permutation(len(pool.inputs))
        for start in range(0, len(numbers) - _BATCH + 1, _BATCH):
            chosen = numbers[start : start + _BATCH]
            images = torch.from_numpy(pool.inputs[chosen].astype(np.float32))
            masks = torch.from_numpy(pool.masks[chosen].astype(np.float32))
            odds = network.one_way(images)
            loss = functional.binary_cross_entropy_with_logits(odds, masks, pos_weight=weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _binned(image: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    side = image.shape[0] // step
    binned: NDArray[np.float32] = image.reshape(side, step, side, step).mean((1, 3))
    return binned
