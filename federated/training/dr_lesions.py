"""Shapes of tuberculosis on a frontal radiograph, for training only. Pure, seeded.

Each shape is drawn on the aligned chest crop (row, column; the patient's right is on the left) as
optical density: 1 is about the step from lung to soft tissue. They are drawn, not physics: what
matters is that the same image exists with and without them, so that label and source are apart.
Proofs never use this file's shapes; they use `core.phantom`, which projects solid bodies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.special import expit

Floats = NDArray[np.float32]
Draw = np.random.Generator

#: What the training masks tell apart, in the order of the network's maps.
AFFECTED, CAVITY, EFFUSION = range(3)
KINDS = (
    "infiltrate", "nodules", "cavity", "buds", "fibrosis", "effusion", "cap", "miliary", "lobar",
)  # fmt: skip
#: How often a kind is the lead lesion; later kinds accompany.
_LEAD = (0.24, 0.11, 0.22, 0.11, 0.09, 0.07, 0.03, 0.05, 0.08)
#: How often drawn disease has softer edges than its shape: slack focus, breath, coarse detectors.
_SOFT_SHARE = 0.45
_SOFTEST_PX = 3.0
_FAINT = 0.03


@dataclass(frozen=True)
class Drawn:
    """What is added to a crop.

    Attributes
    ----------
    density : (row, column) float32
        May be negative (air in a cavity).
    masks : (3, row, column) bool
        Affected lung, cavity with its wall, effusion.
    """

    density: Floats
    masks: NDArray[np.bool_]


def texture(shape: tuple[int, int], sizes: tuple[float, ...], draw: Draw) -> Floats:
    """Return unit-variance lumpy noise of several sizes (pixels)."""
    total = np.zeros(shape, np.float32)
    for size in sizes:
        # Wide lumps are drawn on a coarse grid: the same look, a hundredth of the work.
        step = max(1, int(size // 2))
        coarse = (shape[0] // step + 2, shape[1] // step + 2)
        layer = draw.standard_normal(coarse).astype(np.float32)
        layer = ndi.gaussian_filter(layer, size / step)
        if step > 1:
            layer = ndi.zoom(layer, step, order=1)
        layer = layer[: shape[0], : shape[1]]
        total += layer / (float(layer.std()) + 1e-6)
    return total / np.float32(np.sqrt(len(sizes)))


def place(lungs: Floats, draw: Draw, upper: float = 0.62) -> tuple[float, float]:
    """Return a (row, column) in the lungs; `upper` is the chance of the upper third."""
    rows = np.flatnonzero(lungs.max(1) > 0.5)
    top, height = rows[0], len(rows)
    thirds = (upper, (1 - upper) * 0.65, (1 - upper) * 0.35)
    third = int(draw.choice(3, p=thirds))
    band = np.zeros_like(lungs)
    band[top + height * third // 3 : top + height * (third + 1) // 3] = 1
    spots = np.flatnonzero((lungs * band) > 0.5)
    if not len(spots):
        spots = np.flatnonzero(lungs > 0.5)
    row, column = np.unravel_index(int(draw.choice(spots)), lungs.shape)
    return float(row), float(column)


def blob(
    shape: tuple[int, int], at: tuple[float, float], radius: float, draw: Draw
) -> tuple[Floats, Floats]:
    """Return an irregular round's distance from its edge (positive inside, pixels) and angles."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(at[0])
    columns = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(at[1])
    stretch = np.float32(draw.uniform(0.75, 1.3))
    angle = np.arctan2(rows, columns)
    edge = np.full(shape, radius, np.float32)
    for wave in (2, 3, 5):
        swing = np.float32(radius * draw.uniform(0.0, 0.16))
        edge += swing * np.cos(np.float32(wave) * angle + np.float32(draw.uniform(0, 2 * np.pi)))
    return edge - np.hypot(rows * stretch, columns / stretch), angle


def step_of(depth: Floats, edge: float) -> Floats:
    """Return 0 outside, 1 inside, over about `edge` pixels."""
    soft: Floats = expit(depth / np.float32(edge))
    return soft


