"""The lung-field network: a small U-Net with heads for view, turn and what is cut off. Torch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from core.imaging.dr_lungs_network import EDGES, VIEWS

WIDTHS = (8, 20, 32, 48, 64)
# The turn is read from the deepest level on a grid of this side: it shows in where things are.
GRID = 4
# Channels that the deepest level is squeezed to, place by place, where edges and sides are read.
_PLACED = 12
_DEEPEST = 8


@dataclass(frozen=True)
class Said:
    """The network's outputs for a batch, before activations.

    Attributes
    ----------
    lungs : (n, 2, 128, 128)
    view : (n, 5)
    yaw, turn : (n, 1)
        As steered in training, and as served.
    missing : (n, 4)
    mirrored : (n, 1)
        Steers the features only: version 0.2 has not learnt it, so it is not served.
    """

    lungs: torch.Tensor
    view: torch.Tensor
    yaw: torch.Tensor
    turn: torch.Tensor
    missing: torch.Tensor
    mirrored: torch.Tensor


def _step(inner: int, outer: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inner, outer, 3, padding=1, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU(inplace=True),
    ]


class LungNet(nn.Module):
    """Ranks (n, 1, 128, 128) to :class:`Said`.

    Some two hundred thousand weights: what a few bodies and a few hundred pictures can carry, and
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
        # Steers the features while they are learnt; what is served is `turn`, fitted afterwards.
        self.yaw = nn.Linear(48, 1)
        self.turn = nn.Conv2d(WIDTHS[-1], 1, GRID)
        self.squeezed = nn.Sequential(
            nn.Conv2d(WIDTHS[-1], _PLACED, 1), nn.ReLU(inplace=True), nn.Dropout(0.1)
        )
        # One kernel over the whole level: a linear layer without a reshape in the exported graph.
        self.edges = nn.Conv2d(_PLACED, 48, _DEEPEST)
        self.missing = nn.Linear(48, len(EDGES))
        self.mirrored = nn.Linear(48, 1)

    def levels(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return the features of every level, the finest first."""
        kept = [self.first(image - 0.5)]
        for block in self.down:
            kept.append(block(functional.max_pool2d(kept[-1], 2)))
        return kept

    def grid(self, deepest: torch.Tensor) -> torch.Tensor:
        """Return (n, channel, 4, 4): the deepest level on the coarse grid."""
        return functional.avg_pool2d(deepest, deepest.shape[-1] // GRID)

    def forward(self, image: torch.Tensor) -> Said:
        kept = self.levels(image)
        x = kept[-1]
        turn = self.turn(self.grid(x)).sum((2, 3))
        hidden = functional.relu(self.pooled(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)))
        edges = functional.relu(self.edges(self.squeezed(x)).sum((2, 3)))
        for block, skip in zip(self.up, kept[-2::-1], strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skip], 1))
        return Said(
            self.lungs(x), self.view(hidden), self.yaw(hidden), turn,
            self.missing(edges), self.mirrored(edges),
        )  # fmt: skip


# Logits that a lung loses as the probability of an upright frontal chest falls below one half.
_GATE = 200.0
#: Names of what the bundle gives, in order.
OUTPUTS = ("lungs", "view", "yaw", "missing")


class Served(nn.Module):
    """What the bundle holds: probabilities instead of logits.

    A picture that is not taken for an upright frontal chest has no lung fields: what the network
    draws there depends on rounding (noise differs between FP32 and FP16) and means nothing.
    """

    def __init__(self, network: LungNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        said = self.network(image)
        view = torch.softmax(said.view, 1)
        doubt = functional.relu(0.5 - view[:, :1])[:, :, None, None]
        return torch.sigmoid(said.lungs - _GATE * doubt), view, said.turn, said.missing
