"""The radiograph sets for training, read from the folder that XINGLIN_DATA names."""

from __future__ import annotations

import csv
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

from core.imaging.dr_chest import fit_chest
from core.imaging.dr_input import InputSpec, network_input
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
    """One source's images as network inputs.

    Attributes
    ----------
    inputs : (image, 1, row, column) float32
    tuberculosis : (image,) bool
    groups : (image,) str
        Patient; splits go by it.
    """

    name: str
    inputs: NDArray[np.float32]
    tuberculosis: NDArray[np.bool_]
    groups: NDArray[np.str_]


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


def members(folder: Path, name: str) -> Iterator[tuple[bytes, bool, str]]:
    """Yield (encoded image, is tuberculosis, patient group) of one set in the manifest's order.

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
            yield container.read(row["member"]), row["label"] == "tuberculosis", row["group_id"]


def decode(encoded: bytes) -> NDArray[np.float32]:
    """Decode a picture to (row, column) float32 grey values."""
    with Image.open(io.BytesIO(encoded)) as picture:
        return np.asarray(picture.convert("L"), np.float32)


def load_set(folder: Path, name: str, spec: InputSpec, workers: int = 2) -> ImageSet:
    """Read one set, find the chest in each image and make the network's inputs."""
    rows = list(members(folder, name))
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(_one, [row[0] for row in rows], [spec] * len(rows), chunksize=4)
        inputs = np.concatenate(list(made))
    truth = np.array([row[1] for row in rows], bool)
    return ImageSet(name, inputs, truth, np.array([row[2] for row in rows]))


def _one(encoded: bytes, spec: InputSpec) -> NDArray[np.float32]:
    pixels = decode(encoded)
    return network_input(pixels, fit_chest(pixels).box, spec)
