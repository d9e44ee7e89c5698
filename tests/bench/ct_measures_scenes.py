"""One lesion of a digital patient, scanned alone: many scans of one truth in little time.

A patch around a lesion is rendered with the whole patient's anatomy (vessels, chest wall), blurred,
made noisy, and shifted against the voxels by a part of one; what the detector would hand over is
made from the truth on the search grid. Everything from there on is the product's own code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist
from skimage.measure import find_contours

from core.imaging.ct_delineate import Delineated, delineate
from core.imaging.ct_grid import Grid, PatientView, carry, cut_grid, patient_view
from core.imaging.lesions import Scored
from core.imaging.lesions_field import Candidate
from core.imaging.lesions_small import HAZY_CAP_ABOVE_HU
from core.imaging.measure_lesion import Measures, box_with_margin, measure_lesion
from core.imaging.volume import Volume
from core.phantom import anatomy
from core.phantom.acquisition import KERNELS, KernelName, expose
from core.phantom.anatomy import build_of
from core.phantom.lesion_shapes import Kind, LesionSpec, materials_at
from core.phantom.patients import Patient, patient_of
from core.phantom.render import Grid as Places
from core.phantom.render import render
from core.phantom.truth import LesionTruth, fine_grid, measure

MARGIN_MM = 10.0
SEARCH_MM = 1.5
HAZY = ("ground_glass_nodule", "part_solid_nodule")


@dataclass(frozen=True, slots=True)
class Scan:
    """How a patch is scanned: spacing (slice, row, column), kernel, noise, number of the rescan."""

    spacing_mm: tuple[float, float, float]
    kernel: KernelName = "standard"
    noise_hu: float = 18.0
    rescan: int = 0


@dataclass(frozen=True)
class Patch:
    """A scanned patch, its view, the truth's label of each voxel, LPS offset of voxel (0, 0, 0)."""

    view: PatientView
    volume: Volume
    inside: NDArray[np.bool_]
    air: NDArray[np.bool_]


def nodule_patient(seed: int, radii_mm: tuple[float, ...], kind: Kind = "solid_nodule") -> Patient:
    """Return a patient with nodules of given radii at free places of the lungs."""
    build = build_of(seed)
    rng = np.random.default_rng([seed, 77])
    specs: list[LesionSpec] = []
    for number, radius in enumerate(radii_mm):
        at = _free_place(build, rng, radius, specs)
        stretch = rng.uniform(0.8, 1.0, 2)
        radii = (radius, radius * float(stretch[0]), radius * float(stretch[1]))
        specs.append(LesionSpec(kind, at, radii, unevenness=0.06, seed=seed * 1000 + number))
    return patient_of(seed, "normal", tuple(specs))


def _free_place(
    build: anatomy.Build, rng: np.random.Generator, radius: float, others: list[LesionSpec]
) -> tuple[float, float, float]:
    while True:
        side = float(rng.choice([-1.0, 1.0]))
        point = np.array([side * rng.uniform(30, 120), rng.uniform(-60, 75), rng.uniform(-70, 100)])
        hilum = np.array([side * 36.0, 18.0, 14.0])
        deep = -float(anatomy.lungs(build, *(np.asarray(v) for v in point)))
        apart = all(
            np.linalg.norm(point - np.asarray(o.centre_mm)) > radius + max(o.radii_mm) + 8
            for o in others
        )
        if deep > radius * 1.25 + 2 and np.linalg.norm(point - hilum) > 26 + radius and apart:
            return float(point[0]), float(point[1]), float(point[2])


def truths(patient: Patient) -> list[LesionTruth]:
    """Return the truth of every lesion; its zone is not looked at (that is slow).

    The phantom's own axes run from the far side of one fine voxel to that of another, a step (0.2
    to 0.35 mm) too long; here they run along the outline between the voxels.
    """
    found = []
    for number, shape in enumerate(patient.lesions, start=1):
        true = measure(shape, patient.build, number, (-150.0, 110.0))
        material, _, step = fine_grid(shape, patient.build)
        long_mm, short_mm = axes_between_voxels(material > 0, step)
        found.append(replace(true, long_axis_mm=long_mm, short_axis_mm=short_mm))
    return found


def axes_between_voxels(mask: NDArray[np.bool_], step_mm: float) -> tuple[float, float]:
    """Return the longest in-plane diameter and the width across it, along smoothed outlines."""
    best = (0.0, 0.0)
    spans = [_span(plane) for plane in mask]
    for plane, span in zip(mask, spans, strict=True):
        if span < 0.9 * max(spans):
            continue
        soft = ndimage.gaussian_filter(np.pad(plane, 6).astype(np.float32), 2.0)
        points = np.concatenate(find_contours(soft, 0.5)) * step_mm
        corners = points[ConvexHull(points).vertices]
        apart = cdist(corners, corners)
        a, b = np.unravel_index(int(apart.argmax()), apart.shape)
        way = (corners[b] - corners[a]) / apart[a, b]
        width = float(np.ptp(corners @ np.array([-way[1], way[0]])))
        best = max(best, (float(apart[a, b]), width))
    return best


def _span(plane: NDArray[np.bool_]) -> float:
    """Return the longest distance between two filled pixels of a slice."""
    rows = np.flatnonzero(plane.any(axis=1))
    if not len(rows):
        return 0.0
    ends = [(r, c) for r in rows for c in np.flatnonzero(plane[r])[[0, -1]]]
    return float(cdist(ends, ends).max())


