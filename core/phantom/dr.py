"""A radiograph of a digital patient, by projection of the same body that the CT scans.

Beer-Lambert along the beam (parallel, back to front), bone harder than water, scatter as a wide
blur of the primary beam, quantum noise by exposure, detector blur; then the processing that a
console does before it sends an image "for presentation": logarithm, detail enhancement, a window
set from the lung fields and the mediastinum, 12 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, rotate, zoom

from core.imaging.volume import Radiograph
from core.phantom import tissue
from core.phantom.errors import PhantomSpecInvalid
from core.phantom.lesion_shapes import LesionSpec
from core.phantom.patients import Case, Patient, patient_of
from core.phantom.render import Grid, render
from core.phantom.truth import LesionTruth, measure
from core.phantom.tubes import Ink, Slab, paint_tubes, path

F = NDArray[np.float32]
DrFault = Literal[
    "none", "under_exposed", "over_exposed", "rotated", "cropped", "monochrome1", "blurred"
]
_WATER_PER_MM = 0.0178  # linear attenuation of water at 125 kV, about 65 keV effective
_DEPTH_STEP_MM = 1.7
_SLAB = 16
_TURN_DEG = 14.0
TARGET_EXPOSURE_INDEX = 250.0


@dataclass(frozen=True, slots=True)
class DrSpec:
    """What to expose and how.

    Attributes
    ----------
    seed : int
    case : {"normal", "tb", "nodules", "showcase"}
    fault : str
        A technical fault: under_exposed (a sixth), over_exposed (six-fold), rotated (patient
        turned 14° and tilted), cropped (one costophrenic angle outside), monochrome1 (stored
        inverted, otherwise fine), blurred (motion).
    rows, columns : int
    pixel_mm : float
        At the detector.
    oversize : int
        The body is rendered at this multiple of the pixel size and interpolated.
    lesions : tuple of LesionSpec
        Further lesions at given places.
    exposure : float
        Multiple of the target exposure, on top of the fault's.
    """

    seed: int = 7
    case: Case = "tb"
    fault: DrFault = "none"
    rows: int = 256
    columns: int = 256
    pixel_mm: float = 1.5
    oversize: int = 1
    lesions: tuple[LesionSpec, ...] = ()
    exposure: float = 1.0


def small_dr(seed: int, case: Case = "tb", fault: DrFault = "none") -> DrSpec:
    """Return a coarse radiograph, 256 × 256."""
    return DrSpec(seed=seed, case=case, fault=fault)


def full_dr(seed: int, case: Case = "tb", fault: DrFault = "none") -> DrSpec:
    """Return a diagnostic radiograph, 2048 × 2048 at 0.19 mm."""
    return DrSpec(seed, case, fault, rows=2048, columns=2048, pixel_mm=0.19, oversize=4)


@dataclass(frozen=True, slots=True)
class DrTruth:
    """What is really in the radiograph.

    Attributes
    ----------
    lesions : tuple of LesionTruth
        Measured in three dimensions; ``centroid_px`` is separate.
    label_maps : (lesion, row, column) bool ndarray
        Projected region of each lesion (they may overlap).
    lung_field : (row, column) bool ndarray
        Where at least 15 mm of lung lie in the beam, without what the heart and the domes hide.
    exposure_index, target_exposure_index, deviation_index : float
        IEC 62494-1, as written to the header.
    fault : str
    """

    lesions: tuple[LesionTruth, ...]
    label_maps: NDArray[np.bool_]
    lung_field: NDArray[np.bool_]
    exposure_index: float
    target_exposure_index: float
    deviation_index: float
    fault: str

    def boxes_px(self) -> list[list[int] | None]:
        """Return [top, left, bottom, right] of each lesion's region; None if out of the image."""
        boxes: list[list[int] | None] = []
        for region in self.label_maps:
            rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
            boxes.append(
                [int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])]
                if len(rows)
                else None
            )
        return boxes


@dataclass(frozen=True)
class DrPhantom:
    """The radiograph and its truth.

    Attributes
    ----------
    radiograph : Radiograph
        12-bit values, dense anatomy high (also where it will be stored as MONOCHROME1).
    truth : DrTruth
    spec : DrSpec
    patient : Patient
    """

    radiograph: Radiograph
    truth: DrTruth
    spec: DrSpec
    patient: Patient


@dataclass(frozen=True, slots=True)
class _Shadow:
    """Sums along the beam, rendered coarsely: (row, column)."""

    attenuation: F
    lung_mm: F
    hidden_mm: F
    lesions: NDArray[np.bool_]


def make_dr(spec: DrSpec) -> DrPhantom:
    """Return the radiograph of the patient that belongs to the seed.

    Raises
    ------
    PhantomSpecInvalid, LesionDoesNotFit
    """
    for name, value, low, high in (
        ("rows", spec.rows, 64, 4096),
        ("columns", spec.columns, 64, 4096),
        ("pixel_mm", spec.pixel_mm, 0.08, 8.0),
        ("oversize", spec.oversize, 1, 16),
        ("exposure", spec.exposure, 0.001, 1000.0),
    ):
        if not low <= value <= high:
            raise PhantomSpecInvalid(name=name, value=value, allowed=f"{low}…{high}")
    return expose_dr(patient_of(spec.seed, spec.case, spec.lesions), spec)