def around(
    shape: tuple[int, int], at: tuple[float, float], reach: float
) -> tuple[tuple[slice, slice], tuple[float, float]]:
    """Return the window of `reach` pixels about a place, and the place within it."""
    top, left = max(0, int(at[0] - reach)), max(0, int(at[1] - reach))
    bottom, right = min(shape[0], int(at[0] + reach) + 1), min(shape[1], int(at[1] + reach) + 1)
    window = (slice(top, max(bottom, top)), slice(left, max(right, left)))
    return window, (at[0] - top, at[1] - left)


def infiltrate(lungs: Floats, draw: Draw) -> Drawn:
    """Fluffy, patchy opacity of one to three lobules' clusters."""
    density = np.zeros_like(lungs)
    centre = place(lungs, draw)
    for _ in range(int(draw.integers(1, 4))):
        radius = draw.uniform(10, 38)
        depth, _ = blob(lungs.shape, centre, radius, draw)
        soft = step_of(depth, 0.22 * radius)
        lumps = texture(lungs.shape, (draw.uniform(2, 4), draw.uniform(6, 10)), draw)
        density = np.maximum(density, soft * np.clip(0.75 + 0.45 * lumps, 0.05, 1.5))
        centre = (centre[0] + draw.normal(0, 22), centre[1] + draw.normal(0, 14))
    density *= np.float32(draw.uniform(0.25, 0.95)) * lungs
    return _affected(density, 0.14)


def nodules(lungs: Floats, draw: Draw) -> Drawn:
    """One to a dozen round opacities with blurred or sharp edges; some calcified."""
    density = np.zeros_like(lungs)
    home = place(lungs, draw)
    scatter = draw.uniform(12, 60)
    for _ in range(int(draw.integers(1, 13))):
        at = (home[0] + draw.normal(0, scatter), home[1] + draw.normal(0, scatter * 0.6))
        radius = float(np.clip(draw.lognormal(1.35, 0.5), 1.8, 13))
        window, inner = around(lungs.shape, at, 3 * radius + 6)
        if density[window].size == 0:
            continue
        depth, _ = blob(density[window].shape, inner, radius, draw)
        edge = draw.uniform(0.5, 0.3 * radius + 0.6)
        strong = draw.uniform(0.25, 0.7) * (1.8 if draw.random() < 0.12 else 1.0)
        drawn = np.float32(strong) * step_of(depth, edge)
        density[window] = np.maximum(density[window], drawn)
    return _affected(density * lungs, 0.10)


def cavity(lungs: Floats, draw: Draw) -> Drawn:
    """A ring with an uneven wall, air inside, some opacity around, now and then a fluid level."""
    at, radius = place(lungs, draw, 0.75), draw.uniform(7, 24)
    wall = float(np.clip(draw.uniform(0.12, 0.45) * radius, 2.0, 9.0))
    depth, angle = blob(lungs.shape, at, radius, draw)
    uneven = wall * (1 + draw.uniform(0, 0.5) * np.cos(angle + draw.uniform(0, 2 * np.pi)))
    edge = draw.uniform(0.7, 1.8)
    outer = step_of(depth, edge)
    inner = step_of(depth - uneven.astype(np.float32), edge)
    density = draw.uniform(0.4, 0.95) * (outer - inner) - draw.uniform(0.0, 0.12) * inner
    if draw.random() < 0.15:
        level = np.arange(lungs.shape[0])[:, None] > at[0] + draw.uniform(0.1, 0.6) * radius
        density += 0.5 * inner * level
    halo = np.exp(-((np.clip(-depth, 0, None) / (draw.uniform(0.4, 1.2) * radius)) ** 2))
    lumps = np.clip(0.7 + 0.5 * texture(lungs.shape, (2.5, 6.0), draw), 0, 1.5)
    density += draw.uniform(0.0, 0.4) * (halo - outer).clip(0) * lumps
    made = _affected((density * lungs).astype(np.float32), 0.12)
    ring = (outer > 0.5) & (lungs > 0.4)
    made.masks[AFFECTED] |= ring
    made.masks[CAVITY] = ring
    return made


