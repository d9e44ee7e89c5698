"""Deformable registration of two chest CT on their lungs: current points to prior points.

An affine alignment of the lungs (SimpleITK, mean squares), then symmetric-forces demons
(Vercauteren et al., NeuroImage 45:S61, 2009) from coarse to fine on lung-normalised density. Lungs
only: what is outside a dilated lung mask is one constant, so that the lung may slide along the
chest wall. Lesions are filled with lung before, so that growth does not pull the map. Arrays are
(up, back, left) on the working grid (see ``ct_grid``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813  # the name its documentation uses
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, Hounsfield, Mask, PatientView, dilate
from core.imaging.volume import Volume

Points = NDArray[np.float64]
SOFT_HU = 40.0
LUNG_HU = -850.0
# How far a lesion's mask is widened, beyond the level's edge; and where nearness ends.
SPOT_MM = 2.0
FAR_MM = 30.0


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Numbers of the method.

    Attributes
    ----------
    edge_mm : float
        The working grid, on which the result is asked for.
    affine_edge_mm : float
        Grid of the affine step.
    levels : tuple of (edge mm, iterations)
        Of the demons, coarse to fine.
    smoothing : float
        Standard deviation of the field's smoothing as a multiple of a level's grid.
    """

    edge_mm: float = 2.0
    affine_edge_mm: float = 6.0
    affine_steps: int = 80
    levels: tuple[tuple[float, int], ...] = ((8.0, 50), (4.0, 40), (2.0, 12))
    smoothing: float = 1.2


@dataclass(frozen=True)
class Frame:
    """Straight millimetre axes (up, back, left) of a working grid, and the way to LPS.

    Attributes
    ----------
    origin_mm : (3,) ndarray
        LPS of the centre of the grid's first voxel.
    axes : (3, 3) ndarray
        Column k: LPS millimetres per millimetre along grid axis k (sheared where the gantry was).
    """

    origin_mm: Points
    axes: NDArray[np.float64]

    def to_lps(self, points: Points) -> Points:
        """Return LPS for (n, 3) frame points."""
        return np.asarray(self.origin_mm + points @ self.axes.T)

    def from_lps(self, points: Points) -> Points:
        """Return frame points for (n, 3) LPS."""
        return np.asarray(np.linalg.solve(self.axes, (points - self.origin_mm).T).T)


def frame_of(volume: Volume, view: PatientView, grid: Grid) -> Frame:
    """Return the millimetre frame of a grid that was cut from a volume's patient view."""

    def lps(index: tuple[float, float, float]) -> Points:
        return volume.to_lps(view.source_index(grid.full_index(np.array(index, dtype=np.float64))))

    origin = lps((0.0, 0.0, 0.0))
    steps = [lps((1.0, 0.0, 0.0)), lps((0.0, 1.0, 0.0)), lps((0.0, 0.0, 1.0))]
    columns = [(step - origin) / mm for step, mm in zip(steps, grid.spacing_mm, strict=True)]
    return Frame(origin, np.stack(columns, axis=1))


@dataclass(frozen=True)
class LungImage:
    """One side of a registration.

    Attributes
    ----------
    voxels : (up, back, left) float32
        Hounsfield units on the working grid.
    lungs, lesions : (up, back, left) bool
        Lungs with what disease fills of them; lesions are kept out of the match.
    spacing_mm : (3,) float
    frame : Frame
    """

    voxels: Hounsfield
    lungs: Mask
    lesions: Mask
    spacing_mm: tuple[float, float, float]
    frame: Frame


@dataclass(frozen=True)
class PointMap:
    """Where points of the current scan lie in the prior one.

    Attributes
    ----------
    field : (up, back, left, 3) float32
        Displacement (prior frame − current frame), millimetres, on the current grid.
    spacing_mm : (3,) float
        Of the field's grid.
    current, prior : Frame
    """

    field: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    current: Frame
    prior: Frame

    def shift_at(self, points: Points) -> Points:
        """Return the displacement at (n, 3) current-frame points; the border goes on outside."""
        index = (points / np.asarray(self.spacing_mm)).T
        parts = [
            ndimage.map_coordinates(self.field[..., k], index, order=1, mode="nearest")
            for k in range(3)
        ]
        return np.stack(parts, axis=-1).astype(np.float64)

    def to_prior(self, points_lps: Points) -> Points:
        """Return LPS in the prior scan for (n, 3) LPS in the current one."""
        here = self.current.from_lps(np.asarray(points_lps, dtype=np.float64).reshape(-1, 3))
        return self.prior.to_lps(here + self.shift_at(here))

    def to_current(self, points_lps: Points, steps: int = 12) -> Points:
        """Return LPS in the current scan for (n, 3) LPS in the prior one, by iteration."""
        there = self.prior.from_lps(np.asarray(points_lps, dtype=np.float64).reshape(-1, 3))
        here = there - self.shift_at(there)
        for _ in range(steps):
            here = here - 0.8 * (here + self.shift_at(here) - there)
        return self.current.to_lps(here)

    def warped(self, array: NDArray[np.float32], spacing_mm: tuple[float, ...]) -> Hounsfield:
        """Return an array of the prior's working grid pulled onto the current grid (linear)."""
        grids = np.indices(self.field.shape[:3], dtype=np.float32)
        where = [
            (grids[k] * self.spacing_mm[k] + self.field[..., k]) / spacing_mm[k] for k in range(3)
        ]
        pulled = ndimage.map_coordinates(array, np.stack(where), order=1, mode="nearest")
        return np.asarray(pulled, dtype=np.float32)


