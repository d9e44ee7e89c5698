"""Rigid alignment of a PET to the CT of the same examination by mutual information.

Mattes' form of mutual information (Mattes et al., IEEE TMI 22:120, 2003) over the body and a rim of
air around it, three resolutions on a grid of 4 mm, regular-step gradient descent with SimpleITK.
Both images are brought to forms in which edges mean the same: the CT is cut at lung and soft tissue
(bone and contrast medium say nothing about uptake), the PET is compressed (a bladder or a tumour of
SUV 40 would leave the rest one histogram bin). One thread, every voxel: the same answer each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Hounsfield, Mask
from core.imaging.pet_errors import PetNoOverlapError
from core.imaging.petct_space import Affine, Rigid, centre_of, rigid_of, still

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813  # the name its documentation uses

_CT_RANGE_HU: Final = (-1000.0, 150.0)
_RIM_MM: Final = 16.0


@dataclass(frozen=True, slots=True)
class AlignLimits:
    """How the search runs.

    ``other_start_mm``, ``other_start_deg``: a second, coarser search begins this far (up and back,
    and about the long axis) from the first one's answer; how far the two answers lie apart is the
    alignment's repeatability.
    """

    bins: int = 32
    shrink: tuple[int, ...] = (4, 2, 1)
    smoothing_mm: tuple[float, ...] = (8.0, 4.0, 2.0)
    iterations: int = 60
    step_mm: float = 4.0
    least_step_mm: float = 0.05
    least_overlap_mm: float = 60.0
    other_start_mm: float = 6.0
    other_start_deg: float = 2.0


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where the CT's patient lies in the PET.

    Attributes
    ----------
    motion : Rigid
        CT LPS -> PET LPS, about the centre of the CT's body.
    information_before, information_after : float
        Mutual information (nats) with the scanner's own geometry and after the search.
    spread_mm : float
        Largest distance between the answers of two searches, at 100 mm from the centre.
    iterations : int
        Taken by the first search, all levels.
    """

    motion: Rigid
    information_before: float
    information_after: float
    spread_mm: float
    iterations: int


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The CT side of the search: (up, back, left) arrays on a grid of about 4 mm.

    Attributes
    ----------
    hu : float32
    body : bool
        Inside the skin; the table stays outside.
    affine : (4, 4)
        Index -> LPS.
    """

    hu: Hounsfield
    body: Mask
    affine: Affine


def align(
    anatomy: Anatomy,
    pet: NDArray[np.float32],
    pet_affine: Affine,
    limits: AlignLimits | None = None,
    start: Rigid | None = None,
) -> Alignment:
    """Find the rigid motion from the CT to the PET.

    Parameters
    ----------
    anatomy : Anatomy
    pet : (slice, row, column) float32
        Any unit that is proportional to activity.
    pet_affine : (4, 4)
    start : Rigid or None
        Where the search begins; None for the scanner's own geometry.

    Raises
    ------
    PetNoOverlapError
        Fewer than ``least_overlap_mm`` of the body's height lie in the PET.
    """
    limits = limits or AlignLimits()
    _check_overlap(anatomy, pet.shape, pet_affine, limits)
    fixed = image_of(_ct_form(anatomy), anatomy.affine)
    mask = image_of(_rim(anatomy).astype(np.uint8), anatomy.affine)
    moving = image_of(_pet_form(pet), pet_affine)
    centre = _body_centre(anatomy)
    images = (fixed, mask, moving)
    begin = still(centre) if start is None else still(centre).after(start)
    motion, taken = _search(images, begin, limits)
    nudge = (0.0, limits.other_start_mm, limits.other_start_mm)
    away = rigid_of((0.0, 0.0, limits.other_start_deg), nudge, centre).after(motion)
    coarse = replace(limits, shrink=limits.shrink[:-1], smoothing_mm=limits.smoothing_mm[:-1])
    other, _ = _search(images, away, coarse)
    before = _information(images, still(centre), limits)
    after = _information(images, motion, limits)
    return Alignment(motion, before, after, _apart(motion, other), taken)


def information_at(
    anatomy: Anatomy,
    pet: NDArray[np.float32],
    pet_affine: Affine,
    limits: AlignLimits | None = None,
) -> float:
    """Return the mutual information (nats) of CT and PET as they lie, nothing moved; coarse."""
    import SimpleITK as sitk  # noqa: N813  # heavy: only where a PET is fused

    limits = limits or AlignLimits()
    whole = image_of(_ct_form(anatomy), anatomy.affine)
    mask = image_of(_rim(anatomy).astype(np.uint8), anatomy.affine)
    shrunk = [sitk.Shrink(one, [2, 2, 2]) for one in (whole, mask)]
    images = (shrunk[0], shrunk[1], image_of(_pet_form(pet), pet_affine))
    return _information(images, still(_body_centre(anatomy)), limits)


def _apart(one: Rigid, other: Rigid) -> float:
    """Return the largest distance between two motions of points around the centre, mm."""
    corners = one.centre_mm + 100.0 * np.vstack([np.eye(3), -np.eye(3)])
    return float(np.linalg.norm(one.at(corners) - other.at(corners), axis=1).max())


def image_of(values: NDArray[Any], affine: Affine) -> sitk.Image:
    """Return an array with its place as a SimpleITK image (whose axes run the other way)."""
    import SimpleITK as sitk  # noqa: N813  # heavy: only where a PET is fused

    image = sitk.GetImageFromArray(np.ascontiguousarray(values))
    steps = affine[:3, :3][:, ::-1]
    lengths = np.linalg.norm(steps, axis=0)
    image.SetSpacing([float(mm) for mm in lengths])
    image.SetDirection([float(c) for c in (steps / lengths).ravel()])
    image.SetOrigin([float(mm) for mm in affine[:3, 3]])
    return image


def _ct_form(anatomy: Anatomy) -> NDArray[np.float32]:
    low, high = _CT_RANGE_HU
    inside = np.where(anatomy.body, np.clip(anatomy.hu, low, high), low)
    return ((inside - low) / (high - low)).astype(np.float32)


def _pet_form(pet: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compress: linear up to the usual soft tissue, logarithmic above."""
    values = np.maximum(np.nan_to_num(pet, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    warm = values[values > 0.1 * np.percentile(values, 99)]
    unit = float(np.median(warm)) if warm.size else 1.0
    return np.log1p(values / max(unit, 1e-12)).astype(np.float32)


def _rim(anatomy: Anatomy) -> Mask:
    steps = max(1, round(_RIM_MM / float(np.linalg.norm(anatomy.affine[:3, 0]))))
    return np.asarray(ndimage.binary_dilation(anatomy.body, iterations=steps))


def _body_centre(anatomy: Anatomy) -> NDArray[np.float64]:
    if not anatomy.body.any():
        return centre_of(anatomy.affine, anatomy.hu.shape)
    index = np.array(ndimage.center_of_mass(anatomy.body))
    return np.asarray(anatomy.affine[:3, :3] @ index + anatomy.affine[:3, 3])


def _check_overlap(
    anatomy: Anatomy, shape: tuple[int, ...], pet_affine: Affine, limits: AlignLimits
) -> None:
    """Compare heights along the patient: the only direction in which the two scans may part."""
    ends = []
    for affine, size in ((anatomy.affine, anatomy.hu.shape), (pet_affine, shape)):
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in size], indexing="ij")).reshape(3, -1)
        z = (affine[:3, :3] @ corners)[2] + affine[2, 3]
        ends.append((float(z.min()), float(z.max())))
    overlap = min(ends[0][1], ends[1][1]) - max(ends[0][0], ends[1][0])
    if overlap < limits.least_overlap_mm:
        raise PetNoOverlapError(overlap_mm=round(max(0.0, overlap)))


