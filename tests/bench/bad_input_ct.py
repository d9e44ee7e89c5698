"""CT and PET-CT files that are wrong or unusual, made from digital patients; no measuring here."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from scipy import ndimage

from core.phantom.ct import CtPhantom, CtSpec, make_ct
from core.phantom.dicom import ct_objects, pet_objects
from core.phantom.identity import StudyIdentity, study_identity
from core.phantom.petct import make_petct, small_petct
from core.phantom.tissue import LUNG_LEFT, LUNG_RIGHT

AT = datetime(2026, 3, 4, 10, 0)  # noqa: DTZ001  DICOM times carry no zone
SEED = 47
SCAN = CtSpec(
    seed=SEED, case="tb", slices=116, rows=128, columns=128, spacing_mm=(3.0, 3.2, 3.2),
    noise_hu=12.0,
)  # fmt: skip
Slices = list[FileDataset]
Change = Callable[[Slices], Slices]
Stored = NDArray[np.integer]


@dataclass(frozen=True)
class Made:
    """One made study: where it lies and what it is."""

    name: str
    folder: Path


def identity(kind: str) -> StudyIdentity:
    """Return the study of the digital patient, a grown-up whatever the seed says."""
    study = study_identity(SEED, kind, AT)
    born = study.patient.birth_date.replace(year=1961)
    return replace(study, patient=replace(study.patient, birth_date=born))


def slices_of(phantom: CtPhantom) -> Slices:
    """Return the CT images, head to feet."""
    return list(ct_objects(phantom, identity("CT")))


def stored(one: FileDataset) -> Stored:
    """Return a copy of the stored values."""
    return np.frombuffer(one.PixelData, "<u2").reshape(one.Rows, one.Columns).copy()


def put(one: FileDataset, values: NDArray[np.floating] | Stored, signed: bool = False) -> None:
    """Replace the pixels, 16 bits stored."""
    low, high = (-32768, 32767) if signed else (0, 65535)
    kind = "<i2" if signed else "<u2"
    one.PixelData = np.clip(np.rint(values), low, high).astype(kind).tobytes()
    one.Rows, one.Columns = values.shape
    one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 15, int(signed)


def changed(
    change: Callable[[Stored], NDArray[np.floating] | Stored],
) -> Change:
    """Return what changes every slice's pixels."""

    def every(slices: Slices) -> Slices:
        for one in slices:
            put(one, change(stored(one)))
        return slices

    return every


def tagged(**elements: object) -> Change:
    """Return what sets elements of every slice; None takes one away."""

    def every(slices: Slices) -> Slices:
        for one in slices:
            for keyword, value in elements.items():
                if value is None:
                    delattr(one, keyword)
                else:
                    setattr(one, keyword, value)
        return slices

    return every


def laid(quarter: int, feet_first: bool) -> Change:
    """Return what turns the patient in the scanner; the header tells it rightly.

    ``quarter`` turns of 90 degrees of the picture; feet first, the picture is mirrored.
    """

    def every(slices: Slices) -> Slices:
        for one in slices:
            values = stored(one)
            row = np.array(one.ImageOrientationPatient[:3], float)
            column = np.array(one.ImageOrientationPatient[3:], float)
            origin = np.array(one.ImagePositionPatient, float)
            down, across = (float(mm) for mm in one.PixelSpacing)
            for _ in range(quarter):
                columns = values.shape[1]
                origin = origin + row * across * (columns - 1)
                row, column = column, -row
                down, across = across, down
                values = np.rot90(values)
            if feet_first:
                origin = origin + row * across * (values.shape[1] - 1)
                row, values = -row, values[:, ::-1]
            put(one, np.ascontiguousarray(values))
            one.ImageOrientationPatient = [float(x) for x in (*row, *column)]
            one.ImagePositionPatient = [f"{x:.6g}" for x in origin]
            one.PixelSpacing = [down, across]
        return slices

    return every


def scaled(share: float) -> Change:
    """Return what makes the patient smaller: a child's size, an adult's shape."""

    def every(slices: Slices) -> Slices:
        for one in slices:
            one.PixelSpacing = [share * float(mm) for mm in one.PixelSpacing]
            one.ImagePositionPatient = [f"{share * float(x):.6g}" for x in one.ImagePositionPatient]
            one.SliceThickness = f"{share * float(one.SliceThickness):g}"
        return slices

    return every


def painted(organs: NDArray[np.uint8], which: int, hu: float) -> Change:
    """Return what fills an organ with a density (its noise stays away)."""

    def every(slices: Slices) -> Slices:
        for one, plane in zip(slices, organs[::-1], strict=True):
            values = stored(one)
            values[(plane & which) > 0] = round(hu + 1024)
            put(one, values)
        return slices

    return every


