"""The radiograph classifier's network: fixed filters, lesion maps, a trained linear head. Torch.

Four octaves of Gabor quadrature pairs in eight orientations (Oliva & Torralba's "gist", as used on
this very data set by Chauhan et al., PLoS ONE 2014), log energy pooled to 8 x 8 cells, and its
left-right asymmetry, because tuberculosis is rarely symmetric. With 52 + 52 training images the few
thousand weights of a regularised linear head are what the data can carry; and a linear head gives
an exact class activation map: each place's share of the decision. Beside the filters stand the maps
of a network that learnt from drawn disease (`federated.training.dr_lesion_net`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from federated.training.dr_lesion_net import KINDS, LesionNet

LEVELS = 4
ORIENTATIONS = 8
KERNEL = 17
FINE = 32
CELLS = 8
BANK_MAPS = LEVELS * ORIENTATIONS + 1
MAPS = BANK_MAPS + KINDS
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


def lung_mask(
    grow_top: float, grow_bottom: float, grow_side: float, side: int = FINE
) -> NDArray[np.float32]:
    """Return the (side, side) share of each place that belongs to the lungs, mirror-symmetric."""
    from skimage.draw import polygon2mask

    fine = 10 * side
    height, width = 1 + grow_top + grow_bottom, 1 + 2 * grow_side
    corners = np.array(_RIGHT_LUNG)
    corners = (corners + np.array([grow_top, grow_side])) / np.array([height, width]) * fine
    right = polygon2mask((fine, fine), corners)
    both = right | right[:, ::-1]
    return both.reshape(side, 10, side, 10).mean((1, 3)).astype(np.float32)


def mirror_order() -> list[int]:
    """Return, for each map, the map that it becomes when the image is mirrored left to right."""
    order = []
    for level in range(LEVELS):
        order += [
            level * ORIENTATIONS + (ORIENTATIONS - k) % ORIENTATIONS for k in range(ORIENTATIONS)
        ]
    return [*order, *range(BANK_MAPS - 1, MAPS)]


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
    """Maps (n, 36, 32, 32) to the features that the head weighs.

    Every filter's mean over the image's own lungs is taken off first: how sharp, how noisy and how
    wide a console's grey-scale is, is the device's and the hospital's, and tells no disease.

    Returns the levelled maps, their cells (n, 36, 8, 8) and the cells' mirrored counterparts; only
    places in the lungs count, and a cell with almost no lung is 0.
    """

    def __init__(self, lungs: NDArray[np.float32]) -> None:
        super().__init__()
        self.register_buffer("order", torch.tensor(mirror_order()))
        self.register_buffer("places", place_weights(lungs))
        counts = torch.ones((1, MAPS, 1, 1))
        counts[:, BANK_MAPS - 1 :] = 0.0
        # Shares of the lungs' mean, for the filters alone.
        self.register_buffer("share", counts * self.places / self.places.sum().clamp(min=1.0))

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        level = maps - (maps * self.share).sum((2, 3), keepdim=True)
        cells = functional.avg_pool2d(level * self.places, FINE // CELLS)
        mirrored = torch.flip(torch.index_select(cells, 1, self.order), dims=[3])
        return level, cells, mirrored


class AllMaps(torch.nn.Module):
    """Image (n, 1, 256, 256) to all maps (n, 36, 32, 32): the filters', then the lesion shares."""

    def __init__(self, lesions: LesionNet) -> None:
        super().__init__()
        self.bank = FilterBank()
        self.lesions = lesions

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.bank(image), torch.sigmoid(self.lesions(image))], 1)