def buds(lungs: Floats, draw: Draw) -> Drawn:
    """Grain of centrilobular nodules with short branches, in one or two segments."""
    centre, radius = place(lungs, draw, 0.5), draw.uniform(18, 48)
    depth, _ = blob(lungs.shape, centre, radius, draw)
    envelope = step_of(depth, 0.2 * radius)
    chance = envelope * lungs * draw.uniform(0.012, 0.035)
    seeds = (draw.random(lungs.shape) < chance).astype(np.float32)
    size = draw.uniform(0.9, 1.7)
    grain = ndi.gaussian_filter(seeds, size) * np.float32(2 * np.pi * size**2)
    along = draw.uniform(0, np.pi)
    drawn = [
        np.roll(seeds, (round(k * np.sin(along)), round(k * np.cos(along))), (0, 1))
        for k in (1, 2, 3)
    ]
    grain += 0.5 * ndi.gaussian_filter(np.maximum.reduce(drawn), 0.9) * 5.0
    density = np.clip(grain, 0, 1.4) * np.float32(draw.uniform(0.08, 0.28))
    made = _affected((density * lungs).astype(np.float32), 0.05)
    made.masks[AFFECTED] |= ndi.binary_closing(made.masks[AFFECTED], iterations=4)
    return made


def fibrosis(lungs: Floats, draw: Draw) -> Drawn:
    """Streaks from the hilum towards the apex, with scarring between them."""
    shape = lungs.shape
    side = 0.36 if draw.random() < 0.5 else 0.64
    hilum = np.array([0.5 * shape[0], side * shape[1]])
    far = np.array(place(lungs * _half(shape, side), draw, 0.9))
    density = np.zeros_like(lungs)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    for _ in range(int(draw.integers(3, 9))):
        start = hilum + draw.normal(0, 8, 2)
        end = far + draw.normal(0, 16, 2)
        step = end - start
        length = float(np.hypot(*step)) + 1e-3
        along = ((rows - start[0]) * step[0] + (columns - start[1]) * step[1]) / length
        aside = ((rows - start[0]) * step[1] - (columns - start[1]) * step[0]) / length
        bend = draw.normal(0, 5) * np.sin(np.pi * along / length)
        on = (along > draw.uniform(0.2, 0.55) * length) & (along < length)
        line = np.exp(-(((aside - bend) / draw.uniform(0.8, 2.2)) ** 2)) * on
        density = np.maximum(density, line * draw.uniform(0.2, 0.6))
    scar, _ = blob(shape, (far[0], far[1]), draw.uniform(8, 22), draw)
    lumps = np.clip(0.5 + 0.6 * texture(shape, (2.0, 5.0), draw), 0, 1.5)
    density += draw.uniform(0.1, 0.5) * step_of(scar, 4) * lumps
    return _affected((ndi.gaussian_filter(density, 0.6) * lungs).astype(np.float32), 0.10)


def effusion(lungs: Floats, draw: Draw) -> Drawn:
    """A meniscus in one costophrenic angle, from blunting to a third of the lung."""
    shape = lungs.shape
    right = draw.random() < 0.5
    half = lungs * _half(shape, 0.3 if right else 0.7)
    inside = np.argwhere(half > 0.5)
    bottom, top = inside[:, 0].max(), inside[:, 0].min()
    lateral = inside[:, 1].min() if right else inside[:, 1].max()
    height = draw.uniform(0.06, 0.38) * (bottom - top)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    inwards = np.abs(columns - lateral) / (0.42 * shape[1])
    surface = bottom - height * np.clip(1.25 - 1.1 * inwards**0.6, 0.0, None)
    depth = rows - surface + 1.5 * texture(shape, (8.0,), draw)
    density = draw.uniform(0.4, 0.9) * step_of(depth, draw.uniform(1.5, 5.0))
    density = ndi.gaussian_filter((density * half).astype(np.float32), 2.0)
    masks = np.zeros((3, *shape), bool)
    masks[EFFUSION] = (density > 0.25) & (half > 0.4)
    return Drawn(density, masks)