def merged(slices: Slices) -> Slices:
    """Join the lungs before and behind the heart: a strip of air in the midline."""
    for one in slices[25:70]:
        values = stored(one).astype(float) - 1024
        dark = ndimage.binary_fill_holes(values > -400)
        middle = values.shape[1] // 2
        rows = np.flatnonzero(dark[:, middle])
        if len(rows) > 40:
            values[rows[0] + 9 : rows[0] + 20, middle - 11 : middle + 11] = -860
        put(one, values + 1024)
    return slices


def metal(slices: Slices) -> Slices:
    """Put a shoulder prosthesis and wires of the breastbone in."""
    for one in slices[:12]:
        values = stored(one)
        values[70:79, 19:28] = 4095
        put(one, values)
    for one in slices[30:60:6]:
        values = stored(one)
        values[34:36, 63:65] = 4095
        put(one, values)
    return slices


def larger(slices: Slices) -> Slices:
    """Make the matrix 1024 x 1024."""
    for one in slices:
        factor = 1024 / one.Rows
        put(one, ndimage.zoom(stored(one).astype(np.float32), factor, order=1))
        one.PixelSpacing = [float(mm) / factor for mm in one.PixelSpacing]
    return slices


def many(slices: Slices) -> Slices:
    """Make 2000 slices of 0.17 mm out of 116."""
    places = np.linspace(0, len(slices) - 1, 2000)
    first = float(slices[0].ImagePositionPatient[2])
    step = (float(slices[-1].ImagePositionPatient[2]) - first) / 1999
    out = []
    for number, place in enumerate(places):
        low = min(int(place), len(slices) - 2)
        share = place - low
        one = deepcopy(slices[low])
        put(one, (1 - share) * stored(slices[low]) + share * stored(slices[low + 1]))
        one.SOPInstanceUID = f"{slices[0].SOPInstanceUID[:50]}.{number + 1}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.InstanceNumber = number + 1
        x, y = one.ImagePositionPatient[:2]
        one.ImagePositionPatient = [x, y, f"{first + number * step:.5f}"]
        one.SliceThickness = f"{abs(step):.4f}"
        out.append(one)
    return out


def ct_changes(phantom: CtPhantom) -> Iterator[tuple[str, Change]]:
    """Yield each fault by name."""
    organs = phantom.truth.organs
    middle = len(organs) // 2
    yield "CT clean", lambda slices: slices
    yield "CT child, 60 % size, no age", scaled(0.6)
    yield "CT child by age (006Y), full size", tagged(PatientAge="006Y")
    yield "CT prone", laid(2, feet_first=False)
    yield "CT feet first", laid(0, feet_first=True)
    yield "CT on the side (decubitus)", laid(1, feet_first=False)
    yield "CT mirrored, header silent", changed(lambda v: np.ascontiguousarray(v[:, ::-1]))
    yield "CT one lung", painted(organs, LUNG_LEFT, 35.0)
    yield "CT no aerated lung", painted(organs, LUNG_LEFT | LUNG_RIGHT, 35.0)
    yield "CT lungs joined in front", merged
    yield "CT prosthesis and wires", metal
    yield "CT 5 slices", lambda slices: slices[middle : middle + 5]
    yield "CT 14 slices of the middle", lambda slices: slices[middle : middle + 14]
    yield "CT 2 000 slices", many
    yield "CT pixels 3.2 x 6.4 mm", _halved
    yield "CT matrix 1024 x 1024", larger
    yield "CT pixel spacing 2 x too large", tagged(PixelSpacing=[6.4, 6.4])
    yield "CT pixel spacing 2 x too small", tagged(PixelSpacing=[1.6, 1.6])
    yield "CT rescale intercept 0", tagged(RescaleIntercept="0")
    yield "CT rescale slope 2", tagged(RescaleSlope="2")
    yield "CT rescale slope 1.1", tagged(RescaleSlope="1.1", RescaleIntercept="-1126.4")
    yield "CT without rescale", tagged(RescaleSlope=None, RescaleIntercept=None)
    yield "CT signed values called unsigned", _called_unsigned
    yield "CT 8 bits, screen values", changed(lambda v: np.clip(v / 8.0, 0, 255))
    yield "CT half of the slices empty", _half_empty
    yield "CT every third slice lost", lambda slices: [s for n, s in enumerate(slices) if n % 3]
    yield "CT all zero", changed(np.zeros_like)
    yield "CT lungs cut by the field", changed(lambda v: v[:, 36:92])


def _halved(slices: Slices) -> Slices:
    for one in slices:
        put(one, stored(one)[:, ::2])
        one.PixelSpacing = [3.2, 6.4]
    return slices


def _called_unsigned(slices: Slices) -> Slices:
    for one in slices:
        put(one, stored(one).astype(int) - 1024, signed=True)
        one.PixelRepresentation = 0
        one.RescaleIntercept = "0"
    return slices


