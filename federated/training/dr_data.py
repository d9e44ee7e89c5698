"""The radiograph sets for training, read from the folder that XINGLIN_DATA names."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage as ndi

from core.imaging.dr_chest import fit_chest
from core.imaging.dr_input import InputSpec, crop_of, local_contrast
from core.imaging.dr_lungs import lung_fields
from federated.errors import TrainingDataMissing

ARCHIVES = {
    "da": ("da.zip", "da_manifest.csv"),
    "nih_normal": ("nih_normal.zip", "manifest.csv"),
    "nih_pneumonia": ("nih_pneumonia.zip", "manifest.csv"),
    "covid_cxr": ("other_pneumonia.zip", "manifest.csv"),
    "tbx11k_tb": ("tbx11k_tb.zip", "manifest.csv"),
}


@dataclass(frozen=True)
class ImageSet:
    """One source's chest crops.

    Attributes
    ----------
    crops : (image, row, column) float32
        Aligned chests in their own grey values.
    tuberculosis : (image,) bool
    groups : (image,) str
        Patient; splits go by it.
    open_licence : (image,) bool
        False where the licence forbids commercial use: never in weights.
    lungs : (image, row, column) float16
        Lung fields on the crops, 0...1; no images where they were not asked for.
    """

    name: str
    crops: NDArray[np.float32]
    tuberculosis: NDArray[np.bool_]
    groups: NDArray[np.str_]
    open_licence: NDArray[np.bool_]
    lungs: NDArray[np.float16]

    def take(self, chosen: NDArray[np.bool_], name: str = "") -> ImageSet:
        """Return the chosen images."""
        return ImageSet(
            name or self.name, self.crops[chosen], self.tuberculosis[chosen],
            self.groups[chosen], self.open_licence[chosen],
            self.lungs[chosen] if len(self.lungs) else self.lungs,
        )  # fmt: skip

    def halves(self) -> tuple[ImageSet, ImageSet]:
        """Return (teaching, reporting): patients by their name's hash, licences kept to.

        What may not be taught is all in the reporting half.
        """
        return self.take(self.taught()), self.take(~self.teaching())

    def teaching(self) -> NDArray[np.bool_]:
        """Return which images are of patients in the teaching half."""
        return np.array([in_teaching_half(group) for group in self.groups], bool)

    def taught(self) -> NDArray[np.bool_]:
        """Return which images may be taught."""
        return self.teaching() & self.open_licence


@dataclass(frozen=True, slots=True)
class Member:
    """One picture of an archive with what its manifest says."""

    encoded: bytes
    tuberculosis: bool
    group: str
    open_licence: bool


def in_teaching_half(group: str) -> bool:
    """Tell a patient's half; the same for every set, so that no patient is in both."""
    return hashlib.sha256(group.encode()).digest()[0] % 2 == 0


def data_folder() -> Path:
    """Return the folder of the X-ray archives.

    Raises
    ------
    TrainingDataMissing
        XINGLIN_DATA is not set, or holds no ``cxr`` folder.
    """
    named = os.environ.get("XINGLIN_DATA", "")
    folder = Path(named) / "cxr"
    if not named or not folder.is_dir():
        raise TrainingDataMissing(what="XINGLIN_DATA/cxr")
    return folder


def told_members(folder: Path, name: str) -> Iterator[Member]:
    """Yield the pictures of one set in the manifest's order.

    Raises
    ------
    TrainingDataMissing
    """
    archive, manifest = ARCHIVES[name]
    if not (folder / archive).is_file() or not (folder / manifest).is_file():
        raise TrainingDataMissing(what=archive)
    with (folder / manifest).open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["set"] == name]
    with zipfile.ZipFile(folder / archive) as container:
        for row in rows:
            yield Member(
                container.read(row["member"]), row["label"] == "tuberculosis",
                row["group_id"], "-NC" not in row["licence"],
            )  # fmt: skip


def members(folder: Path, name: str) -> Iterator[tuple[bytes, bool, str]]:
    """Yield (encoded image, is tuberculosis, patient group) of one set in the manifest's order.

    Raises
    ------
    TrainingDataMissing
    """
    for one in told_members(folder, name):
        yield one.encoded, one.tuberculosis, one.group


def decode(encoded: bytes) -> NDArray[np.float32]:
    """Decode a picture to (row, column) float32 grey values."""
    with Image.open(io.BytesIO(encoded)) as picture:
        return np.asarray(picture.convert("L"), np.float32)


@dataclass(frozen=True)
class Source:
    """Where sets come from.

    Attributes
    ----------
    folder : Path
        Of the archives.
    spec : InputSpec
    kept : Path or None
        Folder where crops, drawn samples and the lesion network are kept from run to run; None to
        make them anew each time. Whoever changes how they are made empties it.
    """

    folder: Path
    spec: InputSpec
    kept: Path | None = None

    def load(self, name: str, lungs: bool = False) -> ImageSet:
        """Return one set, with its lung fields if asked.

        Raises
        ------
        TrainingDataMissing
        """
        if self.kept is None:
            return load_set(self.folder, name, self.spec, lungs=lungs)
        file = self.kept / f"{name}{'_lungs' if lungs else ''}.npz"
        if not file.is_file():
            made = load_set(self.folder, name, self.spec, lungs=lungs)
            self.kept.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as out:
                np.savez(out, allow_pickle=False, **{key: getattr(made, key) for key in _ARRAYS})
            return made
        with np.load(file, allow_pickle=False) as arrays:
            return ImageSet(name, **{key: arrays[key] for key in _ARRAYS})


_ARRAYS = ("crops", "tuberculosis", "groups", "open_licence", "lungs")


def load_set(
    folder: Path, name: str, spec: InputSpec, workers: int = 2, lungs: bool = False
) -> ImageSet:
    """Read one set, find the chest in each image and cut it out; the lung fields too if asked."""
    rows = list(told_members(folder, name))
    with ProcessPoolExecutor(workers) as pool:
        count = len(rows)
        encoded = [r.encoded for r in rows]
        pairs = list(pool.map(_crop, encoded, [spec] * count, [lungs] * count, chunksize=4))
    return ImageSet(
        name, np.stack([crop for crop, _ in pairs]),
        np.array([r.tuberculosis for r in rows], bool),
        np.array([r.group for r in rows]), np.array([r.open_licence for r in rows], bool),
        np.stack([field for _, field in pairs]) if lungs else np.zeros((0, 1, 1), np.float16),
    )  # fmt: skip


def inputs_of(crops: NDArray[np.float32], spec: InputSpec) -> NDArray[np.float32]:
    """Return the network's inputs (image, 1, row, column) of (image, row, column) crops."""
    return np.stack([local_contrast(crop, spec) for crop in crops])[:, None]


def _crop(
    encoded: bytes, spec: InputSpec, lungs: bool
) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
    pixels = decode(encoded)
    chest = fit_chest(pixels)
    crop = crop_of(pixels, chest.box, spec)
    if not lungs:
        return crop, np.zeros((0, 0), np.float16)
    mask = (lung_fields(pixels, chest).mask > 0).astype(np.float32)
    # A soft edge: drawn disease fades towards the ribs and the mediastinum as it does in patients.
    return crop, ndi.gaussian_filter(crop_of(mask, chest.box, spec), 1.5).astype(np.float16)
