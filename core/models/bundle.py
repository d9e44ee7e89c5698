"""Model bundles: a folder with weights, metadata, card and golden set, loaded strictly.

Layout: ``model.onnx``, ``metadata.json``, ``card.md``, ``golden.npz`` and, optionally,
``model_fp16.onnx`` and ``model_int8.onnx`` (the same network in other precisions with FP32 inputs
and outputs, for runtimes that are strongly typed; see :mod:`core.models.precision`). Everything is
checked before anything is used: names, sizes, SHA-256, golden set.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.models.errors import (
    BundleAltered,
    BundleGoldenInvalid,
    BundleMissing,
    BundleStranger,
    BundleTooLarge,
)
from core.models.metadata import Metadata, TensorSpec, parse_metadata

Arrays = dict[str, NDArray[np.float32]]
REQUIRED_FILES = ("model.onnx", "card.md", "golden.npz")
METADATA_LIMIT_BYTES = 1024 * 1024
_LIMIT_BYTES = 512 * 1024 * 1024
#: Unpacked: a few zeros can pack a great many.
_GOLDEN_LIMIT_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden cases: one input and expected output per case, keyed by tensor name.

    Every array has the case as its first axis; a case ``a[i]`` keeps the model's batch axis.
    """

    inputs: Arrays
    outputs: Arrays

    @property
    def cases(self) -> int:
        """Number of golden cases."""
        return len(next(iter(self.inputs.values())))

    def case(self, index: int) -> tuple[Arrays, Arrays]:
        """Return (inputs, expected outputs) of one case."""
        return (
            {name: array[index] for name, array in self.inputs.items()},
            {name: array[index] for name, array in self.outputs.items()},
        )


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded, verified bundle.

    Attributes
    ----------
    metadata : Metadata
    model : bytes
        ONNX, FP32.
    model_fp16, model_int8 : bytes or None
        The same network in FP16, and explicitly quantised.
    golden : Golden
    card : str
        The model card (Markdown).
    digest : str
        SHA-256 of metadata.json, which in turn names the hash of every other file.
    """

    metadata: Metadata
    model: bytes
    model_fp16: bytes | None
    golden: Golden
    card: str
    digest: str
    model_int8: bytes | None = None


def load(path: Path) -> Bundle:
    """Load and verify the bundle in the folder `path`.

    Raises
    ------
    BundleMissing, BundleStranger, BundleTooLarge, BundleAltered
        The folder's content is not what metadata.json lists.
    BundleMetadataInvalid, BundleGoldenInvalid
        What it lists is not a valid bundle.
    """
    head = _read(path, "metadata.json", METADATA_LIMIT_BYTES)
    metadata = parse_metadata(head)
    _refuse_strangers(path, metadata)
    content = {name: _read(path, name, _LIMIT_BYTES) for name in metadata.files}
    return bundle_of({**content, "metadata.json": head})


def bundle_of(files: Mapping[str, bytes]) -> Bundle:
    """Return the bundle that these files are; nothing is read or written.

    Raises
    ------
    BundleMissing, BundleStranger, BundleAltered, BundleMetadataInvalid, BundleGoldenInvalid
    """
    head = files.get("metadata.json")
    if head is None:
        raise BundleMissing(file="metadata.json")
    metadata = parse_metadata(head)
    for name in REQUIRED_FILES:
        if name not in metadata.files:
            raise BundleMissing(file=name)
    for name in sorted(files.keys() - metadata.files.keys() - {"metadata.json"}):
        raise BundleStranger(file=name[:64])
    for name, digest in metadata.files.items():
        if name not in files:
            raise BundleMissing(file=name)
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleAltered(file=name)
    return Bundle(
        metadata=metadata,
        model=files["model.onnx"],
        model_fp16=files.get("model_fp16.onnx"),
        golden=read_golden(files["golden.npz"], metadata.inputs, metadata.outputs),
        card=files["card.md"].decode("utf-8", errors="replace"),
        digest=hashlib.sha256(head).hexdigest(),
        model_int8=files.get("model_int8.onnx"),
    )


def shipped(name: str) -> Path:
    """Return the folder of a bundle that comes with the product, e.g. ``"dr_tb"``."""
    return Path(__file__).parent / "bundles" / name


def read_golden(
    data: bytes, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> Golden:
    """Read golden.npz (arrays ``in.<tensor>`` and ``out.<tensor>``, first axis the case).

    Raises
    ------
    BundleGoldenInvalid
        Not an NPZ, a tensor missing, a shape or type that the metadata does not state.
    BundleTooLarge
        Unpacked it would be over the limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as members:
            if sum(one.file_size for one in members.infolist()) > _GOLDEN_LIMIT_BYTES:
                raise BundleTooLarge(file="golden.npz", bytes=len(data), limit=_GOLDEN_LIMIT_BYTES)
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, KeyError) as cause:
        raise BundleGoldenInvalid(what="not an NPZ of plain arrays") from cause
    wanted = {f"in.{s.name}": s for s in inputs} | {f"out.{s.name}": s for s in outputs}
    if arrays.keys() != wanted.keys():
        raise BundleGoldenInvalid(what="tensors")
    counts = {len(a) if a.ndim else 0 for a in arrays.values()}
    if len(counts) != 1 or counts == {0}:
        raise BundleGoldenInvalid(what="number of cases")
    for key, spec in wanted.items():
        array = arrays[key]
        if array.dtype != np.float32 or not spec.fits(array.shape[1:]):
            raise BundleGoldenInvalid(what=f"{key} shape or type")
        if not np.isfinite(array).all():
            raise BundleGoldenInvalid(what=f"{key} not finite")
    return Golden(
        {s.name: arrays[f"in.{s.name}"] for s in inputs},
        {s.name: arrays[f"out.{s.name}"] for s in outputs},
    )


def _read(folder: Path, name: str, limit: int) -> bytes:
    file = folder / name
    if file.is_symlink():
        raise BundleStranger(file=name)
    if not file.is_file():
        raise BundleMissing(file=name)
    size = file.stat().st_size
    if size > limit:
        raise BundleTooLarge(file=name, bytes=size, limit=limit)
    return file.read_bytes()


def _refuse_strangers(folder: Path, metadata: Metadata) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name == "metadata.json":
            continue
        if entry.is_symlink() or not entry.is_file() or entry.name not in metadata.files:
            raise BundleStranger(file=entry.name[:64])
