"""The engine port: whatever runs a bundle's network. Implementations: ONNX Runtime, TensorRT."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from core.imaging.result import Sentence
from core.models.bundle import Arrays
from core.models.errors import EngineInputRefused, EngineOutputInvalid
from core.models.metadata import TensorSpec


class Engine(Protocol):
    """Runs one bundle's network.

    Attributes
    ----------
    name : str
        Runtime with its version, e.g. ``"onnxruntime 1.32.0"``.
    device : str
        e.g. ``"cpu"`` or ``"cuda:0 NVIDIA L4"``.
    reason : Sentence
        Why this engine and not the other one (recorded with the results).
    """

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def reason(self) -> Sentence: ...

    def infer(self, inputs: Arrays) -> Arrays:
        """Run the network once on float32 arrays; safe to call from several threads.

        Raises
        ------
        EngineInputRefused
            Names, shapes, types or values are not what the bundle states.
        EngineOutputInvalid
            The network answered with NaN or infinity.
        EngineClosed, EngineFailed
        """
        ...

    def close(self) -> None:
        """Release the runtime; a second close does nothing."""
        ...


def check_inputs(inputs: Arrays, specs: tuple[TensorSpec, ...]) -> None:
    """Raise EngineInputRefused unless `inputs` is exactly what `specs` state."""
    for name in inputs.keys() - {spec.name for spec in specs}:
        raise EngineInputRefused(input=name[:64], what="unknown")
    for spec in specs:
        array = inputs.get(spec.name)
        if array is None:
            raise EngineInputRefused(input=spec.name, what="missing")
        if array.dtype != np.float32:
            raise EngineInputRefused(input=spec.name, what=f"dtype {array.dtype}")
        if not spec.fits(array.shape) or 0 in array.shape:
            raise EngineInputRefused(input=spec.name, what=f"shape {array.shape}")
        if not np.isfinite(array).all():
            raise EngineInputRefused(input=spec.name, what="not finite")


def check_outputs(outputs: Arrays, specs: tuple[TensorSpec, ...]) -> None:
    """Raise EngineOutputInvalid unless every stated output is there and finite."""
    for spec in specs:
        array = outputs.get(spec.name)
        if array is None or not spec.fits(array.shape) or not np.isfinite(array).all():
            raise EngineOutputInvalid(output=spec.name)
