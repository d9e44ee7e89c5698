"""What `xinglin gpu check` reports: device, versions, engines, parity, speed. As plain data.

Every precision is tried, not only the one that would serve; ONNX Runtime on the CPU stands beside
them, and ONNX Runtime on CUDA where that build of it is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import XinglinError
from core.models.bundle import Arrays, Bundle
from core.models.engine import Engine
from core.models.onnx_engine import open_onnx
from core.models.parity import Parity, check_parity
from edge.infer.cache import PlanCache
from edge.infer.driver import GpuDriver, Precision
from edge.infer.engines import DriverDoor, _real_door, choose_engine
from edge.infer.errors import GpuUnavailable
from edge.infer.tensorrt_engine import open_tensorrt

Clock = Callable[[], float]
_BATCHES = (1, 8)
_PRECISIONS: tuple[Precision, ...] = ("int8", "fp16", "fp32")


def gpu_report(
    bundle: Bundle,
    cache_dir: Path,
    rounds: int = 10,
    door: DriverDoor | None = None,
    clock: Clock = time.perf_counter,
) -> dict[str, Any]:
    """Open every engine of this machine, compare each with the golden set, time them.

    Returns
    -------
    dict
        ``gpu`` (device, versions) or ``gpu_error``; ``chosen``, the engine that serves; ``engines``
        by name: parity, median milliseconds by batch, seconds to open, or the error.
    """
    report: dict[str, Any] = {
        "bundle": {"name": bundle.metadata.name, "version": bundle.metadata.version},
        "gpu": None,
        "gpu_error": None,
        "engines": {},
    }
    engines = report["engines"]
    try:
        driver = (door or _real_door)()
        report["gpu"] = asdict(driver.describe())
        for precision in _PRECISIONS:
            engines[f"tensorrt {precision}"] = _tensorrt(
                bundle, driver, cache_dir, precision, (rounds, clock)
            )
    except GpuUnavailable as cause:
        report["gpu_error"] = cause.as_json()
    cpu = open_onnx(bundle)
    engines["onnxruntime cpu"] = _measured(cpu, bundle, "fp32", rounds, clock)
    cpu.close()
    engines["onnxruntime cuda"] = _onnx_cuda(bundle, rounds, clock)
    chosen = choose_engine(bundle, cache_dir, door=door)
    report["chosen"] = {
        "engine": chosen.name,
        "device": chosen.device,
        "reason_zh": chosen.reason.zh,
        "reason_en": chosen.reason.en,
    }
    chosen.close()
    return report


def _tensorrt(
    bundle: Bundle,
    driver: GpuDriver,
    cache_dir: Path,
    precision: Precision,
    timing: tuple[int, Clock],
) -> dict[str, Any]:
    rounds, clock = timing
    begun = clock()
    try:
        engine = open_tensorrt(bundle, driver, PlanCache(cache_dir), precision)
    except XinglinError as cause:
        return {"error": cause.as_json()}
    opened_s = clock() - begun
    try:
        return _measured(engine, bundle, precision, rounds, clock) | {"open_s": round(opened_s, 3)}
    except XinglinError as cause:
        return {"error": cause.as_json()}
    finally:
        engine.close()


def _measured(
    engine: Engine, bundle: Bundle, precision: str, rounds: int, clock: Clock
) -> dict[str, Any]:
    parity: Parity = check_parity(engine, bundle, precision)
    one, _ = bundle.golden.case(0)
    free = all(spec.shape[0] is None for spec in bundle.metadata.inputs)
    batches = _BATCHES if free else (1,)
    speeds = {str(n): _median_ms(engine, _times(one, n), rounds, clock) for n in batches}
    return {"engine": engine.name, "device": engine.device, "parity": asdict(parity),
            "median_ms_by_batch": speeds}  # fmt: skip


def _times(inputs: Arrays, count: int) -> Arrays:
    return {name: np.concatenate([array] * count) for name, array in inputs.items()}


def _median_ms(engine: Engine, inputs: Arrays, rounds: int, clock: Clock) -> float:
    engine.infer(inputs)  # the first call makes buffers
    times = []
    for _ in range(rounds):
        begun = clock()
        engine.infer(inputs)
        times.append(clock() - begun)
    return round(sorted(times)[len(times) // 2] * 1000, 3)


def _onnx_cuda(bundle: Bundle, rounds: int, clock: Clock) -> dict[str, Any]:
    """Time ONNX Runtime's CUDA provider; most installations do not have it."""
    import onnxruntime as ort

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return {"error": "this onnxruntime has no CUDA provider"}
    session = ort.InferenceSession(bundle.model, providers=["CUDAExecutionProvider"])
    if session.get_providers()[0] != "CUDAExecutionProvider":
        return {"error": "the CUDA provider did not start"}
    one, _ = bundle.golden.case(0)
    names = [spec.name for spec in bundle.metadata.outputs]
    speeds = {}
    for count in _BATCHES:
        inputs = _times(one, count)
        session.run(names, inputs)
        times = []
        for _ in range(rounds):
            begun = clock()
            session.run(names, inputs)
            times.append(clock() - begun)
        speeds[str(count)] = round(sorted(times)[len(times) // 2] * 1000, 3)
    return {"median_ms_by_batch": speeds}
