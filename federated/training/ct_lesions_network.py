"""The lesion network: two views of a candidate, one at full resolution, one twice as wide. Torch.

About 160 000 weights: what a few thousand examples can carry, and what a hospital's processor runs
over a few hundred candidates in seconds. The calibration (a logistic of the log odds of "lesion")
is part of the network, so that its answer is a probability wherever it runs.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from federated.training.ct_lesions_data import CLASSES

WIDTHS = (16, 24, 32, 48)


class View(nn.Module):
    """(n, 2, 16, 16, 16) to (n, 96): mean and maximum over 4 x 4 x 4 places of 48 features."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 2
        for width, stride in zip(WIDTHS, (1, 2, 1, 2), strict=True):
            layers += [
                nn.Conv3d(before, width, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm3d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        maps = self.layers(patch)
        return torch.cat([maps.mean((2, 3, 4)), maps.amax((2, 3, 4))], 1)


class LesionNetwork(nn.Module):
    """(n, 2, 32, 32, 32) to log odds of each class, (n, class)."""

    def __init__(self) -> None:
        super().__init__()
        self.near = View()
        self.wide = View()
        self.head = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(4 * WIDTHS[-1], 48), nn.ReLU(), nn.Linear(48, len(CLASSES))
        )

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        near = patch[:, :, 8:24, 8:24, 8:24]
        wide = functional.avg_pool3d(patch, 2)
        answer: torch.Tensor = self.head(torch.cat([self.near(near), self.wide(wide)], 1))
        return answer


def lesion_odds(logits: torch.Tensor) -> torch.Tensor:
    """Return the log odds that a candidate is any lesion."""
    return torch.logsumexp(logits[:, 1:], 1) - logits[:, 0]


class Calibrated(nn.Module):
    """Patches to shares of the classes that add to one, "lesion" calibrated."""

    def __init__(self, network: LesionNetwork, slope: float, offset: float) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("slope", torch.tensor(float(slope)))
        self.register_buffer("offset", torch.tensor(float(offset)))

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        logits = self.network(patch)
        lesion = torch.sigmoid(self.slope * lesion_odds(logits) + self.offset)[:, None]
        kinds = torch.softmax(logits[:, 1:], 1)
        return torch.cat([1 - lesion, lesion * kinds], 1)