def _half_empty(slices: Slices) -> Slices:
    for one in slices[: len(slices) // 2]:
        put(one, np.zeros_like(stored(one)))
    return slices


def write(slices: Slices, folder: Path) -> None:
    """Write the files under numbers."""
    folder.mkdir(parents=True)
    for number, one in enumerate(slices, start=1):
        one.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)


def ct_studies(folder: Path) -> Iterator[Made]:
    """Write each CT study when it is asked for."""
    phantom = make_ct(SCAN)
    plain = slices_of(phantom)
    for number, (name, change) in enumerate(ct_changes(phantom)):
        target = folder / f"ct{number:02d}"
        write(change(deepcopy(plain)), target)
        yield Made(name, target)
    tilted = slices_of(make_ct(replace(SCAN, tilt_deg=15.0)))
    write(tilted, folder / "tilt")
    yield Made("CT gantry tilt 15°", folder / "tilt")
    belly = slices_of(make_ct(replace(SCAN, case="normal", centre_z_mm=-330.0)))
    write(belly, folder / "belly")
    yield Made("CT of the belly, called chest", folder / "belly")
    yield from _nifti(phantom, folder)


def _nifti(phantom: CtPhantom, folder: Path) -> Iterator[Made]:
    voxels = phantom.volume.voxels.astype(np.float32)
    holes = voxels.copy()
    holes[: len(holes) // 2] = np.nan
    for name, values, form in (
        ("NIfTI clean", voxels, 1),
        ("NIfTI half NaN", holes, 1),
        ("NIfTI without place (qform, sform 0)", voxels, 0),
        ("NIfTI of 0...1", ((voxels + 1024) / 4095).astype(np.float32), 1),
    ):
        target = folder / name.replace(" ", "_").replace(",", "").replace("...", "-")
        target.mkdir()
        (target / "volume.nii.gz").write_bytes(_nifti_bytes(values, SCAN.spacing_mm, form))
        yield Made(name, target)


def _nifti_bytes(values: NDArray[np.float32], spacing_mm: tuple[float, ...], form: int) -> bytes:
    """Return a NIfTI-1 of (up, back, left) voxels; RAS as its standard has it."""
    head = bytearray(352)
    slices, rows, columns = values.shape
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, columns, rows, slices, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 16, 32)
    struct.pack_into("<8f", head, 76, 1.0, spacing_mm[2], spacing_mm[1], spacing_mm[0], 1, 1, 1, 1)
    struct.pack_into("<f", head, 108, 352.0)
    head[123] = 2
    struct.pack_into("<2h", head, 252, 0, form)
    struct.pack_into("<4f", head, 280, -spacing_mm[2], 0, 0, 0)
    struct.pack_into("<4f", head, 296, 0, -spacing_mm[1], 0, 0)
    struct.pack_into("<4f", head, 312, 0, 0, spacing_mm[0], 0)
    head[344:348] = b"n+1\0"
    return gzip.compress(bytes(head) + values.astype("<f4").tobytes(), 1)


def pet_studies(folder: Path) -> Iterator[Made]:
    """Write PET-CT studies, the PET wrong."""
    phantom = make_petct(replace(small_petct(SEED), seed=SEED, case="tb"))
    ct = list(ct_objects(phantom.ct, identity("PETCT"), 2))
    for number, (name, change) in enumerate(_pet_changes()):
        pet = change(list(pet_objects(phantom, identity("PETCT"), 3)))
        target = folder / f"pet{number}"
        write(deepcopy(ct), target / "ct")
        write(pet, target / "pt")
        yield Made(name, target)


def _pet_changes() -> Iterator[tuple[str, Change]]:
    yield "PET clean", lambda slices: slices
    yield "PET without weight", tagged(PatientWeight=None)
    yield "PET without dose", _without_dose
    yield "PET in counts", tagged(Units="CNTS")
    yield "PET not decay corrected", tagged(CorrectedImage=["NORM", "ATTN"], DecayCorrection="NONE")
    yield "PET not attenuation corrected", tagged(CorrectedImage=["NORM", "DECY"])
    yield "PET half of the slices", lambda slices: slices[: len(slices) // 2]
    yield "PET 3 slices", lambda slices: slices[:3]
    yield "PET without slope", tagged(RescaleSlope=None)
    yield "PET all zero", _empty_pet
    yield "PET of another frame of reference", tagged(FrameOfReferenceUID="1.2.3.4.5")
    yield "PET weight 700 kg", tagged(PatientWeight="700")


def _without_dose(slices: Slices) -> Slices:
    for one in slices:
        del one.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose
    return slices


def _empty_pet(slices: Slices) -> Slices:
    for one in slices:
        one.PixelData = bytes(len(one.PixelData))
    return slices
