"""The one door to TensorRT and pycuda. Both are imported inside functions, on a GPU machine only.

Written against the Python API of TensorRT 10 and 11 (explicit batch, named tensors,
``execute_async_v3``). TensorRT 11 is strongly typed: the FP16 flag is gone and FP16 comes as an
FP16 network. **Not run on a GPU yet**: no machine with one was at hand; `xinglin gpu check` is how
whoever has one runs it. The engine above it is exercised by the contract suite with a fake driver.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from core.models.bundle import Arrays
from edge.infer.driver import BuildSpec, BuiltPlan, GpuInfo, shape_range
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
        with self._current():
            builder = trt.Builder(self._logger)
            network = builder.create_network(0)
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
        with self._current():
            runtime = self._trt.Runtime(self._logger)
            engine = runtime.deserialize_cuda_engine(plan)
            if engine is None:
                raise GpuFailed(what="the plan does not deserialise here")
            execution = engine.create_execution_context()
            if execution is None:
                raise GpuFailed(what="no execution context (memory?)")
            return CudaRunner(self, runtime, engine, execution)

    def _configure(self, builder: Any, spec: BuildSpec, timing_cache: bytes) -> tuple[Any, Any]:
        trt = self._trt
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, spec.workspace_bytes)
        if spec.precision == "fp16" and not self.needs_typed_network():
            config.set_flag(trt.BuilderFlag.FP16)
        if spec.precision == "fp32" and hasattr(trt.BuilderFlag, "TF32"):
            # TF32 has a 10-bit mantissa: it would not be the same numbers.
            config.clear_flag(trt.BuilderFlag.TF32)
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

    @contextmanager
    def _current(self) -> Iterator[None]:
        # The primary context is the one that TensorRT's CUDA runtime uses as well.
        self._context.push()
        try:
            yield
        except self._cuda.Error as cause:
            raise GpuFailed(what=_first_line(cause)) from cause
        finally:
            self._context.pop()


class CudaRunner:
    """One execution context with its stream, pinned host buffers and device buffers."""

    def __init__(self, driver: CudaDriver, runtime: Any, engine: Any, execution: Any) -> None:
        self._driver = driver
        self._runtime = runtime
        self._engine = engine
        self._execution = execution
        self._stream: Any | None = None
        self._buffers: dict[tuple[str, tuple[int, ...]], tuple[Any, Any]] = {}

    def run(self, inputs: Arrays) -> Arrays:
        """Copy in, execute, copy out on one stream. Raises GpuFailed."""
        driver = self._driver
        with driver._current():
            cuda, trt = driver._cuda, driver._trt
            stream = self._stream = self._stream or cuda.Stream()
            for name, array in inputs.items():
                self._execution.set_input_shape(name, array.shape)
                host, device = self._buffer(name, array.shape)
                np.copyto(host, array)
                cuda.memcpy_htod_async(device, host, stream)
                self._execution.set_tensor_address(name, int(device))
            outputs = {}
            for index in range(self._engine.num_io_tensors):
                name = self._engine.get_tensor_name(index)
                if self._engine.get_tensor_mode(name) == trt.TensorIOMode.OUTPUT:
                    shape = tuple(self._execution.get_tensor_shape(name))
                    outputs[name] = self._buffer(name, shape)
                    self._execution.set_tensor_address(name, int(outputs[name][1]))
            if not self._execution.execute_async_v3(stream.handle):
                raise GpuFailed(what="execute_async_v3")
            for host, device in outputs.values():
                cuda.memcpy_dtoh_async(host, device, stream)
            stream.synchronize()
            return {name: np.array(host) for name, (host, _) in outputs.items()}

    def close(self) -> None:
        """Free device and pinned memory."""
        with self._driver._current():
            for _, device in self._buffers.values():
                device.free()
            self._buffers.clear()
            self._stream = None
            del self._execution, self._engine, self._runtime

    def _buffer(self, name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
        key = (name, shape)
        if key not in self._buffers:
            cuda = self._driver._cuda
            host = cuda.pagelocked_empty(shape, np.float32)
            self._buffers[key] = (host, cuda.mem_alloc(host.nbytes))
        return self._buffers[key]


def _module_of(cause: BaseException) -> str:
    return getattr(cause, "name", None) or _first_line(cause)


def _first_line(cause: BaseException) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]