def register_lungs(
    current: LungImage, prior: LungImage, settings: RegistrationSettings | None = None
) -> PointMap:
    """Return the map from current to prior.

    Parameters
    ----------
    current, prior : LungImage
        Both with some lung; grids of about 2 mm. Deterministic: every voxel is used.
    """
    settings = settings or RegistrationSettings()
    fixed, moving = _image(current), _image(prior)
    affine = _affine(fixed, moving, _boxes(current, prior), settings)
    # The demons see the prior on the current grid: they find what the affine left.
    laid = sitk.Resample(moving, fixed, affine, sitk.sitkLinear, SOFT_HU)
    masks = _Masks(
        _near(current.lesions, current.spacing_mm),
        _mask(current.lungs, current.spacing_mm),
        sitk.Resample(_near(prior.lesions, prior.spacing_mm), fixed, affine, sitk.sitkLinear, 0.0),
        sitk.Resample(_mask(prior.lungs, prior.spacing_mm), fixed, affine, sitk.sitkLinear, 0.0),
    )
    field: sitk.Image | None = None
    for edge_mm, steps in settings.levels:
        pair = _coarser(fixed, edge_mm), _coarser(laid, edge_mm)
        field = None if field is None else _regridded(field, pair[0])
        # The coarser the level, the less is known of where the other side's lesions lie.
        pair = _both_filled(pair, masks.on(pair[0]), field, FAR_MM - edge_mm - SPOT_MM)
        field = _demons(*pair, field, steps, settings.smoothing)
    assert field is not None
    rest = sitk.GetArrayFromImage(_regridded(field, fixed))[..., ::-1]
    return PointMap(
        _composed(affine, rest, current.spacing_mm), current.spacing_mm, current.frame, prior.frame
    )