def expose_dr(patient: Patient, spec: DrSpec) -> DrPhantom:
    """Return the radiograph of a given patient."""
    shadow = _project(patient, spec)
    share = spec.exposure * {"under_exposed": 1.0 / 6.0, "over_exposed": 6.0}.get(spec.fault, 1.0)
    rng = np.random.default_rng([spec.seed, 7])
    pixels = _develop(shadow, spec, share, rng)
    index = TARGET_EXPOSURE_INDEX * share * float(rng.uniform(0.93, 1.07))
    deviation = 10.0 * float(np.log10(index / TARGET_EXPOSURE_INDEX))
    shape = (spec.rows, spec.columns)
    field = (shadow.lung_mm > 15.0) & (shadow.hidden_mm < 25.0)
    lung_z = patient.lung_z
    truth = DrTruth(
        lesions=tuple(
            measure(s, patient.build, n, lung_z) for n, s in enumerate(patient.lesions, start=1)
        ),
        label_maps=np.stack([_enlarge(m.astype(np.float32), shape) >= 0.5 for m in shadow.lesions])
        if len(shadow.lesions)
        else np.zeros((0, *shape), dtype=bool),
        lung_field=_enlarge(field.astype(np.float32), shape) >= 0.5,
        exposure_index=index,
        target_exposure_index=TARGET_EXPOSURE_INDEX,
        deviation_index=deviation,
        fault=spec.fault,
    )
    return DrPhantom(_radiograph(pixels, spec, truth), truth, spec, patient)


def _radiograph(pixels: F, spec: DrSpec, truth: DrTruth) -> Radiograph:
    return Radiograph(
        pixels=pixels,
        bits_stored=12,
        spacing_mm=(spec.pixel_mm, spec.pixel_mm),
        tags={
            "Modality": "DX",
            "BodyPartExamined": "CHEST",
            "ViewPosition": "PA",
            "KVP": 125.0,
            "ExposureIndex": round(truth.exposure_index, 1),
            "TargetExposureIndex": truth.target_exposure_index,
            "DeviationIndex": round(truth.deviation_index, 2),
        },
        was_inverted=spec.fault == "monochrome1",
    )