@dataclass(frozen=True)
class Novelty:
    """A normal model of the training images' cells: principal axes and what is left over.

    Attributes
    ----------
    mean, scale : (feature,) float32
    axes : (axis, feature) float32
        Orthonormal rows.
    spread : (axis,) float32
        Standard deviations along the axes.
    rest : float
        Standard deviation of what is left over, per feature.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    axes: NDArray[np.float32]
    spread: NDArray[np.float32]
    rest: float


@dataclass(frozen=True)
class Head:
    """Trained numbers; cells are (36, 8, 8).

    Attributes
    ----------
    mean_cell, weight_cell, mean_asymmetry, weight_asymmetry : (36, 8, 8) float32
        The weights already contain the standardisation's 1/sd.
    bias, slope, offset : float
        The decision's bias, then Platt's calibration.
    lungs : (32, 32) float32
    members : (member, 2 x 36 x 8 x 8 + 1) float32
        Weights of cells and asymmetry and the bias of each resampled head, its calibration
        included: each gives log odds.
    novelty : Novelty
    """

    mean_cell: NDArray[np.float32]
    weight_cell: NDArray[np.float32]
    mean_asymmetry: NDArray[np.float32]
    weight_asymmetry: NDArray[np.float32]
    bias: float
    slope: float
    offset: float
    lungs: NDArray[np.float32]
    members: NDArray[np.float32]
    novelty: Novelty


def blank_head(members: int = 20, axes: int = 24) -> Head:
    """Return a head of zeros in the shape of a trained one, to measure speed with."""
    cells = np.zeros((MAPS, CELLS, CELLS), np.float32)
    features = MAPS * CELLS * CELLS // 2
    ones, rows = np.ones(features, np.float32), np.zeros((axes, features), np.float32)
    novelty = Novelty(0 * ones, ones, rows, np.ones(axes, np.float32), 1.0)
    weights = np.zeros((members, 2 * MAPS * CELLS * CELLS + 1), np.float32)
    lungs = np.ones((FINE, FINE), np.float32)
    return Head(cells, cells, cells, cells, 0.0, 1.0, 0.0, lungs, weights, novelty)


class Distance(torch.nn.Module):
    """Symmetric cells (n, feature) to the root mean squared distance (n, 1) in deviations."""

    def __init__(self, novelty: Novelty) -> None:
        super().__init__()
        for name in ("mean", "scale", "axes", "spread"):
            self.register_buffer(name, torch.from_numpy(getattr(novelty, name)))
        self.rest = novelty.rest

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = (features - self.mean) / self.scale
        along = x @ self.axes.T
        within = ((along / self.spread) ** 2).sum(1)
        left = ((x * x).sum(1) - (along * along).sum(1)).clamp(min=0.0) / self.rest**2
        return torch.sqrt((within + left) / x.shape[1])[:, None]


class TbNetwork(torch.nn.Module):
    """Image (n, 1, 256, 256) to score, heat, lesions, members, novelty.

    Score (n, 1). Heat (n, 1, 32, 32): each place's share of the decision in units of log odds,
    averaging over the image to logit less offset; negative places speak against tuberculosis.
    Lesions (n, 3, 32, 32): share of each place that is affected, cavity, effusion. Members
    (n, member): log odds of the resampled heads. Novelty (n, 1): distance from the training images.
    """

    def __init__(self, head: Head, lesions: LesionNet) -> None:
        super().__init__()
        self.maps = AllMaps(lesions)
        self.describe = Describer(head.lungs)
        for name in ("mean_cell", "weight_cell", "mean_asymmetry", "weight_asymmetry"):
            self.register_buffer(name, torch.from_numpy(getattr(head, name))[None])
        self.register_buffer("member_weights", torch.from_numpy(head.members[:, :-1].T.copy()))
        self.register_buffer("member_bias", torch.from_numpy(head.members[:, -1].copy())[None])
        self.distance = Distance(head.novelty)
        self.constants = (head.bias, head.slope, head.offset)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        bias, slope, offset = self.constants
        maps = self.maps(image)
        level, cells, mirrored = self.describe(maps)
        difference = torch.abs(cells - mirrored)
        uneven = self.weight_asymmetry * (difference - self.mean_asymmetry)
        plain = self.weight_cell * (cells - self.mean_cell)
        decision = (plain + uneven).sum((1, 2, 3), keepdim=False)[:, None] + bias
        score = torch.sigmoid(slope * decision + offset)
        heat = slope * self._local(level, uneven * (cells > mirrored).to(uneven.dtype))
        members = torch.cat([cells.flatten(1), difference.flatten(1)], 1) @ self.member_weights
        novelty = self.distance((cells + mirrored)[..., : CELLS // 2].flatten(1))
        return score, heat, maps[:, BANK_MAPS:], members + self.member_bias, novelty

    def _local(self, maps: torch.Tensor, uneven: torch.Tensor) -> torch.Tensor:
        # Asymmetry is charged to the side with more structure in that band.
        fine_weight = functional.interpolate(self.weight_cell, scale_factor=FINE // CELLS)
        fine_mean = functional.interpolate(self.mean_cell, scale_factor=FINE // CELLS)
        places = self.describe.places
        local = (fine_weight * (maps - fine_mean)).sum(1, keepdim=True)
        share = 2.0 * uneven.sum(1, keepdim=True)
        wide = functional.interpolate(share, scale_factor=FINE // CELLS)
        return places * (local + wide) * float(CELLS * CELLS)
