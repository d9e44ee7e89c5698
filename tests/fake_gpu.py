"""A fake GPU at the driver port: computes with ONNX Runtime, fails where a test wants it to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnxruntime as ort

from edge.infer.driver import BuildSpec, BuiltPlan, GpuInfo
from edge.infer.errors import EngineBuildFailed, GpuFailed

_MARK = b"FAKEPLAN"


@dataclass
class FakeGpu:
    """The driver; `error` is added to every output, `dies_after` counts runs."""

    error: dict[str, float] = field(default_factory=dict)  # by precision
    dies_after: int | None = None
    refuses: tuple[str, ...] = ()
    typed: bool = False
    tensorrt_version: str = "10.9.0"
    builds: int = 0
    closed: int = 0
    timing_seen: list[bytes] = field(default_factory=list)
    networks: list[bytes] = field(default_factory=list)  # what was built
    batches: list[int] = field(default_factory=list)  # length of each batch that was run

    def describe(self) -> GpuInfo:
        return GpuInfo("Fake L4", "8.9", "13000", "13.0", self.tensorrt_version, 24 << 30)

    def needs_typed_network(self) -> bool:
        return self.typed

    def build(self, onnx: bytes, spec: BuildSpec, timing_cache: bytes) -> BuiltPlan:
        if spec.precision in self.refuses:
            raise EngineBuildFailed(what="fake refusal")
        self.builds += 1
        self.timing_seen.append(timing_cache)
        self.networks.append(onnx)
        return BuiltPlan(_MARK + spec.precision.encode() + onnx, timing_cache + b"t")

    def open(self, plan: bytes) -> FakeRunner:
        if not plan.startswith(_MARK):
            raise GpuFailed(what="not a plan")
        precision = plan[8:12].decode()
        return FakeRunner(self, plan[12:], self.error.get(precision, 0.0))


class FakeRunner:
    """One opened plan."""

    def __init__(self, gpu: FakeGpu, onnx: bytes, error: float) -> None:
        self._gpu = gpu
        self._session = ort.InferenceSession(onnx, providers=["CPUExecutionProvider"])
        self._error = error
        self._runs = 0

    def run(self, batches: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
        self._gpu.batches += [len(next(iter(batch.values()))) for batch in batches]
        return [self._one(batch) for batch in batches]

    def _one(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._runs += 1
        if self._gpu.dies_after is not None and self._runs > self._gpu.dies_after:
            raise GpuFailed(what="CUDA_ERROR_OUT_OF_MEMORY")
        names = [output.name for output in self._session.get_outputs()]
        answers = self._session.run(names, inputs)
        return {n: a + np.float32(self._error) for n, a in zip(names, answers, strict=True)}

    def close(self) -> None:
        self._gpu.closed += 1
