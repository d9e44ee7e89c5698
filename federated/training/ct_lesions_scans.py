"""Training scans for the CT lesion network: backgrounds, and lesions painted into their lungs.

Backgrounds are one real chest (LCTSC S1-101; the other real scans are kept for reporting) and
lesion-free phantoms of training seeds, each varied in mirror, scale, slice thickness and noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, PatientView, carry, cut_grid, patient_view
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, Labels, LungMap, find_lungs
from core.imaging.volume import Volume
from core.phantom.ct import CtSpec, make_ct
from federated.training.ct_lesions_shapes import KINDS, RADII_MM, STEP_MM, Sample, draw

COARSE_EDGE_MM = 2.0
TRAINING_SEEDS = (301, 302, 303, 304)
CALIBRATION_SEEDS = (321, 322)
# A scan's own disease is no example of healthy lung: nothing within this of it is learnt from.
KNOWN_RADIUS_MM = 40.0


@dataclass(frozen=True)
class Background:
    """A scan to paint into; ``known`` is (LPS, mm) of disease that it has already.

    ``lungs`` (up, back, left) has the labels of ``core.imaging.lungs``, on any grid over the whole;
    ``held`` on the same grid is the part that is kept for calibration and never learnt from.
    """

    name: str
    volume: Volume
    lungs: Labels
    held: NDArray[np.bool_]
    thickness_mm: float
    blur_mm: float
    noise_hu: float
    known: tuple[tuple[tuple[float, float, float], float], ...] = ()


@dataclass(frozen=True)
class TrainingScan:
    """A painted scan, ready for the candidate search.

    Attributes
    ----------
    labels : (up, back, left) uint8
        On the voxels of ``view``: number of the lesion, 255 = known disease (left out).
    held : (up, back, left) bool
        On ``coarse``: the part kept for calibration.
    kinds : tuple of str
        Kind of lesion number 1, 2, …
    """

    view: PatientView
    coarse: Grid
    lungs: LungMap
    labels: NDArray[np.uint8]
    held: NDArray[np.bool_]
    kinds: tuple[str, ...]


def phantom_background(seed: int, slice_mm: float, pixel_mm: float = 0.95) -> Background:
    """Return a lesion-free phantom."""
    size = int(350 / pixel_mm)
    spec = CtSpec(
        seed=seed, case="normal", slices=int(290 / slice_mm), rows=size, columns=size,
        spacing_mm=(slice_mm, pixel_mm, pixel_mm), noise_hu=12.0,
    )  # fmt: skip
    volume = make_ct(spec).volume
    name = f"phantom {seed} {slice_mm:g} mm"
    lungs = lungs_of(volume)
    return Background(name, volume, lungs, np.zeros(lungs.shape, bool), slice_mm, 0.55, 12.0)


def lungs_of(volume: Volume) -> Labels:
    """Return the lungs' labels of a whole volume, (up, back, left) at 2 mm."""
    return find_lungs(cut_grid(patient_view(volume), COARSE_EDGE_MM)).labels


def held_part(lungs: Labels) -> NDArray[np.bool_]:
    """Return the upper half of the left lung: calibration must not see what was learnt by heart."""
    left = lungs == LEFT
    levels = np.flatnonzero(left.any(axis=(1, 2)))
    out = np.zeros(lungs.shape, dtype=bool)
    if len(levels):
        out[int(np.median(levels)) :] = left[int(np.median(levels)) :]
    return out


def varied(background: Background, rng: np.random.Generator) -> Background:
    """Return the background mirrored, scaled, thickened, smoothed, sharpened, noisier, by chance.

    One patient must stand for many: size, slice thickness, kernel and dose are drawn anew.
    """
    out = _mirrored(background) if rng.random() < 0.5 else background
    thin = out.thickness_mm < 2.6
    if rng.random() < (0.5 if thin else 0.35):
        out = thickened(out, float(rng.uniform(1.3, 2.5 if thin else 5.0 / out.thickness_mm)))
    out = _other_kernel(out, rng)
    out = _noisier(out, float(rng.uniform(0, 18)), rng)
    return _scaled(out, rng.uniform(0.88, 1.12) * rng.uniform(0.95, 1.05, 3))


def _mirrored(background: Background) -> Background:
    volume = background.volume
    swapped = np.array([0, LEFT, RIGHT, AIRWAYS], dtype=np.uint8)
    width = (volume.voxels.shape[2] - 1) * volume.spacing_mm[2] * volume.direction[0, 2]
    middle = 2 * volume.origin_mm[0] + width
    return replace(
        background,
        volume=replace(volume, voxels=volume.voxels[:, :, ::-1]),
        lungs=swapped[background.lungs[:, :, ::-1]],
        held=background.held[:, :, ::-1],
        known=tuple(((middle - at[0], at[1], at[2]), r) for at, r in background.known),
    )