def _composed(
    affine: sitk.Transform, rest: NDArray[np.float64], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return the displacement of affine after rest, (up, back, left, 3)."""
    origin = np.array(affine.TransformPoint((0.0, 0.0, 0.0)))[::-1]
    steps = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]  # left, back, up
    columns = [np.array(affine.TransformPoint(step))[::-1] - origin for step in reversed(steps)]
    matrix = np.stack(columns, axis=1)
    out = np.empty(rest.shape, dtype=np.float32)
    _, rows, lefts = rest.shape[:3]
    back = np.arange(rows)[:, None] * spacing_mm[1]
    left = np.arange(lefts)[None, :] * spacing_mm[2]
    for k, plane in enumerate(rest):
        here = np.stack(np.broadcast_arrays(k * spacing_mm[0], back, left), axis=-1)
        out[k] = origin + (here + plane) @ matrix.T - here
    return out


def normalised(side: LungImage) -> Hounsfield:
    """Return density with aerated lung at -850 HU, lesions filled, soft tissue outside."""
    inner = side.lungs & ~side.lesions
    median = float(np.median(side.voxels[inner])) if inner.any() else LUNG_HU
    scale = (LUNG_HU - SOFT_HU) / min(median - SOFT_HU, -200.0)
    values = SOFT_HU + (np.clip(side.voxels, -1000.0, 100.0) - SOFT_HU) * scale
    filled = dilate(side.lesions, 3.0, side.spacing_mm) & side.lungs
    values = np.where(filled, LUNG_HU, values)
    near = dilate(side.lungs, 3.0, side.spacing_mm)
    return np.where(near, values, SOFT_HU).astype(np.float32)


def _image(side: LungImage) -> sitk.Image:
    image = sitk.GetImageFromArray(normalised(side))
    image.SetSpacing(tuple(reversed(side.spacing_mm)))
    return image


@dataclass(frozen=True)
class _Masks:
    """Nearness of lesions, and lungs, of the fixed and of the moving side, on one grid."""

    lesions: sitk.Image
    lungs: sitk.Image
    other_lesions: sitk.Image
    other_lungs: sitk.Image

    def on(self, grid: sitk.Image) -> _Masks:
        """Return the masks on another grid."""

        def thin(image: sitk.Image) -> sitk.Image:
            return sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0)

        return _Masks(
            thin(self.lesions), thin(self.lungs), thin(self.other_lesions), thin(self.other_lungs)
        )


def _mask(mask: Mask, spacing_mm: tuple[float, float, float]) -> sitk.Image:
    image = sitk.GetImageFromArray(mask.astype(np.float32))
    image.SetSpacing(tuple(reversed(spacing_mm)))
    return image


def _near(mask: Mask, spacing_mm: tuple[float, float, float]) -> sitk.Image:
    """Return 30 mm less the distance to a mask; 0 where it is farther (so is what lies outside)."""
    away = np.full(mask.shape, FAR_MM)
    if mask.any():
        away = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    image = sitk.GetImageFromArray(np.maximum(FAR_MM - away, 0.0).astype(np.float32))
    image.SetSpacing(tuple(reversed(spacing_mm)))
    return image


def _both_filled(
    pair: tuple[sitk.Image, sitk.Image],
    masks: _Masks,
    field: sitk.Image | None,
    level: float,
) -> tuple[sitk.Image, sitk.Image]:
    """Return (fixed, moving) with the lesions of both filled with lung in both.

    A lesion that one scan alone lists would else pull lung over its place. The moving side's
    lesions are brought to the fixed one by the field so far, the others back by its negative:
    near enough for a mask.
    """
    there, here = masks.other_lesions, masks.lesions
    if field is not None:
        back = sitk.GetImageFromArray(-sitk.GetArrayFromImage(field), isVector=True)
        back.CopyInformation(field)
        there = sitk.Warp(there, field, sitk.sitkLinear)
        here = sitk.Warp(here, back, sitk.sitkLinear)
    return (
        _filled(pair[0], sitk.GetArrayFromImage(there) > level, masks.lungs),
        _filled(pair[1], sitk.GetArrayFromImage(here) > level, masks.other_lungs),
    )


def _filled(image: sitk.Image, spots: Mask, lungs: sitk.Image) -> sitk.Image:
    inside = spots & (sitk.GetArrayFromImage(lungs) > 0.5)
    values = np.where(inside, LUNG_HU, sitk.GetArrayFromImage(image))
    out = sitk.GetImageFromArray(values.astype(np.float32))
    out.CopyInformation(image)
    return out


def _coarser(image: sitk.Image, edge_mm: float) -> sitk.Image:
    """Return the image on a coarser grid with the same first voxel centre, smoothed before."""
    spacing = image.GetSpacing()
    if edge_mm <= 1.2 * max(spacing):
        return image
    sigma = [0.45 * edge_mm] * 3
    smooth = sitk.SmoothingRecursiveGaussian(image, sigma)
    size = [
        max(2, int((n - 1) * mm / edge_mm) + 1)
        for n, mm in zip(image.GetSize(), spacing, strict=True)
    ]
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing([edge_mm] * 3)
    return sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, SOFT_HU)


def _boxes(current: LungImage, prior: LungImage) -> sitk.AffineTransform:
    """Return the affine that lays the current lungs' box upon the prior lungs' box."""
    centres, halves = [], []
    for side in (current, prior):
        low_high = [
            np.percentile(np.repeat(np.arange(n), side.lungs.sum(axis=_others(k))), [2.0, 98.0])
            * side.spacing_mm[k]
            for k, n in enumerate(side.lungs.shape)
        ]
        centres.append([(low + high) / 2 for low, high in low_high])
        halves.append([max(high - low, 20.0) / 2 for low, high in low_high])
    ratio = np.clip(np.divide(halves[1], halves[0]), 0.6, 1.7)[::-1]
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(np.diag(ratio).ravel().tolist())
    transform.SetCenter([float(v) for v in centres[0][::-1]])
    move = np.subtract(centres[1], centres[0])[::-1]
    transform.SetTranslation([float(v) for v in move])
    return transform


def _others(axis: int) -> tuple[int, ...]:
    return tuple(k for k in range(3) if k != axis)


def _affine(
    fixed: sitk.Image,
    moving: sitk.Image,
    start: sitk.AffineTransform,
    settings: RegistrationSettings,
) -> sitk.Transform:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=0.05, numberOfIterations=settings.affine_steps
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(sitk.AffineTransform(start), inPlace=False)
    return method.Execute(
        _coarser(fixed, settings.affine_edge_mm), _coarser(moving, settings.affine_edge_mm)
    )


def _demons(
    fixed: sitk.Image, moving: sitk.Image, field: sitk.Image | None, steps: int, smoothing: float
) -> sitk.Image:
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(steps)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations(smoothing)  # of voxels
    demons.SetMaximumUpdateStepLength(2.0)
    if field is None:
        return demons.Execute(fixed, moving)
    return demons.Execute(fixed, moving, field)


def _regridded(field: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Return a field on another grid; beyond its own border the border's value goes on."""
    if field.GetSize() == grid.GetSize() and field.GetSpacing() == grid.GetSpacing():
        return field
    array = sitk.GetArrayFromImage(field)
    ratio = [
        a / b
        for a, b in zip(reversed(grid.GetSpacing()), reversed(field.GetSpacing()), strict=True)
    ]
    shape = tuple(reversed(grid.GetSize()))
    index = np.meshgrid(
        *(np.arange(n) * r for n, r in zip(shape, ratio, strict=True)), indexing="ij"
    )
    parts = [
        ndimage.map_coordinates(array[..., k], np.stack(index), order=1, mode="nearest")
        for k in range(3)
    ]
    out = sitk.GetImageFromArray(np.stack(parts, axis=-1), isVector=True)
    out.CopyInformation(grid)
    return out
