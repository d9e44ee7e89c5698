"""Stand-ins for pycuda's driver module and TensorRT, at the calls that `edge.infer._cuda` makes.

They keep an order of what was queued on which stream, compute nothing but "twice the input", and
fail where a test wants it to. They say what our code does with the two libraries, not what the
libraries do.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np


class CudaError(Exception):
    """pycuda.driver.Error."""


class FakeCuda:
    """The driver module."""

    Error = CudaError

    def __init__(self) -> None:
        self.log: list[tuple] = []
        self.streams = 0
        self.memory: dict[int, np.ndarray] = {}
        self.allocated: list[Allocation] = []
        self.broken: set[str] = set()

    def fail(self, call: str) -> None:
        if call in self.broken:
            raise CudaError(f"{call} failed: an illegal memory access was encountered\nmore")

    def Stream(self):
        self.fail("Stream")
        self.streams += 1
        return FakeStream(self, self.streams)

    def pagelocked_empty(self, shape, dtype):
        self.fail("pagelocked_empty")
        return np.empty(shape, dtype)

    def mem_alloc(self, size):
        self.fail("mem_alloc")
        self.allocated.append(Allocation(self, len(self.allocated) + 1, size))
        return self.allocated[-1]

    def memcpy_htod_async(self, device, host, stream):
        self.fail("memcpy_htod_async")
        self.log.append(("in", stream.handle))
        self.memory[int(device)] = host.copy()

    def memcpy_dtoh_async(self, host, device, stream):
        self.fail("memcpy_dtoh_async")
        self.log.append(("out", stream.handle))
        stream.later.append(lambda: np.copyto(host, self.memory[int(device)]))


class Allocation:
    def __init__(self, cuda, at, size) -> None:
        self.cuda, self.at, self.size, self.freed = cuda, at, size, False

    def __int__(self) -> int:
        return self.at

    def free(self) -> None:
        self.cuda.fail("free")
        self.freed = True


class FakeStream:
    def __init__(self, cuda, handle) -> None:
        self.cuda, self.handle, self.later = cuda, handle, []

    def synchronize(self) -> None:
        self.cuda.fail("synchronize")
        self.cuda.log.append(("wait", self.handle))
        for step in self.later:
            step()
        self.later.clear()


class FakeContext:
    def __init__(self, cuda) -> None:
        self.cuda, self.depth = cuda, 0

    def push(self) -> None:
        self.cuda.fail("push")
        self.depth += 1

    def pop(self) -> None:
        self.depth -= 1
        self.cuda.fail("pop")


class FakeTrt:
    """TensorRT of a version; ``has_fp16_flag`` tells 10 from 11."""

    __version__ = "10.9.0"
    MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
    TensorIOMode = SimpleNamespace(INPUT="input", OUTPUT="output")
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)

    def __init__(self, cuda: FakeCuda, has_fp16_flag: bool = True) -> None:
        self.cuda = cuda
        names = {"TF32": "tf32"} | ({"FP16": "fp16"} if has_fp16_flag else {})
        self.BuilderFlag = SimpleNamespace(**names)
        self.Logger = SimpleNamespace(ERROR=1)
        self.seen = SimpleNamespace(flags=[], cleared=[], network_flags=[], shapes=[], caches=[])
        self.refuses_cache = False
        self.parses = True
        self.serialises = True
        self.opens = True
        self.contexts = True

    def Builder(self, _logger):
        seen, trt = self.seen, self
        config = SimpleNamespace(
            set_memory_pool_limit=lambda kind, size: None,
            set_flag=seen.flags.append,
            clear_flag=seen.cleared.append,
            add_optimization_profile=lambda profile: 0,
            create_timing_cache=lambda data: SimpleNamespace(
                data=data, serialize=lambda: data + b"timed"
            ),
            set_timing_cache=lambda cache, mismatch: (
                seen.caches.append(cache.data) or not (trt.refuses_cache and cache.data)
            ),
        )
        return SimpleNamespace(
            create_network=lambda flags: seen.network_flags.append(flags) or "network",
            create_builder_config=lambda: config,
            create_optimization_profile=lambda: SimpleNamespace(
                set_shape=lambda name, *shapes: seen.shapes.append((name, shapes))
            ),
            build_serialized_network=lambda network, config: b"plan" if trt.serialises else None,
        )

    def OnnxParser(self, _network, _logger):
        return SimpleNamespace(
            parse=lambda data: self.parses, num_errors=1, get_error=lambda n: "no such operator"
        )

    def Runtime(self, _logger):
        return SimpleNamespace(
            deserialize_cuda_engine=lambda plan: FakeEngine(self) if self.opens else None
        )


class FakeEngine:
    num_optimization_profiles = 2
    num_io_tensors = 2

    def __init__(self, trt: FakeTrt) -> None:
        self.trt = trt

    def create_execution_context(self):
        return FakeExecution(self.trt.cuda) if self.trt.contexts else None

    def get_tensor_name(self, index):
        return ("image", "heat")[index]

    def get_tensor_mode(self, name):
        return "output" if name == "heat" else "input"


class FakeExecution:
    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda, self.shape, self.at, self.profile = cuda, None, {}, None

    def set_optimization_profile_async(self, profile, _stream):
        self.profile = profile
        return "profile" not in self.cuda.broken

    def set_input_shape(self, _name, shape):
        self.shape = tuple(shape)
        return self.shape[0] <= 8

    def get_tensor_shape(self, _name):
        return self.shape

    def set_tensor_address(self, name, address):
        self.at[name] = address

    def execute_async_v3(self, stream):
        self.cuda.fail("execute")
        self.cuda.log.append(("compute", stream, self.profile))
        self.cuda.memory[self.at["heat"]] = self.cuda.memory[self.at["image"]] * 2
        return "refuses" not in self.cuda.broken