def _project(patient: Patient, spec: DrSpec) -> _Shadow:
    """Sum the body along the beam, slab by slab; rows run from head to feet.

    The patient faces the detector: the image is shown as if facing the patient, so that the
    patient's left is at the right side of the image, as in LPS.
    """
    step = spec.pixel_mm * spec.oversize
    rows, columns = -(-spec.rows // spec.oversize), -(-spec.columns // spec.oversize)
    shift_x, shift_z = (62.0, 46.0) if spec.fault == "cropped" else (0.0, 0.0)
    x = (np.arange(columns) - (columns - 1) / 2.0) * step + shift_x
    depth = max(_DEPTH_STEP_MM, 0.6 * step)
    y = np.arange(-150.0, 165.0, depth)
    z = (np.arange(rows) - (rows - 1) / 2.0) * step + shift_z + 2.0
    attenuation = np.empty((rows, columns), dtype=np.float32)
    lung, hidden = np.empty_like(attenuation), np.empty_like(attenuation)
    lesions = np.zeros((len(patient.lesions), rows, columns), dtype=bool)
    for start in range(0, rows, _SLAB):
        part = slice(start, min(start + _SLAB, rows))
        grid = Grid(x, y, z[part], step, edge_mm=max(step, 1.0))
        slab, labels = render(patient, grid)
        _paint_arms(slab, max(step, depth))
        hu, organs = slab.hu, slab.organs
        if spec.fault == "rotated":
            steps = (depth, step)
            hu, organs, labels = (
                _turned(image, _TURN_DEG, steps) for image in (hu, organs, labels)
            )
        attenuation[part] = _per_mm(hu).sum(axis=1) * depth
        there = (organs & np.uint8(tissue.LUNG_LEFT | tissue.LUNG_RIGHT)) > 0
        lung[part] = there.sum(axis=1) * depth
        over = (organs & np.uint8(tissue.HEART | tissue.LIVER)) > 0
        hidden[part] = over.sum(axis=1) * depth
        for number in range(len(patient.lesions)):
            lesions[number, part] = (labels == number + 1).any(axis=1)
    return _Shadow(attenuation[::-1], lung[::-1], hidden[::-1], lesions[:, ::-1])


def _paint_arms(slab: Slab, width_mm: float) -> None:
    """Arms, rolled forward and held away: at a radiograph they close the picture at the sides."""
    lungs = tissue.LUNG_LEFT | tissue.LUNG_RIGHT
    for side in (-1.0, 1.0):
        flesh = path(
            [(side * 105, 6, 96), (side * 180, 4, 88), (side * 238, -8, -70)], [34.0, 50.0, 46.0]
        )
        bone = path(
            [(side * 160, 8, 104), (side * 170, 6, 92), (side * 186, 2, 66), (side * 232, -8, -70)],
            [19.0, 21.0, 12.0, 11.0],
        )
        paint_tubes(slab, flesh, Ink(45.0, 0, width_mm, tissue.BODY))
        paint_tubes(slab, bone, Ink(430.0, tissue.BONE, width_mm, lungs))
        paint_tubes(slab, bone.grown(-3.0), Ink(150.0, 0, width_mm, lungs))


def _turned(image: NDArray[Any], degrees: float, steps_mm: tuple[float, float]) -> NDArray[Any]:
    """Turn a (slice, row, column) slab about the patient's long axis."""
    angle = np.deg2rad(degrees)
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    ratio = steps_mm[1] / steps_mm[0]
    matrix = np.array([[1, 0, 0], [0, cosine, sine * ratio], [0, -sine / ratio, cosine]])
    middle = (np.asarray(image.shape) - 1) / 2.0
    smooth = image.dtype == np.float32
    return np.asarray(
        affine_transform(
            image,
            matrix,
            middle - matrix @ middle,
            order=1 if smooth else 0,
            cval=-1000.0 if smooth else 0.0,
        )
    )


def _per_mm(hu: F) -> F:
    """Return attenuation per millimetre; calcium attenuates more than its CT number says."""
    water = np.maximum(hu, -1000.0) * 0.001 + 1.0
    bone = np.clip(hu - 110.0, 0.0, None) * 0.0012
    return ((water + bone) * _WATER_PER_MM).astype(np.float32)


def _enlarge(image: F, shape: tuple[int, int]) -> F:
    if image.shape == shape:
        return image
    factor = (shape[0] / image.shape[0], shape[1] / image.shape[1])
    order = 3 if image.dtype == np.float32 and image.max() > 1.5 else 1
    return zoom(image, factor, order=order, mode="nearest", grid_mode=True)[: shape[0], : shape[1]]


def _develop(shadow: _Shadow, spec: DrSpec, share: float, rng: np.random.Generator) -> F:
    """Return 12-bit presentation values: detector physics, then console processing."""
    path = _enlarge(shadow.attenuation, (spec.rows, spec.columns))
    if spec.fault == "rotated":
        path = _tilted(path, 4.0)
    primary = np.exp(-np.maximum(path, 0.0))
    # Scatter behind a grid: about a third of the primary signal, spread over centimetres.
    coarse = max(1, round(6.0 / spec.pixel_mm))
    wide = gaussian_filter(primary[::coarse, ::coarse], 28.0 / (coarse * spec.pixel_mm))
    scatter = 0.30 * _enlarge(wide.astype(np.float32), (spec.rows, spec.columns))
    signal = primary + scatter[: spec.rows, : spec.columns] + 2e-4
    sigma = 2.2 if spec.fault == "blurred" else 0.16
    signal = gaussian_filter(signal, (sigma / spec.pixel_mm, 0.6 * sigma / spec.pixel_mm))
    # Quanta per pixel: 2.5 µGy at the detector, about 30 000 photons per mm² and µGy.
    quanta = 75000.0 * spec.pixel_mm**2 * share * signal / 0.08
    noisy = quanta + np.sqrt(quanta) * rng.standard_normal(quanta.shape, dtype=np.float32)
    density = -np.log(np.maximum(noisy, 1.0) / (75000.0 * spec.pixel_mm**2 * share / 0.08))
    lung = _enlarge(shadow.lung_mm, (spec.rows, spec.columns))
    return _present(density.astype(np.float32), lung, spec, share)


def _tilted(path: F, degrees: float) -> F:
    return np.asarray(rotate(path, degrees, reshape=False, order=1, mode="nearest"))


def _present(density: F, lung_mm: F, spec: DrSpec, share: float) -> F:
    """Log density to 12 bits: compress the broad, keep the fine, window by the chest's own values.

    A console that saw a sixth or six times the dose renormalises; a part of the error remains.
    """
    broad = gaussian_filter(density, 16.0 / spec.pixel_mm)
    fine = density - broad
    image = 0.68 * broad + 1.3 * fine
    lungs = image[lung_mm > 40.0]
    middle = image[spec.rows // 3 :, spec.columns // 3 : -spec.columns // 3]
    low = float(np.percentile(lungs if lungs.size else middle, 2.0))
    high = float(np.percentile(middle, 97.0))
    scaled = (image - low) / max(high - low, 1e-3)
    scaled = scaled - 0.08 * float(np.log10(share))
    shaped = 0.14 + 0.74 * scaled
    return np.clip(np.rint(shaped * 4095.0), 0, 4095).astype(np.float32)
