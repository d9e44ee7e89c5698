"""A bundle with the same network in FP16 and, with a calibration set, in INT8.

What is added is held against the bundle's own golden set, run by ONNX Runtime on the CPU; a form
that differs by more than the bundle allows is not written.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.imaging.result import Sentence
from core.models.bundle import Arrays, Bundle, load
from core.models.metadata import TensorSpec
from core.models.onnx_engine import open_onnx
from core.models.parity import Parity, check_parity
from core.models.precision import half_network, int8_network
from edge.infer.errors import CalibrationWrong, ConversionDiffers

_ON_CPU = Sentence("转换检查（CPU）", "conversion check (CPU)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to add to a bundle.

    Attributes
    ----------
    calibration : bytes
        An NPZ with one array per input, first axis the case; empty for no INT8.
    calibration_set : str
        What the calibration inputs are, in words: it goes into the metadata.
    int8_tolerance : float
        Largest |difference| on the golden set that INT8 may have.
    """

    calibration: bytes = b""
    calibration_set: str = ""
    int8_tolerance: float = 0.02


def convert(source: Path, target: Path, wanted: Wanted) -> dict[str, Parity]:
    """Write the bundle of ``source`` with further precisions to the new folder ``target``.

    Returns
    -------
    dict
        What each new form's comparison with the golden set said, by precision.

    Raises
    ------
    BundleMissing, BundleAltered, …
        ``source`` is no sound bundle.
    CalibrationWrong, NetworkNotConvertible, ConversionDiffers
    FileExistsError
        ``target`` is there already.
    """
    bundle = load(source)
    forms = {"fp16": half_network(bundle.model)}
    tolerance = dict(bundle.metadata.tolerance)
    if wanted.calibration:
        cases = calibration_cases(wanted.calibration, bundle.metadata.inputs)
        forms["int8"] = int8_network(bundle.model, cases)
        tolerance["int8"] = wanted.int8_tolerance
    found = {name: _held(bundle, name, form, tolerance) for name, form in forms.items()}
    shutil.copytree(source, target)
    head = json.loads((source / "metadata.json").read_bytes())
    for name, form in forms.items():
        (target / f"model_{name}.onnx").write_bytes(form)
        head["files"][f"model_{name}.onnx"] = hashlib.sha256(form).hexdigest()
    head["tolerance"] = tolerance
    if wanted.calibration:
        digest = hashlib.sha256(wanted.calibration).hexdigest()
        said = f"INT8 calibrated with {wanted.calibration_set or 'an unnamed set'} ({digest})"
        head["changelog"] = f"{head.get('changelog', '')} {said}".strip()
    text = json.dumps(head, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    (target / "metadata.json").write_text(text, encoding="utf-8")
    load(target)
    return found


def calibration_cases(data: bytes, inputs: Sequence[TensorSpec]) -> list[Arrays]:
    """Return the calibration inputs of an NPZ, one by one, each with its batch axis.

    Raises
    ------
    CalibrationWrong
        Not an NPZ of float32 arrays named and shaped like the inputs, or without a case.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError) as cause:
        raise CalibrationWrong(what="not an NPZ of plain arrays") from cause
    if arrays.keys() != {spec.name for spec in inputs}:
        raise CalibrationWrong(what="names")
    if len({len(array) if array.ndim else 0 for array in arrays.values()} - {0}) != 1:
        raise CalibrationWrong(what="number of cases")
    for spec in inputs:
        array = arrays[spec.name]
        if array.dtype != np.float32 or not spec.fits((1, *array.shape[1:])):
            raise CalibrationWrong(what=f"{spec.name} shape or type")
        if not np.isfinite(array).all():
            raise CalibrationWrong(what=f"{spec.name} not finite")
    count = len(next(iter(arrays.values())))
    return [{name: array[n : n + 1] for name, array in arrays.items()} for n in range(count)]


def _held(bundle: Bundle, name: str, form: bytes, tolerance: dict[str, float]) -> Parity:
    """Run the golden set through one form."""
    tried = replace(bundle, model=form, metadata=replace(bundle.metadata, tolerance=tolerance))
    engine = open_onnx(tried, reason=_ON_CPU)
    try:
        parity = check_parity(engine, tried, name)
    finally:
        engine.close()
    if not parity.passed:
        worst = max(parity.worst.values(), default=float("inf"))
        raise ConversionDiffers(precision=name, worst=f"{worst:.3g}", limit=parity.tolerance)
    return parity
