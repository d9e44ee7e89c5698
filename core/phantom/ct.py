"""A CT of a digital patient, with exact truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.imaging.volume import Volume
from core.phantom.acquisition import KERNELS, KernelName, expose
from core.phantom.errors import PhantomSpecInvalid
from core.phantom.lesion_shapes import LesionSpec
from core.phantom.patients import Case, Patient, patient_of
from core.phantom.render import Grid, render
from core.phantom.truth import Truth, measure

_SLAB = 16
_MIDDLE_Z = -12.0  # mm: between lung apex and the deepest recess


@dataclass(frozen=True, slots=True)
class CtSpec:
    """What to scan and how.

    Attributes
    ----------
    seed : int
        Decides the patient, the lesions and the noise.
    case : {"normal", "tb", "nodules", "showcase"}
    slices, rows, columns : int
    spacing_mm : (3,) float
        Distance between neighbours along (slice, row, column).
    slice_thickness_mm : float or None
        None = the slice spacing.
    kernel : {"soft", "standard", "lung"}
    noise_hu : float
        Standard deviation in the middle of the body.
    tilt_deg : float
        Gantry tilt: rows lean towards the feet or head by this angle.
    missing_slices, repeated_slices : tuple of int
        Slice indices (0 = lowest) that the writer leaves out or writes twice.
    lesions : tuple of LesionSpec
        Further lesions at given places.
    centre_z_mm : float
        Height of the middle of the scan; other parts of the body are scanned by moving it.
    """

    seed: int = 7
    case: Case = "showcase"
    slices: int = 60
    rows: int = 128
    columns: int = 128
    spacing_mm: tuple[float, float, float] = (5.4, 2.9, 2.9)
    slice_thickness_mm: float | None = None
    kernel: KernelName = "standard"
    noise_hu: float = 14.0
    tilt_deg: float = 0.0
    missing_slices: tuple[int, ...] = ()
    repeated_slices: tuple[int, ...] = ()
    lesions: tuple[LesionSpec, ...] = ()
    centre_z_mm: float = _MIDDLE_Z

    @property
    def thickness_mm(self) -> float:
        """Slice thickness that is really used."""
        return self.slice_thickness_mm or self.spacing_mm[0]


def small_spec(seed: int, case: Case = "showcase") -> CtSpec:
    """Return a coarse scan, 60 × 128 × 128, made in about a second."""
    return CtSpec(seed=seed, case=case)


def full_spec(seed: int, case: Case = "showcase") -> CtSpec:
    """Return a diagnostic scan, 300 × 512 × 512, 1.15 mm slices."""
    return CtSpec(
        seed=seed, case=case, slices=300, rows=512, columns=512, spacing_mm=(1.15, 0.74, 0.74),
        slice_thickness_mm=1.25, noise_hu=18.0,
    )  # fmt: skip


@dataclass(frozen=True)
class CtPhantom:
    """The scan and what is really in it.

    Attributes
    ----------
    volume : Volume
        int16 Hounsfield units, slice 0 lowest.
    truth : Truth
    spec : CtSpec
    patient : Patient
    """

    volume: Volume
    truth: Truth
    spec: CtSpec
    patient: Patient


def check_ct(spec: CtSpec) -> None:
    """Raise PhantomSpecInvalid for a number out of range."""
    limits: list[tuple[str, float, float, float]] = [
        ("slices", spec.slices, 1, 2000),
        ("rows", spec.rows, 16, 1024),
        ("columns", spec.columns, 16, 1024),
        ("tilt_deg", spec.tilt_deg, -30.0, 30.0),
        ("noise_hu", spec.noise_hu, 0.0, 500.0),
        ("slice_thickness_mm", spec.thickness_mm, 0.1, 200.0),
        *((f"spacing_mm[{k}]", v, 0.1, 200.0) for k, v in enumerate(spec.spacing_mm)),
    ]
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise PhantomSpecInvalid(name=name, value=value, allowed=f"{low}…{high}")


def grid_of(spec: CtSpec) -> Grid:
    """Return the voxel positions of a specification (slices ascending)."""
    shear = float(np.tan(np.deg2rad(spec.tilt_deg)))

    def centred(count: int, step: float) -> NDArray[np.float64]:
        return (np.arange(count, dtype=np.float64) - (count - 1) / 2.0) * step

    cosine = float(np.cos(np.deg2rad(spec.tilt_deg)))
    y = centred(spec.rows, spec.spacing_mm[1] * cosine) + 8.0
    x = centred(spec.columns, spec.spacing_mm[2])
    lift = shear * (y[-1] - y[0]) / 2.0
    z = centred(spec.slices, spec.spacing_mm[0]) + spec.centre_z_mm - lift
    return Grid(x, y, z, spec.thickness_mm, shear)


def make_ct(spec: CtSpec) -> CtPhantom:
    """Return the scan of the patient that belongs to the seed.

    Raises
    ------
    PhantomSpecInvalid, LesionDoesNotFit
    """
    check_ct(spec)
    return scan(patient_of(spec.seed, spec.case, spec.lesions), spec)


def scan(patient: Patient, spec: CtSpec) -> CtPhantom:
    """Return the scan of a given patient; memory stays near 4 bytes a voxel."""
    grid = grid_of(spec)
    shape = (spec.slices, spec.rows, spec.columns)
    voxels = np.empty(shape, dtype=np.int16)
    organs = np.empty(shape, dtype=np.uint8)
    labels = np.empty(shape, dtype=np.uint8)
    kernel = KERNELS[spec.kernel]
    rng = np.random.default_rng([spec.seed, 6])
    for part, slab_hu, slab_organs, slab_labels in _slabs(patient, grid):
        for offset, plane in enumerate(slab_hu):
            image = expose(plane, kernel, spec.noise_hu, spec.spacing_mm[2], rng)
            voxels[part.start + offset] = image.astype(np.int16)
        organs[part], labels[part] = slab_organs, slab_labels
    lung_z = patient.lung_z
    lesions = tuple(
        measure(shape_, patient.build, number, lung_z)
        for number, shape_ in enumerate(patient.lesions, start=1)
    )
    truth = Truth(lesions, labels, organs, spec.noise_hu)
    return CtPhantom(_volume(voxels, grid, spec), truth, spec, patient)


def _volume(voxels: NDArray[np.int16], grid: Grid, spec: CtSpec) -> Volume:
    angle = np.deg2rad(spec.tilt_deg)
    direction = np.array([[0.0, 0.0, 1.0], [0.0, np.cos(angle), 0.0], [1.0, np.sin(angle), 0.0]])
    origin = (float(grid.x[0]), float(grid.y[0]), float(grid.z[0]))
    return Volume(voxels, spec.spacing_mm, origin, direction)


def _slabs(
    patient: Patient, grid: Grid
) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield noise-free slabs; thick slices are averaged from thin ones (through-plane blur)."""
    # Lesions are supersampled along z in any case; tissue needs it where slices are much thicker
    # than pixels. The count is odd, so that a majority is one.
    per = 3 if grid.thickness_mm > 3.5 * max(grid.pixel_mm) else 1
    offsets = ((np.arange(per) + 0.5) / per - 0.5) * grid.thickness_mm
    for start in range(0, len(grid.z), _SLAB):
        part = slice(start, min(start + _SLAB, len(grid.z)))
        z = (grid.z[part, None] + offsets[None, :]).ravel()
        thin = Grid(grid.x, grid.y, z, grid.thickness_mm / per, grid.shear)
        slab, labels = render(patient, thin)
        if per == 1:
            yield part, slab.hu, slab.organs, labels
            continue
        count = part.stop - part.start
        hu = slab.hu.reshape(count, per, *slab.hu.shape[1:]).mean(axis=1)
        yield part, hu, _majority(slab.organs, per), _most(labels, per)


def _majority(organs: NDArray[np.uint8], per: int) -> NDArray[np.uint8]:
    """Return each bit where most of the thin slices have it."""
    stack = organs.reshape(-1, per, *organs.shape[1:])
    result = np.zeros_like(stack[:, 0])
    for bit in range(8):
        votes = ((stack >> bit) & 1).sum(axis=1, dtype=np.uint8)
        result |= ((2 * votes >= per).astype(np.uint8) << bit).astype(np.uint8)
    return result


def _most(labels: NDArray[np.uint8], per: int) -> NDArray[np.uint8]:
    """Return the label that holds most of the thin slices, else 0."""
    stack = labels.reshape(-1, per, *labels.shape[1:])
    best = stack.max(axis=1)
    votes = (stack == best[:, None]).sum(axis=1, dtype=np.uint8)
    return np.where(2 * votes >= per, best, np.uint8(0))
