"""The one door to TensorRT and pycuda. Both are imported inside functions, on a GPU machine only.

Written against the Python API of TensorRT 10 and 11 (explicit batch, named tensors,
``execute_async_v3``). TensorRT 11 is strongly typed: the FP16 flag is gone and FP16 comes as an
FP16 network, INT8 as an explicitly quantised one. **Not run on a GPU yet**: no machine with one was
at hand; `xinglin gpu check` is how whoever has one runs it. The engine above it is exercised by the
contract suite with a fake driver, this module by stand-ins for pycuda and TensorRT.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from core.models.bundle import Arrays
from edge.infer.driver import LANES, BuildSpec, BuiltPlan, GpuInfo, shape_range
from edge.infer.errors import EngineBuildFailed, GpuFailed, GpuUnavailable


def open_driver(device: int = 0) -> CudaDriver:
    """Open TensorRT on one CUDA device.

    Raises
    ------
    GpuUnavailable
        pycuda or tensorrt is not installed, no NVIDIA driver, no such device.
    """
    try:
        import pycuda.driver as cuda
        import tensorrt as trt
    except (ImportError, OSError) as cause:
        raise GpuUnavailable(what=f"{type(cause).__name__}: {_module_of(cause)}") from cause
    try:
        cuda.init()
        if cuda.Device.count() <= device:
            raise GpuUnavailable(what="no CUDA device")
        context = cuda.Device(device).retain_primary_context()
    except cuda.Error as cause:
        raise GpuUnavailable(what=_first_line(cause)) from cause
    return CudaDriver(cuda, trt, device, context)


class CudaDriver:
    """The GPU driver port on TensorRT and pycuda. Use :func:`open_driver` to make one."""

    def __init__(self, cuda: Any, trt: Any, device: int, context: Any) -> None:
        self._cuda = cuda
        self._trt = trt
        self._device = device
        self._context = context
        self._logger = trt.Logger(trt.Logger.ERROR)

    def describe(self) -> GpuInfo:
        """Return device and versions."""
        device = self._cuda.Device(self._device)
        major, minor = device.compute_capability()
        return GpuInfo(
            device=device.name(),
            compute_capability=f"{major}.{minor}",
            driver_version=str(self._cuda.get_driver_version()),
            cuda_version=".".join(str(part) for part in self._cuda.get_version()),
            tensorrt_version=self._trt.__version__,
            memory_bytes=int(device.total_memory()),
        )

    def needs_typed_network(self) -> bool:
        """TensorRT 11 removed BuilderFlag.FP16 with all weak typing."""
        return not hasattr(self._trt.BuilderFlag, "FP16")

    def build(self, onnx: bytes, spec: BuildSpec, timing_cache: bytes) -> BuiltPlan:
        """Parse ONNX, build, serialise. Raises EngineBuildFailed."""
        trt = self._trt
        with self.current():
            builder = trt.Builder(self._logger)
            network = builder.create_network(self._network_flags(spec.precision))
            parser = trt.OnnxParser(network, self._logger)
            if not parser.parse(onnx):
                told = str(parser.get_error(0)) if parser.num_errors else "parser"
                raise EngineBuildFailed(what=told[:200])
            config, cache = self._configure(builder, spec, timing_cache)
            plan = builder.build_serialized_network(network, config)
            if plan is None:
                raise EngineBuildFailed(what="build_serialized_network returned nothing")
            return BuiltPlan(bytes(plan), bytes(cache.serialize()))

    def open(self, plan: bytes) -> CudaRunner:
        """Deserialise a plan and make its execution context. Raises GpuFailed."""
        with self.current():
            runtime = self._trt.Runtime(self._logger)
            engine = runtime.deserialize_cuda_engine(plan)
            if engine is None:
                raise GpuFailed(what="the plan does not deserialise here")
            lanes = []
            for profile in range(min(LANES, engine.num_optimization_profiles)):
                execution = engine.create_execution_context()
                if execution is None:
                    raise GpuFailed(what="no execution context (memory?)")
                lanes.append(_Lane(self, engine, execution, profile))
            return CudaRunner(self, runtime, engine, lanes)

    def _network_flags(self, precision: str) -> int:
        """Return the flags: an INT8 network's own types decide (which TensorRT 10 must be told)."""
        if precision != "int8" or self.needs_typed_network():
            return 0
        return 1 << int(self._trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)

    def _configure(self, builder: Any, spec: BuildSpec, timing_cache: bytes) -> tuple[Any, Any]:
        trt = self._trt
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, spec.workspace_bytes)
        if spec.precision == "fp16" and not self.needs_typed_network():
            config.set_flag(trt.BuilderFlag.FP16)
        if spec.precision == "fp32" and hasattr(trt.BuilderFlag, "TF32"):
            # TF32 has a 10-bit mantissa: it would not be the same numbers.
            config.clear_flag(trt.BuilderFlag.TF32)
        for _ in range(LANES):
            profile = builder.create_optimization_profile()
            for tensor in spec.inputs:
                profile.set_shape(tensor.name, *shape_range(tensor, spec.max_batch))
            config.add_optimization_profile(profile)
        cache = config.create_timing_cache(timing_cache)
        if not config.set_timing_cache(cache, False):
            # Of another TensorRT or GPU: begin with an empty one.
            cache = config.create_timing_cache(b"")
            config.set_timing_cache(cache, False)
        return config, cache

    @property
    def modules(self) -> tuple[Any, Any]:
        """pycuda's driver module and TensorRT."""
        return self._cuda, self._trt

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the primary context current, the one that TensorRT's CUDA runtime uses as well.

        Raises
        ------
        GpuFailed
            Whatever CUDA refuses: out of memory, reset, lost. Also making current and putting back.
        """
        try:
            self._context.push()
            try:
                yield
            finally:
                self._context.pop()
        except self._cuda.Error as cause:
            raise GpuFailed(what=_first_line(cause)) from cause


class CudaRunner:
    """A plan on the device with its lanes; batches take them by turns.

    While a lane computes, the next batch is copied in on the other one and the last one's answer is
    copied out: each lane has a stream, an execution context, pinned host and device buffers of its
    own. TensorRT lets no two contexts share a profile of free axes at once, so the plan has one
    profile per lane.
    """

    def __init__(self, driver: CudaDriver, runtime: Any, engine: Any, lanes: list[_Lane]) -> None:
        self._driver = driver
        self._kept: tuple[Any, ...] = (engine, runtime)  # must outlive the lanes
        self._lanes = lanes

    def run(self, batches: Sequence[Arrays]) -> list[Arrays]:
        """Run all batches; answers in their order. Raises GpuFailed."""
        answers: list[Arrays] = []
        with self._driver.current():
            begun: deque[_Lane] = deque()
            for number, batch in enumerate(batches):
                if len(begun) == len(self._lanes):
                    answers.append(begun.popleft().finish())
                lane = self._lanes[number % len(self._lanes)]
                lane.begin(batch)
                begun.append(lane)
            while begun:
                answers.append(begun.popleft().finish())
        return answers

    def close(self) -> None:
        """Free device and pinned memory; says nothing on a device that is lost."""
        with suppress(GpuFailed), self._driver.current():
            for lane in self._lanes:
                lane.free()
        self._lanes, self._kept = [], ()


class _Lane:
    """One execution context with its stream and buffers."""

    def __init__(self, driver: CudaDriver, engine: Any, execution: Any, profile: int) -> None:
        self._cuda, self._trt = driver.modules
        self._engine = engine
        self._execution = execution
        self._stream = self._cuda.Stream()
        self._buffers: dict[tuple[str, tuple[int, ...]], tuple[Any, Any]] = {}
        self._pending: dict[str, Any] = {}
        if not execution.set_optimization_profile_async(profile, self._stream.handle):
            raise GpuFailed(what=f"no optimisation profile {profile}")

    def begin(self, inputs: Arrays) -> None:
        """Queue copying in, computing and copying out; returns at once."""
        cuda, execution, stream = self._cuda, self._execution, self._stream
        for name, array in inputs.items():
            if not execution.set_input_shape(name, array.shape):
                raise GpuFailed(what=f"shape of {name[:40]} refused")
            host, device = self._buffer(name, array.shape)
            np.copyto(host, array)
            cuda.memcpy_htod_async(device, host, stream)
            execution.set_tensor_address(name, int(device))
        outputs = {name: self._output(name) for name in self._output_names()}
        if not execution.execute_async_v3(stream.handle):
            raise GpuFailed(what="execute_async_v3")
        for host, device in outputs.values():
            cuda.memcpy_dtoh_async(host, device, stream)
        self._pending = {name: host for name, (host, _) in outputs.items()}

    def finish(self) -> Arrays:
        """Wait for what was begun and return it, copied out of the pinned memory."""
        self._stream.synchronize()
        return {name: np.array(host) for name, host in self._pending.items()}

    def free(self) -> None:
        """Give the device memory back; the pinned memory goes with the arrays."""
        for _, device in self._buffers.values():
            device.free()
        self._buffers.clear()
        self._pending = {}

    def _output_names(self) -> list[str]:
        engine, output = self._engine, self._trt.TensorIOMode.OUTPUT
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        return [name for name in names if engine.get_tensor_mode(name) == output]

    def _output(self, name: str) -> tuple[Any, Any]:
        buffers = self._buffer(name, tuple(self._execution.get_tensor_shape(name)))
        self._execution.set_tensor_address(name, int(buffers[1]))
        return buffers

    def _buffer(self, name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
        key = (name, shape)
        if key not in self._buffers:
            host = self._cuda.pagelocked_empty(shape, np.float32)
            self._buffers[key] = (host, self._cuda.mem_alloc(host.nbytes))
        return self._buffers[key]


def _module_of(cause: BaseException) -> str:
    return getattr(cause, "name", None) or _first_line(cause)


def _first_line(cause: BaseException) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]
