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

import nibabel as nib
import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from core.errors import XinglinError
from core.imaging.dr import DrFindings, DrOptions, analyse_dr
from core.imaging.volume import Radiograph
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from federated.training.dr_data import data_folder, decode, in_teaching_half, told_members

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


def _ct_slices() -> Iterator[np.ndarray]:
    path = data_folder().parent / "ct" / "lctsc-test-s1-101_ct.nii.gz"
    voxels = np.asarray(nib.load(path).dataobj, np.float32)  # type: ignore[attr-defined]
    for index in range(20, voxels.shape[2] - 10, 12):
        yield np.ascontiguousarray(np.clip(voxels[:, :, index].T, -1000, 400) + 1000)
    for index in range(160, 360, 40):
        side = np.clip(voxels[:, index, ::-1].T, -1000, 400) + 1000
        yield np.repeat(side, 3, axis=0)


def _laterals() -> Iterator[np.ndarray]:
    """Sums of a CT from side to side: the lateral view of a real patient."""
    for case in ("101", "103"):
        path = data_folder().parent / "ct" / f"lctsc-test-s1-{case}_ct.nii.gz"
        voxels = np.asarray(nib.load(path).dataobj, np.float32)  # type: ignore[attr-defined]
        water = np.clip(voxels + 1000, 0, 2000)
        for turn in (0, 1):
            side = water.sum(axis=0 if turn == 0 else 1).T[::-1]
            yield np.repeat(np.ascontiguousarray(side), 3, axis=0) / 1000


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
                if pixels.ndim == 2 and min(pixels.shape) >= _LEAST and read.Modality != "CR":
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
    yield "lateral (CT summed)", _laterals()
    yield "CT slices", _ct_slices()
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
