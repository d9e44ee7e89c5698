"""Is what is no ordinary frontal chest called so? The second table of docs/imaging/dr-tb.md.

    XINGLIN_DATA=… python -m tests.bench.dr_tb_strange

Every picture is analysed with override, so that the distance from training is seen also where
quality control would have refused.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from scipy import ndimage as ndi

from core.errors import XinglinError
from core.imaging.dr import DrFindings, DrOptions, analyse_dr
from core.imaging.volume import Radiograph
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from federated.training.dr_data import data_folder, decode, in_teaching_half, told_members
from federated.training.dr_lungs_bodies import Body, ct_folder, lctsc_body
from federated.training.dr_lungs_drr import Pose, project

_LEAST = 96


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one kind of picture."""

    kind: str
    images: int
    outside: int
    refused: int
    silent: int


def _frontal(name: str, step: int) -> Iterator[np.ndarray]:
    held_out = (m for m in told_members(data_folder(), name) if not in_teaching_half(m.group))
    return (decode(one.encoded) for one in islice(held_out, 0, None, step))


def _ct_slices(bodies: tuple[Body, ...]) -> Iterator[np.ndarray]:
    """Axial and coronal slices in a wide window."""
    for body in bodies:
        voxels = np.clip(body.hu, -1000, 400) + 1000
        for level in np.linspace(0.2, 0.8, 6):
            yield _large(voxels[int(level * len(voxels))])
            yield _large(voxels[::-1, int(level * voxels.shape[1])])


def _projected(bodies: tuple[Body, ...], yaws: tuple[float, ...]) -> Iterator[np.ndarray]:
    """Radiographs of real patients, projected from CT."""
    for body in bodies:
        for yaw in yaws:
            yield _large(project(body, Pose(yaw, 0.0, 1.0, 1.0, 1.0)).path)


def _large(image: np.ndarray) -> np.ndarray:
    grey = ndi.zoom(image, 512 / len(image), order=1)
    large: np.ndarray = (grey - grey.min()) / max(float(np.ptp(grey)), 1e-6) * 250
    return large


def _dicom_samples() -> Iterator[np.ndarray]:
    folder: Path = data_folder().parent / "dicom"
    for archive in ("pydicom_samples.zip", "objects.zip"):
        with zipfile.ZipFile(folder / archive) as container:
            for name in sorted(container.namelist()):
                try:
                    read = pydicom.dcmread(io.BytesIO(container.read(name)))
                    pixels = np.asarray(read.pixel_array, np.float32)
                except (InvalidDicomError, AttributeError, ValueError, RuntimeError, TypeError,
                        NotImplementedError, KeyError, OSError):  # fmt: skip
                    continue  # not an image that is read here
                large = pixels.ndim == 2 and min(pixels.shape) >= _LEAST
                if large and read.get("Modality") != "CR":
                    yield pixels


def _noise() -> Iterator[np.ndarray]:
    draw = np.random.default_rng(0)
    for _ in range(6):
        yield draw.integers(0, 255, (512, 512)).astype(np.float32)
    for size in (4, 16, 64):
        yield np.kron(draw.random((512 // size, 512 // size)), np.ones((size, size))) * 255


def kinds() -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    """Yield each kind of picture with its pictures."""
    for name, step in (("da", 6), ("nih_normal", 6), ("nih_pneumonia", 6), ("tbx11k_tb", 10)):
        yield name, _frontal(name, step)
    yield "nih_normal reversed", (255 - p for p in _frontal("nih_normal", 10))
    yield "nih_normal turned 90", (np.rot90(p).copy() for p in _frontal("nih_normal", 10))
    yield "nih_normal upside down", (p[::-1].copy() for p in _frontal("nih_normal", 10))
    bodies = (lctsc_body(ct_folder(), "s1-101"), lctsc_body(ct_folder(), "s1-103"))
    yield "frontal, projected from CT", _projected(bodies, (-4.0, 0.0, 4.0))
    yield "lateral, projected from CT", _projected(bodies, (80.0, 90.0, 270.0))
    yield "CT slices", _ct_slices(bodies)
    yield "other DICOM samples", _dicom_samples()
    yield "noise and blocks", _noise()


def main() -> None:
    bundle = load(shipped("dr_tb"))
    engine = open_onnx(bundle, threads=1)
    for kind, pictures in kinds():
        found: list[DrFindings] = []
        unusable = 0
        for pixels in pictures:
            picture = Radiograph(np.ascontiguousarray(pixels, np.float32), bits_stored=8)
            try:
                found.append(analyse_dr(picture, engine, bundle, DrOptions(override=True)))
            except XinglinError:
                unusable += 1
        outside = [one.familiarity is not None and one.familiarity.outside for one in found]
        silent = sum(
            not far and not one.overridden for one, far in zip(found, outside, strict=True)
        )
        refused = sum(one.overridden for one in found) + unusable
        row = Row(kind, len(found) + unusable, sum(outside), refused, silent)
        sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()