def scan_patch(patient: Patient, number: int, scan: Scan, margin_mm: float = MARGIN_MM) -> Patch:
    """Return the patch of one lesion (its number in the truth), placed at random on the voxels."""
    shape = patient.lesions[number - 1]
    rng = np.random.default_rng([patient.seed, number, scan.rescan, 9])
    low, high = (np.asarray(end, dtype=np.float64) for end in shape.box_mm)
    step = np.asarray(scan.spacing_mm[::-1])
    start = low - margin_mm - rng.uniform(0, 1, 3) * step
    axes = [np.arange(a, b + margin_mm, s) for a, b, s in zip(start, high, step, strict=True)]
    voxels, labels = rendered(patient, axes, scan.spacing_mm[0])
    kernel = KERNELS[scan.kernel]
    image = np.stack(
        [expose(plane, kernel, scan.noise_hu, scan.spacing_mm[2], rng) for plane in voxels]
    )
    direction = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    origin = (float(axes[0][0]), float(axes[1][0]), float(axes[2][0]))
    volume = Volume(image.astype(np.int16), scan.spacing_mm, origin, direction)
    x, y, z = (a.astype(np.float32) for a in axes)
    material = materials_at(
        shape, patient.build, x[None, None, :], y[None, :, None], z[:, None, None]
    )
    return Patch(patient_view(volume), volume, labels == number, material >= 2)


def rendered(
    patient: Patient, axes: list[NDArray[np.float64]], thickness_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Render a patch; thick slices are the mean of three thin ones, as in the phantom's scanner."""
    x, y, z = axes
    per = 3 if thickness_mm > 3.5 * float(x[1] - x[0]) else 1
    offsets = ((np.arange(per) + 0.5) / per - 0.5) * thickness_mm
    thin = Places(x, y, (z[:, None] + offsets).ravel(), thickness_mm / per)
    slab, labels = render(patient, thin)
    hu = slab.hu.reshape(len(z), per, *slab.hu.shape[1:]).mean(axis=1)
    most = np.sort(labels.reshape(len(z), per, *labels.shape[1:]), axis=1)[:, per // 2]
    return np.asarray(hu, dtype=np.float32), most


def outlined(patch: Patch, kind: str) -> Delineated | None:
    """Return the product's outline of the lesion, started as the detector's candidate would."""
    grid = cut_grid(patch.view, SEARCH_MM)
    mask = _on_grid(patch.inside, grid)
    if not mask.any():
        return None
    lumen = None
    voxels = grid.voxels
    if kind == "cavity":
        lumen = _on_grid(patch.inside & patch.air, grid)
        features = {"level_hu": -350.0}
    else:
        shell = ndimage.binary_dilation(mask, iterations=4) & ~ndimage.binary_dilation(
            mask, iterations=2
        )
        around = float(np.percentile(voxels[shell], 35))
        peak = float(np.percentile(voxels[mask], 75))
        if kind in HAZY:
            peak = min(peak, around + HAZY_CAP_ABOVE_HU)
        level = (peak + around) / 2
        mask = _own(ndimage.binary_dilation(mask) & (voxels > level), mask)
        features = {"level_hu": level}
    box = tuple(slice(0, n) for n in mask.shape)
    candidate = Candidate(kind, (box[0], box[1], box[2]), mask, features, lumen)
    return delineate(patch.view, Scored(candidate, 0.9, grid))


def _own(above: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, _ = ndimage.label(above)
    hits = np.bincount(labels[seed & above], minlength=2)
    if len(hits) < 2 or not hits[1:].any():
        return seed
    return np.asarray(labels == int(np.argmax(hits[1:])) + 1)


def _on_grid(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Return a full-resolution mask on the search grid, where at least half is filled."""
    zoom = [n / m for n, m in zip(grid.voxels.shape, mask.shape, strict=True)]
    share = ndimage.zoom(mask.astype(np.float32), zoom, order=1, grid_mode=True, mode="nearest")
    if share.shape != grid.voxels.shape:
        share = carry(mask.astype(np.float32), grid.voxels.shape)
    return np.asarray(share >= 0.5)


def measured(
    patch: Patch, kind: str, given: bool = False
) -> tuple[Measures, NDArray[np.float64]] | None:
    """Outline and measure the lesion of a patch; None where nothing of it was left.

    ``given``: the outline is the truth's own voxels, so that only the measuring is tried.
    """
    view = patch.view
    whole = np.zeros(view.voxels.shape, dtype=bool)
    if given:
        whole |= patch.inside
    else:
        found = outlined(patch, kind)
        if found is not None:
            whole[found.box] = found.mask
    if not whole.any():
        return None
    tight = ndimage.find_objects(whole.astype(np.uint8))[0]
    box = box_with_margin(tight, whole.shape, view.spacing_mm)
    measures = measure_lesion(view.voxels[box], whole[box], None, view.spacing_mm, kind)
    index = measures.index + np.array([part.start for part in box])
    return measures, patch.volume.to_lps(view.source_index(index))


def scans(spacing_mm: tuple[float, float, float], count: int, seed: int) -> Iterator[Scan]:
    """Return scans of one spacing with kernel and noise drawn by the seed."""
    rng = np.random.default_rng([seed, 31])
    kernels: tuple[KernelName, ...] = ("standard", "standard", "soft", "lung")
    for number in range(count):
        kernel = kernels[int(rng.integers(len(kernels)))]
        yield Scan(spacing_mm, kernel, float(rng.uniform(10, 28)), number)
