"""metadata.json of a bundle: parsed strictly into frozen records. Pure.

The keys follow MONAI bundle metadata (``version``, ``network_data_format``) with what a clinical
box needs beside them: threshold, calibration set, licence of the weights, hashes of all files.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, cast

from core.models.errors import BundleMetadataInvalid

FORMAT = "xinglin-bundle/1"
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}(?:-[a-z0-9.]{1,32})?")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: name, dtype and shape; ``None`` in the shape is a free axis."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether an array of this shape is what the model states."""
        return len(shape) == len(self.shape) and all(
            want is None or want == got for want, got in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Licence:
    """Licence of the weights (not of the code)."""

    name: str
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a bundle states about itself.

    Attributes
    ----------
    inputs, outputs : tuple of TensorSpec
    preprocessing, postprocessing : dict
        As data: parameters by name, read by the analysis that uses the bundle.
    threshold : float
        A score at or above it is "suspected".
    calibration_set : str
        Where the threshold comes from.
    tolerance : dict
        Largest allowed |difference| on the golden set by precision (``fp32``, ``fp16``, ``int8``);
        ``fp16.heat`` states it for the output ``heat`` alone.
    files : dict
        SHA-256 by file name, for every file of the bundle but metadata.json itself.
    slot : str
        What it is for (:mod:`core.models.slots`); the bundle's name where it is not stated.
    intended_use : str
        Must say, for an import, that this is not for clinical use.
    golden_made_here : bool
        The golden outputs are this network's own, recorded at import: they prove that it repeats
        itself, and nothing about whether it is right.
    source : str
        What it was made from: "" for a bundle of ours, "onnx" or "monai".
    """

    name: str
    version: str
    task: str
    modalities: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    preprocessing: dict[str, Any]
    postprocessing: dict[str, Any]
    threshold: float
    calibration_set: str
    licence: Licence
    research_only: bool
    tolerance: dict[str, float]
    files: dict[str, str]
    slot: str = ""
    intended_use: str = ""
    golden_made_here: bool = False
    source: str = ""


def parse_metadata(data: bytes) -> Metadata:
    """Parse metadata.json.

    Raises
    ------
    BundleMetadataInvalid
        Not JSON, an unknown or missing key, a wrong type, a name that could leave the folder.
    """
    try:
        raw = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as cause:
        raise BundleMetadataInvalid(what="not JSON") from cause
    top = _object(raw, "top level")
    _keys(top)
    if top["format"] != FORMAT:
        raise BundleMetadataInvalid(what="format")
    tensors = _object(top["network_data_format"], "network_data_format")
    return Metadata(
        name=_matched(top, "name", _NAME),
        version=_matched(top, "version", _VERSION),
        task=_text(top, "task"),
        modalities=_texts(top["modalities"], "modalities"),
        inputs=_tensors(tensors.get("inputs"), "inputs"),
        outputs=_tensors(tensors.get("outputs"), "outputs"),
        preprocessing=_object(top["preprocessing"], "preprocessing"),
        postprocessing=_object(top["postprocessing"], "postprocessing"),
        threshold=_share(top["threshold"]),
        calibration_set=_text(top, "calibration_set"),
        licence=_licence(top["licence"]),
        research_only=_flag(top["research_only"]),
        tolerance=_tolerance(top["tolerance"]),
        files=_files(top["files"]),
        slot=_matched(top, "slot" if "slot" in top else "name", _NAME),
        intended_use=_told(top, "intended_use"),
        golden_made_here=_flag(top.get("golden_made_here", False)),
        source=_told(top, "source"),
    )


_REQUIRED = frozenset(
    [
        "format",
        "name",
        "version",
        "task",
        "modalities",
        "network_data_format",
        "preprocessing",
        "postprocessing",
        "threshold",
        "calibration_set",
        "licence",
        "research_only",
        "tolerance",
        "files",
    ]
)
# MONAI's descriptive keys are allowed; of them only intended_use is read.
_OPTIONAL = frozenset(
    [
        "description",
        "authors",
        "copyright",
        "data_source",
        "changelog",
        "intended_use",
        "references",
        "training",
        "slot",
        "golden_made_here",
        "source",
    ]
)


def _keys(top: dict[str, Any]) -> None:
    missing = sorted(_REQUIRED - top.keys())
    unknown = sorted(top.keys() - _REQUIRED - _OPTIONAL)
    if missing:
        raise BundleMetadataInvalid(what=f"missing {missing[0]}")
    if unknown:
        raise BundleMetadataInvalid(what=f"unknown key {unknown[0][:40]!r}")


def _no_constant(token: str) -> float:
    raise ValueError(token)


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BundleMetadataInvalid(what=what)
    return cast("dict[str, Any]", value)


def _text(top: dict[str, Any], key: str) -> str:
    value = top.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BundleMetadataInvalid(what=key)
    return value


def _told(top: dict[str, Any], key: str) -> str:
    """Return an optional text; anything that is no text counts as none."""
    value = top.get(key)
    return value if isinstance(value, str) else ""


def _matched(top: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value = _text(top, key)
    if pattern.fullmatch(value) is None:
        raise BundleMetadataInvalid(what=key)
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise BundleMetadataInvalid(what=what)
    return tuple(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BundleMetadataInvalid(what="research_only")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BundleMetadataInvalid(what=what)
    return float(value)


def _share(value: object) -> float:
    number = _number(value, "threshold")
    if not 0.0 < number < 1.0:
        raise BundleMetadataInvalid(what="threshold")
    return number


def _tolerance(value: object) -> dict[str, float]:
    table = {k: _number(v, "tolerance") for k, v in _object(value, "tolerance").items()}
    if "fp32" not in table or any(v <= 0 for v in table.values()):
        raise BundleMetadataInvalid(what="tolerance")
    return table


def _licence(value: object) -> Licence:
    raw = _object(value, "licence")
    return Licence(_text(raw, "name"), _text(raw, "text_zh"), _text(raw, "text_en"))


def _files(value: object) -> dict[str, str]:
    table = _object(value, "files")
    for name, digest in table.items():
        if _FILE_NAME.fullmatch(name) is None or name == "metadata.json":
            raise BundleMetadataInvalid(what="files: name")
        if not isinstance(digest, str) or _SHA256.fullmatch(digest) is None:
            raise BundleMetadataInvalid(what="files: sha256")
    return table


def _tensors(value: object, what: str) -> tuple[TensorSpec, ...]:
    specs = tuple(_tensor(name, spec, what) for name, spec in _object(value, what).items())
    if not specs:
        raise BundleMetadataInvalid(what=what)
    return specs


def _tensor(name: str, value: object, what: str) -> TensorSpec:
    raw = _object(value, what)
    shape = raw.get("shape")
    if raw.get("dtype") != "float32" or not isinstance(shape, list) or not 1 <= len(shape) <= 5:
        raise BundleMetadataInvalid(what=f"{what}: {name[:40]}")
    for axis in shape:
        whole = isinstance(axis, int) and not isinstance(axis, bool) and 1 <= axis <= 4096
        if axis is not None and not whole:
            raise BundleMetadataInvalid(what=f"{what}: {name[:40]} shape")
    return TensorSpec(name, "float32", tuple(shape))
