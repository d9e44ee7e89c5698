"""PET-CT of a digital patient: activity per litre, with the dose and weight that give SUV.

SUV by body weight (Thie 2004, QIBA FDG-PET profile): tissue activity (Bq/ml) × weight (g) / dose
decayed to the scan's start (Bq).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.imaging.volume import Volume
from core.phantom import tissue
from core.phantom.ct import CtPhantom, CtSpec, scan
from core.phantom.patients import Case, Patient, patient_of
from core.phantom.render import Grid, render

F = NDArray[np.float32]
F18_HALF_LIFE_S = 6586.2
_SLAB = 16


@dataclass(frozen=True, slots=True)
class PetSpec:
    """How the activity is imaged.

    Attributes
    ----------
    seed : int
    case : {"normal", "tb", "nodules", "showcase"}
    ct : CtSpec
        The CT of the same examination (its seed and case are replaced by these).
    slices, rows, columns : int
    spacing_mm : (3,) float
        (slice, row, column).
    weight_kg, dose_mbq : float
    uptake_s : float
        Injection to scan start, seconds.
    psf_fwhm_mm : float
        Resolution of the reconstructed image.
    noise : float
        Relative standard deviation at SUV 1.
    """

    seed: int = 7
    case: Case = "tb"
    ct: CtSpec = field(default_factory=CtSpec)
    slices: int = 60
    rows: int = 96
    columns: int = 96
    spacing_mm: tuple[float, float, float] = (5.4, 4.0, 4.0)
    weight_kg: float = 61.0
    dose_mbq: float = 226.0
    uptake_s: float = 3600.0
    psf_fwhm_mm: float = 6.0
    noise: float = 0.07

    @property
    def bq_per_suv(self) -> float:
        """Activity (Bq/ml) at scan start that is SUV 1."""
        left = self.dose_mbq * 1e6 * 0.5 ** (self.uptake_s / F18_HALF_LIFE_S)
        return left / (self.weight_kg * 1000.0)


@dataclass(frozen=True, slots=True)
class Uptake:
    """What a lesion takes up.

    Attributes
    ----------
    lesion : int
        Number in the CT's label map.
    suv : float
        Put into the lesion, before the scanner's blur.
    suv_max, suv_mean : float
        In the noise-free blurred image: highest voxel, and mean over the lesion's voxels.
    """

    lesion: int
    suv: float
    suv_max: float
    suv_mean: float

    def as_json(self) -> dict[str, float]:
        """Return plain values."""
        return {
            "lesion": self.lesion,
            "suv": round(self.suv, 4),
            "suv_max": round(self.suv_max, 4),
            "suv_mean": round(self.suv_mean, 4),
        }


@dataclass(frozen=True)
class PetCtPhantom:
    """CT and PET of one examination.

    Attributes
    ----------
    ct : CtPhantom
    pet : Volume
        float32, Bq/ml at scan start, slice 0 lowest.
    uptakes : tuple of Uptake
    spec : PetSpec
    """

    ct: CtPhantom
    pet: Volume
    uptakes: tuple[Uptake, ...]
    spec: PetSpec


def small_petct(seed: int, case: Case = "tb") -> PetSpec:
    """Return a coarse examination."""
    return PetSpec(seed=seed, case=case)


def full_petct(seed: int, case: Case = "tb") -> PetSpec:
    """Return an examination of usual size: CT 120 × 512 × 512, PET 120 × 168 × 168."""
    ct = CtSpec(slices=120, rows=512, columns=512, spacing_mm=(3.0, 0.977, 0.977), noise_hu=20.0)
    return PetSpec(seed, case, ct, 120, 168, 168, (3.0, 2.9, 2.9))


def make_petct(spec: PetSpec) -> PetCtPhantom:
    """Return the PET-CT of the patient that belongs to the seed.

    Raises
    ------
    PhantomSpecInvalid, LesionDoesNotFit
    """
    patient = patient_of(spec.seed, spec.case)
    ct = scan(patient, replace(spec.ct, seed=spec.seed, case=spec.case))
    suv, labels, grid = _activity(patient, spec)
    sigma = [spec.psf_fwhm_mm / 2.355 / step for step in spec.spacing_mm]
    blurred = gaussian_filter(suv, sigma)
    uptakes = []
    for number, shape in enumerate(patient.lesions, start=1):
        inside = labels == number
        if inside.any():
            values = blurred[inside]
            uptakes.append(
                Uptake(number, shape.spec.suv, float(values.max()), float(values.mean()))
            )
    rng = np.random.default_rng([spec.seed, 8])
    grain = gaussian_filter(rng.standard_normal(suv.shape, dtype=np.float32), 0.8)
    grain /= grain.std()
    # Reconstructed noise grows with the square root of the activity.
    noisy = np.maximum(blurred + spec.noise * np.sqrt(np.maximum(blurred, 0.02)) * grain, 0.0)
    origin = (float(grid.x[0]), float(grid.y[0]), float(grid.z[0]))
    axes = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    pet = Volume((noisy * spec.bq_per_suv).astype(np.float32), spec.spacing_mm, origin, axes)
    return PetCtPhantom(ct, pet, tuple(uptakes), spec)


def _activity(patient: Patient, spec: PetSpec) -> tuple[F, NDArray[np.uint8], Grid]:
    """Return SUV before the scanner, lesion labels, and the grid."""

    def centred(count: int, step: float) -> NDArray[np.float64]:
        return (np.arange(count, dtype=np.float64) - (count - 1) / 2.0) * step

    x = centred(spec.columns, spec.spacing_mm[2])
    y = centred(spec.rows, spec.spacing_mm[1]) + 8.0
    z = centred(spec.slices, spec.spacing_mm[0]) + spec.ct.centre_z_mm
    grid = Grid(x, y, z, spec.spacing_mm[0])
    shape = (spec.slices, spec.rows, spec.columns)
    suv, labels = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.uint8)
    for start in range(0, spec.slices, _SLAB):
        part = slice(start, min(start + _SLAB, spec.slices))
        slab, found = render(patient, Grid(x, y, z[part], spec.spacing_mm[0]))
        suv[part] = _suv_of(slab.hu, slab.organs)
        for number, lesion in enumerate(patient.lesions, start=1):
            # The air inside a cavity takes nothing up.
            inside = (found == number) & (slab.hu > -800.0)
            suv[part][inside] = lesion.spec.suv
        labels[part] = found
    return suv, labels, grid


def _suv_of(hu: F, organs: NDArray[np.uint8]) -> F:
    """Return the usual FDG uptake of each tissue."""
    body = (organs & np.uint8(tissue.BODY)) > 0
    lung = (organs & np.uint8(tissue.LUNG_LEFT | tissue.LUNG_RIGHT)) > 0
    suv = np.where(body, np.float32(0.75), np.float32(0.0))
    suv[body & (hu < -50.0)] = 0.3
    suv[body & (hu < -700.0)] = 0.1
    suv[lung] = 0.45
    suv[(organs & np.uint8(tissue.BONE)) > 0] = 1.2
    suv[(organs & np.uint8(tissue.VESSEL)) > 0] = 1.5
    suv[(organs & np.uint8(tissue.LIVER)) > 0] = 2.2
    suv[((organs & np.uint8(tissue.HEART)) > 0) & (hu > 0.0)] = 2.4
    return suv
