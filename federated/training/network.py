"""The radiograph classifier's network: a fixed oriented filter bank, a trained linear head. Torch.

Four octaves of Gabor quadrature pairs in eight orientations (Oliva & Torralba's "gist", as used on
this very data set by Chauhan et al., PLoS ONE 2014), log energy pooled to 8 x 8 cells, and its
left-right asymmetry, because tuberculosis is rarely symmetric. With 52 + 52 training images the few
thousand weights of a regularised linear head are what the data can carry; and a linear head gives
an exact class activation map: each place's share of the decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

LEVELS = 4
ORIENTATIONS = 8
KERNEL = 17
FINE = 32
CELLS = 8
MAPS = LEVELS * ORIENTATIONS + 1
_ENERGY_FLOOR = 0.03


def gabor_bank(frequency: float = 0.25, sigma_px: float = 1.98) -> NDArray[np.float32]:
    """Return (16, 1, 17, 17) zero-mean, unit-norm even and odd Gabor kernels."""
    reach = np.arange(KERNEL) - KERNEL // 2
    rows, columns = np.meshgrid(reach, reach, indexing="ij")
    envelope = np.exp(-(columns**2 + rows**2) / (2 * sigma_px**2))
    kernels = []
    for step in range(ORIENTATIONS):
        angle = np.pi * step / ORIENTATIONS
        along = columns * np.cos(angle) + rows * np.sin(angle)
        for wave in (np.cos, np.sin):
            kernel = envelope * wave(2 * np.pi * frequency * along)
            kernel -= envelope * kernel.sum() / envelope.sum()
            kernels.append(kernel / np.sqrt((kernel**2).sum()))
    return np.array(kernels, np.float32)[:, None]


# Outline of the lungs in the chest template, shares of its (height, width), patient's right first.
# Drawn on the mean image; generous, because a diseased lung is found less exactly.
_RIGHT_LUNG = (
    (0.00, 0.26), (0.00, 0.44), (0.25, 0.44), (0.55, 0.42), (0.80, 0.40),
    (0.84, 0.02), (0.50, 0.04), (0.22, 0.10),
)  # fmt: skip


def lung_mask(grow_top: float, grow_bottom: float, grow_side: float) -> NDArray[np.float32]:
    """Return the (32, 32) share of each place that belongs to the lungs, mirror-symmetric."""
    from skimage.draw import polygon2mask

    fine = 320
    height, width = 1 + grow_top + grow_bottom, 1 + 2 * grow_side
    corners = np.array(_RIGHT_LUNG)
    corners = (corners + np.array([grow_top, grow_side])) / np.array([height, width]) * fine
    right = polygon2mask((fine, fine), corners)
    both = right | right[:, ::-1]
    step = fine // FINE
    return both.reshape(FINE, step, FINE, step).mean((1, 3)).astype(np.float32)


def mirror_order() -> list[int]:
    """Return, for each map, the map that it becomes when the image is mirrored left to right."""
    order = []
    for level in range(LEVELS):
        order += [
            level * ORIENTATIONS + (ORIENTATIONS - k) % ORIENTATIONS for k in range(ORIENTATIONS)
        ]
    return [*order, MAPS - 1]


class FilterBank(torch.nn.Module):
    """Image (n, 1, 256, 256) to log-energy maps (n, 33, 32, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bank", torch.from_numpy(gabor_bank()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = []
        for level in range(LEVELS):
            x = functional.avg_pool2d(image, 2**level) if level else image
            half = KERNEL // 2
            pairs = functional.conv2d(
                functional.pad(x, (half, half, half, half), mode="reflect"), self.bank
            )
            squared = pairs * pairs
            energy = torch.sqrt(squared[:, 0::2] + squared[:, 1::2] + 1e-6)
            pool = 256 // 2**level // FINE
            energy = functional.avg_pool2d(energy, pool) if pool > 1 else energy
            maps.append(torch.log(energy + _ENERGY_FLOOR))
        maps.append(functional.avg_pool2d(image, 256 // FINE))
        return torch.cat(maps, 1)


def place_weights(lungs: NDArray[np.float32]) -> torch.Tensor:
    """Return (1, 1, 32, 32) weights of which each cell's mean is 1, or all 0 without lung."""
    mask = torch.from_numpy(lungs)[None, None]
    share = functional.avg_pool2d(mask, FINE // CELLS)
    scale = torch.where(share > 0.15, 1.0 / share.clamp(min=0.15), torch.zeros_like(share))
    return mask * functional.interpolate(scale, scale_factor=FINE // CELLS)


class Describer(torch.nn.Module):
    """Maps (n, 33, 32, 32) to the features that the head weighs.

    Returns cells (n, 33, 8, 8) and their mirrored counterparts (n, 33, 8, 8); only places in the
    lungs count, and a cell with almost no lung is 0.
    """

    def __init__(self, lungs: NDArray[np.float32]) -> None:
        super().__init__()
        self.register_buffer("order", torch.tensor(mirror_order()))
        self.register_buffer("places", place_weights(lungs))

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cells = functional.avg_pool2d(maps * self.places, FINE // CELLS)
        mirrored = torch.flip(torch.index_select(cells, 1, self.order), dims=[3])
        return cells, mirrored


@dataclass(frozen=True)
class Head:
    """Trained numbers, each (33, 8, 8); then three scalars and the (32, 32) lung mask.

    ``weight_*`` already contain the standardisation's 1/sd; ``slope`` and ``offset`` are Platt's.
    """

    mean_cell: NDArray[np.float32]
    weight_cell: NDArray[np.float32]
    mean_asymmetry: NDArray[np.float32]
    weight_asymmetry: NDArray[np.float32]
    bias: float
    slope: float
    offset: float
    lungs: NDArray[np.float32]


class TbNetwork(torch.nn.Module):
    """Image (n, 1, 256, 256) to score (n, 1) and activation map (n, 1, 32, 32).

    The map is each place's share of the decision in units of log odds, averaging over the image to
    logit less offset; negative places speak against tuberculosis.
    """

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.bank = FilterBank()
        self.describe = Describer(head.lungs)
        for name in ("mean_cell", "weight_cell", "mean_asymmetry", "weight_asymmetry"):
            self.register_buffer(name, torch.from_numpy(getattr(head, name))[None])
        self.constants = (head.bias, head.slope, head.offset)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        bias, slope, offset = self.constants
        maps = self.bank(image)
        cells, mirrored = self.describe(maps)
        difference = torch.abs(cells - mirrored)
        uneven = self.weight_asymmetry * (difference - self.mean_asymmetry)
        plain = self.weight_cell * (cells - self.mean_cell)
        decision = (plain + uneven).sum((1, 2, 3), keepdim=False)[:, None] + bias
        score = torch.sigmoid(slope * decision + offset)
        # Asymmetry is charged to the side with more structure in that band.
        share = 2.0 * uneven * (cells > mirrored).to(uneven.dtype)
        fine_weight = functional.interpolate(self.weight_cell, scale_factor=FINE // CELLS)
        fine_mean = functional.interpolate(self.mean_cell, scale_factor=FINE // CELLS)
        places = self.describe.places
        local = (fine_weight * (maps - fine_mean)).sum(1, keepdim=True)
        wide = functional.interpolate(share.sum(1, keepdim=True), scale_factor=FINE // CELLS)
        local = places * (local + wide)
        heat = slope * local * float(CELLS * CELLS)
        return score, heat