def thickened(background: Background, ratio: float) -> Background:
    """Return slices so many times as thick and as far apart: means over the thicker slice."""
    volume = background.volume
    voxels = np.asarray(volume.voxels)
    count = int(len(voxels) / ratio)
    below = np.zeros((len(voxels) + 1, *voxels.shape[1:]), dtype=np.float32)
    np.cumsum(voxels, axis=0, out=below[1:], dtype=np.float32)
    edges = np.arange(count + 1) * ratio
    index = np.minimum(edges.astype(int), len(voxels) - 1)
    rest = (edges - index).astype(np.float32)[:, None, None]
    levels = np.diff(below[index] + rest * voxels[index], axis=0) / np.float32(ratio)
    step = volume.spacing_mm[0]
    shift = volume.direction[:, 0] * step * (ratio - 1) / 2
    origin = np.asarray(volume.origin_mm) + shift
    moved = replace(
        volume,
        voxels=np.rint(levels).astype(np.int16),
        spacing_mm=(step * ratio, *volume.spacing_mm[1:]),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )
    return replace(background, volume=moved, thickness_mm=background.thickness_mm * ratio)


def _other_kernel(background: Background, rng: np.random.Generator) -> Background:
    """Return slices reconstructed more softly or more sharply, or as they were."""
    draw_, amount = rng.random(), float(rng.uniform(0.2, 0.8))
    if draw_ > 0.65:
        return background
    volume = background.volume
    soft = draw_ < 0.35
    sigma = (amount if soft else 0.8) / volume.spacing_mm[2]
    voxels = np.empty(volume.voxels.shape, dtype=np.int16)
    for index, level in enumerate(volume.voxels):
        flat = level.astype(np.float32)
        blurred = ndimage.gaussian_filter(flat, sigma)
        made = blurred if soft else flat + amount * (flat - blurred)
        voxels[index] = np.clip(np.rint(made), -1024, 3071)
    blur = background.blur_mm
    return replace(
        background,
        volume=replace(volume, voxels=voxels),
        blur_mm=float(np.hypot(blur, amount)) if soft else 0.8 * blur,
        noise_hu=background.noise_hu * (1 - 0.5 * amount if soft else 1 + 0.7 * amount),
    )


def _noisier(background: Background, extra_hu: float, rng: np.random.Generator) -> Background:
    voxels = np.empty(background.volume.voxels.shape, dtype=np.int16)
    for index, level in enumerate(background.volume.voxels):
        grain = rng.standard_normal(level.shape, dtype=np.float32)
        noisy = level + extra_hu * 2.0 * ndimage.uniform_filter(grain, 2)
        voxels[index] = np.clip(np.rint(noisy), -1024, 3071)
    noise = float(np.hypot(background.noise_hu, extra_hu))
    volume = replace(background.volume, voxels=voxels)
    return replace(background, volume=volume, noise_hu=noise)


def _scaled(background: Background, scale: NDArray[np.float64]) -> Background:
    """Return the patient larger or smaller along (left, back, up); the axes are the patient's."""
    volume = background.volume
    spacing = np.asarray(volume.spacing_mm) * scale[::-1]
    origin = np.asarray(volume.origin_mm) * scale
    moved = replace(
        volume,
        spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )
    known = []
    for at, radius in background.known:
        x, y, z = (float(v) for v in np.asarray(at) * scale)
        known.append(((x, y, z), radius * float(scale.max())))
    thickness = background.thickness_mm * float(scale[2])
    return replace(background, volume=moved, thickness_mm=thickness, known=tuple(known))


def painted(background: Background, count: int, rng: np.random.Generator) -> TrainingScan:
    """Return the background with lesions of random kinds in its lungs."""
    view = patient_view(background.volume)
    voxels = view.voxels.copy()
    coarse = cut_grid(view, COARSE_EDGE_MM)
    sides = carry(background.lungs, coarse.voxels.shape)
    lungs = (sides == RIGHT) | (sides == LEFT)
    depth = ndimage.distance_transform_edt(lungs, sampling=coarse.spacing_mm).astype(np.float32)
    labels = np.zeros(voxels.shape, dtype=np.uint8)
    _mark_known(background, view, labels)
    full = coarse.enlarge(lungs)
    kinds: list[str] = []
    for _ in range(count):
        kind = str(rng.choice(KINDS, p=_SHARES))
        low, high = RADII_MM[kind]
        radius = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        at = _free_place(depth, coarse, labels, radius, rng)
        if at is None:
            continue
        kinds.append(kind)
        _paint(voxels, labels, full, (draw(kind, radius, rng), at, len(kinds)),
               (view.spacing_mm, background), rng)  # fmt: skip
    seen = replace(view, voxels=voxels)
    # The lungs stay those of the background: what was painted lies inside them by construction.
    known = LungMap(sides, np.zeros((0, 0, 0), bool))
    held = carry(background.held, coarse.voxels.shape)
    return TrainingScan(seen, coarse, known, labels, held, tuple(kinds))


