"""The GPU driver port: what the TensorRT engine needs of TensorRT and CUDA, and nothing more.

The real one is behind the one door `edge.infer._cuda`; tests run a fake one through the same
contract suite.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from core.models.bundle import Arrays
from core.models.metadata import TensorSpec

Precision = Literal["fp32", "fp16", "int8"]
#: Copies of one batch overlap the computing of the other.
LANES = 2


@dataclass(frozen=True, slots=True)
class GpuInfo:
    """The device and the versions that an engine is built for."""

    device: str
    compute_capability: str
    driver_version: str
    cuda_version: str
    tensorrt_version: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """How to build.

    Attributes
    ----------
    precision : {"fp32", "fp16", "int8"}
        INT8 comes as an explicitly quantised network, FP16 by a flag or as a network.
    inputs : tuple of TensorSpec
        Free axes become the dynamic range 1 ... max_batch.
    max_batch : int
    workspace_bytes : int
        Upper bound of scratch memory.
    """

    precision: Precision
    inputs: tuple[TensorSpec, ...]
    max_batch: int = 8
    workspace_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class BuiltPlan:
    """A serialised engine and the timing cache to keep for the next build."""

    plan: bytes
    timing_cache: bytes


class PlanRunner(Protocol):
    """A deserialised engine on the device; not safe for several threads."""

    def run(self, batches: Sequence[Arrays]) -> list[Arrays]:
        """Copy in, execute, copy out each batch, overlapping; in order. Raises GpuFailed."""
        ...

    def close(self) -> None:
        """Free device and pinned memory; never raises, also not on a lost device."""
        ...


class GpuDriver(Protocol):
    """TensorRT on one device."""

    def describe(self) -> GpuInfo:
        """Return device and versions."""
        ...

    def needs_typed_network(self) -> bool:
        """Tell whether FP16 must come as an FP16 network (TensorRT 11) and not by a flag (10)."""
        ...

    def build(self, onnx: bytes, spec: BuildSpec, timing_cache: bytes) -> BuiltPlan:
        """Build and serialise an engine. Raises EngineBuildFailed."""
        ...

    def open(self, plan: bytes) -> PlanRunner:
        """Deserialise an engine. Raises GpuFailed."""
        ...


def cache_key(info: GpuInfo, onnx: bytes, spec: BuildSpec) -> str:
    """Return the engine cache's key: GPU + driver + TensorRT + network + how it was built."""
    digest = hashlib.sha256()
    facts = {**asdict(info), **asdict(spec), "model": hashlib.sha256(onnx).hexdigest()}
    for name in sorted(facts):
        digest.update(f"{name}={facts[name]!r};".encode())
    return digest.hexdigest()


def timing_key(info: GpuInfo, onnx: bytes) -> str:
    """Return the timing cache's key: GPU + driver + TensorRT + network, whatever the precision."""
    facts = (info.device, info.compute_capability, info.driver_version, info.tensorrt_version)
    text = ";".join((*facts, hashlib.sha256(onnx).hexdigest()))
    return hashlib.sha256(text.encode()).hexdigest()


def shape_range(spec: TensorSpec, max_batch: int) -> tuple[tuple[int, ...], ...]:
    """Return the (minimum, optimum, maximum) shapes of an optimisation profile."""
    return tuple(
        tuple(batch if axis is None else axis for axis in spec.shape) for batch in (1, 1, max_batch)
    )