Images: TypeAlias = "tuple[sitk.Image, sitk.Image, sitk.Image]"


def _method(images: Images, limits: AlignLimits) -> Any:
    import SimpleITK as sitk  # noqa: N813  # heavy: only where a PET is fused

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(limits.bins)
    method.SetMetricFixedMask(images[1])
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _search(images: Images, start: Rigid, limits: AlignLimits) -> tuple[Rigid, int]:
    import SimpleITK as sitk  # noqa: N813  # heavy: only where a PET is fused

    method = _method(images, limits)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=limits.step_mm,
        minStep=limits.least_step_mm,
        numberOfIterations=limits.iterations,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(limits.shrink))
    method.SetSmoothingSigmasPerLevel(list(limits.smoothing_mm))
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    method.SetInitialTransform(_transform(start), inPlace=False)
    taken: list[int] = []
    method.AddCommand(sitk.sitkIterationEvent, lambda: taken.append(1))
    return _rigid(method.Execute(images[0], images[2]), start.centre_mm), len(taken)


def _information(images: Images, motion: Rigid, limits: AlignLimits) -> float:
    method = _method(images, limits)
    method.SetInitialTransform(_transform(motion))
    return -float(method.MetricEvaluate(images[0], images[2]))


def _transform(motion: Rigid) -> sitk.Euler3DTransform:
    import SimpleITK as sitk  # noqa: N813  # heavy: only where a PET is fused

    out = sitk.Euler3DTransform()
    out.SetCenter([float(mm) for mm in motion.centre_mm])
    out.SetMatrix([float(c) for c in motion.rotation.ravel()], 1e-6)
    out.SetTranslation([float(mm) for mm in motion.shift_mm])
    return out


def _rigid(transform: sitk.Transform, centre: NDArray[np.float64]) -> Rigid:
    """Read a motion from what SimpleITK returns, by where it puts four points."""
    corners = np.vstack([centre, centre + 100.0 * np.eye(3)])
    moved = np.array([transform.TransformPoint([float(c) for c in p]) for p in corners])
    rotation = ((moved[1:] - moved[0]) / 100.0).T
    left, _, right = np.linalg.svd(rotation)
    return Rigid(left @ right, np.asarray(centre), moved[0] - centre)