_SHARES = (0.34, 0.12, 0.14, 0.12, 0.08, 0.1, 0.1)


def _mark_known(background: Background, view: PatientView, labels: NDArray[np.uint8]) -> None:
    volume = background.volume
    for at, radius in background.known:
        source = (np.asarray(at) - volume.origin_mm) @ volume.direction / volume.spacing_mm
        place = source[list(view.order)]
        sizes = np.asarray(labels.shape)
        place = np.where(view.flips, sizes - 1 - place, place)
        axes = [((np.arange(n) - p) * mm) ** 2
                for n, p, mm in zip(labels.shape, place, view.spacing_mm, strict=True)]  # fmt: skip
        for level, height in zip(labels, axes[0], strict=True):
            level[height + axes[1][:, None] + axes[2] < radius**2] = 255


def _free_place(
    depth: NDArray[np.float32],
    coarse: Grid,
    labels: NDArray[np.uint8],
    radius: float,
    rng: np.random.Generator,
) -> tuple[int, int, int] | None:
    """Return a full-resolution index in the lung; one in three may touch the pleura."""
    need = radius * (0.5 if rng.random() < 0.33 else 1.15) + 1.0
    inside = np.flatnonzero(depth > min(need, 0.8 * float(depth.max())))
    for flat in rng.choice(inside, size=30):
        index = np.array(np.unravel_index(int(flat), depth.shape), dtype=np.float64)
        full = np.rint(coarse.full_index(index)).astype(int)
        ratio = np.asarray(labels.shape) / np.asarray(depth.shape)
        reach = np.ceil((1.6 * radius + 3) / np.asarray(coarse.spacing_mm) * ratio).astype(int)
        box = tuple(slice(max(0, p - r), p + r + 1) for p, r in zip(full, reach, strict=True))
        if not labels[box].any():
            return int(full[0]), int(full[1]), int(full[2])
    return None


def _paint(
    voxels: NDArray[np.int16],
    labels: NDArray[np.uint8],
    lungs: NDArray[np.bool_],
    lesion: tuple[Sample, tuple[int, int, int], int],
    scan: tuple[tuple[float, float, float], Background],
    rng: np.random.Generator,
) -> None:
    """Lay one lesion into the voxels where there is lung."""
    sample, at, number = lesion
    spacing, background = scan
    half = np.asarray(sample.cover.shape) // 2
    reach = np.ceil(half * STEP_MM / np.asarray(spacing)).astype(int)
    box = tuple(slice(max(0, p - r), min(n, p + r + 1))
                for p, r, n in zip(at, reach, voxels.shape, strict=True))  # fmt: skip
    fine = [((np.arange(s.start, s.stop) - p) * mm / STEP_MM + h)
            for s, p, mm, h in zip(box, at, spacing, half, strict=True)]  # fmt: skip
    where = np.stack(np.meshgrid(*fine, indexing="ij"))
    sigma = np.array([background.thickness_mm / 12**0.5, background.blur_mm, background.blur_mm])

    def seen(array: NDArray[np.float32]) -> NDArray[np.float32]:
        blurred = ndimage.gaussian_filter(array, sigma / STEP_MM)
        return np.asarray(ndimage.map_coordinates(blurred, where, order=1), dtype=np.float32)

    room = ndimage.gaussian_filter(lungs[box].astype(np.float32), 0.6)
    cover = np.clip(seen(sample.cover), 0, 1) * room
    dense = seen(sample.cover * sample.hu) * room
    haze = seen(sample.haze_hu) * room * (1 - cover)
    part = voxels[box].astype(np.float32)
    haze *= np.clip((60 - part) / 900, 0, 1)
    grain = ndimage.uniform_filter(rng.standard_normal(part.shape, dtype=np.float32), (0, 2, 2))
    out = part * (1 - cover) + dense + haze + 2 * background.noise_hu * cover * grain
    voxels[box] = np.clip(np.rint(out), -1024, 3071).astype(np.int16)
    inside = ndimage.map_coordinates(sample.inside.astype(np.float32), where, order=1) > 0.5
    target = labels[box]
    target[inside & lungs[box] & (target == 0)] = number
