"""The lung-field network: a small U-Net with two heads, view and turn. Torch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from core.imaging.dr_lungs_network import VIEWS

WIDTHS = (8, 20, 32, 48, 64)


def _step(inner: int, outer: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inner, outer, 3, padding=1, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU(inplace=True),
    ]


class LungNet(nn.Module):
    """Ranks (n, 1, 128, 128) to lungs (n, 2, 128, 128) logits, view (n, 5) logits, yaw (n, 1).

    About a tenth of a million weights: what a few bodies and a few hundred pictures can carry, and
    what two cores can fit in minutes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(*_step(1, WIDTHS[0]))
        pairs = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(nn.Sequential(*_step(a, b), *_step(b, b)) for a, b in pairs)
        self.up = nn.ModuleList(nn.Sequential(*_step(a + b, a)) for a, b in pairs[::-1])
        self.lungs = nn.Conv2d(WIDTHS[0], 2, 1)
        self.pooled = nn.Linear(2 * WIDTHS[-1], 48)
        self.view = nn.Linear(48, len(VIEWS))
        self.yaw = nn.Linear(48, 1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = self.first(image - 0.5)
        kept = [x]
        for block in self.down:
            x = block(functional.max_pool2d(x, 2))
            kept.append(x)
        hidden = functional.relu(self.pooled(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)))
        for block, skip in zip(self.up, kept[-2::-1], strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skip], 1))
        return self.lungs(x), self.view(hidden), self.yaw(hidden)


class Served(nn.Module):
    """What the bundle holds: probabilities instead of logits."""

    def __init__(self, network: LungNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        lungs, view, yaw = self.network(image)
        return torch.sigmoid(lungs), torch.softmax(view, 1), yaw
