"""The same network in FP16, and in INT8 with a calibration set: for strongly typed engines.

TensorRT 11 takes a network's precision from the network and from nothing else (its FP16 and INT8
flags and its calibrators are gone), so both forms are made here, on the CPU, by ONNX Runtime's own
tools, and can be held against the FP32 network before any GPU sees them. Inputs and outputs stay
FP32 in all forms.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from core.models.bundle import Arrays
from core.models.errors import NetworkNotConvertible

# What INT8 serves: the layers in which a network spends its time. The rest stays as it is.
_QUANTISED = ("Conv", "MatMul", "Gemm")


def half_network(network: bytes) -> bytes:
    """Return the ONNX network in FP16 with FP32 inputs and outputs.

    Raises
    ------
    NetworkNotConvertible
        It is no ONNX, or holds something that has no FP16 form.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = _parsed(network)
    try:
        half = convert_float_to_float16(model, keep_io_types=True)
        OnnxModel(half).topological_sort()  # the casts of the inputs come last
        onnx.checker.check_model(half)
    except (ValueError, TypeError, onnx.checker.ValidationError) as cause:
        raise NetworkNotConvertible(precision="fp16", what=type(cause).__name__) from cause
    return bytes(half.SerializeToString())


def int8_network(network: bytes, calibration: Sequence[Arrays]) -> bytes:
    """Return the ONNX network with explicit quantisation (Q/DQ, symmetric INT8).

    Parameters
    ----------
    network : bytes
        ONNX, FP32.
    calibration : sequence of Arrays
        Inputs like those of real use; the ranges of all inner tensors are taken from them.

    Raises
    ------
    NetworkNotConvertible
        No calibration inputs, no ONNX, or the tool refuses the network.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    if not calibration:
        raise NetworkNotConvertible(precision="int8", what="no calibration inputs")
    model = _parsed(network)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "int8.onnx"
        try:
            quantize_static(
                model,
                str(target),
                _Inputs(calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(_QUANTISED),
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                # TensorRT's INT8 is symmetric around zero.
                extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
            )
            made = target.read_bytes()
        except (ValueError, TypeError, KeyError, OSError, RuntimeError) as cause:
            raise NetworkNotConvertible(precision="int8", what=type(cause).__name__) from cause
    return made


def _parsed(network: bytes) -> onnx.ModelProto:
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(network)
        onnx.checker.check_model(model)
    except (DecodeError, ValueError, onnx.checker.ValidationError) as cause:
        raise NetworkNotConvertible(precision="fp32", what=type(cause).__name__) from cause
    return model


class _Inputs:
    """Calibration inputs, one call after the other, as ONNX Runtime's reader wants them."""

    def __init__(self, cases: Sequence[Arrays]) -> None:
        self._cases: Iterator[Arrays] = iter(cases)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next inputs; None ends them."""
        case = next(self._cases, None)
        if case is None:
            return None
        return {name: np.ascontiguousarray(array) for name, array in case.items()}