def cap(lungs: Floats, draw: Draw) -> Drawn:
    """Pleural thickening over one apex."""
    shape = lungs.shape
    half = lungs * _half(shape, 0.3 if draw.random() < 0.5 else 0.7)
    inside = ndi.distance_transform_edt(half > 0.5)
    rows = np.flatnonzero(half.max(1) > 0.5)
    upper = np.arange(shape[0])[:, None] < rows[0] + draw.uniform(0.12, 0.3) * len(rows)
    thick = draw.uniform(4, 12) * (1 + 0.3 * texture(shape, (9.0,), draw))
    density = draw.uniform(0.35, 0.8) * (inside < thick) * upper * (half > 0.5)
    return _affected(ndi.gaussian_filter(density.astype(np.float32), 1.5) * half, 0.12)


def miliary(lungs: Floats, draw: Draw) -> Drawn:
    """Even grain of 1-2 pixel nodules in both lungs."""
    seeds = (draw.random(lungs.shape) < draw.uniform(0.012, 0.04)).astype(np.float32)
    size = draw.uniform(0.8, 1.4)
    grain = ndi.gaussian_filter(seeds, size) * np.float32(2 * np.pi * size**2)
    density = np.clip(grain, 0, 1.5) * lungs * np.float32(draw.uniform(0.05, 0.16))
    masks = np.zeros((3, *lungs.shape), bool)
    masks[AFFECTED] = lungs > 0.5
    return Drawn(density.astype(np.float32), masks)


def lobar(lungs: Floats, draw: Draw) -> Drawn:
    """Even opacity of a lobe up to a whole lung: caseous pneumonia, a destroyed lung."""
    at, radius = place(lungs, draw, 0.6), draw.uniform(28, 85)
    depth, _ = blob(lungs.shape, at, radius, draw)
    side = _half(lungs.shape, at[1] / lungs.shape[1])
    soft = step_of(depth, draw.uniform(2.0, 0.2 * radius))
    lumps = draw.uniform(0.03, 0.2) * texture(lungs.shape, (4.0, 9.0), draw)
    even = np.clip(0.95 + lumps, 0.2, 1.4)
    density = draw.uniform(0.4, 1.0) * soft * even * side * lungs
    return _affected(density.astype(np.float32), 0.14)


_SHAPES = {
    "infiltrate": infiltrate, "nodules": nodules, "cavity": cavity, "buds": buds,
    "fibrosis": fibrosis, "effusion": effusion, "cap": cap, "miliary": miliary,
    "lobar": lobar,
}  # fmt: skip


def tuberculosis(lungs: Floats, draw: Draw) -> Drawn:
    """Return a lead lesion with up to three companions.

    Parameters
    ----------
    lungs : (row, column) float32, 0...1
    draw : numpy Generator
    """
    lead = KINDS[int(draw.choice(len(KINDS), p=_LEAD))]
    others = ("infiltrate", "nodules", "buds", "cavity", "fibrosis", "effusion")
    count = int(draw.choice(4, p=(0.35, 0.35, 0.2, 0.1)))
    chosen = [lead, *(others[int(i)] for i in draw.choice(len(others), count, replace=False))]
    made = together([_SHAPES[kind](lungs, draw) for kind in chosen], lungs.shape)
    return softened(made, draw.uniform(0.4, _SOFTEST_PX)) if draw.random() < _SOFT_SHARE else made


def softened(drawn: Drawn, sigma_px: float) -> Drawn:
    """Return disease with blurred edges; what can no longer be seen is no longer affected."""
    density = ndi.gaussian_filter(drawn.density, sigma_px)
    return Drawn(density, drawn.masks & (density > _FAINT))


def together(parts: list[Drawn], shape: tuple[int, ...]) -> Drawn:
    """Return the sum of densities and the union of masks."""
    density = np.zeros(shape, np.float32)
    masks = np.zeros((3, *shape), bool)
    for part in parts:
        density += part.density
        masks |= part.masks
    return Drawn(np.clip(density, -0.3, 1.4), masks)


def _affected(density: Floats, level: float) -> Drawn:
    masks = np.zeros((3, *density.shape), bool)
    # A weak patch is affected only where it can be seen at all.
    masks[AFFECTED] = ndi.gaussian_filter(density, 1.0) > level * 0.6
    return Drawn(density.astype(np.float32), masks)


def _half(shape: tuple[int, ...], side: float) -> Floats:
    columns = np.arange(shape[1])[None, :] < shape[1] / 2
    keep = columns if side < 0.5 else ~columns
    return np.broadcast_to(keep, shape).astype(np.float32)
